#include "correlate/state.h"

#include <stdlib.h>

#include "common/wire/mp.h"

enum { TABLE_META, TABLE_ALERTS, TABLE_CURSORS, TABLE_HISTORY, TABLE_MARKS, TABLE_RULES,
       TABLE_SEEN, TABLES = TABLE_SEEN + REMEMBERED };

static const char *const tables[TABLES] = {
    [TABLE_META] = "meta", [TABLE_ALERTS] = "alerts", [TABLE_CURSORS] = "cursors",
    [TABLE_HISTORY] = "history", [TABLE_MARKS] = "marks", [TABLE_RULES] = "rules",
    [TABLE_SEEN + REMEMBER_FIRST] = "first", [TABLE_SEEN + REMEMBER_IGNORED] = "ignored",
    [TABLE_SEEN + REMEMBER_OUTPUT] = "outputs",
    [TABLE_SEEN + REMEMBER_ACCUMULATED] = "accumulated",
};

struct cursor { uint64_t ingest, next; bool moved; };

struct state {
    const struct ruleset *rs;
    struct history_options options;
    struct store *store;
    struct memory *memory;
    struct outbox *outbox;
    struct cursor cursor[STATE_INGESTS_MAX];
    size_t n_cursors;
    uint64_t trimmed;                   /* history below this number is deleted */
    msgpack_sbuffer packed;             /* the new history, while it is written */
};

/* reading back */

struct load { struct state *s; enum err err; size_t which; };

static bool load_cursor(void *arg, struct slice key, struct slice value)
{
    struct load *l = arg;

    if (key.n != 8 || value.n != 8)
        l->err = ERR_BADMSG;
    else
        l->err = state_advance(l->s, store_key_u64(key), store_key_u64(value));
    return l->err == ERR_OK;
}

static bool load_history(void *arg, struct slice key, struct slice value)
{
    struct load *l = arg;
    struct history *h = memory_history(l->s->memory);
    struct kept k;

    while (value.n > 0 && l->err == ERR_OK) {
        l->err = record_next(&kept_schema, &k, &value);
        if (l->err == ERR_OK)
            l->err = history_restore(h, &k, ruleset_rule(l->s->rs, (uint32_t)k.sid),
                                     store_key_u64(key));
    }
    return l->err == ERR_OK;
}

static bool load_mark(void *arg, struct slice key, struct slice value)
{
    struct load *l = arg;

    if (key.n != 8 || value.n != 8)
        l->err = ERR_BADMSG;
    else
        history_mark(memory_history(l->s->memory), store_key_u64(key),
                     (uint32_t)store_key_u64(value));
    return l->err == ERR_OK;
}

static bool load_rule(void *arg, struct slice key, struct slice value)
{
    struct load *l = arg;

    if (key.n != 8 || value.n != 16) {
        l->err = ERR_BADMSG;
        return false;
    }
    const struct rule *r = ruleset_rule(l->s->rs, (uint32_t)store_key_u64(key));
    if (r != NULL)
        *memory_tally(l->s->memory, r) = (struct tally){
            store_key_u64((struct slice){ value.p, 8 }),
            store_key_u64((struct slice){ value.p + 8, 8 }),
        };
    return true;
}

static bool load_seen(void *arg, struct slice key, struct slice value)
{
    struct load *l = arg;
    struct digest d;

    if (key.n != sizeof d.at || value.n < 8) {
        l->err = ERR_BADMSG;
        return false;
    }
    memcpy(d.at, key.p, sizeof d.at);
    l->err = seen_restore(memory_seen(l->s->memory, (enum remembered)l->which), &d,
                          store_key_u64((struct slice){ value.p, 8 }), slice_from(value, 8));
    return l->err == ERR_OK;
}

static enum err load_table(struct state *s, size_t table, store_visitor *visit)
{
    struct load l = { .s = s, .which = table - TABLE_SEEN };
    enum err e = store_each(s->store, table, SLICE(""), visit, &l);

    return e != ERR_OK ? e : l.err;
}

static enum err load_all_seen(struct state *s)
{
    enum err e = ERR_OK;

    for (int i = 0; i < REMEMBERED && e == ERR_OK; i++) {
        e = load_table(s, TABLE_SEEN + (size_t)i, load_seen);
        if (e == ERR_OK)
            e = seen_restored(memory_seen(s->memory, (enum remembered)i));
    }
    return e;
}

static enum err load(struct state *s)
{
    struct memory *m = NULL;
    enum err e = memory_new(&m, s->rs, &s->options);
    if (e != ERR_OK)
        return e;

    memory_free(s->memory);
    s->memory = m;
    s->n_cursors = 0;
    s->trimmed = 0;
    static const struct { size_t table; store_visitor *visit; } parts[] = {
        { TABLE_CURSORS, load_cursor }, { TABLE_HISTORY, load_history },
        { TABLE_MARKS, load_mark }, { TABLE_RULES, load_rule },
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && e == ERR_OK; i++)
        e = load_table(s, parts[i].table, parts[i].visit);
    if (e == ERR_OK)
        e = load_all_seen(s);
    if (e == ERR_OK)
        e = outbox_load(s->outbox);
    store_release(s->store);
    for (size_t i = 0; i < s->n_cursors; i++)
        s->cursor[i].moved = false;
    memory_settle(s->memory);
    return e;
}

enum err state_open(struct state **ret, const char *dir, uint64_t map_bytes, bool durable,
                    const struct ruleset *rs, const struct history_options *o)
{
    struct state *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;

    s->rs = rs;
    s->options = *o;
    msgpack_sbuffer_init(&s->packed);
    enum err e = store_open(&s->store, dir, map_bytes, tables, TABLES, durable);
    if (e == ERR_OK)
        e = outbox_new(&s->outbox, s->store, TABLE_ALERTS, TABLE_META);
    if (e == ERR_OK)
        e = load(s);
    if (e == ERR_OK)
        e = state_commit(s, 0);         /* a new outbox has its epoch from now on */
    if (e != ERR_OK) {
        state_free(s);
        return e;
    }
    *ret = s;
    return ERR_OK;
}

void state_free(struct state *s)
{
    if (s == NULL)
        return;
    memory_free(s->memory);
    outbox_free(s->outbox);
    store_free(s->store);
    msgpack_sbuffer_destroy(&s->packed);
    free(s);
}

struct memory *state_memory(struct state *s)
{
    return s->memory;
}

struct outbox *state_outbox(struct state *s)
{
    return s->outbox;
}

static struct cursor *find_cursor(const struct state *s, uint64_t ingest)
{
    for (size_t i = 0; i < s->n_cursors; i++)
        if (s->cursor[i].ingest == ingest)
            return (struct cursor *)&s->cursor[i];
    return NULL;
}

uint64_t state_next(const struct state *s, uint64_t ingest)
{
    const struct cursor *c = find_cursor(s, ingest);

    return c != NULL ? c->next : 0;
}

enum err state_advance(struct state *s, uint64_t ingest, uint64_t next)
{
    struct cursor *c = find_cursor(s, ingest);

    if (c == NULL && s->n_cursors == STATE_INGESTS_MAX)
        return ERR_LIMIT;
    if (c == NULL)
        c = &s->cursor[s->n_cursors++];
    *c = (struct cursor){ ingest, next, true };
    return ERR_OK;
}

/* writing down */

static enum err write_mark(void *arg, uint64_t number, uint32_t matched)
{
    struct state *s = arg;

    return store_put(s->store, TABLE_MARKS, STORE_U64(number), STORE_U64(matched));
}

static enum err write_history(struct state *s)
{
    struct history *h = memory_history(s->memory);
    uint64_t first, n, needed;

    msgpack_sbuffer_clear(&s->packed);
    enum err e = history_pack_new(h, &s->packed, &first);
    if (e == ERR_OK && s->packed.size > 0)
        e = store_append(s->store, TABLE_HISTORY, STORE_U64(first),
                         (struct slice){ s->packed.data, s->packed.size });
    if (e == ERR_OK)
        e = history_marks(h, write_mark, s);
    needed = history_needed(h);
    if (e != ERR_OK || needed == s->trimmed || history_evicted(h) == 0)
        return e;
    e = store_delete_below(s->store, TABLE_HISTORY, STORE_U64(needed), &n);
    if (e == ERR_OK)
        e = store_delete_below(s->store, TABLE_MARKS, STORE_U64(needed), &n);
    s->trimmed = needed;
    return e;
}

static enum err write_rule(void *arg, const struct rule *r, const struct tally *t)
{
    struct state *s = arg;
    struct store_key value[2] = { store_key_of(t->fired), store_key_of(t->ignore_since) };

    return store_put(s->store, TABLE_RULES, STORE_U64(r->sid),
                     (struct slice){ value[0].at, sizeof value });
}

struct seen_write { struct state *s; size_t table; };

static enum err write_entry(void *arg, const struct digest *key, bool there, uint64_t order,
                            struct slice value)
{
    struct seen_write *w = arg;
    struct slice k = { key->at, sizeof key->at };

    if (!there) {
        enum err e = store_delete(w->s->store, w->table, k);
        return e == ERR_ABSENT ? ERR_OK : e;
    }
    struct store_key number = store_key_of(order);
    msgpack_sbuffer *out = &w->s->packed;
    msgpack_sbuffer_clear(out);
    if (msgpack_sbuffer_write(out, number.at, sizeof number.at) != 0
        || (value.n > 0 && msgpack_sbuffer_write(out, value.p, value.n) != 0))
        return ERR_NOMEM;
    return store_put(w->s->store, w->table, k, (struct slice){ out->data, out->size });
}

static enum err write_seen(struct state *s)
{
    enum err e = ERR_OK;

    for (int i = 0; i < REMEMBERED && e == ERR_OK; i++) {
        struct seen_write w = { s, TABLE_SEEN + (size_t)i };
        e = seen_changes(memory_seen(s->memory, (enum remembered)i), write_entry, &w);
    }
    return e;
}

static enum err write_cursors(struct state *s)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < s->n_cursors && e == ERR_OK; i++)
        if (s->cursor[i].moved)
            e = store_put(s->store, TABLE_CURSORS, STORE_U64(s->cursor[i].ingest),
                          STORE_U64(s->cursor[i].next));
    return e;
}

static void settle(struct state *s)
{
    memory_settle(s->memory);
    outbox_settle(s->outbox);
    for (size_t i = 0; i < s->n_cursors; i++)
        s->cursor[i].moved = false;
}

enum err state_rollback(struct state *s)
{
    store_abort(s->store);
    return load(s);
}

enum err state_commit(struct state *s, uint64_t trim)
{
    enum err e = outbox_flush(s->outbox);

    if (e == ERR_OK)
        e = outbox_trim(s->outbox, trim);
    if (e == ERR_OK)
        e = write_history(s);
    if (e == ERR_OK)
        e = memory_tallies(s->memory, write_rule, s);
    if (e == ERR_OK)
        e = write_seen(s);
    if (e == ERR_OK)
        e = write_cursors(s);
    if (e == ERR_OK)
        e = store_commit(s->store);
    if (e == ERR_OK) {
        settle(s);
        return ERR_OK;
    }
    enum err again = state_rollback(s);
    return again != ERR_OK ? again : e;
}

bool state_tight(const struct state *s)
{
    return store_tight(s->store);
}

void state_usage(struct state *s, uint64_t *used, uint64_t *cap)
{
    store_usage(s->store, used, cap);
}
