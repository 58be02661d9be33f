/*
 * journal - alertd's own record of every alert, on disk before anybody hears of it
 *
 * Two streams, each with its own dense sequence numbers from 1:
 *   JOURNAL_ALERTS    what a rule raised: files, PUB and replay read it.  Each alert also has a
 *                     number within its topic (level and rule), so that who subscribes to
 *                     one topic sees his own gaps.
 *   JOURNAL_ARCHIVE   every record that is to stand in the archives
 * Batches are kept as they came, keyed by their first number.
 *
 * Beside them stand, in the same transaction: where each source is to be asked next, how far
 * each sink has got, and what it must remember of its file.
 *
 * The journal is bounded.  What every sink has done with goes, oldest first, when the limit is
 * passed; what a sink still needs never goes: the journal is then full, which is back-pressure.
 *
 * The epoch is drawn at random when the journal is made.  Under one epoch numbers never
 * start again.
 */
#ifndef ALERTD_JOURNAL_H
#define ALERTD_JOURNAL_H

#include <stdint.h>

#include "common/forms/entry.h"
#include "common/err.h"
#include "common/slice.h"

enum journal_stream { JOURNAL_ALERTS, JOURNAL_ARCHIVE, JOURNAL_STREAMS };

#define JOURNAL_STATE_MAX 128           /* bytes a sink may remember */
#define JOURNAL_SINKS_MAX 16
#define JOURNAL_BATCH_MAX 65536         /* alerts in one batch */

struct journal;

/* Open or make the journal in dir.  map_bytes: its size on disk at most; alerts that nobody waits
 * for are kept up to half of it, for replay.  durable: false only for tests.  Errors as
 * store_open().  The caller ends *ret with journal_free(). */
MUST_USE enum err journal_open(struct journal **ret, const char *dir, uint64_t map_bytes, bool durable);
void journal_free(struct journal *j);           /* forgets what is not committed; NULL is fine */

uint64_t journal_epoch(const struct journal *j);
/* The numbers that are there: first <= n < next; first == next when it is empty. */
uint64_t journal_first(const struct journal *j, enum journal_stream s);
uint64_t journal_next(const struct journal *j, enum journal_stream s);
uint64_t journal_bytes(const struct journal *j);        /* of all batches kept */

/* Where a source stands: the outbox's epoch, and the number to ask for. */
struct source_cursor { uint64_t epoch, next; };
struct source_cursor journal_source(struct journal *j, const char *name);

/* Take `count` packed alert records (checked before: every one of them reads), and where their
 * source stands after them; part of the open transaction.  with_archive: records flagged
 * ALERT_ARCHIVE go to that stream too.  ERR_FULL: nothing of the transaction is kept. */
MUST_USE enum err journal_append(struct journal *j, struct slice body, uint64_t count, bool with_archive,
                                 const char *source, struct source_cursor at);

/* A sink's place: the number it wants next, and what it must remember of its file, written
 * together.  journal_sink() makes it known, so that nothing it needs is trimmed; a new sink begins
 * at the next alert to come.  *ret is its number from then on. */
MUST_USE enum err journal_sink(struct journal *j, const char *name, enum journal_stream s, size_t *ret);
uint64_t journal_cursor(const struct journal *j, size_t sink);
struct slice journal_sink_state(const struct journal *j, size_t sink);  /* empty for a new one */
/* On disk with the next commit.  ERR_RANGE: state is longer than JOURNAL_STATE_MAX. */
MUST_USE enum err journal_set_sink(struct journal *j, size_t sink, uint64_t next, struct slice state);

/* Read from number `from` (below the first: from the first) until visit returns false.  Entries borrow from the
 * map and die with the call. */
typedef bool journal_reader(void *arg, const struct entry *e);
MUST_USE enum err journal_read(struct journal *j, enum journal_stream s, uint64_t from,
                               journal_reader *visit, void *arg);

/* Make durable what was appended and set, trim, and say so.  ERR_FULL: nothing of it is kept,
 * numbers are as before; take nothing in until a later commit succeeds.  After ERR_SYS exit. */
MUST_USE enum err journal_commit(struct journal *j);

/* Is there no room for more until a sink gets on? */
bool journal_is_full(const struct journal *j);

#endif
