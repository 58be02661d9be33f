#include "common/text/literals.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/text/fold.h"

/* Sets of literals lie one behind the other in pool[]: the best of a branch so far, on
 * top of it the one just read.  A set of none means "nothing known". */
struct reader {
    const char *p, *end;
    char *store;
    size_t used;
    struct slice *pool;
    size_t n_pool, max;
    bool lost;                      /* met what it cannot parse: nothing may be named */
};

struct set { size_t first, n; unsigned score; };

enum atom { ATOM_BYTE, ATOM_SET, ATOM_OTHER };
enum times { TIMES_ONE, TIMES_MORE, TIMES_MAYBE };

static bool more(const struct reader *r)
{
    return !r->lost && r->p < r->end;
}

static bool next_is(const struct reader *r, char c)
{
    return r->p < r->end && *r->p == c;
}

static bool one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool skip_past(struct reader *r, char c)
{
    const char *at = memchr(r->p, c, (size_t)(r->end - r->p));

    if (at == NULL)
        r->lost = true;
    else
        r->p = at + 1;
    return at != NULL;
}

static unsigned score_of(struct slice s)
{
    unsigned score = 0;

    for (size_t i = 0; i < s.n; i++)
        score += fold_rarity(s.p[i]);
    return score;
}

/* The LITERAL_MAX bytes of a long run that say most. */
static struct slice best_window(struct slice run)
{
    struct slice now = { run.p, LITERAL_MAX }, best = now;

    for (; now.p + now.n <= run.p + run.n; now.p++)
        if (score_of(now) > score_of(best))
            best = now;
    return best;
}

static void pool_move(struct reader *r, size_t to, struct set from)
{
    memmove(r->pool + to, r->pool + from.first, from.n * sizeof r->pool[0]);
    r->n_pool = to + from.n;
}

/* The worst literal of a set counts, and many are worse than few. */
static unsigned worth(struct set s)
{
    return s.score * 8 / (unsigned)(7 + s.n);
}

/* Keep the better of two sets; challenger lies right behind best. */
static void contest(struct reader *r, struct set *best, struct set challenger)
{
    if (challenger.n > 0 && challenger.n <= r->max
        && (best->n == 0 || worth(challenger) > worth(*best))) {
        pool_move(r, best->first, challenger);
        best->n = challenger.n;
        best->score = challenger.score;
    }
    r->n_pool = best->first + best->n;
}

static void end_run(struct reader *r, struct set *best, struct slice *run)
{
    struct slice s = run->n > LITERAL_MAX ? best_window(*run) : *run;

    *run = (struct slice){ r->store + r->used, 0 };
    if (s.n < LITERAL_MIN || score_of(s) < LITERAL_WORTH)
        return;
    r->pool[r->n_pool] = s;
    contest(r, best, (struct set){ r->n_pool, 1, score_of(s) });
}

static enum atom read_escape(struct reader *r, char *byte)
{
    static const char controls[] = "t\tn\nr\rf\fe\033a\a";

    if (!more(r)) {
        r->lost = true;
        return ATOM_OTHER;
    }
    char c = *r->p++;
    const char *control = one_of(c, "tnrfea") ? strchr(controls, c) : NULL;
    if (control != NULL) {
        *byte = control[1];
        return ATOM_BYTE;
    }
    if (is_digit(c)) {                              /* back-reference or octal */
        while (more(r) && is_digit(*r->p))
            r->p++;
        return ATOM_OTHER;
    }
    if (one_of(c, "dDsSwWhHvVRXbBAzZGK") || (c == 'N' && !next_is(r, '{')))
        return ATOM_OTHER;
    unsigned char low = fold(c);
    if (low >= 'a' && low <= 'z') {                 /* \x \c \o \p \g \k \Q ...: rare */
        r->lost = true;
        return ATOM_OTHER;
    }
    *byte = c;
    return ATOM_BYTE;
}

/* Behind "[:" in a class: a name such as "alpha:]". */
static bool skip_posix_name(struct reader *r)
{
    const char *p = r->p;

    if (p < r->end && *p == '^')
        p++;
    const char *name = p;
    while (p < r->end && *p >= 'a' && *p <= 'z')
        p++;
    if (p == name || r->end - p < 2 || p[0] != ':' || p[1] != ']')
        return false;
    r->p = p + 2;
    return true;
}

/* Behind the "[".  A class of one plain byte is that byte. */
static enum atom read_class(struct reader *r, char *byte)
{
    const char *from = r->p;

    if (next_is(r, '^'))
        r->p++;
    if (next_is(r, ']'))
        r->p++;
    while (more(r) && *r->p != ']') {
        char c = *r->p++;
        if (c == '\\') {
            if (!more(r) || one_of(*r->p, "QEc"))
                r->lost = true;
            else
                r->p++;
        } else if (c == '[' && r->p < r->end && one_of(*r->p, ":.=")) {
            r->p++;
            if (r->p[-1] != ':' || !skip_posix_name(r))
                r->lost = true;
        }
    }
    if (!more(r)) {
        r->lost = true;
        return ATOM_OTHER;
    }
    r->p++;
    bool single = r->p - from == 2 && !one_of(*from, "\\[]^");
    *byte = *from;
    return single ? ATOM_BYTE : ATOM_OTHER;
}

static struct set read_choice(struct reader *r);

/* The inside of a group, up to and with its ")". */
static enum atom read_inside(struct reader *r, bool counts, struct set *ret)
{
    *ret = read_choice(r);
    if (!next_is(r, ')'))
        r->lost = true;
    else
        r->p++;
    if (!counts) {
        r->n_pool = ret->first;
        return ATOM_OTHER;
    }
    return ATOM_SET;
}

/* Behind "(?": "<name>", "'name'", or "P<name>". */
static enum atom read_named(struct reader *r, char close, struct set *ret)
{
    return skip_past(r, close) ? read_inside(r, true, ret) : ATOM_OTHER;
}

/* Behind "(?": option letters, then ":" and a group, or ")". */
static enum atom read_options(struct reader *r, struct set *ret)
{
    while (more(r) && one_of(*r->p, "^-imsnUJ"))
        r->p++;
    if (next_is(r, ')')) {
        r->p++;
        return ATOM_OTHER;
    }
    if (!next_is(r, ':')) {                 /* `x` among them, or not options at all */
        r->lost = true;
        return ATOM_OTHER;
    }
    r->p++;
    return read_inside(r, true, ret);
}

static enum atom read_special_group(struct reader *r, struct set *ret)
{
    char c = more(r) ? *r->p : '\0';
    char d = r->end - r->p > 1 ? r->p[1] : '\0';

    if (c == '=' || c == '!' || (c == '<' && (d == '=' || d == '!'))) {
        r->p += c == '<' ? 2 : 1;
        return read_inside(r, false, ret);
    }
    if (c == '>' || c == '|') {
        r->p++;
        return read_inside(r, true, ret);
    }
    if (c == '<' || (c == 'P' && d == '<'))
        return read_named(r, '>', ret);
    if (c == '\'') {
        r->p++;
        return read_named(r, '\'', ret);
    }
    if (c == 'R' || c == '&' || c == '+' || is_digit(c) || (c == '-' && is_digit(d))
        || (c == 'P' && (d == '>' || d == '='))) {
        skip_past(r, ')');                  /* recursion: matches more, never less */
        return ATOM_OTHER;
    }
    return read_options(r, ret);            /* and (?#, (?(, (?C, which it gives up on */
}

static enum atom read_group(struct reader *r, struct set *ret)
{
    if (next_is(r, '*')) {                  /* (*ACCEPT) and its like */
        r->lost = true;
        return ATOM_OTHER;
    }
    if (!next_is(r, '?'))
        return read_inside(r, true, ret);
    r->p++;
    return read_special_group(r, ret);
}

static enum atom read_atom(struct reader *r, char *byte, struct set *ret)
{
    char c = *r->p++;

    switch (c) {
    case '\\': return read_escape(r, byte);
    case '[':  return read_class(r, byte);
    case '(':  return read_group(r, ret);
    case '.': case '^': case '$':
        return ATOM_OTHER;
    default:
        *byte = c;
        return ATOM_BYTE;
    }
}

/* Behind a "{": "3}", "3,}" or "3,5}". */
static enum times read_counted(struct reader *r)
{
    bool any = false;
    const char *from = r->p;

    for (; more(r) && is_digit(*r->p); r->p++)
        any |= *r->p != '0';
    bool digits = r->p > from;
    if (digits && next_is(r, ','))
        for (r->p++; more(r) && is_digit(*r->p); r->p++)
            continue;
    if (!digits || !next_is(r, '}')) {      /* text to PCRE2 10.42, but not to later ones */
        r->lost = true;
        return TIMES_MAYBE;
    }
    r->p++;
    return any ? TIMES_MORE : TIMES_MAYBE;
}

/* A "{" that begins no count in any version of PCRE2. */
static bool brace_is_text(const struct reader *r)
{
    return r->end - r->p < 2 || !(is_digit(r->p[1]) || one_of(r->p[1], ", \t"));
}

static enum times read_times(struct reader *r)
{
    enum times t = TIMES_ONE;

    if (next_is(r, '?') || next_is(r, '*'))
        t = TIMES_MAYBE;
    else if (next_is(r, '+'))
        t = TIMES_MORE;
    else if (!next_is(r, '{') || brace_is_text(r))
        return TIMES_ONE;
    if (*r->p++ == '{')
        t = read_counted(r);
    if (next_is(r, '?') || next_is(r, '+'))
        r->p++;                             /* lazy, possessive */
    return t;
}

static struct set read_branch(struct reader *r)
{
    struct set best = { r->n_pool, 0, 0 };
    struct slice run = { r->store + r->used, 0 };

    while (more(r) && *r->p != '|' && *r->p != ')') {
        struct set inner = { 0, 0, 0 };
        char byte = '\0';

        if (*r->p == '(')                   /* which writes store and pool itself */
            end_run(r, &best, &run);
        enum atom a = read_atom(r, &byte, &inner);
        enum times t = read_times(r);
        if (a == ATOM_BYTE && t != TIMES_MAYBE) {
            r->store[r->used++] = (char)fold(byte);
            run.n++;
        }
        if (a == ATOM_SET)
            contest(r, &best, t != TIMES_MAYBE ? inner : (struct set){ 0, 0, 0 });
        if (a != ATOM_BYTE || t != TIMES_ONE)
            end_run(r, &best, &run);
    }
    end_run(r, &best, &run);
    return best;
}

/* Branches apart by "|": all of them must name something. */
static struct set read_choice(struct reader *r)
{
    struct set all = { r->n_pool, 0, 0 };
    bool known = true;

    for (;;) {
        struct set one = read_branch(r);
        known = known && one.n > 0;
        if (all.n == 0 || one.score < all.score)
            all.score = one.score;
        all.n = known ? all.n + one.n : 0;
        r->n_pool = all.first + all.n;
        if (!more(r) || !next_is(r, '|'))
            return all;
        r->p++;
    }
}

enum err literals_find(struct slice pcre2, char *store, struct slice *out, size_t max, size_t *n)
{
    struct reader r = { .p = pcre2.p, .end = pcre2.p + pcre2.n, .store = store, .max = max };

    r.pool = calloc(pcre2.n / LITERAL_MIN + 1, sizeof r.pool[0]);
    if (r.pool == NULL)
        return ERR_NOMEM;
    struct set all = read_choice(&r);
    bool sure = !r.lost && r.p == r.end && all.n <= max;
    *n = sure ? all.n : 0;
    if (*n > 0)
        memcpy(out, r.pool + all.first, *n * sizeof out[0]);
    free(r.pool);
    return ERR_OK;
}
