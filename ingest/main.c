/*
 * yagura-ingest - bytes arrive here, and nowhere else
 *
 * Agents speak over CURVE on tcp 1514, syslog senders on udp and tcp 514 where ossec.conf
 * says so.  What they say is journalled, acknowledged, and leased to decoders.
 *
 * Trusted are only the registry, the key files and frames of decoders (an ipc socket in a
 * directory of Yagura's own users, or tcp with the stages' key).  A stranger reaches libzmq's CURVE handshake, two
 * look-ups in memory, and, when a listener allows its address, the framing of syslog.  Record
 * bodies are walked for their bounds and not looked into.
 */
#include "ingest/ingest.h"

int main(int argc, char **argv)
{
    static const struct stage ingest = {
        .name = "ingest",
        .doc = "Receives from agents and syslog senders, keeps it, and hands it to decoders.",
        .open = ingest_open, .connect = ingest_connect, .close = ingest_close,
        .status = ingest_status,
    };
    return stage_main(&ingest, argc, argv);
}
