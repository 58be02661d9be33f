/*
 * memory - all that earlier events left behind and a verdict may depend on
 *
 * History and its marks, how often each rule fired and since when it is to be ignored,
 * first-time-seen keys, ignore tuples, last outputs (check_diff) and accumulated fields.
 * Every part is bounded; at its ceiling the oldest entry goes and a counter rises.
 *
 * It lives in memory alone; correlate/state writes its changes down, once a turn.
 */
#ifndef CORRELATE_MEMORY_H
#define CORRELATE_MEMORY_H

#include "correlate/history.h"
#include "correlate/seen.h"

#define MEMORY_FIRST_MAX        ((size_t)1 << 20)   /* first-time-seen keys */
#define MEMORY_IGNORED_MAX      ((size_t)1 << 16)   /* tuples of <ignore> */
#define MEMORY_OUTPUTS_MAX      ((size_t)1 << 14)   /* last outputs */
#define MEMORY_ACCUMULATED_MAX  ((size_t)1 << 16)   /* records being put together */
#define MEMORY_VALUES_MAX       ((size_t)64 << 20)  /* bytes of values, of each of them */
#define MEMORY_OUTPUT_MAX       8192                /* longest output that is compared (spec 2.10) */
#define MEMORY_SIMILAR_MAX      32                  /* IDS keys compared for likeness */
#define MEMORY_SIMILAR_PREFIX   14
#define MEMORY_ACCUMULATE_SECONDS 120
#define MEMORY_ACCUMULATE_TEXT  80                  /* longest accumulated field */

enum remembered { REMEMBER_FIRST, REMEMBER_IGNORED, REMEMBER_OUTPUT, REMEMBER_ACCUMULATED, REMEMBERED };

struct memory;

/* The caller owns *ret; rs must live as long. */
MUST_USE enum err memory_new(struct memory **ret, const struct ruleset *rs,
                             const struct history_options *o);
void memory_free(struct memory *m);     /* NULL is fine */

struct history *memory_history(struct memory *m);
struct seen *memory_seen(struct memory *m, enum remembered which);

/* if_fts: is this the first event with these fields?  It is remembered either way. */
MUST_USE enum err memory_first(struct memory *m, const struct decoded *d, bool *ret);

/* check_diff: did the output that rule r looks at change?  *before (borrowed until the next call) is
 * what it was. */
MUST_USE enum err memory_differs(struct memory *m, const struct rule *r, const struct decoded *d,
                                 bool *ret, struct slice *before);

/* <ignore> and check_if_ignored: remember the tuple of these fields; was it remembered? */
MUST_USE enum err memory_ignore(struct memory *m, uint64_t fields, const struct decoded *d);
bool memory_ignored(struct memory *m, uint64_t fields, const struct decoded *d);

/* Fill the event's empty fields from earlier records of its host, decoder and id, and remember its own.
 * The filled ones are borrowed until the next call.  *ret: did a field change? */
MUST_USE enum err memory_accumulate(struct memory *m, struct decoded *d, bool *ret);

/* How often a rule was the verdict, and when its ignore window began (0: no window). */
struct tally { uint64_t fired, ignore_since; };
struct tally *memory_tally(struct memory *m, const struct rule *r);         /* to be changed */
typedef enum err tally_writer(void *arg, const struct rule *r, const struct tally *t);
MUST_USE enum err memory_tallies(const struct memory *m, tally_writer *visit, void *arg); /* the changed */

/* Everything is written down, or read back: nothing counts as changed. */
void memory_settle(struct memory *m);

#endif
