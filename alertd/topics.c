#include "alertd/topics.h"

#include <stdlib.h>

#define SLOTS (2 * TOPICS_MAX)          /* a power of two, at most half full */

struct topics {
    size_t n, n_changed;
    uint32_t *changed;                  /* slots, TOPICS_MAX + 1 of them at most */
    struct topic slot[SLOTS];           /* count 0: free */
};

enum err topics_new(struct topics **ret)
{
    struct topics *t = calloc(1, sizeof *t);

    if (t == NULL)
        return ERR_NOMEM;
    t->changed = malloc((TOPICS_MAX + 1) * sizeof *t->changed);
    if (t->changed == NULL) {
        free(t);
        return ERR_NOMEM;
    }
    *ret = t;
    return ERR_OK;
}

void topics_free(struct topics *t)
{
    if (t == NULL)
        return;
    free(t->changed);
    free(t);
}

static struct topic *find(struct topics *t, uint64_t level, uint64_t rule)
{
    size_t at = (size_t)((rule * 0x9e3779b97f4a7c15u ^ level * 0xc2b2ae3d27d4eb4fu) >> 20) % SLOTS;

    while (t->slot[at].count != 0 && (t->slot[at].level != level || t->slot[at].rule != rule))
        at = (at + 1) % SLOTS;
    return &t->slot[at];
}

static struct topic *find_or_make(struct topics *t, uint64_t level, uint64_t rule)
{
    struct topic *s = find(t, level, rule);

    if (s->count == 0 && t->n >= TOPICS_MAX) {
        level = rule = UINT64_MAX;      /* the one that further topics share */
        s = find(t, level, rule);
    }
    if (s->count == 0) {
        *s = (struct topic){ level, rule, 0, 0 };
        t->n++;
    }
    return s;
}

uint64_t topics_next(struct topics *t, uint64_t level, uint64_t rule)
{
    struct topic *s = find_or_make(t, level, rule);

    if (s->count == s->saved)
        t->changed[t->n_changed++] = (uint32_t)(s - t->slot);
    return ++s->count;
}

void topics_load(struct topics *t, uint64_t level, uint64_t rule, uint64_t count)
{
    if (count == 0)
        return;
    struct topic *s = find_or_make(t, level, rule);
    s->count = s->saved = count;
}

const struct topic *topics_changed(const struct topics *t, size_t *at)
{
    return *at < t->n_changed ? &t->slot[t->changed[(*at)++]] : NULL;
}

void topics_saved(struct topics *t)
{
    for (size_t i = 0; i < t->n_changed; i++)
        t->slot[t->changed[i]].saved = t->slot[t->changed[i]].count;
    t->n_changed = 0;
}

/* A topic that was never saved frees its slot: whatever stands behind it in its chain came later
 * and goes with it. */
void topics_undo(struct topics *t)
{
    size_t gone = 0;

    for (size_t i = 0; i < t->n_changed; i++) {
        struct topic *s = &t->slot[t->changed[i]];
        s->count = s->saved;
        gone += s->count == 0;
    }
    t->n -= gone;
    t->n_changed = 0;
}
