/*
 * tail - follow one text file, record by record, and know exactly how far
 *
 * A tail's whole state is a struct position: 24 bytes that name the next unread byte.
 * Nothing read is kept in memory; an unfinished line is read again when the file has
 * grown.  A file is known by device and inode, never by name, so renaming does not
 * disturb it.  A file that shrank, or whose first bytes are others than before, was
 * emptied and filled anew (copy-truncate): it is read again from its first byte.
 *
 * The module reads no clock: time is an argument.
 */
#ifndef AGENT_TAIL_H
#define AGENT_TAIL_H

#include <stdint.h>

#include "agent/format.h"
#include "common/err.h"
#include "common/slice.h"

#define TAIL_PRINT_BYTES 256            /* first bytes that tell a file from its successor */
#define TAIL_FLUSH_MS    5000           /* a record that might go on ends after so much silence */

struct file_id { uint64_t dev, ino; };

struct position {
    uint64_t offset;            /* of the first byte not yet taken */
    uint64_t print;             /* hash of the first print_n bytes */
    uint32_t print_n;
    uint32_t skipping;          /* 1: the rest of an over-long line is to be skipped */
};

/* Whoever takes the records.  False: no room now; the record will come again. */
struct sink {
    bool (*take)(void *arg, struct slice location, struct slice text);
    void *arg;
};

enum tail_state {
    TAIL_IDLE,                  /* read to its end */
    TAIL_MORE,                  /* there is more; poll again */
    TAIL_FULL,                  /* the sink had no room; poll when it has */
    TAIL_OTHER,                 /* the path names another file now, and this one is not open */
    TAIL_UNREADABLE,            /* errno tells why */
};

struct tail;

/* path is copied; format is borrowed and outlives the tail.  The caller owns *ret. */
MUST_USE enum err tail_new(struct tail **ret, const char *path, struct slice location,
                           struct format *format, struct file_id id, struct position from);
void tail_free(struct tail *t);         /* NULL is fine */

/* Read what is there, at most one window (FORMAT_WINDOW bytes at `room`). */
enum tail_state tail_poll(struct tail *t, char *room, uint64_t now_ms, const struct sink *sink);

/* The file will not grow any more: hand over what is left, the last line even without its newline. */
enum tail_state tail_finish(struct tail *t, char *room, const struct sink *sink);

/* Start at the end of the file: behind its last whole line. */
MUST_USE enum err tail_seek_end(struct tail *t);
/* Read from `p` if the file is still the one that p was taken from, else from its first byte. */
void tail_seek(struct tail *t, struct position p);

const struct position *tail_position(const struct tail *t);
struct file_id tail_id(const struct tail *t);
const char *tail_path(const struct tail *t);
struct slice tail_location(const struct tail *t);       /* has a NUL behind it */
MUST_USE enum err tail_rename(struct tail *t, const char *path);        /* it is found there now */

bool tail_is_open(const struct tail *t);
void tail_close(struct tail *t);        /* opens again at the next poll, by its path */
bool tail_deleted(const struct tail *t);        /* open, but no name leads to it */

/* Time of the last growth that a poll saw. */
uint64_t tail_grown_ms(const struct tail *t);

struct tail_counts { uint64_t records, shortened, restarts; };
const struct tail_counts *tail_counts(const struct tail *t);

uint64_t tail_hash(struct slice s);     /* FNV-1a */

#endif
