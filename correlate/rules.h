/* rules - the ruleset and the options that the daemon and -t read alike */
#ifndef CORRELATE_RULES_H
#define CORRELATE_RULES_H

#include "common/stage/stage.h"
#include "correlate/history.h"

/* Load what run's configuration names; every error goes to stderr.  The caller owns *ret. */
MUST_USE enum err rules_load(struct ruleset **ret, const struct run *run);
struct history_options rules_history(const struct config *c);

#endif
