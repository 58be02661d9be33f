#include "ingest/registry.h"

#include <stdlib.h>

#include "common/store/store.h"
#include "common/wire/record.h"

#define MAP_BYTES ((uint64_t)256 << 20)

enum table { AGENTS, META };
static const char *const tables[] = { "agents", "meta" };

/* An agent as it lies in the store; rows are added at the end. */
struct definition {
    kind_U64 id, serial, created;
    kind_TEXT name, address;
    kind_BODY key;
};

#define ROW(key, kind, name, doc) { key, KIND_##kind, #name, offsetof(struct definition, name), doc }
static const struct field rows[] = {
    ROW(0, U64,  id,      "its id"),
    ROW(1, U64,  serial,  "number of the definition, never used again"),
    ROW(2, U64,  created, "microseconds since the epoch"),
    ROW(3, TEXT, name,    "its name"),
    ROW(4, TEXT, address, "address or network it may speak from, or any"),
    ROW(5, BODY, key,     "its public CURVE key"),
};
static const struct schema definition_schema = {
    "definition", "an agent in the registry", 0, sizeof(struct definition),
    sizeof rows / sizeof rows[0], rows,
};

struct registry {
    struct store *store;
    uint64_t generation;
    struct agent *agents;               /* by rising id */
    size_t n, room;
    uint32_t *by_key, *by_serial;       /* open addressing: index + 1, 0 is empty */
    size_t buckets;                     /* a power of two, at least twice n */
};

/* Public keys of CURVE are as good as random. */
static size_t hash_of_key(const uint8_t *key)
{
    uint64_t h;

    memcpy(&h, key, sizeof h);
    return (size_t)h;
}

static size_t hash_of_serial(uint64_t serial)
{
    return (size_t)(serial * 0x9e3779b97f4a7c15u >> 20);
}

static void put_index(uint32_t *table, size_t buckets, size_t hash, size_t i)
{
    size_t at = hash & (buckets - 1);

    while (table[at] != 0)
        at = (at + 1) & (buckets - 1);
    table[at] = (uint32_t)i + 1;
}

static enum err index_all(struct registry *r)
{
    size_t buckets = 16;

    while (buckets < 2 * r->n + 2)
        buckets *= 2;
    uint32_t *by_key = calloc(buckets, sizeof *by_key);
    uint32_t *by_serial = calloc(buckets, sizeof *by_serial);
    if (by_key == NULL || by_serial == NULL) {
        free(by_key);
        free(by_serial);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < r->n; i++) {
        put_index(by_key, buckets, hash_of_key(r->agents[i].key), i);
        put_index(by_serial, buckets, hash_of_serial(r->agents[i].serial), i);
    }
    r->by_key = by_key;
    r->by_serial = by_serial;
    r->buckets = buckets;
    return ERR_OK;
}

static bool keep_text(char *to, size_t most, struct slice s)
{
    if (s.n > most)
        return false;
    memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    return true;
}

static bool read_agent(struct slice value, struct agent *a)
{
    struct definition d;

    *a = (struct agent){ 0 };
    if (record_unpack(&definition_schema, &d, value) != ERR_OK || d.key.n != sizeof a->key
        || d.id == 0 || d.id > KEYLINE_ID_MAX || !keyline_name_ok(d.name)
        || ip_net_parse(d.address, &a->net) != ERR_OK)
        return false;
    a->id = (uint32_t)d.id;
    a->serial = d.serial;
    a->created_us = d.created;
    memcpy(a->key, d.key.p, sizeof a->key);
    return keep_text(a->name, KEYLINE_NAME_MAX, d.name)
        && keep_text(a->address, KEYLINE_ADDRESS_MAX, d.address);
}

/* What does not read is left out: one bad row locks nobody else out. */
static bool load_one(void *arg, struct slice key, struct slice value)
{
    struct registry *r = arg;

    (void)key;
    if (r->n == r->room) {
        size_t room = r->room == 0 ? 64 : 2 * r->room;
        struct agent *agents = realloc(r->agents, room * sizeof *agents);
        if (agents == NULL)
            return false;
        r->agents = agents;
        r->room = room;
    }
    if (r->n < REGISTRY_MAX && read_agent(value, &r->agents[r->n]))
        r->n++;
    return true;
}

static void free_memory(struct registry *r)
{
    free(r->agents);
    free(r->by_key);
    free(r->by_serial);
}

static uint64_t number_of(struct registry *r, const char *name)
{
    struct slice v;

    return store_get(r->store, META, slice_of(name), &v) == ERR_OK ? store_key_u64(v) : 0;
}

/* Read the agents as the store's present view has them. */
static enum err read_all(struct registry *r)
{
    struct registry fresh = { .store = r->store, .generation = number_of(r, "generation") };

    enum err e = store_each(r->store, AGENTS, (struct slice){ NULL, 0 }, load_one, &fresh);
    if (e == ERR_OK)
        e = index_all(&fresh);
    if (e != ERR_OK) {
        free_memory(&fresh);
        return e;
    }
    free_memory(r);
    *r = fresh;
    return ERR_OK;
}

static enum err load(struct registry *r)
{
    enum err e = read_all(r);

    store_release(r->store);
    return e;
}

enum err registry_open(struct registry **ret, const char *dir)
{
    struct registry *r = calloc(1, sizeof *r);
    if (r == NULL)
        return ERR_NOMEM;

    enum err e = store_open(&r->store, dir, MAP_BYTES, tables, sizeof tables / sizeof tables[0], true);
    if (e == ERR_OK)
        e = load(r);
    if (e != ERR_OK) {
        registry_free(r);
        return e;
    }
    *ret = r;
    return ERR_OK;
}

void registry_free(struct registry *r)
{
    if (r == NULL)
        return;
    free_memory(r);
    store_free(r->store);
    free(r);
}

enum err registry_refresh(struct registry *r, bool *changed)
{
    uint64_t now = number_of(r, "generation");

    store_release(r->store);
    *changed = now != r->generation;
    return *changed ? load(r) : ERR_OK;
}

const struct agent *registry_by_id(const struct registry *r, uint32_t id)
{
    size_t low = 0, high = r->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (r->agents[mid].id == id)
            return &r->agents[mid];
        if (r->agents[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const struct agent *registry_by_key(const struct registry *r, const uint8_t key[KEYLINE_KEY])
{
    size_t at = hash_of_key(key) & (r->buckets - 1);

    for (; r->by_key[at] != 0; at = (at + 1) & (r->buckets - 1)) {
        const struct agent *a = &r->agents[r->by_key[at] - 1];
        if (memcmp(a->key, key, KEYLINE_KEY) == 0)
            return a;
    }
    return NULL;
}

const struct agent *registry_by_name(const struct registry *r, struct slice name)
{
    for (size_t i = 0; i < r->n; i++)
        if (slice_eq(slice_of(r->agents[i].name), name))
            return &r->agents[i];
    return NULL;
}

static bool read_number(struct slice s, uint64_t *ret)
{
    uint64_t n = 0;

    if (s.n == 0 || s.n >= REGISTRY_USER_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        uint64_t digit = (uint64_t)(uint8_t)s.p[i] - '0';
        if (digit > 9 || n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *ret = n;
    return true;
}

const struct agent *registry_by_user(const struct registry *r, struct slice user)
{
    uint64_t serial;

    if (!read_number(user, &serial))
        return NULL;
    size_t at = hash_of_serial(serial) & (r->buckets - 1);
    for (; r->by_serial[at] != 0; at = (at + 1) & (r->buckets - 1))
        if (r->agents[r->by_serial[at] - 1].serial == serial)
            return &r->agents[r->by_serial[at] - 1];
    return NULL;
}

size_t registry_count(const struct registry *r)
{
    return r->n;
}

const struct agent *registry_at(const struct registry *r, size_t i)
{
    return &r->agents[i];
}

/* Commit, one generation on, and see what is there now. */
static enum err finish(struct registry *r, enum err e)
{
    if (e == ERR_OK)
        e = store_put_u64(r->store, META, "generation", number_of(r, "generation") + 1);
    if (e == ERR_OK)
        e = store_commit(r->store);
    if (e != ERR_OK) {
        store_abort(r->store);
        return e;
    }
    return load(r);
}

/* Take the store's lock, and only then look: another tool may be adding too. */
static enum err lock(struct registry *r)
{
    enum err e = store_put_u64(r->store, META, "last_serial", number_of(r, "last_serial") + 1);

    return e == ERR_OK ? read_all(r) : e;
}

static enum err check_new(struct registry *r, struct agent *a)
{
    if (!keyline_name_ok(slice_of(a->name)) || a->id > KEYLINE_ID_MAX
        || ip_net_parse(slice_of(a->address), &a->net) != ERR_OK || a->net.negated)
        return ERR_RANGE;
    if (r->n >= REGISTRY_MAX)
        return ERR_LIMIT;
    if ((a->id != 0 && registry_by_id(r, a->id) != NULL)
        || registry_by_name(r, slice_of(a->name)) != NULL || registry_by_key(r, a->key) != NULL)
        return ERR_EXISTS;
    return ERR_OK;
}

/* The number after the highest ever given, so that an id means one host in old alerts. */
static enum err choose_id(struct registry *r, struct agent *a)
{
    uint64_t last = number_of(r, "last_id");

    if (r->n > 0 && r->agents[r->n - 1].id > last)
        last = r->agents[r->n - 1].id;
    if (a->id == 0 && last >= KEYLINE_ID_MAX)
        return ERR_LIMIT;
    if (a->id == 0)
        a->id = (uint32_t)last + 1;
    return store_put_u64(r->store, META, "last_id", a->id > last ? a->id : last);
}

static enum err put_agent(struct registry *r, const struct agent *a)
{
    const struct definition d = {
        .id = a->id, .serial = a->serial, .created = a->created_us, .name = slice_of(a->name),
        .address = slice_of(a->address), .key = { (const char *)a->key, sizeof a->key },
    };
    struct store_key k = store_key_of(a->id);
    msgpack_sbuffer packed;

    msgpack_sbuffer_init(&packed);
    enum err e = record_pack(&definition_schema, &d, &packed);
    if (e == ERR_OK)
        e = store_put(r->store, AGENTS, (struct slice){ k.at, sizeof k.at },
                      (struct slice){ packed.data, packed.size });
    msgpack_sbuffer_destroy(&packed);
    return e;
}

enum err registry_add(struct registry *r, struct agent *a)
{
    enum err e = lock(r);

    if (e == ERR_OK)
        e = check_new(r, a);
    if (e == ERR_OK)
        e = choose_id(r, a);
    if (e == ERR_OK) {
        a->serial = number_of(r, "last_serial");
        e = put_agent(r, a);
    }
    return finish(r, e);
}

enum err registry_remove(struct registry *r, uint32_t id)
{
    struct store_key k = store_key_of(id);

    enum err e = lock(r);
    if (e == ERR_OK)
        e = store_delete(r->store, AGENTS, (struct slice){ k.at, sizeof k.at });
    return finish(r, e);
}
