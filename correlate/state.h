/*
 * state - what correlate knows, in memory for work and in LMDB for ever
 *
 * state_commit() writes everything that a turn changed, in one transaction: history and
 * its marks, counters, first-time-seen keys, the alerts, and how far each ingest's batches
 * have been taken.  Whoever then kills the process finds all of it again, or none of it, and the
 * batches that come again make the same alerts with the same ids.
 */
#ifndef CORRELATE_STATE_H
#define CORRELATE_STATE_H

#include "correlate/memory.h"
#include "correlate/outbox.h"

#define STATE_INGESTS_MAX 256           /* journals with a cursor of their own */

struct state;

/* Open or make the state in directory dir; see store_open().  The caller owns *ret; rs must live as
 * long.  ERR_BADMSG: what is there is damaged, or no state. */
MUST_USE enum err state_open(struct state **ret, const char *dir, uint64_t map_bytes, bool durable,
                             const struct ruleset *rs, const struct history_options *o);
void state_free(struct state *s);       /* what was not committed is forgotten; NULL is fine */

struct memory *state_memory(struct state *s);
struct outbox *state_outbox(struct state *s);

/* The batch wanted next from an ingest; 0: it is unknown.  ERR_LIMIT: too many ingests. */
uint64_t state_next(const struct state *s, uint64_t ingest);
MUST_USE enum err state_advance(struct state *s, uint64_t ingest, uint64_t next);

/* Make everything since the last commit durable, and the outbox shorter: alerts below `trim` may go.
 * On any error the state is as the last commit left it, and the batches since must come again;
 * ERR_FULL: the store has no room.  ERR_SYS, ERR_NOMEM, ERR_BADMSG: exit. */
MUST_USE enum err state_commit(struct state *s, uint64_t trim);
MUST_USE enum err state_rollback(struct state *s);      /* the same state, without trying */

bool state_tight(const struct state *s);        /* see store_tight() */
void state_usage(struct state *s, uint64_t *used, uint64_t *cap);

#endif
