#include "common/forms/forms.h"
#include "common/text/ascii.h"
#include "common/text/json.h"

static char *put_hex(char *o, struct slice bytes)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.n; i++) {
        *o++ = '\\';
        *o++ = 'x';
        *o++ = hex[(uint8_t)bytes.p[i] >> 4];
        *o++ = hex[(uint8_t)bytes.p[i] & 15];
    }
    return o;
}

/* One character or stray byte that is not plain ASCII; returns how many bytes it took. */
static size_t put_special(char **o, struct slice s, bool tabs)
{
    struct slice c = { s.p, utf8_length(s) };

    if (c.n > 1 && utf8_printable(c)) {
        memcpy(*o, c.p, c.n);
        *o += c.n;
        return c.n;
    }
    if (*s.p == '\t' && tabs)
        *(*o)++ = '\t';
    else if (*s.p == '\n' || *s.p == '\t') {
        *(*o)++ = '\\';
        *(*o)++ = *s.p == '\n' ? 'n' : 't';
    } else {
        *o = put_hex(*o, (struct slice){ s.p, c.n == 0 ? 1 : c.n });
    }
    return c.n == 0 ? 1 : c.n;
}

static void put_escaped(struct buffer *b, struct slice s, bool tabs)
{
    char *start = buffer_reserve(b, 4 * s.n), *o = start;

    if (start == NULL)
        return;
    while (s.n > 0) {
        size_t n = ascii_run(s);
        memcpy(o, s.p, n);
        o += n;
        s = slice_from(s, n);
        if (s.n > 0)
            s = slice_from(s, put_special(&o, s, tabs));
    }
    b->n += (size_t)(o - start);
}

void form_line_text(struct buffer *b, struct slice s)
{
    put_escaped(b, s, false);
}

/* What a line of alerts.log may begin with when it is not a record's own. */
static const struct slice headings[] = {
    SLICE_INIT("** Alert"), SLICE_INIT("Rule: "), SLICE_INIT("Src IP: "), SLICE_INIT("Src Location: "),
    SLICE_INIT("Src Port: "), SLICE_INIT("Dst IP: "), SLICE_INIT("Dst Location: "),
    SLICE_INIT("Dst Port: "), SLICE_INIT("User: "),
};

static bool looks_like_heading(struct slice line)
{
    if (line.n == 0 || *line.p == '\r')
        return true;
    if (strchr("*RSDU", *line.p) == NULL)
        return false;
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
        if (slice_starts(line, headings[i]))
            return true;
    return false;
}

static void put_lines(struct buffer *b, struct slice s)
{
    while (s.n > 0 && s.p[s.n - 1] == '\n')
        s.n--;
    for (;;) {
        const char *end = s.n > 0 ? memchr(s.p, '\n', s.n) : NULL;
        struct slice line = { s.p, end != NULL ? (size_t)(end - s.p) : s.n };
        if (looks_like_heading(line))
            buffer_byte(b, ' ');
        put_escaped(b, line, true);
        buffer_byte(b, '\n');
        if (end == NULL)
            return;
        s = slice_from(s, line.n + 1);
    }
}

static void put_source(struct buffer *b, const struct entry *e)
{
    if (entry_has_host(e)) {
        form_line_text(b, e->a.hostname);
        buffer_lit(b, "->");
    }
    form_line_text(b, e->a.location);
}

static const struct { struct slice heading; enum named_field field; } shown[] = {
    { SLICE_INIT("Src IP: "), FIELD_SRCIP },       { SLICE_INIT("Src Location: "), FIELD_SRCGEOIP },
    { SLICE_INIT("Src Port: "), FIELD_SRCPORT },   { SLICE_INIT("Dst IP: "), FIELD_DSTIP },
    { SLICE_INIT("Dst Location: "), FIELD_DSTGEOIP }, { SLICE_INIT("Dst Port: "), FIELD_DSTPORT },
    { SLICE_INIT("User: "), FIELD_DSTUSER },
};

static void put_fields(struct buffer *b, const struct entry *e)
{
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        if (e->d.field[shown[i].field].n == 0)
            continue;
        buffer_put(b, shown[i].heading);
        form_line_text(b, e->d.field[shown[i].field]);
        buffer_byte(b, '\n');
    }
}

static void put_heading(struct buffer *b, const struct entry *e, const struct stamp *stamp)
{
    buffer_lit(b, "** Alert ");
    form_line_text(b, e->a.id);
    buffer_byte(b, ':');
    if ((e->a.flags & ALERT_MAIL) != 0)
        buffer_lit(b, " mail ");
    buffer_lit(b, " - ");
    form_line_text(b, e->a.groups);
    buffer_byte(b, '\n');
    buffer_put(b, stamp_text(stamp));
    buffer_byte(b, ' ');
    put_source(b, e);
}

void form_alert_log(struct buffer *b, const struct entry *e, struct stamp *stamp)
{
    stamp_set(stamp, e->a.time);
    put_heading(b, e, stamp);
    buffer_lit(b, "\nRule: ");
    buffer_number(b, e->a.rule);
    buffer_lit(b, " (level ");
    buffer_number(b, e->a.level);
    buffer_lit(b, ") -> '");
    form_line_text(b, e->a.description);
    buffer_lit(b, "'\n");
    put_fields(b, e);
    put_lines(b, e->a.full_log);
    for (size_t i = 0; i < e->n_context; i++)
        put_lines(b, e->context[i]);
    buffer_byte(b, '\n');
}

void form_archive_log(struct buffer *b, const struct entry *e, struct stamp *stamp)
{
    stamp_set(stamp, e->a.time);
    buffer_put(b, stamp_text(stamp));
    buffer_byte(b, ' ');
    put_source(b, e);
    buffer_byte(b, ' ');
    put_escaped(b, e->a.full_log, true);
    buffer_byte(b, '\n');
}
