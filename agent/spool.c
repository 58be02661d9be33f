#include "agent/spool.h"

#include <msgpack.h>
#include <stdlib.h>
#include <sys/random.h>

#include "agent/memory.h"
#include "common/store/store.h"

#define MAP_BASE_BYTES ((uint64_t)32 << 20)
#define FORGET_BYTES   ((uint64_t)256 << 10)     /* of the store, read or written between two forgettings */

enum table { BATCHES, POSITIONS, META };
static const char *const tables[] = { "batches", "positions", "meta" };

/* A batch that waits.  frame.data is NULL when only the store has it. */
struct batch {
    uint64_t first, count;
    size_t bytes;
    msgpack_sbuffer frame;
};

struct spool {
    struct store *store;
    struct spool_options o;
    struct { uint64_t batches, bytes; } limits[2];      /* by enum spool_use */
    uint64_t stream, last;      /* last: of the newest batch in `batches` */
    bool is_new;
    struct batch *batches;      /* oldest first; [committed, n) are not in the store yet */
    size_t n, room, committed;
    uint64_t bytes;
    uint64_t touched;           /* bytes of the store, since its pages were forgotten */
    msgpack_sbuffer body;       /* the open batch */
    uint64_t body_count;
};

static struct slice filled(const msgpack_sbuffer *b)
{
    return (struct slice){ b->data, b->size };
}

static enum err draw_stream(uint64_t *ret)
{
    do {
        if (getrandom(ret, sizeof *ret, 0) != (ssize_t)sizeof *ret)
            return ERR_SYS;
    } while (*ret == 0);
    return ERR_OK;
}

static enum err make_state(struct spool *s)
{
    enum err e = draw_stream(&s->stream);

    if (e == ERR_OK)
        e = store_put_u64(s->store, META, "stream", s->stream);
    if (e == ERR_OK)
        e = store_put_u64(s->store, META, "last", 0);
    if (e == ERR_OK)
        e = store_commit(s->store);
    s->is_new = true;
    return e;
}

static enum err grow(struct spool *s)
{
    size_t room = s->room == 0 ? 64 : 2 * s->room;
    struct batch *b = realloc(s->batches, room * sizeof *b);

    if (b == NULL)
        return ERR_NOMEM;
    s->batches = b;
    s->room = room;
    return ERR_OK;
}

static enum err push(struct spool *s, struct batch b)
{
    if (s->n == s->room && grow(s) != ERR_OK)
        return ERR_NOMEM;
    s->batches[s->n++] = b;
    s->bytes += b.bytes;
    s->last = b.first + b.count - 1;
    return ERR_OK;
}

struct listing { struct spool *s; enum err e; };

static bool list_batch(void *arg, struct slice key, struct slice value)
{
    struct listing *l = arg;
    struct events ev;

    l->e = record_unpack(&events_schema, &ev, value);
    if (l->e == ERR_OK && (ev.first != store_key_u64(key) || ev.count == 0))
        l->e = ERR_BADMSG;
    if (l->e == ERR_OK)
        l->e = push(l->s, (struct batch){ .first = ev.first, .count = ev.count, .bytes = value.n });
    return l->e == ERR_OK;
}

static enum err load_state(struct spool *s)
{
    struct listing l = { s, ERR_OK };
    uint64_t last = 0;
    enum err e = store_get_u64(s->store, META, "stream", &s->stream);

    if (e == ERR_OK && s->stream == 0)
        return make_state(s);
    if (e == ERR_OK)
        e = store_get_u64(s->store, META, "last", &last);
    if (e == ERR_OK)
        e = store_each(s->store, BATCHES, (struct slice){ NULL, 0 }, list_batch, &l);
    if (e == ERR_OK)
        e = l.e;
    s->last = last;
    s->committed = s->n;
    store_release(s->store);
    return e;
}

static void set_limits(struct spool *s, const struct spool_options *o)
{
    s->o = *o;
    s->limits[SPOOL_REREADABLE].batches = SPOOL_BATCHES_MIN;
    s->limits[SPOOL_REREADABLE].bytes = SPOOL_READ_AHEAD;
    s->limits[SPOOL_ONCE].batches = 2 * SPOOL_BATCHES_MIN + o->once_bytes / SPOOL_BATCH_SHARE;
    s->limits[SPOOL_ONCE].bytes = SPOOL_READ_AHEAD + o->once_bytes;
}

/* The store keeps a long value in whole pages, and pages just freed wait for the next commit. */
static uint64_t map_bytes(const struct spool *s)
{
    return MAP_BASE_BYTES + 3 * s->limits[SPOOL_ONCE].bytes;
}

enum err spool_open(struct spool **ret, const char *dir, const struct spool_options *o)
{
    struct spool *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;

    msgpack_sbuffer_init(&s->body);
    set_limits(s, o);
    enum err e = store_open(&s->store, dir, map_bytes(s), tables,
                            sizeof tables / sizeof tables[0], o->durable);
    if (e == ERR_OK)
        e = load_state(s);
    if (e != ERR_OK) {
        spool_free(s);
        return e;
    }
    *ret = s;
    return ERR_OK;
}

static void forget_frame(struct batch *b)
{
    msgpack_sbuffer_destroy(&b->frame);
    msgpack_sbuffer_init(&b->frame);
}

void spool_free(struct spool *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++)
        forget_frame(&s->batches[i]);
    msgpack_sbuffer_destroy(&s->body);
    free(s->batches);
    store_free(s->store);
    free(s);
}

bool spool_is_new(const struct spool *s)        { return s->is_new; }
uint64_t spool_stream(const struct spool *s)    { return s->stream; }

uint64_t spool_last(const struct spool *s)
{
    return s->n > s->committed ? s->batches[s->committed].first - 1 : s->last;
}

uint64_t spool_first(const struct spool *s)
{
    return s->n > 0 ? s->batches[0].first : s->last + 1;
}

uint64_t spool_waiting(const struct spool *s)
{
    return spool_last(s) + 1 - spool_first(s);
}

bool spool_pending(const struct spool *s)
{
    return s->body_count > 0 || s->n > s->committed;
}

bool spool_room(const struct spool *s, enum spool_use use)
{
    return s->n < s->limits[use].batches && s->bytes + s->body.size < s->limits[use].bytes;
}

/* Close the open batch: it gets its numbers and its frame. */
static enum err seal(struct spool *s)
{
    struct events ev = { s->stream, s->last + 1, s->body_count, filled(&s->body) };
    struct batch b = { .first = ev.first, .count = ev.count };

    if (s->body_count == 0)
        return ERR_OK;
    msgpack_sbuffer_init(&b.frame);
    enum err e = record_pack(&events_schema, &ev, &b.frame);
    b.bytes = b.frame.size;
    if (e == ERR_OK)
        e = push(s, b);
    if (e != ERR_OK) {
        msgpack_sbuffer_destroy(&b.frame);
        return e;
    }
    s->body.size = 0;
    s->body_count = 0;
    return ERR_OK;
}

enum err spool_add(struct spool *s, const struct raw *r)
{
    size_t before = s->body.size;
    enum err e = record_pack(&raw_schema, r, &s->body);

    if (e != ERR_OK) {
        s->body.size = before;
        return e;
    }
    s->body_count++;
    if (s->body_count < s->o.batch_records && s->body.size < s->o.batch_bytes)
        return ERR_OK;
    return seal(s);
}

static enum err put_batches(struct spool *s)
{
    uint64_t gone;
    enum err e = store_delete_below(s->store, BATCHES, STORE_U64(spool_first(s)), &gone);

    for (size_t i = s->committed; e == ERR_OK && i < s->n; i++) {
        e = store_append(s->store, BATCHES, STORE_U64(s->batches[i].first),
                         filled(&s->batches[i].frame));
        s->touched += s->batches[i].bytes;
    }
    return e == ERR_OK ? store_put_u64(s->store, META, "last", s->last) : e;
}

enum err spool_commit(struct spool *s, enum err (*save)(void *arg), void *arg)
{
    enum err e = seal(s);

    if (e == ERR_OK)
        e = put_batches(s);
    if (e == ERR_OK && save != NULL)
        e = save(arg);
    if (e == ERR_OK)
        e = store_commit(s->store);
    if (e == ERR_OK)
        s->committed = s->n;
    else
        store_abort(s->store);
    return e;
}

enum err spool_put(struct spool *s, struct slice key, struct slice value)
{
    return store_put(s->store, POSITIONS, key, value);
}

enum err spool_drop(struct spool *s, struct slice key)
{
    enum err e = store_delete(s->store, POSITIONS, key);

    return e == ERR_ABSENT ? ERR_OK : e;
}

enum err spool_get(struct spool *s, struct slice key, struct slice *ret)
{
    return store_get(s->store, POSITIONS, key, ret);
}

struct selection {
    struct slice prefix;
    bool (*visit)(void *, struct slice, struct slice);
    void *arg;
};

static bool visit_prefix(void *arg, struct slice key, struct slice value)
{
    struct selection *sel = arg;

    return slice_starts(key, sel->prefix) && sel->visit(sel->arg, key, value);
}

enum err spool_each(struct spool *s, struct slice prefix,
                    bool (*visit)(void *arg, struct slice key, struct slice value), void *arg)
{
    struct selection sel = { prefix, visit, arg };

    return store_each(s->store, POSITIONS, prefix, visit_prefix, &sel);
}

void spool_acknowledge(struct spool *s, uint64_t upto)
{
    size_t gone = 0;

    while (gone < s->committed && s->batches[gone].first + s->batches[gone].count - 1 <= upto) {
        s->bytes -= s->batches[gone].bytes;
        forget_frame(&s->batches[gone]);
        gone++;
    }
    if (gone == 0)
        return;
    memmove(s->batches, s->batches + gone, (s->n - gone) * sizeof *s->batches);
    s->n -= gone;
    s->committed -= gone;
}

/* The first batch that ends at or above `from`: they lie in order. */
static size_t find(const struct spool *s, uint64_t from)
{
    size_t low = 0, high = s->committed;

    while (low < high) {
        size_t mid = (low + high) / 2;
        if (s->batches[mid].first + s->batches[mid].count - 1 < from)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

enum err spool_frame(struct spool *s, uint64_t from, struct slice *ret, uint64_t *next)
{
    size_t i = find(s, from);
    enum err e = ERR_OK;

    if (i == s->committed)
        return ERR_ABSENT;
    if (s->batches[i].frame.data != NULL)
        *ret = filled(&s->batches[i].frame);
    else
        e = store_get(s->store, BATCHES, STORE_U64(s->batches[i].first), ret);
    if (e == ERR_OK) {
        *next = s->batches[i].first + s->batches[i].count;
        s->touched += ret->n;
    }
    return e == ERR_ABSENT ? ERR_BADMSG : e;
}

void spool_relax(struct spool *s)
{
    for (size_t i = s->committed; i > 0 && s->batches[i - 1].frame.data != NULL; i--)
        forget_frame(&s->batches[i - 1]);
    store_release(s->store);
    if (s->touched >= FORGET_BYTES) {
        memory_forget("/data.mdb");
        s->touched = 0;
    }
}

/* The frame of batch i again, for another stream and number. */
static enum err reframe(struct spool *s, size_t i, uint64_t stream, uint64_t first,
                        msgpack_sbuffer *ret)
{
    struct events ev;
    struct slice frame;
    uint64_t next;
    enum err e = spool_frame(s, s->batches[i].first, &frame, &next);

    if (e == ERR_OK)
        e = record_unpack(&events_schema, &ev, frame);
    if (e != ERR_OK)
        return e;
    ev.stream = stream;
    ev.first = first;
    ret->size = 0;
    return record_pack(&events_schema, &ev, ret);
}

/* New numbers are at most the old ones, so writing from the front never meets a batch that is
 * still to be read; the old keys are deleted as they are passed. */
static enum err renumber(struct spool *s, uint64_t stream, uint64_t *last)
{
    msgpack_sbuffer frame;
    enum err e = ERR_OK;

    msgpack_sbuffer_init(&frame);
    *last = 0;
    for (size_t i = 0; e == ERR_OK && i < s->committed; i++) {
        e = reframe(s, i, stream, *last + 1, &frame);
        if (e == ERR_OK)
            e = store_delete(s->store, BATCHES, STORE_U64(s->batches[i].first));
        if (e == ERR_OK)
            e = store_put(s->store, BATCHES, STORE_U64(*last + 1), filled(&frame));
        *last += s->batches[i].count;
    }
    msgpack_sbuffer_destroy(&frame);
    return e;
}

enum err spool_renew(struct spool *s)
{
    uint64_t stream, last, gone, number = 1;
    enum err e = spool_commit(s, NULL, NULL);

    if (e == ERR_OK)
        e = draw_stream(&stream);
    if (e == ERR_OK)
        e = store_delete_below(s->store, BATCHES, STORE_U64(spool_first(s)), &gone);
    if (e == ERR_OK)
        e = renumber(s, stream, &last);
    if (e == ERR_OK)
        e = store_put_u64(s->store, META, "stream", stream);
    if (e == ERR_OK)
        e = store_put_u64(s->store, META, "last", last);
    if (e == ERR_OK)
        e = store_commit(s->store);
    if (e != ERR_OK) {
        store_abort(s->store);
        return e;
    }
    spool_relax(s);
    for (size_t i = 0; i < s->n; number += s->batches[i].count, i++)
        s->batches[i].first = number;
    s->stream = stream;
    s->last = last;
    return ERR_OK;
}
