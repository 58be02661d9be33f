#include "common/stage/ruleset.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/stage/log.h"

enum err stage_ruleset(struct ruleset **ret, const struct run *run)
{
    struct report *r;
    enum err e = report_new(&r);

    if (e == ERR_OK) {
        e = ruleset_load(ret, run->config, r);
        if (e != ERR_OK)
            report_print(r, stderr);
        report_free(r);
    }
    if (e != ERR_OK)
        log_error("ruleset: %s", err_str(e));
    else
        log_debug("ruleset rules=%zu decoders=%zu revision=%016" PRIx64, ruleset_rules(*ret),
                  ruleset_decoders(*ret), ruleset_revision(*ret));
    return e;
}
