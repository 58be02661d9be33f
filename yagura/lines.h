/*
 * lines - cut what a descriptor gives into lines, as they come
 *
 * A line is at most LINES_MAX bytes; of a longer one the first LINES_MAX are kept and the
 * rest is counted and left out.  The last line needs no newline.
 */
#ifndef YAGURA_LINES_H
#define YAGURA_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

#define LINES_MAX ((size_t)64 << 10)

struct lines;

MUST_USE enum err lines_new(struct lines **ret, int fd);        /* the caller owns *ret, and fd */
void lines_free(struct lines *l);                               /* NULL is fine */

/* One read.  ERR_ABSENT: the end, and what stood without a newline is the last line.  ERR_SYS. */
MUST_USE enum err lines_read(struct lines *l);

/* The next line that is there, without its newline; borrowed until lines_read(). */
bool lines_next(struct lines *l, struct slice *ret);
bool lines_ended(const struct lines *l);        /* nothing is there and nothing will come */
uint64_t lines_cut(const struct lines *l);      /* how many lines were too long */

#endif
