#include "decode/held.h"

#include <stdlib.h>

struct range_held *held_find(struct held *h, uint64_t ingest, uint64_t offset)
{
    for (size_t i = 0; i < HELD_MAX; i++)
        if (h->at[i].used && h->at[i].offset == offset && h->at[i].ingest == ingest)
            return &h->at[i];
    return NULL;
}

static struct range_held *find_room(struct held *h)
{
    for (size_t i = 0; i < HELD_MAX; i++)
        if (!h->at[i].used)
            return &h->at[i];
    return NULL;
}

enum err held_add(struct held *h, struct range_held range)
{
    struct range_held *to = find_room(h);
    enum err e = to == NULL ? ERR_FULL
               : held_find(h, range.ingest, range.offset) != NULL ? ERR_EXISTS : ERR_OK;

    if (e != ERR_OK) {
        free(range.p);
        return e;
    }
    *to = range;
    to->used = true;
    h->n++;
    return ERR_OK;
}

void held_drop(struct held *h, struct range_held *r)
{
    free(r->p);
    *r = (struct range_held){ .used = false };
    h->n--;
}

size_t held_unsend(struct held *h, uint64_t before_ms)
{
    size_t n = 0;

    for (size_t i = 0; i < HELD_MAX; i++) {
        struct range_held *r = &h->at[i];
        if (!r->used || r->acked || r->sent_ms == 0 || r->sent_ms >= before_ms)
            continue;
        r->sent_ms = 0;
        n++;
    }
    return n;
}

void held_clear(struct held *h)
{
    for (size_t i = 0; i < HELD_MAX; i++)
        if (h->at[i].used)
            held_drop(h, &h->at[i]);
}
