#include "correlate/rules.h"

#include <stdio.h>

enum err rules_load(struct ruleset **ret, const struct run *run)
{
    struct report *r;
    enum err e = report_new(&r);

    if (e != ERR_OK)
        return e;
    e = ruleset_load(ret, run->config, r);
    if (e != ERR_OK)
        report_print(r, stderr);
    report_free(r);
    return e;
}

struct history_options rules_history(const struct config *c)
{
    return (struct history_options){
        .records = c->global.memory_size,
        .sid_list = c->correlate.sid_history,
        .shadowing = c->correlate.ossec_shadowing,
    };
}
