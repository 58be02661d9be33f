#include "common/forms/forms.h"
#include "common/text/ascii.h"
#include "common/text/json.h"
#include "common/wire/mp.h"

static bool is_utf8(struct slice s)
{
    for (s = slice_from(s, ascii_run(s)); s.n > 0; s = slice_from(s, ascii_run(s))) {
        size_t n = utf8_length(s);
        if (n == 0)
            return false;
        s = slice_from(s, n);
    }
    return true;
}

static int pack_text(msgpack_packer *pk, struct slice s)
{
    return is_utf8(s) ? msgpack_pack_str_with_body(pk, s.p, s.n)
                      : msgpack_pack_bin_with_body(pk, s.p, s.n);
}

static int pack_key(msgpack_packer *pk, const char *name)
{
    return msgpack_pack_str_with_body(pk, name, strlen(name));
}

static int pack_fields(msgpack_packer *pk, const struct decoded *d)
{
    int bad = msgpack_pack_map(pk, d->n_order);

    for (uint32_t i = 0; i < d->n_order; i++) {
        uint8_t k = d->order[i];
        if (k < FIELD_COUNT) {
            bad |= pack_key(pk, named_fields[k].order);
            bad |= pack_text(pk, d->field[k]);
        } else {
            bad |= pack_text(pk, d->dynamic[k - FIELD_COUNT].name);
            bad |= pack_text(pk, d->dynamic[k - FIELD_COUNT].value);
        }
    }
    return bad;
}

static int pack_context(msgpack_packer *pk, const struct entry *e)
{
    int bad = msgpack_pack_array(pk, e->n_context);

    for (size_t i = 0; i < e->n_context; i++)
        bad |= pack_text(pk, e->context[i]);
    return bad;
}

static const uint64_t *number_at(const struct entry *e, const struct field *f)
{
    return (const void *)((const char *)&e->a + f->at);
}

static const struct slice *text_at(const struct entry *e, const struct field *f)
{
    return (const void *)((const char *)&e->a + f->at);
}

static bool is_fields(const struct field *f)
{
    return f->at == offsetof(struct alert, fields);
}

static bool is_empty(const struct entry *e, const struct field *f)
{
    switch (f->kind) {
    case KIND_U64:
        return *number_at(e, f) == 0;
    case KIND_TEXT:
    case KIND_BODY:
        return text_at(e, f)->n == 0;
    case KIND_RAW:
        return is_fields(f) ? e->d.n_order == 0 : e->n_context == 0;
    }
    return true;
}

static int pack_value(msgpack_packer *pk, const struct entry *e, const struct field *f)
{
    switch (f->kind) {
    case KIND_U64:
        return msgpack_pack_uint64(pk, *number_at(e, f));
    case KIND_TEXT:
    case KIND_BODY:
        return pack_text(pk, *text_at(e, f));
    case KIND_RAW:
        return is_fields(f) ? pack_fields(pk, &e->d) : pack_context(pk, e);
    }
    return -1;
}

bool form_map(msgpack_sbuffer *out, const struct entry *e)
{
    const struct schema *s = &alert_schema;
    msgpack_packer pk;
    size_t present = 0;

    for (size_t i = 0; i < s->n; i++)
        present += !is_empty(e, &s->fields[i]);

    msgpack_packer_init(&pk, out, msgpack_sbuffer_write);
    int bad = msgpack_pack_map(&pk, present);
    for (size_t i = 0; i < s->n; i++)
        if (!is_empty(e, &s->fields[i])) {
            bad |= pack_key(&pk, s->fields[i].name);
            bad |= pack_value(&pk, e, &s->fields[i]);
        }
    return !bad;
}

static bool set_field(struct decoded *d, struct slice name, struct slice value)
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (slice_eq(name, slice_of(named_fields[i].order))) {
            decoded_set(d, (enum named_field)i, value);
            return true;
        }
    return decoded_set_dynamic(d, name, value);
}

static bool read_fields(struct entry *e, struct slice *rest)
{
    struct mp_head head;
    struct slice name, value;

    if (!mp_head(rest, &head) || head.what != MP_MAP)
        return false;
    for (; head.n > 0; head.n--) {
        if (!mp_text(rest, &name) || !mp_text(rest, &value))
            return false;
        (void)set_field(&e->d, name, value);    /* beyond the limit: left out */
    }
    return true;
}

static bool read_context(struct entry *e, struct slice *rest)
{
    struct slice text;
    uint64_t n;

    if (!mp_array(rest, &n))
        return false;
    for (e->n_context = 0; n > 0; n--) {
        if (!mp_text(rest, &text))
            return false;
        if (e->n_context < ENTRY_CONTEXT_MAX)
            e->context[e->n_context++] = text;
    }
    return true;
}

static bool read_value(struct entry *e, const struct field *f, struct slice *rest)
{
    char *to = (char *)&e->a + f->at;
    struct slice text;
    uint64_t n;

    switch (f->kind) {
    case KIND_U64:
        if (!mp_uint(rest, &n))
            return false;
        memcpy(to, &n, sizeof n);
        return true;
    case KIND_TEXT:
    case KIND_BODY:
        if (!mp_text(rest, &text))
            return false;
        memcpy(to, &text, sizeof text);
        return true;
    case KIND_RAW:
        return is_fields(f) ? read_fields(e, rest) : read_context(e, rest);
    }
    return false;
}

static const struct field *row_of(struct slice name)
{
    for (size_t i = 0; i < alert_schema.n; i++)
        if (slice_eq(name, slice_of(alert_schema.fields[i].name)))
            return &alert_schema.fields[i];
    return NULL;
}

bool form_map_read(struct entry *e, struct slice s)
{
    struct mp_head head;
    struct slice name;

    memset(e, 0, sizeof *e);
    if (!mp_head(&s, &head) || head.what != MP_MAP)
        return false;
    for (; head.n > 0; head.n--) {
        if (!mp_text(&s, &name))
            return false;
        const struct field *f = row_of(name);
        if (!(f != NULL ? read_value(e, f, &s) : mp_skip(&s)))
            return false;
    }
    return s.n == 0;
}
