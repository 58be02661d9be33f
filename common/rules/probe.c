#include "common/rules/tree.h"

#define PROBE_LITERALS_MAX 64           /* a pattern with more is always tried */

const struct probe *probe_new(struct loader *l, enum pattern_kind kind, struct slice text,
                              uint32_t line, const char *what)
{
    const char *reason = "";
    struct probe *p = load_alloc(l, sizeof *p);

    if (p == NULL)
        return NULL;
    enum err err = pattern_new(&p->pattern, kind, text, &reason);
    if (err == ERR_NOMEM)
        l->err = err;
    else if (err != ERR_OK)
        report_error(l->report, l->file, line, "<%s>: %s", what, reason);
    if (err != ERR_OK)
        return NULL;
    load_push(l, &l->rs->probes, p);
    if (l->err != ERR_OK)
        pattern_free(p->pattern);
    return l->err == ERR_OK ? p : NULL;
}

static bool fits(const struct names *t, size_t bytes, const struct slice *literal, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes += literal[i].n;
    return n > 0 && t->n + n <= SCAN_LITERALS_MAX && bytes <= SCAN_BYTES_MAX;
}

/* Give p's literals their numbers; a probe without numbers is always tried. */
static enum err gate(struct ruleset *rs, struct probe *p, struct names *t, size_t *bytes)
{
    struct slice literal[PROBE_LITERALS_MAX];
    size_t n = pattern_literals(p->pattern, literal, PROBE_LITERALS_MAX);

    if (!fits(t, *bytes, literal, n))
        return ERR_OK;
    uint32_t *number = arena_alloc(rs->arena, n * sizeof *number);
    if (number == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        uint32_t before = t->n;
        if (names_add(t, literal[i], &number[i]) != ERR_OK)
            return ERR_NOMEM;
        if (t->n > before)
            *bytes += literal[i].n;
        number[i]--;                    /* bits count from 0 */
    }
    p->literal = number;
    p->n_literals = (uint32_t)n;
    return ERR_OK;
}

enum err probes_gate(struct ruleset *rs)
{
    struct names t = { 0 };
    size_t bytes = 0;
    enum err err = ERR_OK;

    for (size_t i = 0; i < rs->probes.n && err == ERR_OK; i++)
        err = gate(rs, rs->probes.at[i], &t, &bytes);
    if (err == ERR_OK)
        err = scan_new(&rs->scan, t.at, t.n);
    names_free(&t);
    return err;
}

static bool part_of(struct slice part, struct slice whole)
{
    uintptr_t p = (uintptr_t)part.p, w = (uintptr_t)whole.p;

    return p >= w && part.n <= whole.n && p - w <= whole.n - part.n;
}

/* Whether one of p's literals is in the line, or p cannot be judged by the line. */
static bool possible(const struct probe *p, const struct work *w, struct slice subject)
{
    if (p->n_literals == 0 || !part_of(subject, w->scanned))
        return true;
    for (uint32_t i = 0; i < p->n_literals; i++)
        if (w->seen[p->literal[i] / 64] >> (p->literal[i] % 64) & 1)
            return true;
    return false;
}

bool probe_match(const struct probe *p, struct work *w, struct slice subject,
                 struct captures *ret)
{
    return possible(p, w, subject)
        && pattern_match(p->pattern, w->matcher, subject, ret) == MATCH_YES;
}
