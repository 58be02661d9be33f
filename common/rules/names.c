#include "common/rules/names.h"

#include <stdlib.h>

#define FIRST_SLOTS 64                  /* a power of two; half of the slots stay free */

static uint32_t hash(struct slice s)
{
    uint32_t h = 2166136261u;           /* FNV-1a */

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619u;
    return h;
}

/* the slot that holds name, or the free one where it belongs */
static uint32_t *find_slot(const struct names *t, struct slice name)
{
    uint32_t mask = t->n_slots - 1, i = hash(name) & mask;

    while (t->slot[i] != 0 && !slice_eq(t->at[t->slot[i] - 1], name))
        i = (i + 1) & mask;
    return &t->slot[i];
}

static enum err grow(struct names *t)
{
    struct names g = { .n = t->n, .n_slots = t->n_slots == 0 ? FIRST_SLOTS : 2 * t->n_slots };

    g.slot = calloc(g.n_slots, sizeof *g.slot);
    g.at = calloc(g.n_slots / 2, sizeof *g.at);
    if (g.slot == NULL || g.at == NULL) {
        names_free(&g);
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        g.at[i] = t->at[i];
        *find_slot(&g, g.at[i]) = i + 1;
    }
    names_free(t);
    *t = g;
    return ERR_OK;
}

enum err names_add(struct names *t, struct slice name, uint32_t *ret)
{
    uint32_t found = names_find(t, name);

    if (found == 0) {
        if (t->n == t->n_slots / 2 && grow(t) != ERR_OK)
            return ERR_NOMEM;
        t->at[t->n] = name;
        found = ++t->n;
        *find_slot(t, name) = found;
    }
    *ret = found;
    return ERR_OK;
}

uint32_t names_find(const struct names *t, struct slice name)
{
    return t->n == 0 ? 0 : *find_slot(t, name);
}

void names_free(struct names *t)
{
    free(t->at);
    free(t->slot);
    *t = (struct names){ 0 };
}
