#include "correlate/reorder.h"

#include <stdlib.h>

struct waiting { bool used; uint64_t ingest, offset; struct peer from; zmq_msg_t m; };

struct reorder {
    size_t n, bytes;
    struct waiting at[REORDER_RANGES_MAX];
};

enum err reorder_new(struct reorder **ret)
{
    struct reorder *r = calloc(1, sizeof *r);

    if (r == NULL)
        return ERR_NOMEM;
    *ret = r;
    return ERR_OK;
}

static void drop(struct reorder *r, struct waiting *w)
{
    r->bytes -= zmq_msg_size(&w->m);
    r->n--;
    zmq_msg_close(&w->m);
    w->used = false;
}

void reorder_clear(struct reorder *r)
{
    for (size_t i = 0; i < REORDER_RANGES_MAX && r->n > 0; i++)
        if (r->at[i].used)
            drop(r, &r->at[i]);
}

void reorder_free(struct reorder *r)
{
    if (r == NULL)
        return;
    reorder_clear(r);
    free(r);
}

static struct waiting *find(struct reorder *r, uint64_t ingest, uint64_t offset)
{
    for (size_t i = 0, left = r->n; i < REORDER_RANGES_MAX && left > 0; i++) {
        struct waiting *w = &r->at[i];
        if (w->used && w->ingest == ingest && w->offset == offset)
            return w;
        left -= w->used;
    }
    return NULL;
}

static struct waiting *find_free(struct reorder *r)
{
    for (size_t i = 0; i < REORDER_RANGES_MAX; i++)
        if (!r->at[i].used)
            return &r->at[i];
    return NULL;
}

enum err reorder_put(struct reorder *r, uint64_t ingest, uint64_t offset, uint64_t next,
                     const struct peer *from, zmq_msg_t *m)
{
    struct waiting *w = find(r, ingest, offset);

    if (offset - next >= REORDER_RANGES_MAX)
        return ERR_LIMIT;
    if (w != NULL)
        drop(r, w);
    w = find_free(r);
    if (w == NULL || r->bytes + zmq_msg_size(m) > REORDER_BYTES_MAX)
        return ERR_LIMIT;
    *w = (struct waiting){ .used = true, .ingest = ingest, .offset = offset, .from = *from };
    zmq_msg_init(&w->m);
    if (zmq_msg_move(&w->m, m) != 0) {
        w->used = false;
        return ERR_BADMSG;
    }
    r->n++;
    r->bytes += zmq_msg_size(&w->m);
    return ERR_OK;
}

bool reorder_take(struct reorder *r, uint64_t ingest, uint64_t offset, struct peer *from,
                  zmq_msg_t *ret)
{
    struct waiting *w = find(r, ingest, offset);

    if (w == NULL)
        return false;
    *from = w->from;
    r->bytes -= zmq_msg_size(&w->m);
    r->n--;
    w->used = false;
    zmq_msg_init(ret);
    if (zmq_msg_move(ret, &w->m) == 0)
        return true;
    zmq_msg_close(&w->m);
    zmq_msg_close(ret);
    return false;
}

void reorder_drop_below(struct reorder *r, uint64_t ingest, uint64_t next)
{
    for (size_t i = 0; i < REORDER_RANGES_MAX && r->n > 0; i++)
        if (r->at[i].used && r->at[i].ingest == ingest && r->at[i].offset < next)
            drop(r, &r->at[i]);
}

size_t reorder_held(const struct reorder *r)
{
    return r->n;
}
