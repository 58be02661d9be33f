#include "correlate/trace.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/wire/mp.h"

void trace_step(void *arg, enum walk_step step, const struct rule *rule)
{
    static const struct { const char *before, *after; } words[] = {
        [WALK_TRYING] = { "    Trying rule: ", " - " },
        [WALK_MATCHED] = { "       *Rule ", " matched.\n" },
        [WALK_CHILDREN] = { "       *Trying child rules.\n", NULL },
    };
    struct trace *t = arg;
    char number[10 + 1];                /* 32 bits in decimal */
    int n = snprintf(number, sizeof number, "%" PRIu32, rule->sid);

    if (t->text.size > MP_TEXT_MAX / 2)         /* the record of a verdict holds so much */
        return;
    struct slice part[] = { slice_of(words[step].before), { number, (size_t)n },
                            slice_of(words[step].after), rule->description, SLICE("\n") };
    size_t parts = step == WALK_TRYING ? 5 : step == WALK_MATCHED ? 3 : 1;
    for (size_t i = 0; i < parts; i++)
        if (part[i].n > 0 && t->text.size + part[i].n <= MP_TEXT_MAX)
            (void)msgpack_sbuffer_write(&t->text, part[i].p, part[i].n);  /* a trace may be short */
}
