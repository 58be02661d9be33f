/*
 * arbiter - what history makes of an event: the verdict, and the alert it becomes
 *
 * decode left a decision list (common/rules/decision.h).  The arbiter goes through it as OSSEC
 * goes through its rules, depth first, asks each rule its conditions of history, and takes the first
 * branch that holds.  What those conditions store on the way (first-time-seen keys, last
 * outputs, marks) stays stored, whatever the verdict.  Then the verdict itself is remembered:
 * ignore window, ignore tuples, history.
 *
 * An arbiter without a usable list walks the rules itself; the result is the same.
 */
#ifndef CORRELATE_ARBITER_H
#define CORRELATE_ARBITER_H

#include "correlate/memory.h"

#define ARBITER_LINE_MAX   8192           /* bytes of one log that led here, in an alert */
#define ARBITER_ALERT_MAX  (MP_FRAME_MAX - 4096)  /* bytes of one alert record: a message holds it */
#define ARBITER_DEPTH_MAX  (2 * DECISION_DEPTH_MAX)

struct arbiter;

struct judgement {
    const struct rule *rule;            /* NULL: none decided */
    bool ignored;                       /* it fell into an ignore window, or on an ignore tuple */
    bool alerts;                        /* it would be written: level and options ask for it */
    uint64_t fired;                     /* how often the rule has, with this one */
    struct lines lines;                 /* borrowed until the next event */
};

struct arbiter_counts { uint64_t walked, unwalkable, unknown_rules; };

/* alone: as logtest has it, an ignore window that is over is closed, not begun anew (spec 2.5).
 * rs and m must live as long.  The caller owns *ret. */
MUST_USE enum err arbiter_new(struct arbiter **ret, const struct ruleset *rs, bool alone);
void arbiter_free(struct arbiter *j);       /* NULL is fine */

/* Judge d, which may gain accumulated fields (borrowed until the next event).  decisions: the packed list;
 * trusted false: the list was made by other rules.  ERR_NOMEM is the only failure: memory is then
 * half changed and must be read back. */
MUST_USE enum err arbiter_event(struct arbiter *j, struct memory *m, struct decoded *d,
                              struct slice decisions, bool trusted, struct judgement *ret);

/* Watch the walks; NULL ends it.  While somebody watches, every event is walked. */
void arbiter_watch(struct arbiter *j, walk_watcher *watcher, void *arg);

/* What became of the last event's decisions, in their order: untried ones stand behind the verdict, or
 * below one that failed. */
enum outcome { OUTCOME_UNTRIED, OUTCOME_FAILED, OUTCOME_HELD, OUTCOME_VERDICT };
const struct decisions *arbiter_decisions(const struct arbiter *j);
enum outcome arbiter_outcome(const struct arbiter *j, uint32_t i);

struct arbiter_counts arbiter_counts(const struct arbiter *j);

/* Append the alert record of a judgement to out; rule NULL makes a record for the archives.  What does
 * not fit ARBITER_ALERT_MAX is left out: first the logs that led here, then the fields. */
MUST_USE enum err judgement_pack(const struct judgement *v, const struct decoded *d, uint64_t flags,
                                 msgpack_sbuffer *out);

/* The alert's number: the same for the same event and rule, on every machine, for ever. */
uint64_t alert_number(uint64_t agent, uint64_t stream, uint64_t seq, uint64_t sid);

#endif
