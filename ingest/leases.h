/*
 * leases - which decoder works on which batch
 *
 * A decoder asks for as many batches as it will hold; it gets the lowest offsets that nobody
 * has.  One that is silent for the time-out loses what it held, and because those offsets
 * are the lowest, they go to the others first, beyond their credit if need be: correlate takes
 * batches in order, so everybody may be waiting for just these.  Decoding is a pure function, so a batch done
 * twice is done once; whoever reports it done, it is done.
 *
 * Only offsets within `window` of the floor are leased: that bounds the work in flight, and
 * what a correlator must put back in order.  The module reads no clock and knows no socket.
 */
#ifndef INGEST_LEASES_H
#define INGEST_LEASES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "common/stage/hop.h"

#define LEASES_DECODERS_MAX 256
#define LEASES_WINDOW_MAX   65536
#define LEASES_NAME_MAX     64

struct leases;
struct leases_figures { uint64_t decoders, out, moved, done_again; };

/* Offsets from floor to next are there to be leased.  ERR_RANGE: window is 0 or above
 * LEASES_WINDOW_MAX.  The caller owns *ret. */
MUST_USE enum err leases_new(struct leases **ret, uint32_t window, uint32_t timeout_ms,
                             uint64_t floor, uint64_t next);
void leases_free(struct leases *l);     /* NULL is fine */

/* Offsets up to, not including, next are there now. */
void leases_extend(struct leases *l, uint64_t next);

/* A decoder lives.  held: packed array of the offsets it says it holds.  When it is new here, those
 * that nobody else has become its own, for at most ten time-outs; later, what was leased to it a
 * time-out ago and is not among them is free again.  ERR_LIMIT: too many decoders.  ERR_BADMSG: held
 * is no array of numbers. */
MUST_USE enum err leases_want(struct leases *l, const struct peer *from, uint64_t credit,
                              struct slice name, struct slice held, uint64_t now_ms);

/* The batch is done.  ERR_ABSENT: it was done before.  ERR_RANGE: it is not there to be
 * leased. */
MUST_USE enum err leases_done(struct leases *l, const struct peer *from, uint64_t offset,
                              uint64_t now_ms);

/* Take the leases of silent decoders away.  How many decoders that were. */
size_t leases_tick(struct leases *l, uint64_t now_ms);

/* The next batch to send and to whom; it counts as leased.  False: nobody wants, or nothing is there. */
struct grant { uint64_t offset; struct peer to; };
bool leases_grant(struct leases *l, struct grant *ret);

/* A grant could not be sent: the batch is free again, and the decoder gets none until it speaks. */
void leases_refused(struct leases *l, const struct grant *g);

uint64_t leases_floor(const struct leases *l);  /* everything below it is done */
struct leases_figures leases_figures(const struct leases *l);

#endif
