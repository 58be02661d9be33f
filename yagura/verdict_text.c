#include "yagura/verdict_text.h"

#include <inttypes.h>

#include "common/forms/forms.h"
#include "common/text/json.h"
#include "common/wire/mp.h"

struct pair { struct slice key, value; };

/* Text from outside, harmless to a terminal. */
static void put_plain(FILE *out, struct slice s)
{
    while (s.n > 0) {
        size_t n = utf8_length(s);
        bool plain = n > 0 && utf8_printable((struct slice){ s.p, n });
        if (plain)
            (void)fwrite(s.p, 1, n, out);
        else
            fprintf(out, "\\x%02x", (unsigned char)s.p[0]);
        s = slice_from(s, plain ? n : 1);
    }
}

static void put_quoted(FILE *out, struct slice name, struct slice s)
{
    fputs("       ", out);
    put_plain(out, name);
    fputs(": '", out);
    put_plain(out, s);
    fputs("'\n", out);
}

static struct slice or_null(struct slice s)
{
    return s.n > 0 ? s : SLICE("(null)");
}

static struct slice log_of(const struct event *e)
{
    if (e->log_at > e->full_log.n || e->log_n > e->full_log.n - e->log_at)
        return (struct slice){ NULL, 0 };
    return (struct slice){ e->full_log.p + e->log_at, e->log_n };
}

/* The next of the packed [key, value, ...]; rest stands behind the array's head. */
static bool next_field(struct slice *rest, struct pair *ret)
{
    struct mp_head key;

    if (rest->n == 0 || !mp_head(rest, &key))
        return false;
    if (key.what == MP_UINT)
        ret->key = slice_of(key.n < FIELD_COUNT ? named_fields[key.n].logtest : "unknown");
    else if (key.what != MP_TEXT || !mp_take(rest, key.n, &ret->key))
        return false;
    return mp_text(rest, &ret->value);
}

/* The packed fields behind their array's head; empty when there are none. */
static struct slice fields_of(struct slice rest)
{
    uint64_t n;

    if (rest.n == 0 || !mp_array(&rest, &n))
        return (struct slice){ NULL, 0 };
    return rest;
}

static void put_decoding(FILE *out, const struct event *e)
{
    struct slice rest = fields_of(e->fields);
    struct pair p;

    fputs("\n**Phase 2: Completed decoding.\n", out);
    if ((e->flags & EVENT_DECODED) == 0) {
        fputs("       No decoder matched.\n", out);
        return;
    }
    while (next_field(&rest, &p))
        put_quoted(out, p.key, p.value);
    put_quoted(out, SLICE("decoder"), or_null(e->decoder));
    if ((e->flags & EVENT_ACCUMULATE) != 0)
        fputs("\n**ACCUMULATOR: LEVEL UP!!**\n\n", out);     /* scripts may look for OSSEC's words */
}

static const struct { const char *kind; struct slice label; } info_labels[] = {
    { "link", SLICE_INIT("Info - Link") },   { "cve", SLICE_INIT("Info - CVE") },
    { "osvdb", SLICE_INIT("Info - OSVDB") }, { "bugtraq", SLICE_INIT("Info - BUGTRACKID") },
};

static struct slice info_label(struct slice kind)
{
    for (size_t i = 0; i < sizeof info_labels / sizeof info_labels[0]; i++)
        if (slice_eq_nocase(kind, slice_of(info_labels[i].kind)))
            return info_labels[i].label;
    return SLICE("Info - Text");
}

static void put_infos(FILE *out, struct slice rest)
{
    struct slice kind, text;
    uint64_t n;

    if (rest.n == 0 || !mp_array(&rest, &n))
        return;
    for (; n >= 2 && mp_text(&rest, &kind) && mp_text(&rest, &text); n -= 2)
        put_quoted(out, info_label(kind), text);
}

static void put_trace(FILE *out, struct slice trace)
{
    if (trace.n == 0)
        return;
    fputs("\n**Rule debugging:\n", out);
    (void)fwrite(trace.p, 1, trace.n, out);
    if (trace.p[trace.n - 1] != '\n')
        (void)fputc('\n', out);
}

static void put_rule(FILE *out, const struct verdict *v, const struct alert *a)
{
    fputs("\n**Phase 3: Completed filtering (rules).\n", out);
    fprintf(out, "       Rule id: '%" PRIu64 "'\n       Level: '%" PRIu64 "'\n", v->rule, a->level);
    put_quoted(out, SLICE("Description"), a->description);
    put_infos(out, v->info);
    if (v->alerted)
        fputs("**Alert to be generated.\n", out);
    fputs("\n\n", out);
}

void verdict_put_phases(FILE *out, const struct verdict *v, const struct event *e,
                        const struct alert *a)
{
    fputs("\n\n**Phase 1: Completed pre-decoding.\n", out);
    put_quoted(out, SLICE("full event"), e->full_log);
    put_quoted(out, SLICE("hostname"), or_null(e->hostname));
    put_quoted(out, SLICE("program_name"), or_null(e->program_name));
    put_quoted(out, SLICE("log"), log_of(e));
    put_decoding(out, e);
    put_trace(out, v->trace);
    if (v->matched)
        put_rule(out, v, a);
}

static void put_json_or_null(FILE *out, const char *key, struct slice s)
{
    fprintf(out, ", \"%s\": ", key);
    if (s.n == 0)
        fputs("null", out);
    else
        json_put_text(out, s);
}

static void put_json_fields(FILE *out, const struct event *e)
{
    struct slice rest = fields_of(e->fields);
    struct pair p;
    const char *between = "";

    fputs(", \"fields\": {", out);
    while (next_field(&rest, &p)) {
        fputs(between, out);
        json_put_text(out, p.key);
        fputs(": ", out);
        json_put_text(out, p.value);
        between = ", ";
    }
    (void)fputc('}', out);
}

/* "a,b,c," as ["a", "b", "c"]; blanks around a name are no part of it. */
static void put_json_groups(FILE *out, struct slice groups)
{
    const char *between = "";

    (void)fputc('[', out);
    while (groups.n > 0) {
        const char *comma = memchr(groups.p, ',', groups.n);
        struct slice one = { groups.p, comma != NULL ? (size_t)(comma - groups.p) : groups.n };

        groups = slice_from(groups, one.n + 1);
        while (one.n > 0 && one.p[0] == ' ')
            one = slice_from(one, 1);
        while (one.n > 0 && one.p[one.n - 1] == ' ')
            one.n--;
        if (one.n > 0) {
            fputs(between, out);
            json_put_text(out, one);
            between = ", ";
        }
    }
    (void)fputc(']', out);
}

void verdict_put_json(FILE *out, const struct verdict *v, const struct event *e,
                      const struct alert *a)
{
    fputs("{\"log\": ", out);
    json_put_text(out, log_of(e));
    put_json_or_null(out, "hostname", e->hostname);
    put_json_or_null(out, "program_name", e->program_name);
    put_json_or_null(out, "decoder", (e->flags & EVENT_DECODED) ? e->decoder : SLICE(""));
    put_json_fields(out, e);
    if (v->matched) {
        fprintf(out, ", \"rule\": {\"id\": %" PRIu64 ", \"level\": %" PRIu64 ", \"description\": ",
                v->rule, a->level);
        json_put_text(out, a->description);
        fputs(", \"groups\": ", out);
        put_json_groups(out, a->groups);
        (void)fputc('}', out);
    } else {
        fputs(", \"rule\": null", out);
    }
    fprintf(out, ", \"alert\": %s}\n", v->alerted ? "true" : "false");
}

void verdict_put_alert(FILE *out, const struct alert *a, uint64_t n)
{
    struct entry e = { .a = *a };
    struct buffer b = { 0 };
    struct stamp stamp = { 0 };
    char id[2 * 20 + 2];                /* two numbers and a dot */

    (void)snprintf(id, sizeof id, "%" PRIu64 ".%" PRIu64, a->time / 1000000, n);
    e.a.id = slice_of(id);
    if (entry_fill(&e) == ERR_OK)
        form_alert_log(&b, &e, &stamp);
    (void)fwrite(b.p, 1, b.n, out);
    buffer_free(&b);
}
