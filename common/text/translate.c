#include "common/text/translate.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text/fold.h"

#define GROWTH_MAX 20       /* no byte of a pattern becomes more bytes of PCRE2 */

/* What an OS_Regex escape stands for, where it is not itself. */
static const struct { char letter; struct slice emit; } classes[] = {
    { 'd', SLICE_INIT("[0-9]") },
    { 'D', SLICE_INIT("[^0-9]") },
    { 'w', SLICE_INIT("[A-Za-z0-9@_-]") },
    { 'W', SLICE_INIT("[^A-Za-z0-9@_-]") },
    { 's', SLICE_INIT("[ ]") },
    { 'S', SLICE_INIT("[^ ]") },
    { 'p', SLICE_INIT("[()*+,.:;\\<=>?\\[\\]!\"'#%&$|{}-]") },
    { '.', SLICE_INIT("(?s:.)") },
};

struct maker {
    struct slice in;
    char *out, *lit;
    size_t n_out, n_lit;
    bool plain, head, tail;
};

static void emit(struct maker *m, struct slice s)
{
    memcpy(m->out + m->n_out, s.p, s.n);
    m->n_out += s.n;
}

static void emit_special(struct maker *m, struct slice s)
{
    m->plain = false;
    emit(m, s);
}

static void emit_literal(struct maker *m, char c, bool escape)
{
    if (escape)
        m->out[m->n_out++] = '\\';
    m->out[m->n_out++] = c;
    if (m->tail)
        m->plain = false;           /* text behind the end anchor: never matches */
    m->lit[m->n_lit++] = (char)fold(c);
}

static void emit_head(struct maker *m)
{
    if (m->n_out != 0)
        m->plain = false;
    m->head = true;
    emit(m, SLICE("^"));
}

static void emit_tail(struct maker *m, struct slice anchor)
{
    if (m->tail)
        m->plain = false;
    m->tail = true;
    emit(m, anchor);
}

static bool regex_escape(struct maker *m, char c)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (classes[i].letter == c) {
            emit_special(m, classes[i].emit);
            return true;
        }
    if (c == 't') {
        emit_special(m, SLICE("\\t"));
        return true;
    }
    if (c == '\0' || strchr("()[]{}\\$|<", c) == NULL)
        return false;
    emit_literal(m, c, true);
    return true;
}

static void regex_plain_char(struct maker *m, size_t at)
{
    char c = m->in.p[at];

    switch (c) {
    case '$': emit_tail(m, SLICE("(?!\\n)$"));  break;
    case '^': emit_head(m);                     break;
    case '|': emit_special(m, SLICE("|"));      break;
    case '(': emit_special(m, SLICE("("));      break;
    case ')': emit_special(m, SLICE(")"));      break;
    case '.': case '[': case ']': case '{': case '}': case '?':
        emit_literal(m, c, true);
        break;
    case '+': case '*':             /* by position alone, as OSSEC looks: two back */
        if (at >= 2 && m->in.p[at - 2] == '\\')
            emit_special(m, c == '+' ? SLICE("+?") : SLICE("*?"));
        else
            emit_literal(m, c, true);
        break;
    default:
        emit_literal(m, c, false);
    }
}

/* The last quantifier of a branch takes all it can: drop the `?` behind a `+` or `*`
 * that only closing brackets part from `|`, `$` or the end. */
static void make_last_greedy(struct maker *m)
{
    size_t to = 0;

    for (size_t i = 0; i < m->n_out; i++) {
        const char *p = m->out;
        bool quantifier = (p[i] == '+' || p[i] == '*') && (to == 0 || p[to - 1] != '\\');
        m->out[to++] = p[i];
        if (!quantifier || i + 1 >= m->n_out || p[i + 1] != '?')
            continue;
        size_t j = i + 2;
        while (j < m->n_out && p[j] == ')')
            j++;
        if (j == m->n_out || p[j] == '|' || p[j] == '$' || (p[j] == '\n' && j + 1 == m->n_out))
            i++;
    }
    m->n_out = to;
}

static enum err from_regex(struct maker *m, const char **reason)
{
    if (m->in.n == 0) {
        *reason = "empty regular expression";
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < m->in.n; i++) {
        if (m->in.p[i] != '\\') {
            regex_plain_char(m, i);
            continue;
        }
        if (++i == m->in.n || !regex_escape(m, m->in.p[i])) {
            *reason = "a backslash may only stand before one of "
                      "d D w W s S t p . ( ) [ ] { } \\ $ | <";
            return ERR_SYNTAX;
        }
    }
    make_last_greedy(m);
    return ERR_OK;
}

/* OSSEC compares a lone anchored text itself and then means the very end by `$`; in
 * all other patterns it leaves `$` to PCRE2, which also stops before a last newline. */
static bool match_is_one_text(struct slice in)
{
    size_t from = in.n > 0 && in.p[0] == '^' ? 1 : 0;
    size_t to = in.n > from && in.p[in.n - 1] == '$' ? in.n - 1 : in.n;

    for (size_t i = from; i < to; i++)
        if (in.p[i] == '$' || in.p[i] == '|' || in.p[i] == '^')
            return false;
    return to > from;
}

static void from_match(struct maker *m)
{
    struct slice anchor = match_is_one_text(m->in) ? SLICE("(?!\\n)$") : SLICE("$");

    for (size_t i = 0; i < m->in.n; i++) {
        char c = m->in.p[i];
        if (c == '$')
            emit_tail(m, anchor);
        else if (c == '^')
            emit_head(m);
        else if (c == '|')
            emit_special(m, SLICE("|"));
        else
            emit_literal(m, c, c != '\0' && strchr(".[]{}+?*()\\", c) != NULL);
    }
}

static bool is_alnum(char c)
{
    unsigned char low = fold(c);
    return (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9');
}

/* Nothing changes but what is known: `^text` and `text` need no engine.  A `$` does,
 * since it may stand before a last newline. */
static enum err from_pcre2(struct maker *m, const char **reason)
{
    struct slice in = m->in;

    if (in.n == 0) {
        *reason = "empty regular expression";
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < in.n && m->plain; i++) {
        if (in.p[i] == '\\' && i + 1 < in.n && !is_alnum(in.p[i + 1]))
            emit_literal(m, in.p[++i], true);
        else if (in.p[i] == '^')
            emit_head(m);
        else if (in.p[i] != '\0' && strchr("\\$.[|()?*+{", in.p[i]) != NULL)
            m->plain = false;
        else
            emit_literal(m, in.p[i], false);
    }
    memcpy(m->out, in.p, in.n);
    m->n_out = in.n;
    return ERR_OK;
}

static enum err convert(struct maker *m, enum pattern_kind kind, const char **reason)
{
    switch (kind) {
    case PATTERN_REGEX: return from_regex(m, reason);
    case PATTERN_PCRE2: return from_pcre2(m, reason);
    case PATTERN_MATCH: break;
    }
    from_match(m);
    return ERR_OK;
}

enum err translate(enum pattern_kind kind, struct slice text, struct translation *ret,
                   const char **reason)
{
    struct maker m = { .in = text, .plain = true };
    enum err e = ERR_NOMEM;

    m.out = malloc(text.n * GROWTH_MAX + 1);
    m.lit = malloc(text.n + 1);
    if (m.out != NULL && m.lit != NULL)
        e = convert(&m, kind, reason);
    if (e != ERR_OK) {
        free(m.out);
        free(m.lit);
        return e;
    }
    char *less = realloc(m.out, m.n_out + 1);
    *ret = (struct translation){
        .pcre2 = { less != NULL ? less : m.out, m.n_out },
        .literal = { m.lit, m.n_lit },
        .plain = m.plain && m.n_lit > 0,
        .head = m.head, .tail = m.tail,
    };
    return ERR_OK;
}
