/*
 * reorder - batches that came before their turn wait here, a bounded number of them
 *
 * Several decoders work at once and finish in any order.  What does not fit is refused: it
 * was not acknowledged and will be sent again.
 */
#ifndef CORRELATE_REORDER_H
#define CORRELATE_REORDER_H

#include "common/stage/hop.h"

#define REORDER_RANGES_MAX 1024
#define REORDER_BYTES_MAX  ((size_t)64 << 20)

struct reorder;

MUST_USE enum err reorder_new(struct reorder **ret);    /* the caller owns *ret */
void reorder_free(struct reorder *r);                   /* NULL is fine */

/* Keep a batch's message; *m is then empty, the caller's to close all the same.  One that waits already is
 * replaced: its new sender wants the answer.  ERR_LIMIT: no room, or too far ahead of `next`. */
MUST_USE enum err reorder_put(struct reorder *r, uint64_t ingest, uint64_t offset, uint64_t next,
                              const struct peer *from, zmq_msg_t *m);

/* Take the batch out, if it waits.  The caller closes *ret. */
bool reorder_take(struct reorder *r, uint64_t ingest, uint64_t offset, struct peer *from,
                  zmq_msg_t *ret);

/* Forget an ingest's batches below `next`, or everything. */
void reorder_drop_below(struct reorder *r, uint64_t ingest, uint64_t next);
void reorder_clear(struct reorder *r);

size_t reorder_held(const struct reorder *r);

#endif
