#include "correlate/history.h"

#include <sodium.h>
#include <stdlib.h>

/* What two events can have in common.  TRAIT(enum, kept's member, how to find it in an event) */
#define TRAIT_MAP(TRAIT)                            \
    TRAIT(SRCIP,    srcip,    field[FIELD_SRCIP])    \
    TRAIT(ID,       id,       field[FIELD_ID])       \
    TRAIT(SRCPORT,  srcport,  field[FIELD_SRCPORT])  \
    TRAIT(DSTPORT,  dstport,  field[FIELD_DSTPORT])  \
    TRAIT(DSTUSER,  dstuser,  field[FIELD_DSTUSER])  \
    TRAIT(HOSTNAME, hostname, hostname)              \
    TRAIT(URL,      url,      field[FIELD_URL])      \
    TRAIT(SRCGEOIP, srcgeoip, field[FIELD_SRCGEOIP])

enum trait {
#define TRAIT(e, member, from) TRAIT_##e,
    TRAIT_MAP(TRAIT)
#undef TRAIT
    TRAIT_COUNT
};

/* Which option wants which trait equal, or different.  loose: also in a search over all events. */
static const struct demand { uint32_t context; enum trait trait; bool differs, loose; } demands[] = {
    { SAME_ID,            TRAIT_ID,       false, true },
    { SAME_SRCIP,         TRAIT_SRCIP,    false, true },
    { SAME_SRCPORT,       TRAIT_SRCPORT,  false, false },
    { SAME_DSTPORT,       TRAIT_DSTPORT,  false, false },
    { SAME_USER,          TRAIT_DSTUSER,  false, true },
    { SAME_LOCATION,      TRAIT_HOSTNAME, false, false },
    { DIFFERENT_URL,      TRAIT_URL,      true,  true },
    { DIFFERENT_SRCGEOIP, TRAIT_SRCGEOIP, true,  true },
    { DIFFERENT_SRCIP,    TRAIT_SRCIP,    true,  true },
    { DIFFERENT_ID,       TRAIT_ID,       true,  true },
    { DIFFERENT_USER,     TRAIT_DSTUSER,  true,  true },
    { DIFFERENT_LOCATION, TRAIT_HOSTNAME, true,  false },
};

#define DEMANDS (sizeof demands / sizeof demands[0])

struct traits { struct slice at[TRAIT_COUNT]; uint64_t hash[TRAIT_COUNT]; };

/* One allocation: its texts follow it. */
struct past {
    struct past *next_gone;
    uint64_t number, chunk, time;       /* chunk: the number it was written under */
    uint32_t sid, matched, category;
    size_t bytes;
    struct traits traits;
    struct slice full_log, log;
    char text[];
};

struct entry { uint64_t number, before; };      /* before: position of the one before it in its bucket */

/* Entries tail..head-1, at position modulo room.  A bucket leads to the newest entry whose
 * wanted traits hash there; what it or `before` names below tail is gone. */
struct list {
    struct entry *at;
    uint64_t *bucket;
    uint64_t head, tail, room;
    uint64_t most;                      /* entries kept; 0: as many as history has */
    uint64_t stop;                      /* entries below are behind a consumed one */
    uint32_t level, wants;              /* of the composite that owns it; context bits */
};

#define GROUP_BUCKETS 1024

struct history {
    struct history_options o;
    size_t n_sid_lists, n_group_lists;
    struct list *sid, *group;
    struct past **ring;                 /* number modulo o.records */
    struct past *gone;                  /* evicted, but the last hit's lines may lie in them */
    uint64_t oldest, next, settled;     /* numbers; records from `settled` on are not written yet */
    size_t bytes;
    uint64_t newest_time, evicted;
    uint64_t *marked;                   /* numbers below `settled` */
    size_t n_marked, marked_room;
    unsigned char key[crypto_shorthash_KEYBYTES];

    const struct decoded *d;            /* the current event */
    uint64_t now;
    uint32_t matched;
    bool known;
    struct traits traits;
};

struct history_options history_options_of(const struct config *c)
{
    return (struct history_options){
        .records = c->global.memory_size,
        .sid_list = c->correlate.sid_history,
        .shadowing = c->correlate.ossec_shadowing,
    };
}

enum err history_new(struct history **ret, const struct history_options *o, size_t rules,
                     size_t lists)
{
    if (o->records == 0 || o->records > HISTORY_RECORDS_MAX || o->sid_list == 0
        || o->sid_list > HISTORY_SIDS_MAX)
        return ERR_RANGE;
    struct history *h = calloc(1, sizeof *h);
    if (h == NULL)
        return ERR_NOMEM;

    h->o = *o;
    h->n_sid_lists = rules;
    h->n_group_lists = lists;
    h->oldest = h->next = h->settled = 1;
    randombytes_buf(h->key, sizeof h->key);
    h->sid = calloc(rules + 1, sizeof *h->sid);
    h->group = calloc(lists + 1, sizeof *h->group);
    h->ring = calloc(o->records, sizeof(struct past *));
    if (h->sid == NULL || h->group == NULL || h->ring == NULL) {
        history_free(h);
        return ERR_NOMEM;
    }
    *ret = h;
    return ERR_OK;
}

static void lists_free(struct list *l, size_t n)
{
    for (size_t i = 0; l != NULL && i < n; i++) {
        free(l[i].at);
        free(l[i].bucket);
    }
    free(l);
}

static void free_gone(struct history *h)
{
    while (h->gone != NULL) {
        struct past *p = h->gone;
        h->gone = p->next_gone;
        free(p);
    }
}

void history_free(struct history *h)
{
    if (h == NULL)
        return;
    free_gone(h);
    for (size_t i = 0; h->ring != NULL && i < h->o.records; i++)
        free(h->ring[i]);
    free(h->ring);
    lists_free(h->sid, h->n_sid_lists);
    lists_free(h->group, h->n_group_lists);
    free(h->marked);
    free(h);
}

void history_own_list(struct history *h, const struct rule *composite)
{
    if (!composite->has_if_matched_group || composite->group_list >= h->n_group_lists)
        return;
    struct list *l = &h->group[composite->group_list];
    l->level = composite->level;
    for (size_t i = 0; i < DEMANDS; i++)
        if ((composite->context & demands[i].context) && !demands[i].differs)
            l->wants |= demands[i].context;
}

void history_begin(struct history *h, const struct decoded *d, uint64_t now)
{
    free_gone(h);
    h->d = d;
    h->now = now > h->newest_time ? now : h->newest_time;
    h->matched = 0;
    h->known = false;
}

static uint64_t hash_of(const struct history *h, struct slice s)
{
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t n;

    crypto_shorthash(out, (const unsigned char *)(s.n > 0 ? s.p : ""), s.n, h->key);
    memcpy(&n, out, sizeof n);
    return n;
}

static void hash_traits(const struct history *h, struct traits *t)
{
    for (int i = 0; i < TRAIT_COUNT; i++)
        t->hash[i] = t->at[i].p != NULL ? hash_of(h, t->at[i]) : 0;
}

static const struct traits *current_traits(struct history *h)
{
    if (h->known)
        return &h->traits;
#define TRAIT(e, member, from) h->traits.at[TRAIT_##e] = h->d->from;
    TRAIT_MAP(TRAIT)
#undef TRAIT
    if (h->traits.at[TRAIT_HOSTNAME].n == 0)
        h->traits.at[TRAIT_HOSTNAME].p = NULL;
    hash_traits(h, &h->traits);
    h->known = true;
    return &h->traits;
}

static struct past *past_at(const struct history *h, uint64_t number)
{
    return h->ring[number % h->o.records];
}

/* 0 for a list that wants nothing equal: one bucket holds all. */
static uint64_t wanted_hash(uint32_t wants, const struct traits *t)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < DEMANDS && wants != 0; i++)
        if (wants & demands[i].context)
            hash = hash * 0x9e3779b97f4a7c15u + t->hash[demands[i].trait];
    return hash ^ hash >> 32;
}

static void list_trim(const struct history *h, struct list *l)
{
    while (l->tail < l->head && l->at[l->tail % l->room].number < h->oldest)
        l->tail++;
    if (l->most > 0 && l->head - l->tail > l->most)
        l->tail = l->head - l->most;
}

static enum err list_grow(struct list *l)
{
    uint64_t room = l->room == 0 ? 16 : 2 * l->room;
    struct entry *at = malloc(room * sizeof *at);
    if (at == NULL)
        return ERR_NOMEM;

    for (uint64_t i = l->tail; i < l->head; i++)
        at[i % room] = l->at[i % l->room];
    free(l->at);
    l->at = at;
    l->room = room;
    return ERR_OK;
}

static enum err list_ready(const struct history *h, struct list *l)
{
    if (l->bucket == NULL) {
        if ((l->bucket = calloc(l->wants != 0 ? GROUP_BUCKETS : 1, sizeof *l->bucket)) == NULL)
            return ERR_NOMEM;
        l->head = l->tail = 1;          /* position 0 is nobody */
    }
    list_trim(h, l);
    return l->head - l->tail == l->room ? list_grow(l) : ERR_OK;
}

static uint64_t *list_bucket(const struct list *l, const struct traits *t)
{
    return &l->bucket[l->wants != 0 ? wanted_hash(l->wants, t) % GROUP_BUCKETS : 0];
}

static enum err list_push(const struct history *h, struct list *l, const struct past *p)
{
    enum err e = list_ready(h, l);
    if (e != ERR_OK)
        return e;
    uint64_t *newest = list_bucket(l, &p->traits);
    l->at[l->head % l->room] = (struct entry){ p->number, *newest };
    *newest = l->head++;
    if (l->level > 0 && p->matched >= l->level)
        l->stop = l->head;
    if (l->most > 0 && l->head - l->tail > l->most)
        l->tail = l->head - l->most;
    return ERR_OK;
}

static bool demand_met(const struct demand *d, const struct traits *now, const struct traits *then)
{
    enum trait t = d->trait;

    if (now->at[t].p == NULL || then->at[t].p == NULL)
        return false;
    bool same = now->hash[t] == then->hash[t] && slice_eq(now->at[t], then->at[t]);
    return same != d->differs;
}

static bool traits_fit(const struct rule *r, const struct traits *now, const struct traits *then,
                       bool loose)
{
    for (size_t i = 0; i < DEMANDS; i++)
        if ((r->context & demands[i].context) && (!loose || demands[i].loose)
            && !demand_met(&demands[i], now, then))
            return false;
    return true;
}

/* One search on its way back through the past. */
struct search {
    struct history *h;
    const struct rule *r;
    struct matcher *matcher;
    bool loose;                         /* over all events, whatever their rule */
    uint32_t counted;
    struct lines *lines;
};

enum step { STEP_ON, STEP_STOP, STEP_HIT };

static bool looks_alike(struct search *s, const struct past *p)
{
    if (s->loose && p->category != s->h->d->category)
        return false;
    if (!traits_fit(s->r, current_traits(s->h), &p->traits, s->loose))
        return false;
    return !s->loose || s->r->if_matched_regex == NULL
        || pattern_match(s->r->if_matched_regex, s->matcher, p->log, NULL) == MATCH_YES;
}

static enum step look_at(struct search *s, const struct past *p)
{
    if (s->h->now - p->time > s->r->timeframe || p->matched >= s->r->level)
        return STEP_STOP;
    if (!looks_alike(s, p))
        return STEP_ON;
    if (s->counted == s->r->frequency)
        return STEP_HIT;
    s->counted++;
    if (s->lines->n < HISTORY_LINES_MAX)
        s->lines->at[s->lines->n++] = p->full_log;
    return STEP_ON;
}

/* A number at or above `settled` is written with its mark when it is written. */
static enum err note_mark(struct history *h, uint64_t number)
{
    if (number >= h->settled)
        return ERR_OK;
    if (h->n_marked == h->marked_room) {
        size_t room = h->marked_room == 0 ? 64 : 2 * h->marked_room;
        uint64_t *marked = realloc(h->marked, room * sizeof *marked);
        if (marked == NULL)
            return ERR_NOMEM;
        h->marked = marked;
        h->marked_room = room;
    }
    h->marked[h->n_marked++] = number;
    return ERR_OK;
}

/* The end of the entries of `number` in l: the position behind the last, 0 when it has none. */
static uint64_t list_behind(const struct list *l, uint64_t number)
{
    uint64_t low = l->tail, high = l->head;

    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (l->at[mid % l->room].number <= number)
            low = mid + 1;
        else
            high = mid;
    }
    return low > l->tail && l->at[(low - 1) % l->room].number == number ? low : 0;
}

static void move_stops(struct history *h, uint64_t number, uint32_t matched)
{
    for (size_t i = 0; i < h->n_group_lists; i++) {
        struct list *l = &h->group[i];
        if (l->bucket == NULL || l->level == 0 || matched < l->level)
            continue;
        uint64_t behind = list_behind(l, number);
        if (behind > l->stop)
            l->stop = behind;
    }
}

void history_mark(struct history *h, uint64_t number, uint32_t matched)
{
    if (number < h->oldest || number >= h->next)
        return;
    past_at(h, number)->matched = matched;
    move_stops(h, number, matched);
}

static enum step search_list(struct search *s, struct list *l, uint64_t *hit, uint64_t *newest)
{
    enum step step = STEP_ON;

    if (l->bucket == NULL)
        return STEP_STOP;
    list_trim(s->h, l);
    if (l->head == l->tail)
        return STEP_STOP;
    *newest = l->at[(l->head - 1) % l->room].number;
    uint64_t i = *list_bucket(l, current_traits(s->h));
    while (step == STEP_ON && i >= l->tail && i >= l->stop) {
        const struct entry *e = &l->at[i % l->room];
        step = look_at(s, past_at(s->h, e->number));
        *hit = e->number;
        i = e->before;
    }
    return step;
}

static enum step search_all(struct search *s, uint64_t *hit, uint64_t *newest)
{
    enum step step = STEP_ON;
    const struct history *h = s->h;

    *newest = h->next - 1;
    for (uint64_t n = h->next; n > h->oldest && step == STEP_ON; n--) {
        step = look_at(s, past_at(h, n - 1));
        *hit = n - 1;
    }
    return step;
}

bool history_search(struct history *h, const struct rule *r, const struct rule *base,
                    struct matcher *m, struct lines *ret)
{
    struct lines lines = { 0 };
    struct search s = { .h = h, .r = r, .matcher = m, .lines = &lines };
    uint64_t hit = 0, newest = 0;
    enum step step;

    if (r->if_matched_sid != 0) {
        if (base == NULL || base->index >= h->n_sid_lists)
            return false;
        step = search_list(&s, &h->sid[base->index], &hit, &newest);
    } else if (r->has_if_matched_group) {
        if (r->group_list >= h->n_group_lists)
            return false;
        step = search_list(&s, &h->group[r->group_list], &hit, &newest);
    } else {
        s.loose = true;
        step = search_all(&s, &hit, &newest);
    }
    if (step != STEP_HIT || note_mark(h, hit) != ERR_OK || note_mark(h, newest) != ERR_OK)
        return false;
    history_mark(h, hit, r->level);
    history_mark(h, newest, r->level);
    h->matched = r->level;
    *ret = lines;
    return true;
}

static void evict_oldest(struct history *h)
{
    struct past **p = &h->ring[h->oldest % h->o.records];

    h->bytes -= (*p)->bytes;
    (*p)->next_gone = h->gone;
    h->gone = *p;
    *p = NULL;
    h->oldest++;
    h->evicted++;
}

static struct slice put_text(char **to, struct slice s)
{
    struct slice copy = { NULL, s.n };

    if (s.p == NULL)
        return copy;
    copy.p = *to;
    if (s.n > 0)
        memcpy(*to, s.p, s.n);
    *to += s.n;
    return copy;
}

/* where: of the message in full_log */
static struct past *past_new(const struct traits *t, struct slice full_log, size_t log_at,
                             size_t log_n)
{
    size_t bytes = sizeof(struct past) + full_log.n + 1;

    for (int i = 0; i < TRAIT_COUNT; i++)
        bytes += t->at[i].n;
    struct past *p = malloc(bytes);
    if (p == NULL)
        return NULL;

    char *to = p->text;
    memset(p, 0, sizeof *p);
    p->bytes = bytes;
    p->traits = *t;
    for (int i = 0; i < TRAIT_COUNT; i++)
        p->traits.at[i] = put_text(&to, t->at[i]);
    p->full_log = put_text(&to, full_log);
    p->log = (struct slice){ slice_from(p->full_log, log_at).p, log_n };
    return p;
}

static enum err feed_lists(struct history *h, const struct past *p, const struct rule *r)
{
    enum err e = ERR_OK;

    if (r->keeps_sid_list && r->index < h->n_sid_lists) {
        h->sid[r->index].most = h->o.sid_list;
        e = list_push(h, &h->sid[r->index], p);
        if (h->o.shadowing)
            return e;
    }
    for (uint32_t i = 0; i < r->n_group_lists && e == ERR_OK; i++)
        if (r->group_lists[i] < h->n_group_lists)
            e = list_push(h, &h->group[r->group_lists[i]], p);
    return e;
}

/* Takes p, also on failure. */
static enum err take_in(struct history *h, struct past *p, const struct rule *r)
{
    while (h->oldest < h->next
           && (h->next - h->oldest >= h->o.records || h->bytes + p->bytes > HISTORY_BYTES_MAX))
        evict_oldest(h);
    h->ring[p->number % h->o.records] = p;
    h->next = p->number + 1;
    h->bytes += p->bytes;
    h->newest_time = p->time;
    return r != NULL ? feed_lists(h, p, r) : ERR_OK;
}

enum err history_push(struct history *h, const struct rule *r)
{
    const struct decoded *d = h->d;
    bool inside = d->full_log.n > 0 && d->log.p >= d->full_log.p
        && d->log.p <= d->full_log.p + d->full_log.n;
    struct past *p = past_new(current_traits(h), d->full_log,
                              inside ? (size_t)(d->log.p - d->full_log.p) : 0,
                              inside ? d->log.n : d->full_log.n);
    if (p == NULL)
        return ERR_NOMEM;

    p->number = h->next;
    p->time = h->now;
    p->sid = r->sid;
    p->matched = h->matched;
    p->category = d->category;
    return take_in(h, p, r);
}

size_t history_records(const struct history *h)
{
    return h->next - h->oldest;
}

uint64_t history_evicted(const struct history *h)
{
    return h->evicted;
}

static enum err pack_past(const struct past *p, msgpack_sbuffer *out)
{
    struct kept k = {
        .number = p->number, .time = p->time, .sid = p->sid, .matched = p->matched,
        .category = p->category, .full_log = p->full_log, .log_n = p->log.n,
        .log_at = p->log.p != NULL ? (uint64_t)(p->log.p - p->full_log.p) : 0,
    };

    for (int i = 0; i < TRAIT_COUNT; i++)
        k.set |= p->traits.at[i].p != NULL ? (uint64_t)1 << i : 0;
#define TRAIT(e, member, from) k.member = p->traits.at[TRAIT_##e];
    TRAIT_MAP(TRAIT)
#undef TRAIT
    return record_pack(&kept_schema, &k, out);
}

enum err history_pack_new(struct history *h, msgpack_sbuffer *out, uint64_t *first)
{
    enum err e = ERR_OK;

    *first = h->settled > h->oldest ? h->settled : h->oldest;
    for (uint64_t n = *first; n < h->next && e == ERR_OK; n++) {
        past_at(h, n)->chunk = *first;
        e = pack_past(past_at(h, n), out);
    }
    return e;
}

enum err history_marks(const struct history *h, history_mark_writer *visit, void *arg)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < h->n_marked && e == ERR_OK; i++)
        if (h->marked[i] >= h->oldest)
            e = visit(arg, h->marked[i], past_at(h, h->marked[i])->matched);
    return e;
}

uint64_t history_needed(const struct history *h)
{
    return h->oldest < h->next ? past_at(h, h->oldest)->chunk : h->next;
}

void history_settle(struct history *h)
{
    h->settled = h->next;
    h->n_marked = 0;
}

enum err history_restore(struct history *h, const struct kept *k, const struct rule *r,
                         uint64_t chunk)
{
    struct traits t = { 0 };

    if (k->log_at > k->full_log.n || k->log_n > k->full_log.n - k->log_at
        || (h->oldest < h->next && k->number != h->next))
        return ERR_BADMSG;
#define TRAIT(e, member, from) if (k->set >> TRAIT_##e & 1) t.at[TRAIT_##e] = k->member;
    TRAIT_MAP(TRAIT)
#undef TRAIT
    hash_traits(h, &t);
    free_gone(h);                       /* no hit to serve */
    struct past *p = past_new(&t, k->full_log, k->log_at, k->log_n);
    if (p == NULL)
        return ERR_NOMEM;

    p->number = k->number;
    p->chunk = chunk;
    p->time = k->time;
    p->sid = (uint32_t)k->sid;
    p->matched = (uint32_t)k->matched;
    p->category = (uint32_t)k->category;
    if (h->oldest == h->next)
        h->oldest = h->next = p->number;
    enum err e = take_in(h, p, r);
    h->settled = h->next;
    return e;
}
