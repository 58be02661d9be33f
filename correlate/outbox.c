#include "correlate/outbox.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/wire/mp.h"

/* A value: how many alerts, 8 bytes big-endian, then their records. */
#define COUNT_BYTES 8

struct outbox {
    struct store *store;
    size_t alerts, meta;
    uint64_t epoch, first, next, bytes; /* first: of the oldest value; next: behind what is gathered */
    msgpack_sbuffer gathered;           /* with room for the count in front */
    uint64_t n_gathered;
    bool made, numbered;                /* epoch, next: not written yet */
};

enum err outbox_new(struct outbox **ret, struct store *s, size_t alerts, size_t meta)
{
    struct outbox *o = calloc(1, sizeof *o);
    if (o == NULL)
        return ERR_NOMEM;

    o->store = s;
    o->alerts = alerts;
    o->meta = meta;
    msgpack_sbuffer_init(&o->gathered);
    *ret = o;
    return ERR_OK;
}

void outbox_free(struct outbox *o)
{
    if (o == NULL)
        return;
    msgpack_sbuffer_destroy(&o->gathered);
    free(o);
}

static uint64_t count_of(struct slice value)
{
    return value.n >= COUNT_BYTES ? store_key_u64((struct slice){ value.p, COUNT_BYTES }) : 0;
}

struct tally_values { struct outbox *o; bool damaged; uint64_t end; };

static bool add_value(void *arg, struct slice key, struct slice value)
{
    struct tally_values *t = arg;
    uint64_t first = store_key_u64(key), n = count_of(value);

    t->damaged |= key.n != 8 || n == 0 || (t->end != 0 && first != t->end);
    if (t->end == 0)
        t->o->first = first;
    t->end = first + n;
    t->o->bytes += value.n;
    return !t->damaged;
}

enum err outbox_load(struct outbox *o)
{
    struct tally_values t = { .o = o };

    msgpack_sbuffer_clear(&o->gathered);
    o->n_gathered = 0;
    o->bytes = 0;
    o->made = o->numbered = false;
    o->epoch = o->next = 0;
    enum err e = store_get_u64(o->store, o->meta, "epoch", &o->epoch);
    if (e == ERR_OK && o->epoch == 0) {
        do
            randombytes_buf(&o->epoch, sizeof o->epoch);
        while (o->epoch == 0);
        o->first = o->next = 1;
        o->made = o->numbered = true;
        return ERR_OK;
    }
    if (e == ERR_OK)
        e = store_get_u64(o->store, o->meta, "next", &o->next);
    o->first = o->next;
    if (e == ERR_OK)
        e = store_each(o->store, o->alerts, SLICE(""), add_value, &t);
    store_release(o->store);
    if (e == ERR_OK && (o->next == 0 || t.damaged || (t.end != 0 && t.end != o->next)))
        return ERR_BADMSG;
    return e == ERR_ABSENT ? ERR_BADMSG : e;
}

static enum err write_gathered(struct outbox *o)
{
    if (o->n_gathered == 0)
        return ERR_OK;
    struct store_key count = store_key_of(o->n_gathered);
    memcpy(o->gathered.data, count.at, COUNT_BYTES);
    enum err e = store_append(o->store, o->alerts, STORE_U64(o->next - o->n_gathered),
                              (struct slice){ o->gathered.data, o->gathered.size });
    o->bytes += o->gathered.size;
    msgpack_sbuffer_clear(&o->gathered);
    o->n_gathered = 0;
    return e;
}

enum err outbox_add(struct outbox *o, struct slice record)
{
    static const char room[COUNT_BYTES] = { 0 };
    int bad = 0;

    if (o->n_gathered > 0 && o->gathered.size + record.n > OUTBOX_VALUE_MAX) {
        enum err e = write_gathered(o);
        if (e != ERR_OK)
            return e;
    }
    if (o->n_gathered == 0)
        bad |= msgpack_sbuffer_write(&o->gathered, room, sizeof room);
    bad |= msgpack_sbuffer_write(&o->gathered, record.p, record.n);
    if (bad)
        return ERR_NOMEM;
    o->n_gathered++;
    o->next++;
    o->numbered = true;
    return ERR_OK;
}

enum err outbox_trim(struct outbox *o, uint64_t below)
{
    struct slice key, value;
    enum err e = ERR_OK;

    while (o->first < below && (e = store_first(o->store, o->alerts, &key, &value)) == ERR_OK) {
        uint64_t first = store_key_u64(key), n = count_of(value);
        struct store_key copy = store_key_of(first);
        size_t bytes = value.n;
        if (first + n > below)
            break;
        e = store_delete(o->store, o->alerts, (struct slice){ copy.at, sizeof copy.at });
        if (e != ERR_OK)
            return e;
        o->bytes -= bytes;
        o->first = first + n;
    }
    return e == ERR_ABSENT ? ERR_OK : e;
}

enum err outbox_flush(struct outbox *o)
{
    enum err e = write_gathered(o);

    if (e == ERR_OK && o->made)
        e = store_put_u64(o->store, o->meta, "epoch", o->epoch);
    if (e == ERR_OK && o->numbered)
        e = store_put_u64(o->store, o->meta, "next", o->next);
    return e;
}

void outbox_settle(struct outbox *o)
{
    o->made = o->numbered = false;
}

/* Gathers values until the answer is full. */
struct gather {
    uint64_t from, max;
    struct alerts *ret;
    msgpack_sbuffer *body;
    enum err err;
};

static bool fits(const struct gather *g, size_t n)
{
    return g->ret->count == 0 || g->body->size + n <= g->max;
}

static bool take_records(struct gather *g, uint64_t first, struct slice rest)
{
    struct slice record;

    for (uint64_t number = first; rest.n > 0; number++) {
        if (!mp_raw(&rest, &record)) {
            g->err = ERR_BADMSG;
            return false;
        }
        if (number < g->from)
            continue;
        if (!fits(g, record.n))
            return false;
        if (g->ret->count++ == 0)
            g->ret->first = number;
        if (msgpack_sbuffer_write(g->body, record.p, record.n) != 0) {
            g->err = ERR_NOMEM;
            return false;
        }
    }
    return true;
}

static bool take_value(void *arg, struct slice key, struct slice value)
{
    struct gather *g = arg;
    uint64_t first = store_key_u64(key), n = count_of(value);
    struct slice records = slice_from(value, COUNT_BYTES);

    if (first + n <= g->from)
        return true;
    if (first < g->from || g->body->size + records.n > g->max)
        return take_records(g, first, records);
    if (msgpack_sbuffer_write(g->body, records.p, records.n) != 0) {
        g->err = ERR_NOMEM;
        return false;
    }
    if (g->ret->count == 0)
        g->ret->first = first;
    g->ret->count += n;
    return true;
}

enum err outbox_fetch(struct outbox *o, uint64_t from, uint64_t max, struct alerts *ret,
                      msgpack_sbuffer *body)
{
    uint64_t most = MP_FRAME_MAX - 64;  /* the message around the body takes some bytes */
    struct gather g = { .from = from, .max = max < most ? max : most, .ret = ret, .body = body };
    struct slice value, start = SLICE("");
    struct store_key key = store_key_of(from);

    *ret = (struct alerts){ .epoch = o->epoch, .first = o->next };
    if (from >= o->next)
        return ERR_OK;
    if (from > o->first
        && store_get(o->store, o->alerts, (struct slice){ key.at, sizeof key.at }, &value) == ERR_OK)
        start = (struct slice){ key.at, sizeof key.at };
    enum err e = store_each(o->store, o->alerts, start, take_value, &g);
    store_release(o->store);
    ret->body = (struct slice){ body->data, body->size };
    return e != ERR_OK ? e : g.err;
}

struct outbox_counts outbox_counts(const struct outbox *o)
{
    return (struct outbox_counts){ o->epoch, o->first, o->next, o->bytes };
}
