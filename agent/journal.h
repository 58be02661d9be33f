/*
 * journal - follow the systemd journal
 *
 * libsystemd and what it brings is loaded when a journal is configured and not before: it
 * costs more memory than all the rest of an agent that has none.  The place in the journal is its cursor,
 * kept in the spool with the records behind it.  Without a cursor it begins at the end.
 *
 * A record is what OSSEC makes of an entry: "2024-01-01T10:00:00+02:00 host ident: message", and is
 * left out when one of the three fields is missing.
 */
#ifndef AGENT_JOURNAL_H
#define AGENT_JOURNAL_H

#include <stdint.h>

#include "agent/spool.h"
#include "agent/tail.h"
#include "common/err.h"

struct journal;

/* directory: NULL for this host's journal.  ERR_ABSENT: there is no libsystemd or no journal that we
 * may read.  The caller owns *ret. */
MUST_USE enum err journal_new(struct journal **ret, struct spool *spool, const char *directory);
void journal_free(struct journal *j);           /* NULL is fine */

/* A <location>: "all", "/..." or "" take every entry, anything else is one SYSLOG_IDENTIFIER more. */
MUST_USE enum err journal_want(struct journal *j, struct slice location);
/* After the last journal_want(): go to the saved cursor or to the end. */
MUST_USE enum err journal_begin(struct journal *j);

int journal_fd(const struct journal *j);
/* Read at most a bounded number of entries.  True: there is more to read now. */
bool journal_gather(struct journal *j, const struct sink *sink);
bool journal_moved(const struct journal *j);
MUST_USE enum err journal_save(struct journal *j);      /* from within spool_commit() */
void journal_saved(struct journal *j);

/* "TIMESTAMP host ident: message" of an entry into room; the length, 0: it does not fit.  The
 * time in local time with its offset. */
size_t journal_record(char *room, size_t size, uint64_t time_us, struct slice host,
                      struct slice ident, struct slice message);

#endif
