#include "alertd/journal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "alertd/topics.h"
#include "common/store/store.h"

enum { TABLE_META, TABLE_TOPICS, TABLE_STREAM };        /* one more table for each stream */
static const char *const tables[] = { "meta", "topics", "alerts", "archive" };
static const char *const next_keys[JOURNAL_STREAMS] = { "next/alerts", "next/archive" };

/* One batch on disk, keyed by the number of its last record, so that the first key at or above a
 * number is the batch that holds it. */
struct kept {
#define KEPT(FIELD)                                                        \
    FIELD(0, U64,  count,  "how many records")                             \
    FIELD(1, BODY, topics, "8 bytes each: their numbers within their topics") \
    FIELD(2, BODY, body,   "the records, packed one after the other")
#define FIELD(pos, kind, name, doc) kind_##kind name;
    KEPT(FIELD)
#undef FIELD
};
static const struct field kept_fields[] = {
#define FIELD(pos, kind, name, doc) { pos, KIND_##kind, #name, offsetof(struct kept, name), doc },
    KEPT(FIELD)
#undef FIELD
};
static const struct schema kept_schema = {
    "kept", "one batch of the journal", 0, sizeof(struct kept),
    sizeof kept_fields / sizeof kept_fields[0], kept_fields,
};

struct sink {
    char *name;
    enum journal_stream stream;
    uint64_t next, committed;
    size_t n;
    char state[JOURNAL_STATE_MAX];
    bool changed;
};

struct stream {
    uint64_t first, next, bytes;        /* next and bytes with what is not yet committed */
    uint64_t safe_next, safe_bytes;
};

struct journal {
    struct store *store;
    struct topics *topics;
    uint64_t epoch, map_bytes;
    struct stream stream[JOURNAL_STREAMS];
    struct sink sink[JOURNAL_SINKS_MAX];
    size_t n_sinks;
    msgpack_sbuffer packed, archive;    /* work space */
    uint64_t *numbers;                  /* JOURNAL_BATCH_MAX of them */
};

static enum err load_epoch(struct journal *j)
{
    enum err e = store_get_u64(j->store, TABLE_META, "epoch", &j->epoch);

    if (e != ERR_OK || j->epoch != 0)
        return e;
    randombytes_buf(&j->epoch, sizeof j->epoch);
    j->epoch = j->epoch >> 12 | 1;      /* never 0, and exact in a reader's floating point */
    e = store_put_u64(j->store, TABLE_META, "epoch", j->epoch);
    return e == ERR_OK ? store_commit(j->store) : e;
}

/* What a value takes of the map: small ones share a page, large ones have pages of their own. */
static uint64_t cost(size_t n)
{
    return n < 1024 ? 2 * n + 32 : (n + 16 + 4095) / 4096 * 4096;
}

static bool count_bytes(void *arg, struct slice key, struct slice value)
{
    struct stream *s = arg;

    (void)key;
    s->bytes += cost(value.n);
    return true;
}

/* The number of the oldest record, from the oldest batch. */
static enum err load_first(struct journal *j, enum journal_stream which)
{
    struct slice key, value;
    struct kept k;

    enum err e = store_first(j->store, TABLE_STREAM + which, &key, &value);
    if (e == ERR_ABSENT) {
        j->stream[which].first = j->stream[which].next;
        return ERR_OK;
    }
    if (e != ERR_OK)
        return e;
    if (record_next(&kept_schema, &k, &value) != ERR_OK || k.count > store_key_u64(key))
        return ERR_BADMSG;
    j->stream[which].first = store_key_u64(key) - k.count + 1;
    return ERR_OK;
}

static enum err load_stream(struct journal *j, enum journal_stream which)
{
    struct stream *s = &j->stream[which];

    s->next = 1;
    enum err e = store_get_u64(j->store, TABLE_META, next_keys[which], &s->next);
    if (e == ERR_OK)
        e = store_each(j->store, TABLE_STREAM + which, SLICE(""), count_bytes, s);
    s->safe_next = s->next;
    s->safe_bytes = s->bytes;
    return e == ERR_OK ? load_first(j, which) : e;
}

static bool load_topic(void *arg, struct slice key, struct slice value)
{
    struct topics *t = arg;

    if (key.n == 16)
        topics_load(t, store_key_u64((struct slice){ key.p, 8 }),
                    store_key_u64((struct slice){ key.p + 8, 8 }), store_key_u64(value));
    return true;
}

static enum err load(struct journal *j)
{
    enum err e = load_epoch(j);

    for (int s = 0; s < JOURNAL_STREAMS && e == ERR_OK; s++)
        e = load_stream(j, (enum journal_stream)s);
    if (e == ERR_OK)
        e = store_each(j->store, TABLE_TOPICS, SLICE(""), load_topic, j->topics);
    store_release(j->store);
    return e;
}

enum err journal_open(struct journal **ret, const char *dir, uint64_t map_bytes, bool durable)
{
    struct journal *j = calloc(1, sizeof *j);
    if (j == NULL)
        return ERR_NOMEM;

    j->map_bytes = map_bytes;
    msgpack_sbuffer_init(&j->packed);
    msgpack_sbuffer_init(&j->archive);
    j->numbers = malloc(JOURNAL_BATCH_MAX * sizeof *j->numbers);
    enum err e = j->numbers != NULL ? topics_new(&j->topics) : ERR_NOMEM;
    if (e == ERR_OK)
        e = store_open(&j->store, dir, map_bytes, tables, sizeof tables / sizeof tables[0], durable);
    if (e == ERR_OK)
        e = load(j);
    if (e != ERR_OK) {
        journal_free(j);
        return e;
    }
    *ret = j;
    return ERR_OK;
}

void journal_free(struct journal *j)
{
    if (j == NULL)
        return;
    for (size_t i = 0; i < j->n_sinks; i++)
        free(j->sink[i].name);
    store_free(j->store);
    topics_free(j->topics);
    msgpack_sbuffer_destroy(&j->packed);
    msgpack_sbuffer_destroy(&j->archive);
    free(j->numbers);
    free(j);
}

uint64_t journal_epoch(const struct journal *j)
{
    return j->epoch;
}

uint64_t journal_first(const struct journal *j, enum journal_stream s)
{
    return j->stream[s].first;
}

uint64_t journal_next(const struct journal *j, enum journal_stream s)
{
    return j->stream[s].next;
}

uint64_t journal_bytes(const struct journal *j)
{
    return j->stream[JOURNAL_ALERTS].bytes + j->stream[JOURNAL_ARCHIVE].bytes;
}

static char *join(const char *prefix, const char *name)
{
    char *text = NULL;

    return asprintf(&text, "%s%s", prefix, name) < 0 ? NULL : text;
}

struct source_cursor journal_source(struct journal *j, const char *name)
{
    struct source_cursor at = { 0, 0 };
    char *key = join("source/", name);
    struct slice v;

    if (key != NULL && store_get(j->store, TABLE_META, slice_of(key), &v) == ERR_OK && v.n == 16) {
        at.epoch = store_key_u64((struct slice){ v.p, 8 });
        at.next = store_key_u64((struct slice){ v.p + 8, 8 });
    }
    store_release(j->store);
    free(key);
    return at;
}

static enum err put_source(struct journal *j, const char *name, struct source_cursor at)
{
    struct store_key v[2] = { store_key_of(at.epoch), store_key_of(at.next) };
    char *key = join("source/", name);

    if (key == NULL)
        return ERR_NOMEM;
    enum err e = store_put(j->store, TABLE_META, slice_of(key), (struct slice){ v[0].at, sizeof v });
    free(key);
    return e;
}

static enum err put_batch(struct journal *j, enum journal_stream which, const struct kept *k)
{
    struct stream *s = &j->stream[which];

    if (k->count == 0)
        return ERR_OK;
    msgpack_sbuffer_clear(&j->packed);
    enum err e = record_pack(&kept_schema, k, &j->packed);
    if (e != ERR_OK)
        return e;
    struct store_key key = store_key_of(s->next + k->count - 1);
    e = store_append(j->store, (size_t)TABLE_STREAM + which, (struct slice){ key.at, sizeof key.at },
                     (struct slice){ j->packed.data, j->packed.size });
    if (e != ERR_OK)
        return e;
    s->next += k->count;
    s->bytes += cost(j->packed.size);
    return ERR_OK;
}

static bool add(msgpack_sbuffer *to, const char *from, const char *end)
{
    return end == from || msgpack_sbuffer_write(to, from, (size_t)(end - from)) == 0;
}

/* Sort a mixed batch: what a rule raised, what the archives want. */
static enum err sort_batch(struct journal *j, struct slice body, uint64_t count, msgpack_sbuffer *alerts,
                           struct kept *a, struct kept *archive)
{
    struct slice rest = body;
    struct alert rec;
    uint64_t skipped = 0;

    for (uint64_t i = 0; i < count; i++) {
        const char *start = rest.p;
        if (record_next(&alert_schema, &rec, &rest) != ERR_OK)
            return ERR_BADMSG;
        if (archive != NULL && (rec.flags & ALERT_ARCHIVE) != 0) {
            archive->count++;
            if (!add(&j->archive, start, rest.p))
                return ERR_NOMEM;
        }
        if (rec.rule == 0) {
            if (skipped++ == 0 && !add(alerts, body.p, start))
                return ERR_NOMEM;
            continue;
        }
        if (skipped > 0 && !add(alerts, start, rest.p))
            return ERR_NOMEM;
        j->numbers[a->count++] = topics_next(j->topics, rec.level, rec.rule);
    }
    a->topics = (struct slice){ (const char *)j->numbers, a->count * sizeof *j->numbers };
    a->body = skipped > 0 ? (struct slice){ alerts->data, alerts->size } : body;
    return ERR_OK;
}

static void undo(struct journal *j)
{
    store_abort(j->store);
    topics_undo(j->topics);
    for (int i = 0; i < JOURNAL_STREAMS; i++) {
        j->stream[i].next = j->stream[i].safe_next;
        j->stream[i].bytes = j->stream[i].safe_bytes;
    }
}

enum err journal_append(struct journal *j, struct slice body, uint64_t count, bool with_archive,
                        const char *source, struct source_cursor at)
{
    struct kept a = { 0 }, archive = { 0 };
    msgpack_sbuffer alerts;

    if (count > JOURNAL_BATCH_MAX)
        return ERR_RANGE;
    msgpack_sbuffer_init(&alerts);
    msgpack_sbuffer_clear(&j->archive);
    enum err e = sort_batch(j, body, count, &alerts, &a, with_archive ? &archive : NULL);
    archive.body = (struct slice){ j->archive.data, j->archive.size };
    if (e == ERR_OK)
        e = put_batch(j, JOURNAL_ALERTS, &a);
    if (e == ERR_OK)
        e = put_batch(j, JOURNAL_ARCHIVE, &archive);
    if (e == ERR_OK)
        e = put_source(j, source, at);
    msgpack_sbuffer_destroy(&alerts);
    if (e != ERR_OK)
        undo(j);
    return e;
}

static enum err load_sink(struct journal *j, struct sink *s)
{
    char *key = join("sink/", s->name);
    struct slice v;

    if (key == NULL)
        return ERR_NOMEM;
    enum err e = store_get(j->store, TABLE_META, slice_of(key), &v);
    if (e == ERR_OK && (v.n < 8 || v.n - 8 > sizeof s->state))
        e = ERR_BADMSG;
    if (e == ERR_OK) {
        s->next = store_key_u64((struct slice){ v.p, 8 });
        s->n = v.n - 8;
        memcpy(s->state, v.p + 8, s->n);
    } else if (e == ERR_ABSENT) {
        s->next = j->stream[s->stream].next;
        s->changed = true;
        e = ERR_OK;
    }
    store_release(j->store);
    free(key);
    return e;
}

enum err journal_sink(struct journal *j, const char *name, enum journal_stream stream, size_t *ret)
{
    if (j->n_sinks == JOURNAL_SINKS_MAX)
        return ERR_LIMIT;
    struct sink *s = &j->sink[j->n_sinks];
    *s = (struct sink){ .name = strdup(name), .stream = stream };
    enum err e = s->name != NULL ? load_sink(j, s) : ERR_NOMEM;
    if (e != ERR_OK) {
        free(s->name);
        return e;
    }
    const struct stream *of = &j->stream[stream];
    if (s->next < of->first)            /* it was off while the journal went on */
        s->next = of->first;
    if (s->next > of->next)
        s->next = of->next;
    s->committed = s->next;
    *ret = j->n_sinks++;
    return ERR_OK;
}

uint64_t journal_cursor(const struct journal *j, size_t sink)
{
    return j->sink[sink].next;
}

struct slice journal_sink_state(const struct journal *j, size_t sink)
{
    return (struct slice){ j->sink[sink].state, j->sink[sink].n };
}

enum err journal_set_sink(struct journal *j, size_t sink, uint64_t next, struct slice state)
{
    struct sink *s = &j->sink[sink];

    if (state.n > sizeof s->state)
        return ERR_RANGE;
    s->next = next;
    s->n = state.n;
    if (state.n > 0)
        memcpy(s->state, state.p, state.n);
    s->changed = true;
    return ERR_OK;
}

static enum err put_sink(struct journal *j, const struct sink *s)
{
    struct store_key next = store_key_of(s->next);
    char value[8 + JOURNAL_STATE_MAX];
    char *key = join("sink/", s->name);

    if (key == NULL)
        return ERR_NOMEM;
    memcpy(value, next.at, 8);
    memcpy(value + 8, s->state, s->n);
    enum err e = store_put(j->store, TABLE_META, slice_of(key), (struct slice){ value, 8 + s->n });
    free(key);
    return e;
}

static enum err put_sinks(struct journal *j)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < j->n_sinks && e == ERR_OK; i++)
        if (j->sink[i].changed)
            e = put_sink(j, &j->sink[i]);
    return e;
}

static enum err put_topics(struct journal *j)
{
    const struct topic *t;
    size_t at = 0;

    while ((t = topics_changed(j->topics, &at)) != NULL) {
        struct store_key key[2] = { store_key_of(t->level), store_key_of(t->rule) };
        struct store_key count = store_key_of(t->count);
        enum err e = store_put(j->store, TABLE_TOPICS, (struct slice){ key[0].at, sizeof key },
                               (struct slice){ count.at, sizeof count.at });
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static enum err put_next(struct journal *j)
{
    enum err e = ERR_OK;

    for (int i = 0; i < JOURNAL_STREAMS && e == ERR_OK; i++)
        if (j->stream[i].next != j->stream[i].safe_next)
            e = store_put_u64(j->store, TABLE_META, next_keys[i], j->stream[i].next);
    return e;
}

/* What every sink of the stream has behind it, by what is on disk already. */
static uint64_t done_below(const struct journal *j, enum journal_stream which)
{
    uint64_t least = j->stream[which].safe_next;

    for (size_t i = 0; i < j->n_sinks; i++)
        if (j->sink[i].stream == which && j->sink[i].committed < least)
            least = j->sink[i].committed;
    return least;
}

static uint64_t keep_bytes(const struct journal *j, enum journal_stream which)
{
    return which == JOURNAL_ALERTS ? j->map_bytes / 2 : 0;      /* nobody replays the archives */
}

static enum err trim(struct journal *j, enum journal_stream which)
{
    struct stream *s = &j->stream[which];
    uint64_t done = done_below(j, which);
    struct slice key, value;

    while (s->bytes > keep_bytes(j, which)) {
        enum err e = store_first(j->store, (size_t)TABLE_STREAM + which, &key, &value);
        if (e == ERR_ABSENT || (e == ERR_OK && store_key_u64(key) >= done))
            return ERR_OK;
        if (e != ERR_OK)
            return e;
        struct store_key last = store_key_of(store_key_u64(key));
        s->bytes -= cost(value.n);
        e = store_delete(j->store, (size_t)TABLE_STREAM + which, (struct slice){ last.at, 8 });
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static void settle(struct journal *j)
{
    topics_saved(j->topics);
    for (int i = 0; i < JOURNAL_STREAMS; i++) {
        j->stream[i].safe_next = j->stream[i].next;
        j->stream[i].safe_bytes = j->stream[i].bytes;
    }
    for (size_t i = 0; i < j->n_sinks; i++) {
        j->sink[i].committed = j->sink[i].next;
        j->sink[i].changed = false;
    }
}

enum err journal_commit(struct journal *j)
{
    enum err e = put_next(j);

    if (e == ERR_OK)
        e = put_topics(j);
    if (e == ERR_OK)
        e = put_sinks(j);
    for (int i = 0; i < JOURNAL_STREAMS && e == ERR_OK; i++)
        e = trim(j, (enum journal_stream)i);
    if (e == ERR_OK)
        e = store_commit(j->store);
    if (e != ERR_OK) {
        undo(j);
        return e;
    }
    settle(j);
    for (int i = 0; i < JOURNAL_STREAMS && e == ERR_OK; i++)
        e = load_first(j, (enum journal_stream)i);
    store_release(j->store);
    return e;
}

bool journal_is_full(const struct journal *j)
{
    return journal_bytes(j) > j->map_bytes / 4 * 3;
}

struct reading { uint64_t from; journal_reader *visit; void *arg; struct entry entry; bool bad; };

static bool read_batch(void *arg, struct slice key, struct slice value)
{
    struct reading *r = arg;
    struct entry *e = &r->entry;
    struct kept k;

    if (record_next(&kept_schema, &k, &value) != ERR_OK || k.count > store_key_u64(key)) {
        r->bad = true;
        return false;
    }
    uint64_t seq = store_key_u64(key) - k.count + 1;
    for (uint64_t i = 0; i < k.count; i++, seq++) {
        if (seq < r->from) {
            if (record_next(&alert_schema, &e->a, &k.body) == ERR_OK)
                continue;
            r->bad = true;
            return false;
        }
        if (entry_next(e, &k.body) != ERR_OK) {
            r->bad = true;
            return false;
        }
        e->seq = seq;
        if (k.topics.n >= (i + 1) * sizeof e->topic_seq)
            memcpy(&e->topic_seq, k.topics.p + i * sizeof e->topic_seq, sizeof e->topic_seq);
        if (!r->visit(r->arg, e))
            return false;
    }
    return true;
}

enum err journal_read(struct journal *j, enum journal_stream s, uint64_t from, journal_reader *visit,
                      void *arg)
{
    struct reading r = { .from = from, .visit = visit, .arg = arg };
    struct store_key key = store_key_of(from);

    enum err e = store_each(j->store, (size_t)TABLE_STREAM + s, (struct slice){ key.at, 8 }, read_batch, &r);
    store_release(j->store);
    return e == ERR_OK && r.bad ? ERR_BADMSG : e;
}
