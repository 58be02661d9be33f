/*
 * A pattern and a subject.  What must hold: the text that a pattern says it needs is in what it
 * matches; captures lie in the subject; the ways around PCRE2 answer as PCRE2 would.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text/fold.h"
#include "common/text/pattern.h"

#define TEXT_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Pieces that make a valid pattern likelier than bytes do. */
static const char *const pieces[] = {
    "foo", "ab", "A", "b", "a", "x", " ", ":", "\n", "(", "(", ")", ")", "|", "?", "*", "+", "{2}",
    "{0,1}", "{1,}", "{,2}", "[ab]", "[^a]", "[[:alpha:]]", "[]a]", "[.]", ".", "\\.", "\\(", "\\d",
    "\\d+", "\\w*", "\\S+", "\\s", "\\\\", "\\b", "^", "$", "(?:", "(?=", "(?!", "(?<=", "(?<!",
    "(?>", "(?|", "(?<n>", "(?P=n)", "(?i)", "(?-i)", "(?x)", "(?s:", "(?#z)", "(?1)", "(?R)",
    "(?(1)", "(*ACCEPT)", "(*F)", "\\Q", "\\E", "\\K", "\\1", "\\x41", "\\t", "\\A", "\\z", "{",
    "}", "]", "[", "#", "\\N", "\\R", "\\X", "\\p", "\\|", "\\<", "\\$", "!", "\xc3\xa4", "\\g1",
};

struct text { char at[TEXT_MAX]; size_t n; };

static void add(struct text *t, const char *p, size_t n)
{
    if (n > sizeof t->at - t->n)
        n = sizeof t->at - t->n;
    memcpy(t->at + t->n, p, n);
    t->n += n;
}

static void write_pieces(struct text *t, const uint8_t *data, size_t n, size_t limit)
{
    for (size_t i = 0; i < n; i++) {
        const char *piece = pieces[data[i] % limit];
        add(t, piece, strlen(piece));
    }
}

static bool contains(struct slice subject, struct slice low)
{
    for (size_t at = 0; at + low.n <= subject.n; at++)
        if (fold_same(subject.p + at, low))
            return true;
    return false;
}

static void check_literals(const struct pattern *p, struct slice subject)
{
    struct slice need[PATTERN_LITERALS_MAX];
    size_t n = pattern_literals(p, need, PATTERN_LITERALS_MAX), found = 0;

    for (size_t i = 0; i < n; i++)
        found += contains(subject, need[i]);
    if (n > 0 && found == 0)
        abort();
}

static void check_captures(const struct captures *c, struct slice subject)
{
    if (c->end > subject.n || c->n > PATTERN_CAPTURES_MAX)
        abort();
    for (size_t i = 0; i < c->n; i++)
        if (c->at[i].p < subject.p || c->at[i].p + c->at[i].n > subject.p + subject.n)
            abort();
}

/* PCRE2 without JIT on the translated text. */
static void check_engine(const struct pattern *p, struct slice subject, enum match found,
                         size_t end)
{
    struct slice text = pattern_pcre2(p);
    int error = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text.p, text.n, PCRE2_CASELESS, &error, &at, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);

    if (code == NULL || context == NULL || data == NULL)
        abort();
    pcre2_set_match_limit(context, MATCHER_MATCH_LIMIT);
    pcre2_set_depth_limit(context, MATCHER_MATCH_LIMIT);
    int rc = pcre2_match(code, (PCRE2_SPTR)subject.p, subject.n, 0, 0, data, context);
    bool limit = found == MATCH_LIMIT || (rc < 0 && rc != PCRE2_ERROR_NOMATCH);
    if (!limit && (rc >= 0) != (found == MATCH_YES))
        abort();
    if (!limit && rc >= 0 && pcre2_get_ovector_pointer(data)[1] != end)
        abort();
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_code_free(code);
}

static void try_pattern(enum pattern_kind kind, struct slice text, struct slice subject)
{
    struct pattern *p = NULL;
    struct matcher *m = NULL;
    struct captures c = { .n = 0 };

    if (pattern_new(&p, kind, text, NULL) != ERR_OK)
        return;
    if (matcher_new(&m) != ERR_OK)
        abort();
    enum match found = pattern_match(p, m, subject, &c);
    if (found == MATCH_YES) {
        check_literals(p, subject);
        check_captures(&c, subject);
    }
    check_engine(p, subject, found, c.end);
    matcher_free(m);
    pattern_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum pattern_kind kinds[] = { PATTERN_REGEX, PATTERN_MATCH, PATTERN_PCRE2 };
    struct text text = { .n = 0 }, subject = { .n = 0 };

    if (n < 2)
        return 0;
    enum pattern_kind kind = kinds[data[0] % 3];
    bool raw = data[0] & 0x80;
    size_t split = data[1] % 32;
    data += 2;
    n -= 2;
    split = split < n ? split : n;
    if (raw) {
        add(&text, (const char *)data, split);
        add(&subject, (const char *)data + split, n - split);
    } else {
        write_pieces(&text, data, split, sizeof pieces / sizeof pieces[0]);
        write_pieces(&subject, data + split, n - split, 9);
    }
    char *exact = malloc(subject.n + 1);        /* so that reading behind it is seen */
    if (exact == NULL)
        return 0;
    memcpy(exact + 1, subject.at, subject.n);
    try_pattern(kind, (struct slice){ text.at, text.n }, (struct slice){ exact + 1, subject.n });
    free(exact);
    return 0;
}
