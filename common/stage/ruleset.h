/* ruleset - a stage loads the rules its configuration names, and says what is wrong with them */
#ifndef COMMON_STAGE_RULESET_H
#define COMMON_STAGE_RULESET_H

#include "common/rules/ruleset.h"
#include "common/stage/stage.h"

/* As ruleset_load(); every error goes to stderr, and what was loaded to the log.  The caller owns
 * *ret. */
MUST_USE enum err stage_ruleset(struct ruleset **ret, const struct run *run);

#endif
