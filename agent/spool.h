/*
 * spool - the agent's numbered records, durable from before they are sent until they are
 * acknowledged, and the place in each source behind them
 *
 * One transaction holds a batch of records, under the sequence number of its first, *and*
 * the positions of the sources behind the last record.  A batch is sent only after that transaction
 * is on the disk.  So whenever the agent dies, a record is either in the store under a number that it will
 * keep for ever, or its source will be read again from before it and it has never been sent:
 * every record arrives once.  (Reading again from acknowledged offsets instead cannot be exact: several
 * files would have to be interleaved as they were the first time, and a file that was
 * emptied by copy-truncate in between is no longer there to be read.)  It costs one sync
 * per commit, and the bytes in flight are written twice.
 *
 * What waits for an acknowledgement is bounded.  At the bound the sources pause: files wait
 * where they are, commands are not run.  A full disk is the same: commit says ERR_FULL,
 * everything stays as it is, and the next commit tries again.
 */
#ifndef AGENT_SPOOL_H
#define AGENT_SPOOL_H

#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "schemas/messages.h"

#define SPOOL_KEY_MAX       64          /* bytes of a source's key */

/* Sources that can be read again stop at SPOOL_READ_AHEAD bytes or SPOOL_BATCHES_MIN batches that
 * wait for acknowledgement.  Others may add as many bytes as the options say, and in small batches
 * one batch for each SPOOL_BATCH_SHARE of them. */
enum spool_use { SPOOL_REREADABLE, SPOOL_ONCE };
#define SPOOL_READ_AHEAD    ((uint64_t)512 << 10)
#define SPOOL_BATCHES_MIN   512
#define SPOOL_BATCH_SHARE   ((uint64_t)16 << 10)

struct spool;

struct spool_options {
    uint64_t batch_records, batch_bytes;        /* a batch is closed at either */
    uint64_t once_bytes;
    bool durable;               /* sync on commit; false for tests */
};

/* Open or make the spool in directory dir; options are copied.  The caller owns *ret.  Errors as
 * store_open(). */
MUST_USE enum err spool_open(struct spool **ret, const char *dir, const struct spool_options *o);
void spool_free(struct spool *s);       /* what is not committed is gone; NULL is fine */

bool spool_is_new(const struct spool *s);       /* made by this spool_open() */
uint64_t spool_stream(const struct spool *s);
uint64_t spool_first(const struct spool *s);    /* lowest number not acknowledged; last + 1 when none */
uint64_t spool_last(const struct spool *s);     /* highest number given out by a commit; 0: none */
uint64_t spool_waiting(const struct spool *s);  /* records committed and not acknowledged */
bool spool_pending(const struct spool *s);      /* records taken and not committed */

/* May a record of such a source be added now? */
bool spool_room(const struct spool *s, enum spool_use use);
/* Take a record; its slices are copied.  It has a number and is safe only after a commit. */
MUST_USE enum err spool_add(struct spool *s, const struct raw *r);

/* Make everything that was added durable.  save(arg) is called inside the transaction and puts the
 * positions that belong to it by spool_put(); whatever it returns other than ERR_OK ends the commit.
 * ERR_FULL: the disk or the map is full; all is kept and waits for the next commit. */
MUST_USE enum err spool_commit(struct spool *s, enum err (*save)(void *arg), void *arg);

/* Positions and marks of the sources, by key.  What spool_get() gives is borrowed until the
 * next call of any function here. */
MUST_USE enum err spool_put(struct spool *s, struct slice key, struct slice value);
MUST_USE enum err spool_drop(struct spool *s, struct slice key);        /* absent is ERR_OK */
MUST_USE enum err spool_get(struct spool *s, struct slice key, struct slice *ret);
/* Each key that starts with prefix; visit may not call back.  It returns false to end. */
MUST_USE enum err spool_each(struct spool *s, struct slice prefix,
                             bool (*visit)(void *arg, struct slice key, struct slice value), void *arg);

/* Everything up to `upto` has arrived: forget it.  Its deletion is durable with the next commit, which is
 * soon enough, as ingest drops what it has. */
void spool_acknowledge(struct spool *s, uint64_t upto);

/* The EVENTS message of the first committed batch whose last number is at or above `from`;
 * *next is the number behind it.  ERR_ABSENT: there is none.  Borrowed as spool_get(). */
MUST_USE enum err spool_frame(struct spool *s, uint64_t from, struct slice *ret, uint64_t *next);

/* Forget the copies in memory of what is committed; the store has them. */
void spool_relax(struct spool *s);

/* Give what waits to a new stream, numbered from 1: when the manager knows a past of this stream that
 * does not fit ours (one of the two was restored from a copy).  Ends with a commit. */
MUST_USE enum err spool_renew(struct spool *s);

#endif
