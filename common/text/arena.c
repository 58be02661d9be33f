#include "common/text/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define BLOCK ((size_t)64 << 10)

struct block { struct block *next; size_t size, used; alignas(max_align_t) char at[]; };
struct arena { struct block *first, *now; size_t limit, held; };

enum err arena_new(struct arena **ret, size_t limit)
{
    struct arena *a = calloc(1, sizeof *a);

    if (a == NULL)
        return ERR_NOMEM;
    a->limit = limit;
    *ret = a;
    return ERR_OK;
}

static void drop_blocks(struct block *b)
{
    while (b != NULL) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    drop_blocks(a->first);
    free(a);
}

void arena_reset(struct arena *a)
{
    if (a->first == NULL)
        return;
    drop_blocks(a->first->next);
    a->first->next = NULL;
    a->first->used = 0;
    a->held = a->first->size;
    a->now = a->first;
}

static struct block *add_block(struct arena *a, size_t n)
{
    size_t size = n > BLOCK ? n : BLOCK;

    if (a->limit != 0 && (size > a->limit || a->held > a->limit - size))
        return NULL;
    struct block *b = malloc(sizeof *b + size);
    if (b == NULL)
        return NULL;
    *b = (struct block){ .size = size };
    if (a->now != NULL)
        a->now->next = b;
    else
        a->first = b;
    a->now = b;
    a->held += size;
    return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
    const size_t unit = alignof(max_align_t);

    if (n > SIZE_MAX - unit - sizeof(struct block))
        return NULL;
    n = (n + unit - 1) / unit * unit;

    struct block *b = a->now;
    if (b == NULL || b->size - b->used < n)
        b = add_block(a, n);
    if (b == NULL)
        return NULL;
    void *p = b->at + b->used;
    b->used += n;
    return memset(p, 0, n);
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    char *p = arena_alloc(a, s.n + 1);

    if (p == NULL)
        return (struct slice){ NULL, 0 };
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return (struct slice){ p, s.n };
}

char *arena_text(struct arena *a, struct slice s)
{
    return (char *)(uintptr_t)arena_copy(a, s).p;
}
