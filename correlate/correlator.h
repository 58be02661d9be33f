/*
 * correlator - the daemon: batches in from decoders, alerts out to alertd
 *
 * A decoder's range is taken when its turn has come, judged, and acknowledged when the
 * commit that holds its effects is on disk.  A range that comes again is acknowledged
 * again.  alertd fetches by cursor; what it has may go.  When the outbox is full, or the disk
 * is, no range is taken until there is room: nothing that was acknowledged is lost.
 */
#ifndef CORRELATE_CORRELATOR_H
#define CORRELATE_CORRELATOR_H

#include "common/stage/stage.h"

MUST_USE enum err correlator_open(void **self, struct run *run);
MUST_USE enum err correlator_connect(void *self);
void correlator_close(void *self);
void correlator_status(void *self, struct status_values *v);

#endif
