/*
 * journal - batches of raw records, in the order they came, until they are decoded
 *
 * A batch gets the next offset, from 1 and dense.  Nothing that is appended counts until
 * journal_commit(): one sync makes all of it durable together with the highest sequence
 * number of each (agent, stream), so a batch is never in the journal twice and never
 * acknowledged without being there.
 *
 * The journal has a size.  When it is reached, or the disk is full, appending says
 * ERR_FULL; what was not committed is then not there, and the callers start again from
 * what was.  Trimming makes room.
 *
 * The batches appended last are kept in memory too, within a ceiling, so that handing them
 * on reads no disk.
 */
#ifndef INGEST_JOURNAL_H
#define INGEST_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

#define JOURNAL_RECENT_MAX   1024       /* batches kept in memory at most */
#define JOURNAL_STREAMS_MAX  16         /* streams remembered for one agent; the oldest goes */

struct journal;

struct journal_limits {
    uint64_t bytes;             /* of batches; reached: no room */
    uint64_t map_bytes;         /* of the store: its hard cap; 0: what `bytes` needs */
    uint64_t recent_bytes;      /* of batches kept in memory */
    bool durable;               /* false only in tests */
};

struct batch {
    uint64_t agent;             /* 0: what the manager received itself */
    struct slice agent_name, agent_addr;
    uint64_t stream, first, count;
    uint64_t received_us;
    struct slice body;
};

/* Open or make the journal in directory dir.  The caller owns *ret.  Errors as store_open(), and
 * ERR_BADMSG: what is there is no journal. */
MUST_USE enum err journal_open(struct journal **ret, const char *dir,
                               const struct journal_limits *limits);
void journal_free(struct journal *j);   /* what is not committed is lost; NULL is fine */

uint64_t journal_id(const struct journal *j);           /* drawn at random when it was made */
uint64_t journal_floor(const struct journal *j);        /* below this offset everything is gone */
uint64_t journal_next(const struct journal *j);         /* first offset that is not committed */
uint64_t journal_bytes(const struct journal *j);        /* committed and not trimmed */

/* False: callers should not take more in.  Once it was false, journal_is_roomy() tells when it is
 * worth while to begin again. */
bool journal_has_room(const struct journal *j);
bool journal_is_roomy(const struct journal *j);
/* Before the end: from now on only the store is the limit, so that what waits finds room. */
void journal_stretch(struct journal *j);
uint64_t journal_pending(const struct journal *j);      /* batches appended and not committed */

/* Append one batch; its numbers become the stream's highest with the commit.  ERR_FULL: not
 * now, and what was appended since the last commit will not be kept either. */
MUST_USE enum err journal_append(struct journal *j, const struct batch *b);

/* The highest sequence number of the stream, appended or committed; 0 when there is none. */
MUST_USE enum err journal_upto(struct journal *j, uint64_t agent, uint64_t stream, uint64_t *ret);

/* Everything below floor may go.  It goes with the next commit that has anything to write, or when
 * journal_trim_now() is called or enough of it has gathered. */
void journal_trim(struct journal *j, uint64_t floor);
void journal_trim_now(struct journal *j);

/* Make all of it durable.  ERR_FULL: nothing since the last commit is kept (what may be trimmed was
 * tried alone, to make room).  ERR_SYS: the disk failed; stop.  On any error uncommitted is gone. */
MUST_USE enum err journal_commit(struct journal *j);

/* The packed lease record at a committed offset.  *ret is borrowed until the next call.
 * ERR_ABSENT: below the floor, or not committed. */
MUST_USE enum err journal_read(struct journal *j, uint64_t offset, struct slice *ret);
void journal_handed(struct journal *j, uint64_t offset);        /* memory need not keep it */

#endif
