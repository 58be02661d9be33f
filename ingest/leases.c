#include "ingest/leases.h"

#include <stdlib.h>

#include "common/wire/mp.h"

enum state { FREE, LEASED, CLAIMED, DONE };     /* CLAIMED: leased by an earlier life of ours */

struct lease_slot { enum state state; uint32_t decoder; uint64_t since_ms; };

struct decoder {
    bool used, deaf;
    struct peer peer;
    uint64_t credit, held, last_ms;
    char name[LEASES_NAME_MAX];
    size_t name_n;
};

struct leases {
    uint32_t window, timeout_ms;
    uint64_t floor, next;
    uint64_t search;                    /* no offset below it is free */
    uint64_t fresh;                     /* no offset from it on was ever leased */
    struct leases_figures figures;
    struct decoder decoders[LEASES_DECODERS_MAX];
    struct lease_slot slots[];          /* of floor to floor + window - 1, by offset modulo window */
};

enum err leases_new(struct leases **ret, uint32_t window, uint32_t timeout_ms,
                    uint64_t floor, uint64_t next)
{
    if (window == 0 || window > LEASES_WINDOW_MAX)
        return ERR_RANGE;
    struct leases *l = calloc(1, sizeof *l + window * sizeof l->slots[0]);
    if (l == NULL)
        return ERR_NOMEM;

    l->window = window;
    l->timeout_ms = timeout_ms;
    l->floor = l->search = l->fresh = floor;
    l->next = next;
    *ret = l;
    return ERR_OK;
}

void leases_free(struct leases *l)
{
    free(l);
}

void leases_extend(struct leases *l, uint64_t next)
{
    if (next > l->next)
        l->next = next;
}

static struct lease_slot *slot_of(struct leases *l, uint64_t offset)
{
    return &l->slots[offset % l->window];
}

/* One past the last offset that has a slot and a batch. */
static uint64_t end_of(const struct leases *l)
{
    uint64_t end = l->floor + l->window;

    return end < l->next ? end : l->next;
}

static struct decoder *find(struct leases *l, const struct peer *peer)
{
    for (size_t i = 0; i < LEASES_DECODERS_MAX; i++)
        if (l->decoders[i].used && peer_eq(&l->decoders[i].peer, peer))
            return &l->decoders[i];
    return NULL;
}

static void release(struct leases *l, uint64_t offset)
{
    struct lease_slot *s = slot_of(l, offset);

    if (s->state == LEASED || s->state == CLAIMED) {
        l->decoders[s->decoder].held--;
        l->figures.out--;
    }
    s->state = FREE;
    if (offset < l->search)
        l->search = offset;
}

static void give(struct leases *l, uint64_t offset, struct decoder *d, enum state state, uint64_t now_ms)
{
    *slot_of(l, offset) = (struct lease_slot){ state, (uint32_t)(d - l->decoders), now_ms };
    l->fresh = offset >= l->fresh ? offset + 1 : l->fresh;
    d->held++;
    l->figures.out++;
}

static enum err claim(struct leases *l, struct decoder *d, struct slice held, uint64_t now_ms)
{
    uint64_t n, offset;

    if (held.n == 0)
        return ERR_OK;
    if (!mp_array(&held, &n))
        return ERR_BADMSG;
    for (; n > 0; n--) {
        if (!mp_uint(&held, &offset))
            return ERR_BADMSG;
        if (offset >= l->floor && offset < end_of(l) && slot_of(l, offset)->state == FREE)
            give(l, offset, d, CLAIMED, now_ms);
    }
    return ERR_OK;
}

static bool lists(struct slice held, uint64_t offset)
{
    uint64_t n, o;

    if (held.n == 0 || !mp_array(&held, &n))
        return false;
    for (; n > 0; n--)
        if (mp_uint(&held, &o) && o == offset)
            return true;
    return false;
}

/* What was leased a time-out ago and is neither held nor done never arrived, or was refused. */
static void take_back(struct leases *l, const struct decoder *d, struct slice held, uint64_t now_ms)
{
    for (uint64_t o = l->floor; o < end_of(l); o++) {
        struct lease_slot *s = slot_of(l, o);
        if (s->state != LEASED || &l->decoders[s->decoder] != d
            || now_ms - s->since_ms <= l->timeout_ms || lists(held, o))
            continue;
        release(l, o);
        l->figures.moved++;
    }
}

static struct decoder *admit(struct leases *l, const struct peer *from, struct slice name)
{
    for (size_t i = 0; i < LEASES_DECODERS_MAX; i++) {
        struct decoder *d = &l->decoders[i];
        if (d->used)
            continue;
        *d = (struct decoder){ .used = true, .peer = *from };
        d->name_n = name.n < sizeof d->name ? name.n : sizeof d->name;
        if (d->name_n > 0)
            memcpy(d->name, name.p, d->name_n);
        l->figures.decoders++;
        return d;
    }
    return NULL;
}

enum err leases_want(struct leases *l, const struct peer *from, uint64_t credit,
                     struct slice name, struct slice held, uint64_t now_ms)
{
    struct decoder *d = find(l, from);
    bool is_new = d == NULL;

    if (is_new)
        d = admit(l, from, name);
    if (d == NULL)
        return ERR_LIMIT;
    d->credit = credit;
    d->last_ms = now_ms;
    d->deaf = false;
    if (is_new)
        return claim(l, d, held, now_ms);
    take_back(l, d, held, now_ms);
    return ERR_OK;
}

static void advance(struct leases *l)
{
    while (l->floor < l->next && slot_of(l, l->floor)->state == DONE)
        slot_of(l, l->floor++)->state = FREE;
    if (l->search < l->floor)
        l->search = l->floor;
}

enum err leases_done(struct leases *l, const struct peer *from, uint64_t offset, uint64_t now_ms)
{
    struct decoder *d = find(l, from);

    if (d != NULL)
        d->last_ms = now_ms;
    if (offset < l->floor || (offset < end_of(l) && slot_of(l, offset)->state == DONE)) {
        l->figures.done_again++;
        return ERR_ABSENT;
    }
    if (offset >= end_of(l))
        return ERR_RANGE;
    release(l, offset);
    slot_of(l, offset)->state = DONE;
    advance(l);
    return ERR_OK;
}

static void dismiss(struct leases *l, struct decoder *d)
{
    for (uint64_t o = l->floor; o < end_of(l); o++) {
        struct lease_slot *s = slot_of(l, o);
        if ((s->state == LEASED || s->state == CLAIMED) && &l->decoders[s->decoder] == d) {
            release(l, o);
            l->figures.moved++;
        }
    }
    d->used = false;
    l->figures.decoders--;
}

/* What is claimed may be a misunderstanding (of an older journal, say): not for ever. */
static void expire_claims(struct leases *l, uint64_t now_ms)
{
    for (uint64_t o = l->floor; o < end_of(l); o++) {
        struct lease_slot *s = slot_of(l, o);
        if (s->state == CLAIMED && now_ms - s->since_ms > 10 * (uint64_t)l->timeout_ms)
            release(l, o);
    }
}

size_t leases_tick(struct leases *l, uint64_t now_ms)
{
    size_t n = 0;

    for (size_t i = 0; i < LEASES_DECODERS_MAX; i++) {
        struct decoder *d = &l->decoders[i];
        if (!d->used || now_ms - d->last_ms <= l->timeout_ms)
            continue;
        dismiss(l, d);
        n++;
    }
    expire_claims(l, now_ms);
    return n;
}

/* Everybody may be waiting for a batch that fell back from a silent decoder: correlate takes batches
 * in order.  Such a one goes to somebody also when nobody has credit left. */
static bool has_room(const struct leases *l, const struct decoder *d, uint64_t offset)
{
    return d->held < (offset < l->fresh ? 2 * d->credit : d->credit);
}

static struct decoder *least_busy(struct leases *l, uint64_t offset)
{
    struct decoder *best = NULL;

    for (size_t i = 0; i < LEASES_DECODERS_MAX; i++) {
        struct decoder *d = &l->decoders[i];
        if (d->used && !d->deaf && has_room(l, d, offset) && (best == NULL || d->held < best->held))
            best = d;
    }
    return best;
}

bool leases_grant(struct leases *l, struct grant *ret)
{
    uint64_t end = end_of(l);

    while (l->search < end && slot_of(l, l->search)->state != FREE)
        l->search++;
    struct decoder *d = l->search < end ? least_busy(l, l->search) : NULL;
    if (d == NULL)
        return false;
    give(l, l->search, d, LEASED, d->last_ms);
    *ret = (struct grant){ l->search++, d->peer };
    return true;
}

void leases_refused(struct leases *l, const struct grant *g)
{
    struct decoder *d = find(l, &g->to);

    if (d != NULL)
        d->deaf = true;
    if (g->offset >= l->floor && g->offset < end_of(l) && slot_of(l, g->offset)->state == LEASED)
        release(l, g->offset);
}

uint64_t leases_floor(const struct leases *l)
{
    return l->floor;
}

struct leases_figures leases_figures(const struct leases *l)
{
    return l->figures;
}
