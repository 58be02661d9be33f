/* sibling - the other programs of Yagura, found beside this one wherever it was put */
#ifndef YAGURA_SIBLING_H
#define YAGURA_SIBLING_H

#include "common/err.h"

/* The path of program yagura-NAME: beside the running one (a build, or /usr/bin), else in
 * ../libexec/yagura or ../lib/yagura from there.  The caller frees *ret.
 * ERR_RANGE: NAME is not made of a-z, 0-9 and '-'.  ERR_ABSENT: no such program. */
MUST_USE enum err sibling_path(char **ret, const char *name);

#endif
