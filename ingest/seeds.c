#include "ingest/seeds.h"

#include <stdlib.h>

#include "common/store/store.h"

#define MAP_BYTES ((uint64_t)64 << 20)

enum table { SEEDS };
static const char *const tables[] = { "seeds" };

struct seeds { struct store *store; };

enum err seeds_open(struct seeds **ret, const char *dir)
{
    struct seeds *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;

    enum err e = store_open(&s->store, dir, MAP_BYTES, tables, 1, true);
    if (e != ERR_OK) {
        free(s);
        return e;
    }
    *ret = s;
    return ERR_OK;
}

void seeds_free(struct seeds *s)
{
    if (s == NULL)
        return;
    store_free(s->store);
    free(s);
}

static enum err finish(struct seeds *s, enum err e)
{
    if (e == ERR_OK)
        return store_commit(s->store);
    store_abort(s->store);
    return e;
}

enum err seeds_put(struct seeds *s, uint64_t serial, const uint8_t seed[KEYLINE_SEED])
{
    struct store_key k = store_key_of(serial);

    return finish(s, store_put(s->store, SEEDS, (struct slice){ k.at, sizeof k.at },
                               (struct slice){ (const char *)seed, KEYLINE_SEED }));
}

enum err seeds_get(struct seeds *s, uint64_t serial, uint8_t ret[KEYLINE_SEED])
{
    struct store_key k = store_key_of(serial);
    struct slice v;

    enum err e = store_get(s->store, SEEDS, (struct slice){ k.at, sizeof k.at }, &v);
    if (e == ERR_OK && v.n != KEYLINE_SEED)
        e = ERR_BADMSG;
    if (e == ERR_OK)
        memcpy(ret, v.p, KEYLINE_SEED);
    store_release(s->store);
    return e;
}

enum err seeds_remove(struct seeds *s, uint64_t serial)
{
    struct store_key k = store_key_of(serial);

    return finish(s, store_delete(s->store, SEEDS, (struct slice){ k.at, sizeof k.at }));
}
