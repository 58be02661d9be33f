/*
 * trace - a walk through the rules, told as ossec-logtest -v tells it
 *
 * The rules are walked with the conditions of the line first and history decides after;
 * the trace gathers the steps of the walk and then leaves out what OSSEC would not have
 * come to.
 */
#ifndef CORRELATE_TRACE_H
#define CORRELATE_TRACE_H

#include <msgpack.h>

#include "common/rules/ruleset.h"

struct trace { msgpack_sbuffer text; };

/* A walk_watcher; arg is the struct trace. */
void trace_step(void *arg, enum walk_step step, const struct rule *rule);

#endif
