/*
 * seen - a bounded map from digests to small values; at its ceiling the oldest goes
 *
 * First-time-seen keys, ignore tuples, last outputs and accumulated fields are all this:
 * something that was there before, found again by a digest over what names it.  Every
 * entry has an order number that rises with each put, so a map that is written down and
 * restored forgets in the same order as one that never stopped.
 *
 * A map remembers which entries changed since seen_settle(), for whoever writes them down.
 */
#ifndef CORRELATE_SEEN_H
#define CORRELATE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

struct digest { char at[16]; };

/* Of n parts, each kept apart from its neighbours: ("ab", "c") is not ("a", "bc"), and an empty part
 * with p NULL is not one that is there and empty. */
struct digest digest_of(const struct slice *part, size_t n);

struct seen;

/* At most `entries` entries and `bytes` bytes of values.  The caller owns *ret.
 * ERR_RANGE: entries is 0 or above 2^30. */
MUST_USE enum err seen_new(struct seen **ret, size_t entries, size_t bytes);
void seen_free(struct seen *s);         /* NULL is fine */

/* Is it there?  *value (may be NULL) is borrowed until the next put. */
bool seen_get(const struct seen *s, const struct digest *key, struct slice *value);

/* Add it, or give it a new value and make it the newest.  The value is copied; it must not be the
 * map's own.  ERR_RANGE: the value alone is above the map's bytes. */
MUST_USE enum err seen_put(struct seen *s, const struct digest *key, struct slice value);

size_t seen_entries(const struct seen *s);
uint64_t seen_evicted(const struct seen *s);    /* how many went because of the ceilings */

/* The newest entries first, until visit returns false. */
typedef bool seen_visitor(void *arg, struct slice value);
void seen_newest(const struct seen *s, seen_visitor *visit, void *arg);

/* Every change since the last seen_settle(): there is false for an entry that went.  An entry may
 * be told several times.  What visit returns, unless ERR_OK, ends the telling and is returned. */
typedef enum err seen_writer(void *arg, const struct digest *key, bool there, uint64_t order,
                             struct slice value);
MUST_USE enum err seen_changes(const struct seen *s, seen_writer *visit, void *arg);
void seen_settle(struct seen *s);

/* Put back what was written down, in any sequence, then say so: the entries are then in their old
 * order and nothing counts as changed.  Only on an empty map. */
MUST_USE enum err seen_restore(struct seen *s, const struct digest *key, uint64_t order,
                               struct slice value);
MUST_USE enum err seen_restored(struct seen *s);

#endif
