/*
 * pattern - the three regular expression dialects of OSSEC's rules, as one type
 *
 * OS_Regex and OS_Match are translated to PCRE2 when they are compiled, as OSSEC 4
 * does; a PCRE2 pattern is taken as it is.  All three ignore the case of ASCII
 * letters.  Subjects are bytes, not UTF-8: OSSEC hands PCRE2 unchecked bytes and
 * calls them UTF-8, which is undefined; and matching only valid UTF-8 would let a
 * stray byte in a user name hide a line from its decoder.  The price: letters outside ASCII
 * match only themselves, and `\.` alone is one byte.
 *
 * Captures compact to the left in every dialect: a group that took no part in the
 * match is left out, one that matched nothing stays as an empty slice.  Shipped
 * decoders such as `^(\S+) ran| for (\S+):` with one name in <order> rely on it.
 *
 * Patterns that are plain text, perhaps anchored, never reach PCRE2.  A struct
 * pattern does not change after birth and may be shared by threads; a struct
 * matcher is the scratch of one thread.
 */
#ifndef COMMON_TEXT_PATTERN_H
#define COMMON_TEXT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

#define PATTERN_TEXT_MAX     ((size_t)64 << 10)     /* bytes of one pattern */
#define PATTERN_CAPTURES_MAX 64                     /* groups beyond are not reported */
#define PATTERN_LITERALS_MAX 256                    /* longest list pattern_literals() gives */

#define MATCHER_MATCH_LIMIT     100000              /* PCRE2's units of work for one match, and their depth */
#define MATCHER_HEAP_LIMIT_KIB  4096

struct pattern;
struct matcher;

enum pattern_kind {
    PATTERN_REGEX,          /* OS_Regex: `regex`, `prematch`, `field` */
    PATTERN_MATCH,          /* OS_Match: `match`, `program_name`, ids, users */
    PATTERN_PCRE2,          /* `pcre2` and every `*_pcre2` */
};

enum match { MATCH_NO, MATCH_YES, MATCH_LIMIT };    /* LIMIT: given up, counts as no */

struct captures {
    struct slice at[PATTERN_CAPTURES_MAX];          /* parts of the subject */
    size_t n;                                       /* filled entries of at[] */
    size_t end;                                     /* offset behind the whole match */
};

/* Compile a copy of text; the caller owns *ret.  On error *ret is untouched and
 * *reason (may be NULL) is a sentence that lives until the thread's next call.
 * ERR_LIMIT: text is longer than PATTERN_TEXT_MAX.  ERR_SYNTAX: not of the dialect.
 * Refused besides plain errors: an empty regex or pcre2, escapes OS_Regex does not
 * know, and in PCRE2 `\C` and `(*UTF)`. */
MUST_USE enum err pattern_new(struct pattern **ret, enum pattern_kind kind, struct slice text,
                              const char **reason);
void pattern_free(struct pattern *p);               /* NULL is fine */

struct slice pattern_text(const struct pattern *p);     /* as written */
struct slice pattern_pcre2(const struct pattern *p);    /* as translated */
bool pattern_jit(const struct pattern *p);      /* runs as machine code, or needs no PCRE2 */

/* Text that must occur: at least one of the literals (lower case; compare without
 * regard to ASCII case) is in any subject that p matches.  Returns how many were
 * put into out[]; 0 when none can be named, or more than max would be needed: then
 * p must always be tried.  The slices live as long as p.  Text that most lines have
 * (": ") is not named. */
size_t pattern_literals(const struct pattern *p, struct slice *out, size_t max);

MUST_USE enum err matcher_new(struct matcher **ret);    /* the caller owns *ret */
/* Units of work for one match, instead of MATCHER_MATCH_LIMIT. */
void matcher_limit(struct matcher *m, uint32_t steps);
void matcher_free(struct matcher *m);                   /* NULL is fine */

/* Search subject.  *ret (may be NULL) is filled on MATCH_YES only; its slices point
 * into subject.  Work is bounded by the limits of m, and nothing is allocated where
 * pattern_jit() holds. */
enum match pattern_match(const struct pattern *p, struct matcher *m, struct slice subject,
                         struct captures *ret);

/* OS_WordMatch, for if_group and its like: `|` between alternatives, `^` in front
 * of one means "starts with", else "contains", ASCII case ignored.  An empty
 * alternative is always found; an empty pattern never. */
bool wordmatch(struct slice pattern, struct slice text);

#endif
