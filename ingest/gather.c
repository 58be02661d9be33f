#include "ingest/gather.h"

#include <stdlib.h>

#include "common/wire/record.h"

struct parcel { struct parcel *next; msgpack_sbuffer body; uint64_t count, received_us; };

struct gather {
    struct parcel *first, *last;        /* oldest first */
    struct parcel *appended;            /* it and those before it are in the open transaction */
    size_t bytes;
};

enum err gather_new(struct gather **ret)
{
    struct gather *g = calloc(1, sizeof *g);

    if (g == NULL)
        return ERR_NOMEM;
    *ret = g;
    return ERR_OK;
}

static void drop_first(struct gather *g)
{
    struct parcel *p = g->first;

    g->first = p->next;
    if (g->first == NULL)
        g->last = NULL;
    g->bytes -= p->body.size;
    msgpack_sbuffer_destroy(&p->body);
    free(p);
}

void gather_free(struct gather *g)
{
    if (g == NULL)
        return;
    while (g->first != NULL)
        drop_first(g);
    free(g);
}

bool gather_has_room(const struct gather *g)
{
    return g->bytes < GATHER_BYTES_MAX / 2;
}

bool gather_is_empty(const struct gather *g)
{
    return g->first == NULL;
}

static bool is_closed(const struct gather *g)
{
    return g->last == NULL || g->last == g->appended || g->last->count >= BATCH_EVENTS
        || g->last->body.size >= BATCH_BYTES;
}

static struct parcel *open_parcel(struct gather *g, uint64_t now_us)
{
    if (!is_closed(g))
        return g->last;
    struct parcel *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    msgpack_sbuffer_init(&p->body);
    p->received_us = now_us;
    if (g->last != NULL)
        g->last->next = p;
    else
        g->first = p;
    g->last = p;
    return p;
}

enum err gather_add(struct gather *g, enum raw_kind kind, struct slice location,
                    struct slice log, uint64_t now_us)
{
    const struct raw rec = { .kind = kind, .location = location, .time = now_us, .log = log };

    if (g->bytes >= GATHER_BYTES_MAX)
        return ERR_FULL;
    struct parcel *p = open_parcel(g, now_us);
    if (p == NULL)
        return ERR_NOMEM;
    size_t before = p->body.size;
    enum err e = record_pack(&raw_schema, &rec, &p->body);
    if (e != ERR_OK) {
        p->body.size = before;
        return e;
    }
    p->count++;
    g->bytes += p->body.size - before;
    return ERR_OK;
}

static enum err append_one(struct journal *j, const struct parcel *p, struct slice name)
{
    uint64_t upto = 0;

    enum err e = journal_upto(j, 0, journal_id(j), &upto);
    if (e != ERR_OK)
        return e;
    return journal_append(j, &(struct batch){
        .agent_name = name, .stream = journal_id(j), .first = upto + 1, .count = p->count,
        .received_us = p->received_us, .body = { p->body.data, p->body.size },
    });
}

enum err gather_append(struct gather *g, struct journal *j, struct slice name)
{
    struct parcel *p = g->appended != NULL ? g->appended->next : g->first;

    for (; p != NULL; p = p->next) {
        enum err e = p->count > 0 ? append_one(j, p, name) : ERR_OK;
        if (e != ERR_OK)
            return e;
        g->appended = p;
    }
    return ERR_OK;
}

void gather_committed(struct gather *g)
{
    for (bool more = g->appended != NULL; more; ) {
        more = g->first != g->appended;
        drop_first(g);
    }
    g->appended = NULL;
}

void gather_rolled_back(struct gather *g)
{
    g->appended = NULL;
}
