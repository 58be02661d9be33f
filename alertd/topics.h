/*
 * topics - how many alerts each topic (level and rule) has had
 *
 * A hash table in memory; the journal keeps its changes.  At TOPICS_MAX topics (a ruleset has
 * some thousands) further ones share one number.
 */
#ifndef ALERTD_TOPICS_H
#define ALERTD_TOPICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define TOPICS_MAX 65536

struct topics;
struct topic { uint64_t level, rule, count, saved; };

MUST_USE enum err topics_new(struct topics **ret);      /* the caller owns *ret */
void topics_free(struct topics *t);                     /* NULL is fine */

/* The next number of this topic, from 1. */
uint64_t topics_next(struct topics *t, uint64_t level, uint64_t rule);
/* As read from the journal: both count and saved become `count`. */
void topics_load(struct topics *t, uint64_t level, uint64_t rule, uint64_t count);

/* Walk the topics whose count is not what was saved last; *at begins at 0.  NULL ends it. */
const struct topic *topics_changed(const struct topics *t, size_t *at);
void topics_saved(struct topics *t);            /* what topics_changed() told is on disk */
void topics_undo(struct topics *t);             /* and here it is not: back to what was */

#endif
