/*
 * literals - text that a PCRE2 pattern cannot match without
 *
 * Reads the pattern, not the automaton, and only as much of the grammar as it is sure
 * of: what it does not know it steps over, and where it could lose its place it names
 * nothing.  Right for patterns compiled with PCRE2_CASELESS at most (no PCRE2_EXTENDED,
 * PCRE2_LITERAL, PCRE2_ALT_BSUX).
 */
#ifndef COMMON_TEXT_LITERALS_H
#define COMMON_TEXT_LITERALS_H

#include <stddef.h>

#include "common/err.h"
#include "common/slice.h"

#define LITERAL_MIN   2     /* bytes */
#define LITERAL_MAX   16    /* bytes; of a longer text the part that says most is taken */
#define LITERAL_WORTH 4     /* sum of fold_rarity(): ": " would be seen in most lines */

/* At least one of the *n literals put into out[] (room for max) is, ASCII case apart, part of
 * every subject that pcre2 (a text that compiles) matches.  *n is 0 when none can be
 * named.  They are in lower case and lie in store (room for pcre2.n bytes). */
MUST_USE enum err literals_find(struct slice pcre2, char *store, struct slice *out, size_t max,
                                size_t *n);

#endif
