/*
 * trace - a walk through the rules, told as ossec-logtest -v tells it
 *
 * The rules are walked with the conditions of the line first and history decides after;
 * the trace gathers the steps of the walk and then leaves out what OSSEC would not have
 * come to: a composite that did not hold, what is below it, and what is behind the verdict.
 */
#ifndef CORRELATE_TRACE_H
#define CORRELATE_TRACE_H

#include "correlate/arbiter.h"

#define TRACE_STEPS_MAX 4096            /* of one walk; the rest is not told */

struct trace {
    struct { enum walk_step step; const struct rule *rule; } at[TRACE_STEPS_MAX];
    size_t n;
};

/* A walk_watcher; arg is the struct trace, to be emptied before each event. */
void trace_step(void *arg, enum walk_step step, const struct rule *rule);

/* Append the lines of the last event's walk, at most MP_TEXT_MAX bytes. */
void trace_tell(const struct trace *t, const struct arbiter *j, msgpack_sbuffer *out);

#endif
