/* slice - a borrowed run of bytes.  It owns nothing and does not end in NUL. */
#ifndef COMMON_SLICE_H
#define COMMON_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct slice { const char *p; size_t n; };

#define SLICE_INIT(lit) { (lit), sizeof(lit) - 1 }           /* in static tables */
#define SLICE(lit)      ((struct slice)SLICE_INIT(lit))      /* in expressions */

/* for printf("%.*s"): lengths above 2^31 are cut */
#define SLICE_FMT(s)    (int)((s).n > 0x7fffffff ? 0x7fffffff : (s).n), ((s).p != NULL ? (s).p : "")

static inline struct slice slice_of(const char *text)   /* NULL gives the empty slice */
{
    return (struct slice){ text, text != NULL ? strlen(text) : 0 };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_eq_nocase(struct slice a, struct slice b)     /* ASCII only */
{
    for (size_t i = 0; a.n == b.n && i < a.n; i++) {
        unsigned char x = (unsigned char)a.p[i], y = (unsigned char)b.p[i], low = x | 0x20;
        if (x != y && ((x ^ y) != 0x20 || low < 'a' || low > 'z'))
            return false;
    }
    return a.n == b.n;
}

static inline bool slice_starts(struct slice s, struct slice with)
{
    return s.n >= with.n && (with.n == 0 || memcmp(s.p, with.p, with.n) == 0);
}

/* The part of s from byte `at` on; at above s.n gives the empty end. */
static inline struct slice slice_from(struct slice s, size_t at)
{
    at = at < s.n ? at : s.n;
    return (struct slice){ s.p != NULL ? s.p + at : NULL, s.n - at };
}

#endif
