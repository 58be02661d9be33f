/*
 * worker - a decoder between ingest and correlate: it asks for leases and passes ranges on
 *
 * It owns nothing.  What it holds when it dies is leased to another decoder; what a
 * correlator forgot when it died is sent again, because a range is kept until it is
 * acknowledged.  Only then is ingest told that the lease is done.
 */
#ifndef DECODE_WORKER_H
#define DECODE_WORKER_H

#include "common/stage/stage.h"

MUST_USE enum err worker_open(void **self, struct run *run);
MUST_USE enum err worker_connect(void *self);
void worker_close(void *self);
void worker_status(void *self, struct status_values *v);

/* Lease frames on in, range frames with every event on out.  Returns the exit status. */
int worker_pipe(struct run *run, int in, int out);

#endif
