/*
 * decode - turn raw lines into events, and judge them as far as one line can be judged
 *
 * Leases batches from ingest, names the fields of each record by the decoders, walks the
 * rules with the conditions of the line, and passes what matters to correlate with what
 * is left to decide.  It keeps nothing: start as many as there is work for, anywhere.
 *
 * It reads its configuration and the ruleset at start and no file after; it speaks to
 * no network but its two kinds of neighbours.  The bytes it decodes are a stranger's.
 */
#include "decode/worker.h"

static const struct flag flags[] = {
    { "raw-actions", false, "with --test: leave firewall actions as written, as ossec-logtest does" },
    { "passing", false, "with --test: leave out what would not leave this stage" },
};

int main(int argc, char **argv)
{
    static const struct stage decode = {
        .name = "decode",
        .doc = "Turns raw lines into events: headers, decoders, and the rules one line can satisfy.",
        .flags = flags, .n_flags = sizeof flags / sizeof flags[0],
        .open = worker_open, .connect = worker_connect, .close = worker_close,
        .status = worker_status, .pipe = worker_pipe,
    };
    return stage_main(&decode, argc, argv);
}
