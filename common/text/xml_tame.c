#include "common/text/xml_tame.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OPEN "<r>"
#define GROWTH 6                /* a newline in a value: "&#10;" and the newline later */

struct tame {
    const char *file;
    struct report *report;
    struct slice in;
    size_t at;                  /* next byte of in */
    uint32_t line;
    char *out;
    size_t n;
};

static bool refuse(struct tame *t, uint32_t line, const char *why)
{
    report_error(t->report, t->file, line, "%s", why);
    return false;
}

static bool at_text(const struct tame *t, size_t at, struct slice text)
{
    return slice_starts(slice_from(t->in, at), text);
}

static void put(struct tame *t, struct slice s)
{
    memcpy(t->out + t->n, s.p, s.n);
    t->n += s.n;
}

static void put_byte(struct tame *t, char c)
{
    t->out[t->n++] = c;
}

static bool check_byte(struct tame *t, char c)
{
    unsigned char u = (unsigned char)c;

    if (u >= 0x20 || c == '\t' || c == '\n' || c == '\r')
        return true;
    report_error(t->report, t->file, t->line, "control byte 0x%02x", u);
    return false;
}

static bool put_literal(struct tame *t, char c)
{
    switch (c) {
    case '&':  put(t, SLICE("&amp;")); return true;
    case '<':  put(t, SLICE("&lt;")); return true;
    case '>':  put(t, SLICE("&gt;")); return true;      /* "]]>" is no text to expat */
    case '\r': put(t, SLICE("&#13;")); return true;     /* bare, it would become \n */
    default:   put_byte(t, c); return check_byte(t, c);
    }
}

/* in[at] opens the value; in a value expat would turn \n and \t into spaces. */
static bool take_value(struct tame *t)
{
    const uint32_t line = t->line;
    const char quote = t->in.p[t->at++];
    bool good = true;

    put_byte(t, quote);
    for (; good && t->at < t->in.n && t->in.p[t->at] != quote; t->at++) {
        char c = t->in.p[t->at];
        if (c == '\n') {
            put(t, SLICE("&#10;"));
            t->line++;
        } else if (c == '\t')
            put(t, SLICE("&#9;"));
        else
            good = put_literal(t, c);
    }
    if (!good)
        return false;
    if (t->at == t->in.n)
        return refuse(t, line, "an attribute value opens here and is never closed");
    put_byte(t, quote);
    for (uint32_t i = line; i < t->line; i++)
        put_byte(t, '\n');
    t->at++;
    return true;
}

static bool take_tag_byte(struct tame *t, char c)
{
    if (c == '"' || c == '\'')
        return take_value(t);
    if (c == '<')
        return refuse(t, t->line, "'<' inside a tag");
    put_byte(t, c == '\r' ? ' ' : c);
    t->line += c == '\n';
    t->at++;
    return check_byte(t, c);
}

static bool take_tag(struct tame *t)
{
    const uint32_t line = t->line;

    put_byte(t, t->in.p[t->at++]);
    while (t->at < t->in.n) {
        char c = t->in.p[t->at];
        if (!take_tag_byte(t, c))
            return false;
        if (c == '>')
            return true;
    }
    return refuse(t, line, "a tag opens here and is never closed by '>'");
}

/* The newlines of in from at up to `end`, as expat must count them. */
static void keep_lines(struct tame *t, size_t end)
{
    for (; t->at < end; t->at++)
        if (t->in.p[t->at] == '\n') {
            put_byte(t, '\n');
            t->line++;
        }
}

static size_t comment_end(const struct tame *t)
{
    for (size_t i = t->at + 2; i < t->in.n; i++) {
        if (at_text(t, i, SLICE("!>")))
            return i + 2;
        if (at_text(t, i, SLICE("-->")))
            return i + 3;
    }
    return 0;
}

static bool take_comment(struct tame *t)
{
    size_t end = comment_end(t);

    if (end == 0)
        return refuse(t, t->line, "a comment opens here and is never closed");
    put(t, SLICE("<!--"));
    keep_lines(t, end);
    put(t, SLICE("-->"));
    return true;
}

static bool is_declaration(const struct tame *t)
{
    static const struct slice words[] = {
        SLICE_INIT("DOCTYPE"), SLICE_INIT("ENTITY"), SLICE_INIT("ELEMENT"),
        SLICE_INIT("ATTLIST"), SLICE_INIT("NOTATION"), SLICE_INIT("["),
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (at_text(t, t->at + 2, words[i]))
            return true;
    return false;
}

static bool take_markup(struct tame *t)
{
    if (at_text(t, t->at, SLICE("<?")))
        return refuse(t, t->line, "processing instructions are not part of this dialect");
    if (!at_text(t, t->at, SLICE("<!")))
        return take_tag(t);
    if (is_declaration(t))
        return refuse(t, t->line, "DOCTYPE, entities and CDATA are not part of this dialect");
    return take_comment(t);
}

static bool take(struct tame *t)
{
    char c = t->in.p[t->at];

    if (c == '<' && (t->at == 0 || t->in.p[t->at - 1] != '\\'))
        return take_markup(t);
    if (!put_literal(t, c))
        return false;
    t->line += c == '\n';
    t->at++;
    return true;
}

static bool take_prolog(struct tame *t)
{
    if (at_text(t, 0, SLICE("\xff\xfe")) || at_text(t, 0, SLICE("\xfe\xff")))
        return refuse(t, 1, "UTF-16; write the file in UTF-8");
    if (at_text(t, 0, SLICE("\xef\xbb\xbf")))
        t->at = 3;
    if (!at_text(t, t->at, SLICE("<?xml")))
        return true;

    const char *end = memmem(t->in.p + t->at, t->in.n - t->at, "?>", 2);
    if (end == NULL)
        return refuse(t, 1, "the <?xml prolog is never closed");
    keep_lines(t, (size_t)(end - t->in.p) + 2);
    return true;
}

static bool check_nul(struct tame *t)
{
    const char *nul = t->in.n > 0 ? memchr(t->in.p, '\0', t->in.n) : NULL;
    uint32_t line = 1;

    if (nul == NULL)
        return true;
    for (const char *p = t->in.p; p < nul; p++)
        line += *p == '\n';
    return refuse(t, line, "NUL byte; is this a text file in UTF-8?");
}

static bool run(struct tame *t)
{
    put(t, SLICE(OPEN));
    if (!take_prolog(t) || !check_nul(t))
        return false;
    while (t->at < t->in.n)
        if (!take(t))
            return false;
    put(t, SLICE(XML_TAME_CLOSE));
    return true;
}

enum err xml_tame(struct slice *ret, const char *file, struct slice text, struct report *r)
{
    struct tame t = { .file = file, .report = r, .in = text, .line = 1 };

    if (text.n > SIZE_MAX / GROWTH - 64)
        return ERR_NOMEM;
    t.out = malloc(text.n * GROWTH + sizeof OPEN XML_TAME_CLOSE);
    if (t.out == NULL)
        return ERR_NOMEM;
    if (!run(&t)) {
        free(t.out);
        return ERR_SYNTAX;
    }
    *ret = (struct slice){ t.out, t.n };
    return ERR_OK;
}
