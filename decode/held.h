/*
 * held - the ranges a decoder has made and no correlator has acknowledged yet
 *
 * Each is kept, packed, until its acknowledgement: a correlator that starts anew gets
 * them again.  A decoder asks for HELD_WANTED at a time; there is room for twice as many,
 * because ingest may add what fell back from a decoder that died.
 */
#ifndef DECODE_HELD_H
#define DECODE_HELD_H

#include <stdint.h>
#include <stdbool.h>

#include "common/err.h"
#include "common/slice.h"

#define HELD_WANTED 64
#define HELD_MAX    (2 * HELD_WANTED)

struct range_held {
    uint64_t ingest, offset;
    char *p; size_t n;                  /* the packed range message */
    bool used;
    uint64_t sent_ms;                   /* when it last went out; 0: not yet, or it must again */
    bool acked;                         /* by the correlator; ingest could not be told yet */
    uint8_t source;                     /* which ingest endpoint leased it */
};

struct held { struct range_held at[HELD_MAX]; size_t n; };

/* Take p over (from malloc).  ERR_FULL: HELD_MAX are held; ERR_EXISTS: this one is; p is then freed. */
MUST_USE enum err held_add(struct held *h, struct range_held range);
/* The range of this lease, NULL when it is not held. */
struct range_held *held_find(struct held *h, uint64_t ingest, uint64_t offset);
void held_drop(struct held *h, struct range_held *r);
/* What went out before this time and is not acknowledged must go again.  How many that are. */
size_t held_unsend(struct held *h, uint64_t before_ms);
void held_clear(struct held *h);

#endif
