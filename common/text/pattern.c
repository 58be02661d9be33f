#define PCRE2_CODE_UNIT_WIDTH 8
#include "common/text/pattern.h"

#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text/fold.h"
#include "common/text/literals.h"
#include "common/text/translate.h"

#define JIT_STACK_MIN ((size_t)32 << 10)
#define JIT_STACK_MAX ((size_t)512 << 10)
#define REASON_MAX    300               /* PCRE2 promises 256 for its sentence, we add a place */

enum way { WAY_ALWAYS, WAY_PREFIX, WAY_SUFFIX, WAY_WHOLE, WAY_WITHIN, WAY_ENGINE };

struct pattern {
    enum way way;
    struct slice text;
    struct slice pcre2;
    struct slice literal;               /* for the ways that compare text; lower case */
    size_t rarest;                      /* index in literal */
    pcre2_code *code;                   /* for WAY_ENGINE */
    bool jit;
    char *store;                        /* what needed[] points into */
    struct slice *needed;               /* one of these is in every match */
    size_t n_needed;
};

struct matcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

static enum way way_of(const struct translation *t, struct slice text)
{
    if (text.n == 0)
        return WAY_ALWAYS;
    if (!t->plain)
        return WAY_ENGINE;
    if (t->head)
        return t->tail ? WAY_WHOLE : WAY_PREFIX;
    return t->tail ? WAY_SUFFIX : WAY_WITHIN;
}

/* The one place that writes: PCRE2 gives its sentences only through a buffer. */
static const char *explain(int error, size_t at)
{
    static _Thread_local char text[REASON_MAX];
    PCRE2_UCHAR said[256] = "";

    (void)pcre2_get_error_message(error, said, sizeof said);
    snprintf(text, sizeof text, "%s, at byte %zu of its PCRE2 form", (char *)said, at);
    return text;
}

static enum err compile(struct pattern *p, const char **reason)
{
    const uint32_t options = PCRE2_CASELESS | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C;
    int error = 0;
    PCRE2_SIZE at = 0;

    p->code = pcre2_compile((PCRE2_SPTR)p->pcre2.p, p->pcre2.n, options, &error, &at, NULL);
    if (p->code == NULL) {
        *reason = explain(error, at);
        return error == PCRE2_ERROR_NOMEMORY ? ERR_NOMEM : ERR_SYNTAX;
    }
    p->jit = pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE) == 0;
    return ERR_OK;
}

static enum err name_literals(struct pattern *p)
{
    struct slice *found = calloc(PATTERN_LITERALS_MAX, sizeof found[0]);
    enum err e = ERR_NOMEM;

    p->store = malloc(p->pcre2.n + 1);
    if (found != NULL && p->store != NULL)
        e = literals_find(p->pcre2, p->store, found, PATTERN_LITERALS_MAX, &p->n_needed);
    if (e != ERR_OK || p->n_needed == 0) {
        free(found);
        return e;
    }
    struct slice *less = realloc(found, p->n_needed * sizeof found[0]);
    p->needed = less != NULL ? less : found;
    return ERR_OK;
}

static enum err copy_text(struct pattern *p, struct slice text)
{
    char *copy = malloc(text.n + 1);

    if (copy == NULL)
        return ERR_NOMEM;
    if (text.n > 0)
        memcpy(copy, text.p, text.n);
    p->text = (struct slice){ copy, text.n };
    return ERR_OK;
}

static enum err build(struct pattern *p, enum pattern_kind kind, struct slice text,
                      const char **reason)
{
    struct translation t;
    enum err e = copy_text(p, text);

    if (e == ERR_OK)
        e = translate(kind, p->text, &t, reason);
    if (e != ERR_OK)
        return e;
    p->way = way_of(&t, p->text);
    p->pcre2 = t.pcre2;
    p->literal = t.literal;
    p->rarest = fold_rarest(p->literal);
    p->jit = true;
    if (p->way == WAY_ENGINE)
        e = compile(p, reason);
    return e == ERR_OK ? name_literals(p) : e;
}

enum err pattern_new(struct pattern **ret, enum pattern_kind kind, struct slice text,
                     const char **reason)
{
    const char *why = "out of memory";
    enum err e = ERR_LIMIT;
    struct pattern *p = NULL;

    if (text.n > PATTERN_TEXT_MAX)
        why = "longer than 64 KiB";
    else if ((p = calloc(1, sizeof *p)) == NULL)
        e = ERR_NOMEM;
    else
        e = build(p, kind, text, &why);
    if (e == ERR_OK) {
        *ret = p;
        return e;
    }
    pattern_free(p);
    if (reason != NULL)
        *reason = why;
    return e;
}

void pattern_free(struct pattern *p)
{
    if (p == NULL)
        return;
    pcre2_code_free(p->code);
    free((char *)(uintptr_t)p->text.p);
    free((char *)(uintptr_t)p->pcre2.p);
    free((char *)(uintptr_t)p->literal.p);
    free(p->store);
    free(p->needed);
    free(p);
}

struct slice pattern_text(const struct pattern *p)
{
    return p->text;
}

struct slice pattern_pcre2(const struct pattern *p)
{
    return p->pcre2;
}

bool pattern_jit(const struct pattern *p)
{
    return p->jit;
}

size_t pattern_literals(const struct pattern *p, struct slice *out, size_t max)
{
    if (p->n_needed > max)
        return 0;
    for (size_t i = 0; i < p->n_needed; i++)
        out[i] = p->needed[i];
    return p->n_needed;
}

void matcher_limit(struct matcher *m, uint32_t steps)
{
    pcre2_set_match_limit(m->context, steps);
    pcre2_set_depth_limit(m->context, steps);   /* backtracking is never deeper than long */
}

enum err matcher_new(struct matcher **ret)
{
    struct matcher *m = calloc(1, sizeof *m);

    if (m == NULL)
        return ERR_NOMEM;
    m->data = pcre2_match_data_create(PATTERN_CAPTURES_MAX + 1, NULL);
    m->context = pcre2_match_context_create(NULL);
    m->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    if (m->data == NULL || m->context == NULL) {
        matcher_free(m);
        return ERR_NOMEM;
    }
    matcher_limit(m, MATCHER_MATCH_LIMIT);
    pcre2_set_heap_limit(m->context, MATCHER_HEAP_LIMIT_KIB);
    if (m->stack != NULL)               /* absent where PCRE2 was built without JIT */
        pcre2_jit_stack_assign(m->context, NULL, m->stack);
    *ret = m;
    return ERR_OK;
}

void matcher_free(struct matcher *m)
{
    if (m == NULL)
        return;
    pcre2_jit_stack_free(m->stack);
    pcre2_match_context_free(m->context);
    pcre2_match_data_free(m->data);
    free(m);
}

/* Unset groups are left out: captures compact to the left. */
static void take_captures(struct matcher *m, int pairs, struct slice subject, struct captures *ret)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(m->data);
    size_t n = pairs > 0 ? (size_t)pairs : PATTERN_CAPTURES_MAX + 1;

    ret->n = 0;
    ret->end = at[1];
    for (size_t i = 1; i < n; i++)
        if (at[2 * i] != PCRE2_UNSET)
            ret->at[ret->n++] = (struct slice){ subject.p + at[2 * i], at[2 * i + 1] - at[2 * i] };
}

static enum match run_engine(const struct pattern *p, struct matcher *m, struct slice subject,
                             struct captures *ret)
{
    PCRE2_SPTR text = (PCRE2_SPTR)subject.p;
    int rc = p->jit ? pcre2_jit_match(p->code, text, subject.n, 0, 0, m->data, m->context)
                    : pcre2_match(p->code, text, subject.n, 0, 0, m->data, m->context);

    if (rc == PCRE2_ERROR_NOMATCH)
        return MATCH_NO;
    if (rc < 0)
        return MATCH_LIMIT;
    if (ret != NULL)
        take_captures(m, rc, subject, ret);
    return MATCH_YES;
}

/* Patterns that are text: the offset behind the match, or -1. */
static ptrdiff_t compare(const struct pattern *p, struct slice subject)
{
    struct slice low = p->literal;
    size_t at = 0;

    if (subject.n < low.n)
        return -1;
    switch (p->way) {
    case WAY_ALWAYS:
    case WAY_ENGINE:
        return 0;
    case WAY_PREFIX:
        return fold_same(subject.p, low) ? (ptrdiff_t)low.n : -1;
    case WAY_SUFFIX:
        return fold_same(subject.p + subject.n - low.n, low) ? (ptrdiff_t)subject.n : -1;
    case WAY_WHOLE:
        return subject.n == low.n && fold_same(subject.p, low) ? (ptrdiff_t)low.n : -1;
    case WAY_WITHIN:
        at = fold_find(subject, low, p->rarest);
        break;
    }
    return at < subject.n ? (ptrdiff_t)(at + low.n) : -1;
}

enum match pattern_match(const struct pattern *p, struct matcher *m, struct slice subject,
                         struct captures *ret)
{
    if (subject.p == NULL)
        subject = SLICE("");
    if (p->way == WAY_ENGINE)
        return run_engine(p, m, subject, ret);

    ptrdiff_t end = compare(p, subject);
    if (end < 0)
        return MATCH_NO;
    if (ret != NULL) {
        ret->n = 0;
        ret->end = (size_t)end;
    }
    return MATCH_YES;
}

static bool word_in(struct slice word, struct slice text)
{
    bool head = word.n > 0 && word.p[0] == '^';
    struct slice w = slice_from(word, head ? 1 : 0);

    for (size_t at = 0; at + w.n <= text.n; at++) {
        size_t k = 0;
        while (k < w.n && fold(text.p[at + k]) == fold(w.p[k]))
            k++;
        if (k == w.n)
            return true;
        if (head)
            return false;
    }
    return false;
}

bool wordmatch(struct slice pattern, struct slice text)
{
    while (pattern.n > 0) {
        const char *bar = memchr(pattern.p, '|', pattern.n);
        size_t n = bar != NULL ? (size_t)(bar - pattern.p) : pattern.n;
        if (word_in((struct slice){ pattern.p, n }, text))
            return true;
        if (bar == NULL)
            return false;
        if (n + 1 == pattern.n)
            return true;                /* nothing behind the last bar: always found */
        pattern = slice_from(pattern, n + 1);
    }
    return false;
}
