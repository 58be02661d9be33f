/*
 * files - every text file that the configuration names, as the host makes and renames them
 *
 * Locations are literal paths, strftime patterns and globs.  They are expanded again when a watched
 * directory changes and every few seconds besides, for what inotify does not see.  A file is its device
 * and inode: named twice it is one file; renamed it is read to its end, and further until its
 * successor has come and it has been quiet for a while.  Positions live in the spool, so a file renamed
 * while the agent was away is found again by its inode and finished.
 *
 * Where a file begins: a saved position wins.  Files that are there when a location is
 * seen for the first time begin at their end, when the location says only-future-events;
 * all others at their first byte.
 *
 * Cost: one inotify watch per directory, one stat per file and scan, at most
 * FILES_OPEN_MAX descriptors.  Nothing is read but by files_gather().
 */
#ifndef AGENT_FILES_H
#define AGENT_FILES_H

#include <stdint.h>

#include "agent/format.h"
#include "agent/spool.h"
#include "agent/tail.h"
#include "common/err.h"

#define FILES_MAX        65536          /* followed at one time; further ones are counted */
#define FILES_OPEN_MAX   256
#define FILES_POLL_MS    2000           /* the slow look at everything */
#define FILES_RESCAN_MS  100            /* least time between two scans that inotify asked for */
#define FILES_GRACE_MS   10000          /* silence after which a replaced file is finished */
#define FILES_GATHER_MAX 1              /* windows read in one gather */

struct files;

/* spool is borrowed; sink takes the records; rescan_ms: between two scans that nothing asked for.
 * ERR_SYS: inotify does not start.  The caller owns *ret. */
MUST_USE enum err files_new(struct files **ret, struct spool *spool, struct sink sink,
                            uint64_t rescan_ms);
void files_free(struct files *f);       /* NULL is fine */

/* A location as written; format is borrowed.  Before the first scan. */
MUST_USE enum err files_add(struct files *f, struct slice location, struct format *format,
                            bool only_future);

int files_fd(const struct files *f);    /* readable when something may have changed */
/* Read the news of inotify: which files to look at. */
void files_notice(struct files *f);

/* Expand the locations and look which files are there.  now_s: wall clock, for strftime. */
MUST_USE enum err files_scan(struct files *f, uint64_t now_ms, int64_t now_s);
bool files_scan_due(const struct files *f, uint64_t now_ms);
/* Look at every file at the next gather, and at those that are not open now. */
void files_look_at_all(struct files *f);

/* Read what is new, a bounded part of it; true: there is more to read now. */
bool files_gather(struct files *f, uint64_t now_ms);

/* Put the positions that moved, from within spool_commit(); then files_saved(). */
MUST_USE enum err files_save(struct files *f);
void files_saved(struct files *f);
bool files_moved(const struct files *f);

struct files_counts { uint64_t followed, open, unreadable, lost, shortened, restarts, records; };
void files_counts(const struct files *f, struct files_counts *ret);

#endif
