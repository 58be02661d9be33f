/*
 * ingest - the parts of this stage, joined: edge and syslog to journal, journal to decoders
 *
 * What is received in a turn of the loop is appended to the journal; one commit makes it
 * durable; then, and only then, it is acknowledged and leased out.  When the journal is full
 * or the disk is, credit is taken from agents, syslog over TCP is not read, over UDP it is
 * dropped and counted, and everything goes on by itself when there is room.
 */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include "common/stage/stage.h"

MUST_USE enum err ingest_open(void **self, struct run *run);
MUST_USE enum err ingest_connect(void *self);
void ingest_close(void *self);
void ingest_status(void *self, struct status_values *v);

#endif
