#include "common/rules/event.h"

#include "common/wire/mp.h"

void decoded_set(struct decoded *d, enum named_field f, struct slice value)
{
    if (value.p == NULL)
        value.p = "";
    if (d->field[f].p == NULL)
        d->order[d->n_order++] = (uint8_t)f;
    d->field[f] = value;
}

bool decoded_set_dynamic(struct decoded *d, struct slice name, struct slice value)
{
    for (uint32_t i = 0; i < d->n_dynamic; i++)
        if (slice_eq(d->dynamic[i].name, name)) {
            d->dynamic[i].value = value;
            return true;
        }
    if (d->n_dynamic == EVENT_DYNAMIC_MAX)
        return false;
    d->order[d->n_order++] = (uint8_t)(FIELD_COUNT + d->n_dynamic);
    d->dynamic[d->n_dynamic++] = (struct event_pair){ name, value };
    return true;
}

const struct slice *decoded_dynamic(const struct decoded *d, struct slice name)
{
    for (uint32_t i = 0; i < d->n_dynamic; i++)
        if (slice_eq_nocase(d->dynamic[i].name, name))
            return &d->dynamic[i].value;
    return NULL;
}

static int pack_text(msgpack_packer *pk, struct slice s)
{
    return msgpack_pack_str_with_body(pk, s.p, s.n);
}

/* [key, value, ...] in the order they were set; nil for none */
static enum err pack_fields(const struct decoded *d, msgpack_sbuffer *out)
{
    msgpack_packer pk;
    int bad = 0;

    msgpack_packer_init(&pk, out, msgpack_sbuffer_write);
    bad |= msgpack_pack_array(&pk, 2 * d->n_order);
    for (uint32_t i = 0; i < d->n_order; i++) {
        uint8_t k = d->order[i];
        if (k < FIELD_COUNT) {
            bad |= msgpack_pack_uint8(&pk, k);
            bad |= pack_text(&pk, d->field[k]);
        } else {
            bad |= pack_text(&pk, d->dynamic[k - FIELD_COUNT].name);
            bad |= pack_text(&pk, d->dynamic[k - FIELD_COUNT].value);
        }
    }
    return bad ? ERR_NOMEM : ERR_OK;
}

enum err decoded_pack_fields(const struct decoded *d, msgpack_sbuffer *out)
{
    return d->n_order == 0 ? ERR_OK : pack_fields(d, out);
}

enum err decoded_pack(const struct decoded *d, uint64_t index, struct slice decisions,
                      msgpack_sbuffer *scratch, msgpack_sbuffer *out)
{
    msgpack_sbuffer_clear(scratch);
    enum err err = decoded_pack_fields(d, scratch);
    if (err != ERR_OK)
        return err;

    const struct event e = {
        .index = index, .kind = d->kind, .sent = d->sent, .location = d->location,
        .full_log = d->full_log, .log_n = d->log.n,
        .log_at = d->log.n > 0 ? (uint64_t)(d->log.p - d->full_log.p) : d->full_log.n,
        .hostname = d->hostname, .program_name = d->program_name, .decoder = d->decoder,
        .decoder_leaf = d->decoder_leaf, .category = d->category, .fts = d->fts,
        .decoder_parent = d->decoder_parent, .flags = d->flags, .fields = { scratch->data, scratch->size }, .decisions = decisions,
    };
    return record_pack(&event_schema, &e, out);
}

enum err decoded_unpack_fields(struct decoded *d, struct slice rest)
{
    uint64_t n;
    struct mp_head key;
    struct slice name, value;

    if (rest.n == 0)
        return ERR_OK;
    if (!mp_array(&rest, &n) || n % 2 != 0)
        return ERR_BADMSG;
    for (; n > 0; n -= 2) {
        if (!mp_head(&rest, &key))
            return ERR_BADMSG;
        bool named = key.what == MP_UINT;
        if (!named && (key.what != MP_TEXT || !mp_take(&rest, key.n, &name)))
            return ERR_BADMSG;
        if (!mp_text(&rest, &value))
            return ERR_BADMSG;
        if (named && key.n < FIELD_COUNT)       /* a newer sender's fields are skipped */
            decoded_set(d, (enum named_field)key.n, value);
        else if (!named)
            (void)decoded_set_dynamic(d, name, value);
    }
    return ERR_OK;
}

enum err decoded_unpack(struct decoded *d, const struct range *range, const struct event *e,
                        struct slice *decisions)
{
    if (e->log_at > e->full_log.n || e->log_n > e->full_log.n - e->log_at
        || e->index >= range->count)
        return ERR_BADMSG;

    *d = (struct decoded){
        .received = range->received, .agent = range->agent, .stream = range->stream,
        .seq = range->first + e->index, .agent_name = range->agent_name,
        .agent_addr = range->agent_addr, .kind = e->kind, .sent = e->sent,
        .location = e->location, .full_log = e->full_log,
        .log = { slice_from(e->full_log, e->log_at).p, e->log_n }, .hostname = e->hostname,
        .program_name = e->program_name, .decoder = e->decoder, .decoder_leaf = e->decoder_leaf,
        .decoder_parent = e->decoder_parent,
        .category = (uint32_t)e->category, .fts = e->fts, .flags = e->flags,
    };
    *decisions = e->decisions;
    return decoded_unpack_fields(d, e->fields);
}
