#include "common/wire/record.h"

#include <inttypes.h>

#include "common/text/json.h"
#include "common/wire/mp.h"

/* The member itself, not a copy of it: what was just written in two halves and is read back as one
 * whole stalls the processor, on each field of each event. */
static const uint64_t *u64_at(const void *rec, const struct field *f)
{
    return (const void *)((const char *)rec + f->at);
}

static const struct slice *slice_at(const void *rec, const struct field *f)
{
    return (const void *)((const char *)rec + f->at);
}

static bool is_zero(const void *rec, const struct field *f)
{
    return f->kind == KIND_U64 ? *u64_at(rec, f) == 0 : slice_at(rec, f)->n == 0;
}

static int pack_field(msgpack_packer *pk, const struct field *f, const void *rec)
{
    const struct slice *s = slice_at(rec, f);

    switch (f->kind) {
    case KIND_U64:
        return msgpack_pack_uint64(pk, *u64_at(rec, f));
    case KIND_TEXT:
        return msgpack_pack_str_with_body(pk, s->p, s->n);
    case KIND_BODY:
        return msgpack_pack_bin_with_body(pk, s->p, s->n);
    case KIND_RAW:
        return s->n == 0 ? msgpack_pack_nil(pk) : pk->callback(pk->data, s->p, s->n);
    }
    return -1;
}

enum err record_pack(const struct schema *s, const void *rec, msgpack_sbuffer *out)
{
    msgpack_packer pk;
    size_t present = s->n;
    int bad = 0;

    while (present > 0 && is_zero(rec, &s->fields[present - 1]))
        present--;

    msgpack_packer_init(&pk, out, msgpack_sbuffer_write);
    bad |= msgpack_pack_array(&pk, present + (s->type != 0));
    if (s->type != 0)
        bad |= msgpack_pack_uint64(&pk, s->type);
    for (size_t i = 0; i < present; i++)
        bad |= pack_field(&pk, &s->fields[i], rec);
    return bad ? ERR_NOMEM : ERR_OK;
}

static bool read_slice(struct slice *rest, enum kind kind, struct slice *ret)
{
    if (kind == KIND_RAW) {
        if (rest->n > 0 && (uint8_t)rest->p[0] == 0xc0) {       /* nil is empty */
            *ret = (struct slice){ NULL, 0 };
            return mp_skip(rest);
        }
        return mp_raw(rest, ret);
    }
    return mp_text(rest, ret) && ret->n <= (kind == KIND_TEXT ? MP_TEXT_MAX : MP_FRAME_MAX);
}

static bool read_field(const struct field *f, void *rec, struct slice *rest)
{
    void *to = (char *)rec + f->at;

    return f->kind == KIND_U64 ? mp_uint(rest, to) : read_slice(rest, f->kind, to);
}

enum err record_next(const struct schema *s, void *rec, struct slice *rest)
{
    uint64_t n, type, i = 0;

    memset(rec, 0, s->size);
    if (!mp_array(rest, &n))
        return ERR_BADMSG;
    if (s->type != 0) {
        if (n-- == 0 || !mp_uint(rest, &type) || type != s->type)
            return ERR_BADMSG;
    }
    for (; i < n && i < s->n; i++)
        if (!read_field(&s->fields[i], rec, rest))
            return ERR_BADMSG;
    for (; i < n; i++)                  /* a newer sender knows more than we do */
        if (!mp_skip(rest))
            return ERR_BADMSG;
    return ERR_OK;
}

enum err record_unpack(const struct schema *s, void *rec, struct slice frame)
{
    if (frame.n > MP_FRAME_MAX)
        return ERR_BADMSG;
    enum err e = record_next(s, rec, &frame);
    return e == ERR_OK && frame.n > 0 ? ERR_BADMSG : e;
}

uint64_t record_type(struct slice frame)
{
    uint64_t n, type;

    return mp_array(&frame, &n) && n > 0 && mp_uint(&frame, &type) ? type : 0;
}

void record_json(const struct schema *s, const void *rec, FILE *out)
{
    const char *comma = "";

    putc('{', out);
    for (const struct field *f = s->fields; f < s->fields + s->n; f++) {
        if (is_zero(rec, f))
            continue;
        fprintf(out, "%s\"%s\":", comma, f->name);
        if (f->kind == KIND_U64)
            fprintf(out, "%" PRIu64, *u64_at(rec, f));
        else
            json_put_text(out, *slice_at(rec, f));
        comma = ",";
    }
    putc('}', out);
}

void record_doc(const struct schema *s, FILE *out)
{
    static const char *const kinds[] = {
        [KIND_U64] = "unsigned", [KIND_TEXT] = "text", [KIND_BODY] = "bytes", [KIND_RAW] = "value",
    };

    fprintf(out, "## %s\n\n%s\n\n| position | field | kind | meaning |\n| --- | --- | --- | --- |\n",
            s->name, s->doc);
    if (s->type != 0)
        fprintf(out, "| 0 | type | unsigned | always %" PRIu64 " |\n", s->type);
    for (const struct field *f = s->fields; f < s->fields + s->n; f++)
        fprintf(out, "| %u | %s | %s | %s |\n", f->key + (s->type != 0), f->name, kinds[f->kind],
                f->doc);
}
