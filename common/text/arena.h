/*
 * arena - work memory for one message, or for one ruleset
 *
 * Allocation is a pointer bump; nothing is freed alone.  arena_reset() keeps the
 * first block, so a handler that runs a million times allocates once.
 */
#ifndef COMMON_TEXT_ARENA_H
#define COMMON_TEXT_ARENA_H

#include <stddef.h>

#include "common/err.h"
#include "common/slice.h"

struct arena;

/* limit: bytes this arena may hold in all; 0 means none.  The caller owns *ret. */
MUST_USE enum err arena_new(struct arena **ret, size_t limit);
void arena_free(struct arena *a);                       /* NULL is fine */
void arena_reset(struct arena *a);

/* Zeroed, aligned for any type; NULL when memory or the limit is used up. */
void *arena_alloc(struct arena *a, size_t n);
/* A copy with a NUL behind it (not counted in n); p is NULL on failure. */
struct slice arena_copy(struct arena *a, struct slice s);
char *arena_text(struct arena *a, struct slice s);      /* the same, as a C string */

#endif
