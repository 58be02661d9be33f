#include "correlate/trace.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/wire/mp.h"

void trace_step(void *arg, enum walk_step step, const struct rule *rule)
{
    struct trace *t = arg;

    if (t->n == TRACE_STEPS_MAX)
        return;
    t->at[t->n].step = step;
    t->at[t->n++].rule = rule;
}

static void tell_step(msgpack_sbuffer *out, enum walk_step step, const struct rule *rule)
{
    static const struct { const char *before, *after; } words[] = {
        [WALK_TRYING] = { "    Trying rule: ", " - " },
        [WALK_MATCHED] = { "       *Rule ", " matched.\n" },
        [WALK_CHILDREN] = { "       *Trying child rules.\n", NULL },
    };
    char number[10 + 1];                /* 32 bits in decimal */
    int n = snprintf(number, sizeof number, "%" PRIu32, rule->sid);
    struct slice part[] = { slice_of(words[step].before), { number, (size_t)n },
                            slice_of(words[step].after), rule->description, SLICE("\n") };
    size_t parts = step == WALK_TRYING ? 5 : step == WALK_MATCHED ? 3 : 1;

    for (size_t i = 0; i < parts; i++)
        if (part[i].n > 0 && out->size + part[i].n <= MP_TEXT_MAX)
            (void)msgpack_sbuffer_write(out, part[i].p, part[i].n);     /* a trace may be short */
}

/* The decision that a rule said to match stands for; SIZE_MAX for a gate that led nowhere, which the
 * list leaves out.  *next moves behind it. */
static size_t decision_of(const struct decisions *list, uint32_t *next, const struct rule *rule)
{
    uint32_t i = *next;

    while (i < list->n && (list->at[i].flags & DECISION_STORES_ONLY))
        i++;
    if (i == list->n || list->at[i].sid != rule->sid)
        return SIZE_MAX;
    *next = i + 1;
    return i;
}

void trace_tell(const struct trace *t, const struct arbiter *j, msgpack_sbuffer *out)
{
    const struct decisions *list = arbiter_decisions(j);
    const struct rule *tried = NULL;    /* told when it is known whether OSSEC came to it */
    enum outcome last = OUTCOME_HELD;
    uint32_t next = 0;
    bool below = false;                 /* below a rule that failed */

    for (size_t k = 0; k < t->n; k++) {
        const struct rule *r = t->at[k].rule;
        if (t->at[k].step == WALK_TRYING) {
            if (tried != NULL && !below)
                tell_step(out, WALK_TRYING, tried);
            tried = r;
            continue;
        }
        if (t->at[k].step == WALK_CHILDREN) {
            if (last == OUTCOME_FAILED)
                below = true;
            else if (!below)
                tell_step(out, WALK_CHILDREN, r);
            continue;
        }
        size_t i = decision_of(list, &next, r);
        last = i == SIZE_MAX ? OUTCOME_HELD : arbiter_outcome(j, (uint32_t)i);
        if (last == OUTCOME_UNTRIED && below)
            continue;
        if (last == OUTCOME_UNTRIED)
            return;
        below = below && i == SIZE_MAX;
        if (!below && tried != NULL)
            tell_step(out, WALK_TRYING, tried);
        tried = NULL;
        if (!below && last != OUTCOME_FAILED)
            tell_step(out, WALK_MATCHED, r);
        bool leaf = k + 1 == t->n || t->at[k + 1].step != WALK_CHILDREN;
        if (last == OUTCOME_VERDICT && leaf)
            return;
    }
    if (tried != NULL && !below)
        tell_step(out, WALK_TRYING, tried);
}
