#include "correlate/arbiter.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/wire/mp.h"

struct arbiter {
    const struct ruleset *rs;
    struct work *work;
    struct matcher *matcher;
    bool alone, watched;
    struct arbiter_counts counts;
    struct decisions list;
    uint8_t outcome[DECISIONS_MAX];     /* enum outcome, of each decision in list */
};

enum err arbiter_new(struct arbiter **ret, const struct ruleset *rs, bool alone)
{
    struct arbiter *j = calloc(1, sizeof *j);
    if (j == NULL)
        return ERR_NOMEM;

    j->rs = rs;
    j->alone = alone;
    enum err e = work_new(&j->work, rs);
    if (e == ERR_OK)
        e = matcher_new(&j->matcher);
    if (e != ERR_OK) {
        arbiter_free(j);
        return e;
    }
    *ret = j;
    return ERR_OK;
}

void arbiter_free(struct arbiter *j)
{
    if (j == NULL)
        return;
    work_free(j->work);
    matcher_free(j->matcher);
    free(j);
}

void arbiter_watch(struct arbiter *j, walk_watcher *watcher, void *arg)
{
    j->watched = watcher != NULL;
    work_watch(j->work, watcher, arg);
}

struct arbiter_counts arbiter_counts(const struct arbiter *j)
{
    return j->counts;
}

const struct decisions *arbiter_decisions(const struct arbiter *j)
{
    return &j->list;
}

enum outcome arbiter_outcome(const struct arbiter *j, uint32_t i)
{
    return j->outcome[i];
}

static bool read_decision(struct slice *rest, struct decision *ret)
{
    uint64_t n;

    if (!mp_uint(rest, &n) || n >> 16 > UINT32_MAX)
        return false;
    *ret = (struct decision){ (uint32_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
    return ret->depth < ARBITER_DEPTH_MAX;
}

/* False: the list cannot be used, and the rules are to be walked here. */
static bool read_list(struct arbiter *j, struct slice packed)
{
    uint64_t n = 0;

    j->list.n = 0;
    if (packed.n == 0)
        return true;
    if (!mp_array(&packed, &n) || n > DECISIONS_MAX)
        return false;
    for (; j->list.n < n; j->list.n++) {
        struct decision *d = &j->list.at[j->list.n];
        if (!read_decision(&packed, d))
            return false;
        if (ruleset_rule(j->rs, d->sid) == NULL) {
            j->counts.unknown_rules++;
            return false;
        }
    }
    return true;
}

static void walk(struct arbiter *j, const struct decoded *d)
{
    j->counts.walked++;
    ruleset_walk(j->rs, j->work, d, &j->list);
    if (j->list.overflow) {
        j->counts.unwalkable++;
        j->list.n = 0;
    }
}

/* One event's way through its list. */
struct trial {
    struct arbiter *j;
    struct memory *m;
    const struct decoded *d;
    struct lines lines;                 /* of the last composite that held, on the present branch */
    enum err err;
};

static bool is_composite(const struct rule *r)
{
    bool counts = r->frequency > 0 || (r->context & ~(uint32_t)(CHECK_DIFF | IF_FTS | IGNORE_LATER
                                                                 | CHECK_IGNORED)) != 0;

    return r->if_matched_sid != 0 || r->has_if_matched_group || r->has_if_matched_regex
        || ((r->context & CHECK_DIFF) && counts);
}

static bool output_differs(struct trial *k, const struct rule *r)
{
    struct slice before = { 0 };
    bool differs = false;

    k->err = memory_differs(k->m, r, k->d, &differs, &before);
    if (differs)
        k->lines = (struct lines){ 2, { SLICE("Previous output:"), before } };
    return k->err == ERR_OK && differs;
}

static bool is_first(struct trial *k)
{
    bool first = false;

    k->err = memory_first(k->m, k->d, &first);
    return k->err == ERR_OK && first;
}

/* The order is OSSEC's, and each question stores its answer before the next is asked. */
static bool holds(struct trial *k, const struct decision *at, const struct rule *r)
{
    if ((r->context & CHECK_DIFF) && !output_differs(k, r))
        return false;
    if ((r->context & IF_FTS) && !is_first(k))
        return false;
    if (at->flags & DECISION_STORES_ONLY)
        return false;
    return !is_composite(r)
        || history_search(memory_history(k->m), r, ruleset_rule(k->j->rs, r->if_matched_sid),
                          k->j->matcher, &k->lines);
}

static uint32_t behind(const struct decisions *list, uint32_t i)
{
    uint8_t depth = list->at[i].depth;

    do
        i++;
    while (i < list->n && list->at[i].depth > depth);
    return i;
}

/* NULL: no rule of this branch returned itself. */
static const struct rule *try_branch(struct trial *k, uint32_t i)
{
    const struct decisions *list = &k->j->list;
    const struct rule *r = ruleset_rule(k->j->rs, list->at[i].sid), *found = NULL;
    const struct lines outer = k->lines;
    uint32_t end = behind(list, i);

    bool held = holds(k, &list->at[i], r);
    k->j->outcome[i] = held ? OUTCOME_HELD : OUTCOME_FAILED;
    if (held) {
        for (uint32_t c = i + 1; c < end && found == NULL && k->err == ERR_OK; c = behind(list, c))
            found = try_branch(k, c);
        if (found == NULL && !r->noalert) {
            found = r;
            k->j->outcome[i] = OUTCOME_VERDICT;
        }
    }
    if (found == NULL)
        k->lines = outer;
    return found;
}

static const struct rule *decide(struct trial *k)
{
    const struct rule *found = NULL;

    for (uint32_t i = 0; i < k->j->list.n && found == NULL && k->err == ERR_OK;
         i = behind(&k->j->list, i))
        found = try_branch(k, i);
    return found;
}

static bool in_ignore_window(const struct arbiter *j, struct tally *t, const struct rule *r,
                             uint64_t now)
{
    if (r->ignore_seconds == 0)
        return false;
    if (t->ignore_since == 0) {
        t->ignore_since = now;
        return false;
    }
    if (now >= t->ignore_since && now - t->ignore_since < r->ignore_seconds)
        return true;
    t->ignore_since = j->alone ? 0 : now;
    return false;
}

/* What a verdict that stands leaves behind. */
static enum err remember(struct memory *m, const struct decoded *d, const struct rule *r)
{
    enum err e = ERR_OK;

    if (r->context & IGNORE_LATER)
        e = memory_ignore(m, r->ignore_fields, d);
    return e == ERR_OK ? history_push(memory_history(m), r) : e;
}

static enum err conclude(struct arbiter *j, struct memory *m, const struct decoded *d,
                         struct judgement *v)
{
    const struct rule *r = v->rule;

    if (r == NULL || r->level == 0)
        return ERR_OK;
    struct tally *t = memory_tally(m, r);
    v->fired = ++t->fired;
    v->ignored = in_ignore_window(j, t, r, d->received / 1000000)
        || ((r->context & CHECK_IGNORED) && memory_ignored(m, r->check_ignored_fields, d));
    if (v->ignored)
        return ERR_OK;
    v->alerts = r->log;
    return remember(m, d, r);
}

enum err arbiter_event(struct arbiter *j, struct memory *m, struct decoded *d, struct slice decisions,
                     bool trusted, struct judgement *ret)
{
    struct trial k = { .j = j, .m = m, .d = d };
    bool completed = false;

    if (d->flags & EVENT_ACCUMULATE) {
        enum err e = memory_accumulate(m, d, &completed);
        if (e != ERR_OK)
            return e;
    }
    if (j->watched || !trusted || completed || (d->flags & EVENT_UNWALKED)
        || !read_list(j, decisions))
        walk(j, d);
    history_begin(memory_history(m), d, d->received / 1000000);
    memset(j->outcome, OUTCOME_UNTRIED, j->list.n);
    *ret = (struct judgement){ .rule = decide(&k) };
    if (k.err != ERR_OK)
        return k.err;
    ret->lines = k.lines;
    return conclude(j, m, d, ret);
}

uint64_t alert_number(uint64_t agent, uint64_t stream, uint64_t seq, uint64_t sid)
{
    static const unsigned char key[crypto_shorthash_KEYBYTES] = { 0 };
    unsigned char in[4 * 8], out[crypto_shorthash_BYTES];
    const uint64_t part[] = { agent, stream, seq, sid };
    uint64_t n = 0;

    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (unsigned char)(part[i / 8] >> 8 * (i % 8));
    crypto_shorthash(out, in, sizeof in, key);
    for (size_t i = 0; i < sizeof out; i++)
        n |= (uint64_t)out[i] << 8 * i;
    return n >> 1;
}

static enum err pack_lines(const struct lines *lines, msgpack_sbuffer *out)
{
    msgpack_packer pk;
    int bad = 0;

    if (lines->n == 0)
        return ERR_OK;
    msgpack_packer_init(&pk, out, msgpack_sbuffer_write);
    bad |= msgpack_pack_array(&pk, lines->n);
    for (uint32_t i = 0; i < lines->n; i++) {
        struct slice s = lines->at[i];
        bad |= msgpack_pack_str_with_body(&pk, s.p, s.n < ARBITER_LINE_MAX ? s.n : ARBITER_LINE_MAX);
    }
    return bad ? ERR_NOMEM : ERR_OK;
}

struct alert_id { char at[20 + 1 + 20 + 1]; };          /* two numbers of 64 bits, a dot, a NUL */

static struct slice alert_id(const struct judgement *v, const struct decoded *d,
                             struct alert_id *room)
{
    uint64_t sid = v->rule != NULL ? v->rule->sid : 0;
    int n = snprintf(room->at, sizeof room->at, "%" PRIu64 ".%" PRIu64, d->received / 1000000,
                     alert_number(d->agent, d->stream, d->seq, sid));

    return (struct slice){ room->at, (size_t)n };
}

static void fill_rule(struct alert *a, const struct judgement *v)
{
    const struct rule *r = v->rule;

    if (r == NULL)
        return;
    a->rule = r->sid;
    a->level = r->level;
    a->description = r->description;
    a->groups = r->group;
    a->frequency = is_composite(r) ? r->frequency : 0;
    a->firedtimes = v->fired;
    a->cve = r->cve;
    a->info = r->info;
}

static void fill_event(struct alert *a, const struct decoded *d)
{
    a->time = d->received;
    a->agent = d->agent;
    a->agent_name = d->agent_name;
    a->agent_addr = d->agent_addr;
    a->location = d->location;
    a->hostname = d->hostname;
    a->program_name = d->program_name;
    a->decoder = d->decoder;
    a->decoder_leaf = d->decoder_leaf;
    a->decoder_parent = d->decoder_parent;
    a->full_log = d->full_log;
    a->stream = d->stream;
    a->seq = d->seq;
    a->sent = d->sent;
    a->log_at = d->log.p != NULL && d->full_log.p != NULL ? (uint64_t)(d->log.p - d->full_log.p) : 0;
    a->log_n = d->log.n;
    a->decoder_flags = d->flags;
}

enum err judgement_pack(const struct judgement *v, const struct decoded *d, uint64_t flags,
                        msgpack_sbuffer *out)
{
    msgpack_sbuffer fields, lines;
    struct alert_id id;
    struct alert a = { .flags = flags, .id = alert_id(v, d, &id) };

    msgpack_sbuffer_init(&fields);
    msgpack_sbuffer_init(&lines);
    fill_rule(&a, v);
    fill_event(&a, d);
    enum err e = decoded_pack_fields(d, &fields);
    if (e == ERR_OK)
        e = pack_lines(&v->lines, &lines);

    size_t room = ARBITER_ALERT_MAX / 2;  /* what is left holds the longest log and names */
    if (fields.size <= room) {
        a.fields = (struct slice){ fields.data, fields.size };
        room -= fields.size;
    }
    if (lines.size <= room)
        a.context = (struct slice){ lines.data, lines.size };
    if (e == ERR_OK)
        e = record_pack(&alert_schema, &a, out);
    msgpack_sbuffer_destroy(&fields);
    msgpack_sbuffer_destroy(&lines);
    return e;
}
