/*
 * file - a log file that holds each record exactly once, whatever dies when
 *
 * Bytes are appended, synced, and then its length is committed elsewhere, together with the
 * place in the journal (file_state()).  At the next start a longer file is cut to that
 * length: what stood behind it comes again from the journal.
 *
 * People may move, remove, truncate or replace the file at any time: it is looked at before each
 * write, and what is no longer ours is left to them; a missing one is made anew.
 *
 * Once a day it becomes DIR/YYYY/Mon/yagura-KIND-DD.EXT and a new one begins.  The day is that
 * of the records, never the clock's.
 */
#ifndef ALERTD_SINKS_FILE_H
#define ALERTD_SINKS_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/slice.h"

struct file;
typedef ssize_t file_writer(int fd, const void *p, size_t n);     /* write(2), or a test's */

struct file_state { uint64_t length, inode, day; };     /* day as YYYYMMDD; 0: none yet */

/* Open LOG_DIR/KIND/KIND.EXT, made when absent, and repair it by what was committed (NULL: nothing).
 * ERR_SYS: errno tells why.  The caller ends *ret with file_free(). */
MUST_USE enum err file_open(struct file **ret, const char *log_dir, const char *kind, const char *ext,
                            const struct file_state *committed, file_writer *writer);
void file_free(struct file *f);                 /* NULL is fine */

/* Is it still as we left it?  If not, *changed: its state is another now, and must be committed before
 * the next append, or a crash would not know what is ours.  ERR_FULL, ERR_SYS as below. */
MUST_USE enum err file_look(struct file *f, bool *changed);
/* Append all of it or nothing.  ERR_FULL: no room on the disk; what was begun is taken back.
 * ERR_SYS likewise, for any other reason. */
MUST_USE enum err file_append(struct file *f, struct slice bytes);
/* ERR_SYS: the disk failed; the only safe thing is to exit. */
MUST_USE enum err file_sync(struct file *f);

struct file_state file_state(const struct file *f);
const char *file_path(const struct file *f);

/* The day of what it holds; file_set_day() on the first record of a new one. */
uint64_t file_day(const struct file *f);
void file_set_day(struct file *f, uint64_t day);

/* Move the file to its dated place and begin a new one for `day`.  The old one's state must be
 * committed before.  *ret: its new path, the caller's to free; NULL when it was empty and stays where
 * it is.  ERR_SYS: it stays as it is. */
MUST_USE enum err file_rotate(struct file *f, uint64_t day, char **ret);

#endif
