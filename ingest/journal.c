#include "ingest/journal.h"

#include <msgpack.h>
#include <sodium.h>
#include <stdlib.h>

#include "common/store/store.h"
#include "common/wire/record.h"
#include "schemas/messages.h"

#define TRIM_LAZY  512                  /* trimmable batches that are worth a commit of their own */
#define PAGE       ((uint64_t)4096)
#define MAP_SPARE  ((uint64_t)64 << 20)

enum table { BATCHES, STREAMS, META };
static const char *const tables[] = { "batches", "streams", "meta" };

struct recent { uint64_t offset; char *p; size_t n; };

struct journal {
    struct store *store;
    struct journal_limits limits;
    uint64_t id, floor, wanted_floor;
    uint64_t next, appended;            /* first offset not committed, not appended */
    uint64_t bytes, bytes_appended;     /* committed; the same with what is appended */
    uint64_t recent_bytes, oldest;      /* oldest: below it nothing is in recent[] */
    enum err failed;                    /* why an append did not do; nothing is kept then */
    bool trim_now;
    struct recent recent[JOURNAL_RECENT_MAX];
};

/* What a value takes of the store, about: large values have pages of their own. */
static uint64_t cost_of(size_t n)
{
    return ((uint64_t)n + 32 + PAGE - 1) / PAGE * PAGE;
}

struct tally { uint64_t bytes; };

static bool add_cost(void *arg, struct slice key, struct slice value)
{
    struct tally *t = arg;

    (void)key;
    t->bytes += cost_of(value.n);
    return true;
}

static enum err make_id(struct journal *j)
{
    if (sodium_init() < 0)
        return ERR_SYS;
    while (j->id == 0)
        randombytes_buf(&j->id, sizeof j->id);
    enum err e = store_put_u64(j->store, META, "id", j->id);
    return e == ERR_OK ? store_commit(j->store) : e;
}

static enum err find_ends(struct journal *j)
{
    struct slice key, value, none = { NULL, 0 };
    struct tally t = { 0 };

    enum err e = store_first(j->store, BATCHES, &key, &value);
    if (e == ERR_OK) {
        j->floor = store_key_u64(key);
        e = store_last(j->store, BATCHES, &key, &value);
        j->next = store_key_u64(key) + 1;
    } else if (e == ERR_ABSENT) {
        j->next = j->floor;
        e = ERR_OK;
    }
    if (e == ERR_OK)
        e = store_each(j->store, BATCHES, none, add_cost, &t);
    j->bytes = t.bytes;
    return e;
}

static enum err load(struct journal *j)
{
    enum err e = store_get_u64(j->store, META, "id", &j->id);
    if (e == ERR_OK && j->id == 0)
        e = make_id(j);
    j->floor = 1;
    if (e == ERR_OK)
        e = store_get_u64(j->store, META, "floor", &j->floor);
    if (e == ERR_OK)
        e = find_ends(j);
    store_release(j->store);
    if (j->floor == 0 || j->next < j->floor)
        return e == ERR_OK ? ERR_BADMSG : e;
    j->wanted_floor = j->floor;
    j->appended = j->oldest = j->next;
    j->bytes_appended = j->bytes;
    return e;
}

enum err journal_open(struct journal **ret, const char *dir, const struct journal_limits *limits)
{
    struct journal *j = calloc(1, sizeof *j);
    if (j == NULL)
        return ERR_NOMEM;

    j->limits = *limits;
    uint64_t map = limits->map_bytes != 0 ? limits->map_bytes
                                          : limits->bytes + limits->bytes / 2 + MAP_SPARE;
    enum err e = store_open(&j->store, dir, map, tables, sizeof tables / sizeof tables[0],
                            limits->durable);
    if (e == ERR_OK)
        e = load(j);
    if (e != ERR_OK) {
        journal_free(j);
        return e;
    }
    *ret = j;
    return ERR_OK;
}

static void forget(struct journal *j, struct recent *r)
{
    j->recent_bytes -= r->n;
    free(r->p);
    *r = (struct recent){ 0 };
}

void journal_free(struct journal *j)
{
    if (j == NULL)
        return;
    for (size_t i = 0; i < JOURNAL_RECENT_MAX; i++)
        free(j->recent[i].p);
    store_free(j->store);
    free(j);
}

uint64_t journal_id(const struct journal *j)
{
    return j->id;
}

uint64_t journal_floor(const struct journal *j)
{
    return j->floor;
}

uint64_t journal_next(const struct journal *j)
{
    return j->next;
}

uint64_t journal_bytes(const struct journal *j)
{
    return j->bytes;
}

bool journal_has_room(const struct journal *j)
{
    return j->failed == ERR_OK && j->bytes_appended < j->limits.bytes;
}

bool journal_is_roomy(const struct journal *j)
{
    return journal_has_room(j) && j->bytes_appended <= j->limits.bytes - j->limits.bytes / 8;
}

void journal_stretch(struct journal *j)
{
    j->limits.bytes = UINT64_MAX;
}

uint64_t journal_pending(const struct journal *j)
{
    return j->appended - j->next;
}

static struct recent *slot_of(struct journal *j, uint64_t offset)
{
    return &j->recent[offset % JOURNAL_RECENT_MAX];
}

/* Take the packed batch over; the oldest make room for it. */
static void keep_recent(struct journal *j, uint64_t offset, msgpack_sbuffer *packed)
{
    struct recent *r = slot_of(j, offset);

    if (r->p != NULL)
        forget(j, r);
    while (j->recent_bytes + packed->size > j->limits.recent_bytes && j->oldest < offset) {
        struct recent *old = slot_of(j, j->oldest);
        if (old->p != NULL && old->offset == j->oldest)
            forget(j, old);
        j->oldest++;
    }
    if (j->recent_bytes + packed->size > j->limits.recent_bytes)
        return;
    size_t n = packed->size;
    *r = (struct recent){ offset, msgpack_sbuffer_release(packed), n };
    j->recent_bytes += n;
}

struct stream_key { char at[16]; };

static struct stream_key stream_key_of(uint64_t agent, uint64_t stream)
{
    struct store_key a = store_key_of(agent), b = store_key_of(stream);
    struct stream_key k;

    memcpy(k.at, a.at, 8);
    memcpy(k.at + 8, b.at, 8);
    return k;
}

/* A stream's value: its highest sequence number, and the offset of its last batch, which tells age. */
static uint64_t number_at(struct slice v, size_t i)
{
    return v.n >= 8 * (i + 1) ? store_key_u64((struct slice){ v.p + 8 * i, 8 }) : 0;
}

enum err journal_upto(struct journal *j, uint64_t agent, uint64_t stream, uint64_t *ret)
{
    struct stream_key k = stream_key_of(agent, stream);
    struct slice v;

    enum err e = store_get(j->store, STREAMS, (struct slice){ k.at, sizeof k.at }, &v);
    if (e == ERR_OK)
        *ret = number_at(v, 0);
    else if (e == ERR_ABSENT)
        *ret = 0;
    return e == ERR_ABSENT ? ERR_OK : e;
}

struct census { uint64_t agent, oldest; size_t n; struct stream_key key; };

static bool count_stream(void *arg, struct slice key, struct slice value)
{
    struct census *c = arg;

    if (key.n != sizeof c->key.at || store_key_u64((struct slice){ key.p, 8 }) != c->agent)
        return false;
    if (c->n++ == 0 || number_at(value, 1) < c->oldest) {
        c->oldest = number_at(value, 1);
        memcpy(c->key.at, key.p, key.n);
    }
    return true;
}

/* A new stream of an agent that has many: the one that slept longest is forgotten. */
static enum err make_room_for_stream(struct journal *j, uint64_t agent)
{
    struct census c = { .agent = agent };
    struct stream_key from = stream_key_of(agent, 0);

    enum err e = store_each(j->store, STREAMS, (struct slice){ from.at, sizeof from.at },
                            count_stream, &c);
    if (e == ERR_OK && c.n >= JOURNAL_STREAMS_MAX)
        e = store_delete(j->store, STREAMS, (struct slice){ c.key.at, sizeof c.key.at });
    return e;
}

static enum err put_stream(struct journal *j, const struct batch *b)
{
    struct stream_key k = stream_key_of(b->agent, b->stream);
    struct stream_key v = stream_key_of(b->first + b->count - 1, j->appended);
    struct slice key = { k.at, sizeof k.at }, was;

    enum err e = store_get(j->store, STREAMS, key, &was);
    if (e == ERR_ABSENT)
        e = make_room_for_stream(j, b->agent);
    return e == ERR_OK ? store_put(j->store, STREAMS, key, (struct slice){ v.at, sizeof v.at }) : e;
}

static enum err put_batch(struct journal *j, const struct batch *b, msgpack_sbuffer *packed)
{
    struct lease rec = {
        .ingest = j->id, .offset = j->appended, .received = b->received_us, .agent = b->agent,
        .agent_name = b->agent_name, .agent_addr = b->agent_addr, .stream = b->stream,
        .first = b->first, .count = b->count, .body = b->body,
    };
    struct store_key k = store_key_of(j->appended);

    enum err e = record_pack(&lease_schema, &rec, packed);
    if (e == ERR_OK)
        e = store_append(j->store, BATCHES, (struct slice){ k.at, sizeof k.at },
                         (struct slice){ packed->data, packed->size });
    return e == ERR_OK ? put_stream(j, b) : e;
}

enum err journal_append(struct journal *j, const struct batch *b)
{
    msgpack_sbuffer packed;

    if (!journal_has_room(j))
        return ERR_FULL;
    msgpack_sbuffer_init(&packed);
    enum err e = put_batch(j, b, &packed);
    if (e == ERR_OK) {
        j->bytes_appended += cost_of(packed.size);
        keep_recent(j, j->appended++, &packed);
    } else {
        j->failed = e;                  /* the transaction is half written: commit will drop it */
    }
    msgpack_sbuffer_destroy(&packed);
    return e;
}

void journal_trim(struct journal *j, uint64_t floor)
{
    if (floor > j->next)
        floor = j->next;
    if (floor > j->wanted_floor)
        j->wanted_floor = floor;
}

void journal_trim_now(struct journal *j)
{
    j->trim_now = true;
}

struct span { uint64_t end, bytes; };

static bool cost_below(void *arg, struct slice key, struct slice value)
{
    struct span *s = arg;

    if (store_key_u64(key) >= s->end)
        return false;
    s->bytes += cost_of(value.n);
    return true;
}

/* Delete what may go, in the open transaction; *freed says what it took. */
static enum err delete_trimmed(struct journal *j, uint64_t *freed)
{
    struct span s = { .end = j->wanted_floor };
    struct store_key end = store_key_of(j->wanted_floor);
    uint64_t n;

    enum err e = store_each(j->store, BATCHES, (struct slice){ NULL, 0 }, cost_below, &s);
    if (e == ERR_OK)
        e = store_delete_below(j->store, BATCHES, (struct slice){ end.at, sizeof end.at }, &n);
    if (e == ERR_OK)
        e = store_put_u64(j->store, META, "floor", j->wanted_floor);
    *freed = s.bytes;
    return e;
}

/* Commit what is open and, when `trim`, the trimming with it. */
static enum err commit(struct journal *j, bool trim)
{
    uint64_t freed = 0, floor = j->wanted_floor;

    enum err e = trim ? delete_trimmed(j, &freed) : ERR_OK;
    if (e == ERR_OK)
        e = store_commit(j->store);
    if (e != ERR_OK) {
        store_abort(j->store);
        return e;
    }
    if (trim)
        j->floor = floor;
    j->next = j->appended;
    j->bytes = j->bytes_appended = j->bytes_appended - freed;
    return ERR_OK;
}

static void roll_back(struct journal *j)
{
    store_abort(j->store);
    for (uint64_t o = j->next; o < j->appended; o++) {
        struct recent *r = slot_of(j, o);
        if (r->p != NULL && r->offset == o)
            forget(j, r);
    }
    j->appended = j->next;
    if (j->oldest > j->next)
        j->oldest = j->next;
    j->bytes_appended = j->bytes;
    j->failed = ERR_OK;
}

/* Trim alone; and, because LMDB gives the pages that one transaction freed to the next but one,
 * end another transaction behind it. */
static enum err make_room(struct journal *j)
{
    enum err e = j->wanted_floor > j->floor ? commit(j, true) : ERR_OK;

    if (e == ERR_OK)
        e = store_put_u64(j->store, META, "floor", j->floor);
    return e == ERR_OK ? commit(j, false) : e;
}

enum err journal_commit(struct journal *j)
{
    bool open = store_open_write(j->store), trimmable = j->wanted_floor > j->floor;
    bool trim = trimmable && (open || j->trim_now || j->wanted_floor - j->floor >= TRIM_LAZY);
    enum err e = j->failed;

    if (e == ERR_OK && (open || trim))
        e = commit(j, trim);
    else if (e == ERR_OK)
        store_release(j->store);
    j->trim_now = false;
    if (e == ERR_OK)
        return ERR_OK;
    roll_back(j);
    if (e == ERR_FULL && make_room(j) == ERR_SYS)
        return ERR_SYS;
    return e;
}

enum err journal_read(struct journal *j, uint64_t offset, struct slice *ret)
{
    const struct recent *r = slot_of(j, offset);
    struct store_key k = store_key_of(offset);

    if (offset < j->floor || offset >= j->next)
        return ERR_ABSENT;
    if (r->p != NULL && r->offset == offset) {
        *ret = (struct slice){ r->p, r->n };
        return ERR_OK;
    }
    return store_get(j->store, BATCHES, (struct slice){ k.at, sizeof k.at }, ret);
}

void journal_handed(struct journal *j, uint64_t offset)
{
    struct recent *r = slot_of(j, offset);

    if (r->p != NULL && r->offset == offset)
        forget(j, r);
}
