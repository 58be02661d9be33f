#include "common/forms/forms.h"

/* Keys of an object; the comma of each comes before it. */
static void put_key(struct buffer *b, struct slice name)
{
    char *o = buffer_reserve(b, name.n + 4);

    if (o == NULL)
        return;
    if (b->n > 0 && o[-1] != '{')
        *o++ = ',';
    *o++ = '"';
    memcpy(o, name.p, name.n);
    o += name.n;
    *o++ = '"';
    *o++ = ':';
    b->n = (size_t)(o - b->p);
}
#define PUT_KEY(b, lit) put_key((b), SLICE(lit))

static void put_text(struct buffer *b, struct slice name, struct slice value)
{
    if (value.n == 0)
        return;
    put_key(b, name);
    buffer_json(b, value);
}
#define PUT_TEXT(b, lit, value) put_text((b), SLICE(lit), (value))

static void put_number(struct buffer *b, struct slice name, uint64_t n)
{
    if (n == 0)
        return;
    put_key(b, name);
    buffer_number(b, n);
}
#define PUT_NUMBER(b, lit, n) put_number((b), SLICE(lit), (n))

/* Groups of a compliance standard stand in arrays of their own, without their prefix. */
static const struct { struct slice key, prefix; } lists[] = {
    { SLICE_INIT("groups"), { "", 0 } },
    { SLICE_INIT("PCI_DSS"), SLICE_INIT("pci_dss_") },
    { SLICE_INIT("CIS"), SLICE_INIT("cis_") },
};
#define N_LISTS (sizeof lists / sizeof lists[0])

static size_t list_of(struct slice group)
{
    for (size_t i = 1; i < N_LISTS; i++)
        if (slice_starts(group, lists[i].prefix))
            return i;
    return 0;
}

static bool next_group(struct slice *rest, struct slice *ret)
{
    while (rest->n > 0) {
        const char *comma = memchr(rest->p, ',', rest->n);
        *ret = (struct slice){ rest->p, comma != NULL ? (size_t)(comma - rest->p) : rest->n };
        *rest = slice_from(*rest, ret->n + (comma != NULL));
        while (ret->n > 0 && *ret->p == ' ')
            *ret = slice_from(*ret, 1);
        if (ret->n > 0)
            return true;
    }
    return false;
}

static void put_list(struct buffer *b, struct slice groups, size_t list)
{
    struct slice group;
    bool open = false;

    while (next_group(&groups, &group)) {
        if (list_of(group) != list)
            continue;
        if (!open) {
            put_key(b, lists[list].key);
            buffer_byte(b, '[');
        } else {
            buffer_byte(b, ',');
        }
        open = true;
        buffer_json(b, slice_from(group, lists[list].prefix.n));
    }
    if (open)
        buffer_byte(b, ']');
}

static void put_rule(struct buffer *b, const struct entry *e)
{
    const struct alert *a = &e->a;

    PUT_KEY(b, "rule");
    buffer_lit(b, "{\"level\":");
    buffer_number(b, a->level);
    PUT_KEY(b, "comment");
    buffer_json(b, a->description);
    PUT_KEY(b, "sidid");
    buffer_number(b, a->rule);
    PUT_TEXT(b, "cve", a->cve);
    PUT_TEXT(b, "info", a->info);
    PUT_NUMBER(b, "frequency", a->frequency);
    PUT_NUMBER(b, "firedtimes", a->firedtimes);
    PUT_TEXT(b, "group", a->groups);
    for (size_t i = 0; i < N_LISTS; i++)
        put_list(b, a->groups, i);
    buffer_byte(b, '}');
}

/* The order of the keys is OSSEC's, which is not that of the wire. */
static const uint8_t alert_first[] = {
    FIELD_ACTION, FIELD_PROTOCOL, FIELD_SRCIP, FIELD_SRCGEOIP, FIELD_SRCPORT, FIELD_SRCUSER,
    FIELD_DSTIP, FIELD_DSTGEOIP, FIELD_DSTPORT, FIELD_DSTUSER,
};
static const uint8_t alert_last[] = {
    FIELD_STATUS, FIELD_COMMAND, FIELD_URL, FIELD_DATA, FIELD_SYSTEMNAME,
};
static const uint8_t archive_fields[] = {
    FIELD_SRCIP, FIELD_DSTIP, FIELD_SRCPORT, FIELD_DSTPORT, FIELD_PROTOCOL, FIELD_ACTION,
    FIELD_SRCUSER, FIELD_DSTUSER, FIELD_ID, FIELD_STATUS, FIELD_COMMAND, FIELD_URL, FIELD_DATA,
    FIELD_SYSTEMNAME, FIELD_FILENAME,
};

static void put_named(struct buffer *b, const struct entry *e, const uint8_t *which, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct named *names = &named_fields[which[i]];
        const char *key = names->json[0] != '\0' ? names->json : names->order;
        if (e->d.field[which[i]].n > 0)
            put_text(b, slice_of(key), e->d.field[which[i]]);
    }
}
#define PUT_NAMED(b, e, table) put_named((b), (e), (table), sizeof(table))

/* A field that a record named itself must not stand where one of ours does, and the prefix
 * that moves it aside must not be forgeable. */
static bool is_reserved(struct slice name)
{
    static const struct slice ours[] = {
#define OURS(x) SLICE_INIT(#x)
        OURS(rule), OURS(id), OURS(TimeStamp), OURS(decoder), OURS(decoder_parent), OURS(location),
        OURS(full_log), OURS(log), OURS(previous_output), OURS(SyscheckFile), OURS(hostname),
        OURS(program_name), OURS(decoder_desc), OURS(agent_name), OURS(agentip),
        OURS(timestamp), OURS(logfile),
#undef OURS
    };
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (slice_eq(name, ours[i]))
            return true;
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (slice_eq(name, slice_of(named_fields[i].json))
            || slice_eq(name, slice_of(named_fields[i].order)))
            return true;
    return name.n == 0 || slice_starts(name, SLICE("fields."));
}

/* JSON readers in C refuse a NUL within a key: it stands as the replacement character. */
static void put_dynamic_key(struct buffer *b, struct slice name)
{
    if (b->n > 0 && b->p[b->n - 1] != '{')
        buffer_byte(b, ',');
    buffer_byte(b, '"');
    if (is_reserved(name))
        buffer_lit(b, "fields.");
    while (name.n > 0) {
        const char *nul = memchr(name.p, '\0', name.n);
        struct slice part = { name.p, nul != NULL ? (size_t)(nul - name.p) : name.n };
        size_t at = b->n;
        buffer_json(b, part);
        if (b->failed)
            return;
        memmove(b->p + at, b->p + at + 1, b->n - at - 2);       /* without its quotes */
        b->n -= 2;
        if (nul != NULL)
            buffer_lit(b, "\\ufffd");
        name = slice_from(name, part.n + (nul != NULL));
    }
    buffer_lit(b, "\":");
}

static void put_dynamic(struct buffer *b, const struct entry *e)
{
    for (uint32_t i = 0; i < e->d.n_dynamic; i++) {
        put_dynamic_key(b, e->d.dynamic[i].name);
        buffer_json(b, e->d.dynamic[i].value);
    }
}

static void put_origin(struct buffer *b, const struct entry *e, const struct stamp *stamp)
{
    PUT_TEXT(b, "agent_name", e->a.agent_name.n > 0 ? e->a.agent_name : e->a.hostname);
    PUT_TEXT(b, "agentip", e->a.agent_addr);
    PUT_TEXT(b, "timestamp", stamp_text(stamp));
    PUT_TEXT(b, "logfile", entry_logfile(e));
}

static void put_decoder_desc(struct buffer *b, const struct entry *e)
{
    if (e->a.decoder.n == 0)
        return;
    PUT_KEY(b, "decoder_desc");
    buffer_byte(b, '{');
    PUT_NUMBER(b, "fts", (e->a.decoder_flags & EVENT_DECODER_FTS) != 0);
    PUT_NUMBER(b, "accumulate", (e->a.decoder_flags & EVENT_ACCUMULATE) != 0);
    PUT_TEXT(b, "parent", e->a.decoder_parent);
    PUT_TEXT(b, "name", e->a.decoder);
    buffer_byte(b, '}');
}

static void put_file(struct buffer *b, const struct entry *e)
{
    if (e->d.field[FIELD_FILENAME].n == 0)
        return;
    PUT_KEY(b, "SyscheckFile");
    buffer_byte(b, '{');
    PUT_TEXT(b, "path", e->d.field[FIELD_FILENAME]);
    buffer_byte(b, '}');
}

void form_json(struct buffer *b, const struct entry *e, struct stamp *stamp)
{
    stamp_set(stamp, e->a.time);
    buffer_byte(b, '{');
    put_rule(b, e);
    PUT_TEXT(b, "id", e->a.id);
    PUT_KEY(b, "TimeStamp");
    buffer_number(b, e->a.time / 1000);
    PUT_TEXT(b, "decoder", e->a.decoder);
    PUT_TEXT(b, "decoder_parent", e->a.decoder_parent);
    PUT_NAMED(b, e, alert_first);
    PUT_TEXT(b, "location", e->a.location);
    PUT_TEXT(b, "full_log", e->a.full_log);
    if (e->n_context > 1)
        PUT_TEXT(b, "previous_output", e->context[1]);
    put_file(b, e);
    PUT_TEXT(b, "hostname", e->a.hostname);
    PUT_TEXT(b, "program_name", e->a.program_name);
    PUT_NAMED(b, e, alert_last);
    put_dynamic(b, e);
    put_decoder_desc(b, e);
    put_origin(b, e, stamp);
    buffer_byte(b, '}');
}

void form_alert_json(struct buffer *b, const struct entry *e, struct stamp *stamp)
{
    form_json(b, e, stamp);
    buffer_byte(b, '\n');
}

void form_archive_json(struct buffer *b, const struct entry *e, struct stamp *stamp)
{
    stamp_set(stamp, e->a.time);
    buffer_byte(b, '{');
    PUT_TEXT(b, "program_name", e->a.program_name);
    PUT_TEXT(b, "log", entry_log(e));
    PUT_NAMED(b, e, archive_fields);
    if (e->a.rule != 0)
        put_rule(b, e);
    put_dynamic(b, e);
    if (e->a.decoder.n > 0) {
        PUT_KEY(b, "decoder");
        buffer_byte(b, '{');
        PUT_TEXT(b, "parent", e->a.decoder_parent);
        PUT_TEXT(b, "name", e->a.decoder);
        buffer_byte(b, '}');
    }
    PUT_TEXT(b, "full_log", e->a.full_log);
    put_origin(b, e, stamp);
    buffer_lit(b, "}\n");
}
