/*
 * history - the events that alerted, and how a composite rule counts them
 *
 * "8 failed logins from one address in 120 seconds" looks back over the events whose
 * final rule was the base rule (if_matched_sid), whose rule is in a group
 * (if_matched_group), or over all of them (if_matched_regex).  The counting is OSSEC's,
 * to the event: newest first; an event older than the timeframe, or one that a composite
 * of this level or a higher one consumed, ends the search; an event whose traits differ is passed
 * over; `frequency` + 1 earlier events and the current one make a hit; and then the current one,
 * the newest and the one that completed the count are marked as consumed, for ever.
 *
 * Time is the second of receipt, given with each event, and never runs backwards here: an
 * event from the past counts as now.
 *
 * Cost: a search in a sid list looks at up to `sid_list` events; one in a group list only at those
 * whose hash over the traits the composite wants equal is the same; one with if_matched_regex at all.
 * Memory: `records` events and HISTORY_BYTES_MAX bytes of them; the oldest goes.
 */
#ifndef CORRELATE_HISTORY_H
#define CORRELATE_HISTORY_H

#include <msgpack.h>

#include "common/conf/config.h"
#include "common/rules/event.h"
#include "common/rules/ruleset.h"
#include "correlate/kept.h"

#define HISTORY_RECORDS_MAX ((size_t)1 << 20)
#define HISTORY_BYTES_MAX   ((size_t)128 << 20)
#define HISTORY_SIDS_MAX    65536       /* longest sid list */
#define HISTORY_LINES_MAX   11          /* logs that lead to a hit and are remembered */

struct history_options {
    uint32_t records;                   /* OSSEC's memory_size */
    uint32_t sid_list;                  /* its sid_prev_matched_max */
    bool shadowing;                     /* events of a rule with a sid list feed no group list */
};
struct history_options history_options_of(const struct config *c);

struct history;

/* What led to a hit, newest first; the lines are borrowed until the next
 * history_begin or history_restore, whatever is pushed before. */
struct lines { uint32_t n; struct slice at[HISTORY_LINES_MAX]; };

/* rules, lists: how many dense numbers there are of rules and of group lists.  The caller owns
 * *ret.  ERR_RANGE: an option is 0 or above its ceiling. */
MUST_USE enum err history_new(struct history **ret, const struct history_options *o,
                              size_t rules, size_t lists);
void history_free(struct history *h);   /* NULL is fine */

/* Tell the level and the wanted traits of the composite that owns a group list: before the first push. */
void history_own_list(struct history *h, const struct rule *composite);

/* The event that searches and pushes are about, until the next one. */
void history_begin(struct history *h, const struct decoded *d, uint64_t now);

/* Does history hold what composite r asks for?  base: the rule of its if_matched_sid, when it has
 * one.  On a hit marks are set (the current event's when it is pushed) and *ret filled. */
bool history_search(struct history *h, const struct rule *r, const struct rule *base,
                    struct matcher *m, struct lines *ret);

/* Keep the current event; final rule r.  The oldest go where a ceiling asks for it. */
MUST_USE enum err history_push(struct history *h, const struct rule *r);

size_t history_records(const struct history *h);
uint64_t history_evicted(const struct history *h);

/* For the store.  New: the events kept since the last history_settle(), packed kept records, in
 * order; nothing is appended when there are none.  *first: the number of the first.  Marks: changes of
 * older ones. */
MUST_USE enum err history_pack_new(struct history *h, msgpack_sbuffer *out, uint64_t *first);
typedef enum err history_mark_writer(void *arg, uint64_t number, uint32_t matched);
MUST_USE enum err history_marks(const struct history *h, history_mark_writer *visit, void *arg);
/* Everything written under a number below this one may be deleted. */
uint64_t history_needed(const struct history *h);
void history_settle(struct history *h);

/* Put back what was written, by rising number; r: its rule, NULL when that is no more.  chunk: the number
 * it was written under. */
MUST_USE enum err history_restore(struct history *h, const struct kept *k, const struct rule *r,
                                  uint64_t chunk);
void history_mark(struct history *h, uint64_t number, uint32_t matched);

#endif
