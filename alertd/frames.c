#include "alertd/frames.h"

void frames_free(struct frames *f)
{
    buffer_free(&f->topic);
    buffer_free(&f->text);
    msgpack_sbuffer_destroy(&f->header);
    msgpack_sbuffer_destroy(&f->body);
}

static struct slice packed(const msgpack_sbuffer *b)
{
    return (struct slice){ b->data, b->size };
}

static bool pack_header(msgpack_sbuffer *b, const uint64_t *numbers, size_t n, struct slice id)
{
    msgpack_packer pk;

    msgpack_sbuffer_clear(b);
    msgpack_packer_init(&pk, b, msgpack_sbuffer_write);
    int bad = msgpack_pack_array(&pk, n + (id.p != NULL));
    for (size_t i = 0; i < n; i++)
        bad |= msgpack_pack_uint64(&pk, numbers[i]);
    if (id.p != NULL)
        bad |= msgpack_pack_str_with_body(&pk, id.p, id.n);
    return !bad;
}

static void write_header(struct buffer *b, const uint64_t *numbers, size_t n, struct slice id)
{
    for (size_t i = 0; i < n; i++) {
        buffer_byte(b, i == 0 ? '[' : ',');
        buffer_number(b, numbers[i]);
    }
    if (id.p != NULL) {
        buffer_byte(b, ',');
        buffer_json(b, id);
    }
    buffer_byte(b, ']');
}

static void write_topic(struct buffer *b, const struct alert *a)
{
    buffer_reset(b);
    buffer_lit(b, "alert/");
    buffer_number(b, a->level);
    buffer_byte(b, '/');
    buffer_number(b, a->rule);
}

/* Header and body of JSON share the buffer: part[1] ends where part[2] begins. */
static bool split(struct frames *f, size_t at)
{
    f->part[1] = (struct slice){ f->text.p, at };
    f->part[2] = slice_from(buffer_slice(&f->text), at);
    return buffer_ok(&f->text) && buffer_ok(&f->topic);
}

static bool make_packed(struct frames *f, const uint64_t *numbers, size_t n, struct slice id,
                        const struct entry *e)
{
    msgpack_packer pk;
    bool ok = pack_header(&f->header, numbers, n, id);

    msgpack_sbuffer_clear(&f->body);
    msgpack_packer_init(&pk, &f->body, msgpack_sbuffer_write);
    ok = ok && (e != NULL ? form_map(&f->body, e) : msgpack_pack_map(&pk, 0) == 0);
    f->part[1] = packed(&f->header);
    f->part[2] = packed(&f->body);
    return ok && buffer_ok(&f->topic);
}

static bool make(struct frames *f, const uint64_t *numbers, size_t n, struct slice id,
                 const struct entry *e)
{
    f->part[0] = buffer_slice(&f->topic);
    if (!f->json)
        return make_packed(f, numbers, n, id, e);

    buffer_reset(&f->text);
    write_header(&f->text, numbers, n, id);
    size_t at = f->text.n;
    if (e != NULL)
        form_json(&f->text, e, &f->stamp);
    else
        buffer_lit(&f->text, "{}");
    return split(f, at);
}

bool frames_alert(struct frames *f, uint64_t epoch, const struct entry *e)
{
    const uint64_t numbers[] = { epoch, e->seq, e->topic_seq };
    struct slice id = { e->a.id.p != NULL ? e->a.id.p : "", e->a.id.n };

    write_topic(&f->topic, &e->a);
    return make(f, numbers, sizeof numbers / sizeof numbers[0], id, e);
}

bool frames_beat(struct frames *f, uint64_t epoch, uint64_t seq, uint64_t oldest)
{
    const uint64_t numbers[] = { epoch, seq, oldest };

    buffer_reset(&f->topic);
    buffer_lit(&f->topic, "beat");
    return make(f, numbers, sizeof numbers / sizeof numbers[0], (struct slice){ NULL, 0 }, NULL);
}

bool frames_ossec(struct frames *f, const struct entry *e)
{
    f->part[0] = SLICE("ossec.alerts");
    buffer_reset(&f->text);
    form_json(&f->text, e, &f->stamp);
    f->part[1] = buffer_slice(&f->text);
    return buffer_ok(&f->text);
}
