/*
 * agent - watch this host: read its logs and bring every line to the manager once
 *
 * Reads what <localfile> names and holds its place in each; sends over CURVE to the manager of its
 * key line.  It listens on nothing but its control socket, and believes from the wire nothing but
 * acknowledgements of the manager whose key it has.
 */
#include <malloc.h>

#include "agent/collector.h"
#include "common/stage/stage.h"

int main(int argc, char **argv)
{
    (void)mallopt(M_ARENA_MAX, 1);      /* a heap of its own for the I/O thread costs more than waiting */

    static const struct stage agent = {
        .name = "agent",
        .doc = "reads the logs of this host and sends them to ingest",
        .open = collector_open,
        .connect = collector_connect,
        .close = collector_close,
        .status = collector_status,
    };
    return stage_main(&agent, argc, argv);
}
