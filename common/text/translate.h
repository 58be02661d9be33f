/*
 * translate - OS_Regex and OS_Match written as PCRE2
 *
 * OSSEC 4 has no matcher of its own any more: what a pattern means is what its
 * translation means, quirks included (`+` and `*` only behind an escape, lazy but for
 * the last of a branch).  Also finds out when a pattern is nothing but text.
 */
#ifndef COMMON_TEXT_TRANSLATE_H
#define COMMON_TEXT_TRANSLATE_H

#include <stdbool.h>

#include "common/err.h"
#include "common/slice.h"
#include "common/text/pattern.h"

struct translation {
    struct slice pcre2;         /* PCRE2's text; for PATTERN_PCRE2 a copy */
    struct slice literal;       /* when plain: the text itself, in lower case */
    bool plain;                 /* only literal bytes, perhaps anchored; not empty */
    bool head, tail;            /* when plain: must begin, must end the subject */
};

/* On success the caller frees pcre2.p and literal.p.  ERR_SYNTAX: *reason says why. */
MUST_USE enum err translate(enum pattern_kind kind, struct slice text, struct translation *ret,
                            const char **reason);

#endif
