#include "correlate/seen.h"

#include <sodium.h>
#include <stdlib.h>

#define NONE UINT32_MAX

struct entry {
    struct digest key;
    uint64_t order;
    char *value;
    size_t n;
    uint32_t older, newer, chain;       /* chain: the next one of its bucket, or of the free ones */
};

struct seen {
    struct entry *at;
    uint32_t *bucket;
    uint32_t room, used, n_buckets;     /* used: entries of `at` ever taken */
    uint32_t oldest, newest, free_head, n;
    size_t entries_max, bytes_max, bytes;
    uint64_t order, evicted;
    struct digest *changed;
    size_t n_changed, changed_room;
};

struct digest digest_of(const struct slice *part, size_t n)
{
    struct digest d;
    crypto_generichash_state st;

    crypto_generichash_init(&st, NULL, 0, sizeof d.at);
    for (size_t i = 0; i < n; i++) {
        uint64_t length = part[i].p == NULL ? UINT64_MAX : part[i].n;
        crypto_generichash_update(&st, (const unsigned char *)&length, sizeof length);
        if (part[i].n > 0)
            crypto_generichash_update(&st, (const unsigned char *)part[i].p, part[i].n);
    }
    crypto_generichash_final(&st, (unsigned char *)d.at, sizeof d.at);
    return d;
}

enum err seen_new(struct seen **ret, size_t entries, size_t bytes)
{
    if (entries == 0 || entries > (size_t)1 << 30)
        return ERR_RANGE;
    struct seen *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;

    s->entries_max = entries;
    s->bytes_max = bytes;
    s->oldest = s->newest = s->free_head = NONE;
    *ret = s;
    return ERR_OK;
}

void seen_free(struct seen *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = s->oldest; i != NONE; i = s->at[i].newer)
        free(s->at[i].value);
    free(s->at);
    free(s->bucket);
    free(s->changed);
    free(s);
}

/* The key is a hash already: its first bytes will do. */
static uint32_t *bucket_of(const struct seen *s, const struct digest *key)
{
    uint32_t h;

    memcpy(&h, key->at, sizeof h);
    return &s->bucket[h & (s->n_buckets - 1)];
}

static uint32_t find(const struct seen *s, const struct digest *key)
{
    if (s->n == 0)
        return NONE;
    uint32_t i = *bucket_of(s, key);
    while (i != NONE && memcmp(s->at[i].key.at, key->at, sizeof key->at) != 0)
        i = s->at[i].chain;
    return i;
}

static enum err grow(struct seen *s)
{
    uint32_t room = s->room == 0 ? 64 : 2 * s->room;
    struct entry *at = realloc(s->at, room * sizeof *at);
    if (at != NULL)
        s->at = at;
    uint32_t *bucket = malloc(room * sizeof *bucket);
    if (at == NULL || bucket == NULL) {
        free(bucket);
        return ERR_NOMEM;
    }
    free(s->bucket);
    s->bucket = bucket;
    s->room = s->n_buckets = room;
    memset(bucket, 0xff, room * sizeof *bucket);        /* NONE everywhere */
    for (uint32_t i = s->oldest; i != NONE; i = at[i].newer) {
        uint32_t *head = bucket_of(s, &at[i].key);
        at[i].chain = *head;
        *head = i;
    }
    return ERR_OK;
}

static enum err note_change(struct seen *s, const struct digest *key)
{
    if (s->n_changed == s->changed_room) {
        size_t room = s->changed_room == 0 ? 64 : 2 * s->changed_room;
        struct digest *changed = realloc(s->changed, room * sizeof *changed);
        if (changed == NULL)
            return ERR_NOMEM;
        s->changed = changed;
        s->changed_room = room;
    }
    s->changed[s->n_changed++] = *key;
    return ERR_OK;
}

static void unlink_order(struct seen *s, uint32_t i)
{
    struct entry *e = &s->at[i];

    *(e->older == NONE ? &s->oldest : &s->at[e->older].newer) = e->newer;
    *(e->newer == NONE ? &s->newest : &s->at[e->newer].older) = e->older;
}

static void link_newest(struct seen *s, uint32_t i)
{
    s->at[i].older = s->newest;
    s->at[i].newer = NONE;
    *(s->newest == NONE ? &s->oldest : &s->at[s->newest].newer) = i;
    s->newest = i;
}

static void take_out(struct seen *s, uint32_t i)
{
    uint32_t *link = bucket_of(s, &s->at[i].key);

    while (*link != i)
        link = &s->at[*link].chain;
    *link = s->at[i].chain;
    unlink_order(s, i);
    s->bytes -= s->at[i].n;
    free(s->at[i].value);
    s->at[i].value = NULL;
    s->at[i].chain = s->free_head;
    s->free_head = i;
    s->n--;
}

static enum err make_room(struct seen *s, size_t entries, size_t bytes)
{
    while (s->n > 0 && (s->n + entries > s->entries_max || s->bytes + bytes > s->bytes_max)) {
        enum err e = note_change(s, &s->at[s->oldest].key);
        if (e != ERR_OK)
            return e;
        take_out(s, s->oldest);
        s->evicted++;
    }
    return ERR_OK;
}

static enum err new_entry(struct seen *s, uint32_t *ret)
{
    if (s->free_head != NONE) {
        *ret = s->free_head;
        s->free_head = s->at[*ret].chain;
        return ERR_OK;
    }
    enum err e = s->used == s->room ? grow(s) : ERR_OK;
    if (e == ERR_OK)
        *ret = s->used++;
    return e;
}

static enum err insert(struct seen *s, const struct digest *key, uint64_t order, struct slice value)
{
    uint32_t i = NONE;
    char *copy = NULL;

    if (value.n > 0 && (copy = malloc(value.n)) == NULL)
        return ERR_NOMEM;
    enum err e = new_entry(s, &i);
    if (e != ERR_OK) {
        free(copy);
        return e;
    }
    if (value.n > 0)
        memcpy(copy, value.p, value.n);
    uint32_t *head = bucket_of(s, key);
    s->at[i] = (struct entry){ .key = *key, .order = order, .value = copy, .n = value.n,
                               .chain = *head };
    *head = i;
    link_newest(s, i);
    s->bytes += value.n;
    s->n++;
    return ERR_OK;
}

bool seen_get(const struct seen *s, const struct digest *key, struct slice *value)
{
    uint32_t i = find(s, key);

    if (i != NONE && value != NULL)
        *value = (struct slice){ s->at[i].value, s->at[i].n };
    return i != NONE;
}

enum err seen_put(struct seen *s, const struct digest *key, struct slice value)
{
    if (value.n > s->bytes_max)
        return ERR_RANGE;
    enum err e = note_change(s, key);
    if (e != ERR_OK)
        return e;
    uint32_t i = find(s, key);
    if (i != NONE)
        take_out(s, i);
    e = make_room(s, 1, value.n);
    return e == ERR_OK ? insert(s, key, ++s->order, value) : e;
}

size_t seen_entries(const struct seen *s)
{
    return s->n;
}

uint64_t seen_evicted(const struct seen *s)
{
    return s->evicted;
}

void seen_newest(const struct seen *s, seen_visitor *visit, void *arg)
{
    uint32_t i = s->newest;

    while (i != NONE && visit(arg, (struct slice){ s->at[i].value, s->at[i].n }))
        i = s->at[i].older;
}

enum err seen_changes(const struct seen *s, seen_writer *visit, void *arg)
{
    enum err e = ERR_OK;

    for (size_t k = 0; k < s->n_changed && e == ERR_OK; k++) {
        uint32_t i = find(s, &s->changed[k]);
        e = i == NONE ? visit(arg, &s->changed[k], false, 0, SLICE(""))
                      : visit(arg, &s->changed[k], true, s->at[i].order,
                              (struct slice){ s->at[i].value, s->at[i].n });
    }
    return e;
}

void seen_settle(struct seen *s)
{
    s->n_changed = 0;
}

enum err seen_restore(struct seen *s, const struct digest *key, uint64_t order, struct slice value)
{
    if (find(s, key) != NONE)
        return ERR_EXISTS;
    return insert(s, key, order, value);
}

static int by_order(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;

    return (*x)->order < (*y)->order ? -1 : (*x)->order > (*y)->order;
}

enum err seen_restored(struct seen *s)
{
    struct entry **sorted = malloc((s->n + 1) * sizeof(struct entry *));
    if (sorted == NULL)
        return ERR_NOMEM;

    uint32_t n = 0;
    for (uint32_t i = s->oldest; i != NONE; i = s->at[i].newer)
        sorted[n++] = &s->at[i];
    qsort(sorted, n, sizeof *sorted, by_order);
    s->oldest = s->newest = NONE;
    for (uint32_t i = 0; i < n; i++)
        link_newest(s, (uint32_t)(sorted[i] - s->at));
    if (n > 0)
        s->order = s->at[s->newest].order;
    free(sorted);
    return make_room(s, 0, 0);          /* the ceilings may be lower than they were */
}
