#include "common/rules/tree.h"

struct walk {
    struct work *w;
    const struct decoded *d;
    struct decisions *list;
    uint32_t decoder;                   /* number of the event's; 0: none */
    uint32_t tries;
};

static struct slice subject_of(const struct decoded *d, uint8_t subject)
{
    const struct slice *dst = &d->field[FIELD_DSTUSER], *src = &d->field[FIELD_SRCUSER];

    if (subject < FIELD_COUNT)
        return d->field[subject];
    switch ((enum subject)subject) {
    case SUBJECT_LOG:          return d->log;
    case SUBJECT_PROGRAM_NAME: return d->program_name.n > 0 ? d->program_name : (struct slice){ 0 };
    case SUBJECT_HOSTNAME:     return d->hostname.n > 0 ? d->hostname : (struct slice){ 0 };
    case SUBJECT_USER:         return dst->p != NULL ? *dst : *src;
    case SUBJECT_LIST_USER:    return src->p != NULL ? *src : *dst;
    }
    return (struct slice){ 0 };
}

static bool pattern_holds(const struct cond *c, struct work *w, const struct decoded *d)
{
    struct slice s = subject_of(d, c->subject);

    if (c->subject == SUBJECT_LOG && s.p == NULL)
        s = SLICE("");
    return s.p != NULL && probe_match(c->probe, w, s, NULL);
}

static bool dynamic_holds(const struct cond *c, struct work *w, const struct decoded *d)
{
    const struct slice *s = decoded_dynamic(d, c->name);

    return s != NULL && probe_match(c->probe, w, *s, NULL);
}

static bool cond_holds(const struct cond *c, struct work *w, const struct decoded *d)
{
    const struct tm *t;

    switch (c->kind) {
    case COND_PATTERN:  return pattern_holds(c, w, d);
    case COND_DYNAMIC:  return dynamic_holds(c, w, d);
    case COND_ACTION:   return d->field[FIELD_ACTION].p != NULL
                            && slice_eq(d->field[FIELD_ACTION], c->name);
    case COND_ADDRESS:  return d->field[c->subject].p != NULL
                            && ip_list_has(c->net, c->n, d->field[c->subject]);
    case COND_COMPILED: return c->compiled(d);
    case COND_SIZE:     return d->log.n >= c->n;
    case COND_TIME:
        t = work_local_time(w, d->received);
        return when_span_has(&c->span, (unsigned)(60 * t->tm_hour + t->tm_min));
    case COND_DAYS:
        return when_days_has(c->days, (unsigned)work_local_time(w, d->received)->tm_wday);
    }
    return false;
}

/* A field that is not there is in no list and out of none. */
static bool list_holds(const struct list_cond *c, struct work *w, const struct decoded *d)
{
    struct slice key = subject_of(d, c->subject), value = { 0 };

    if (c->list == NULL || key.p == NULL)
        return false;
    bool address = c->lookup >= LOOKUP_ADDRESS;
    bool found = address ? list_get_address(c->list, key, &value) : list_get(c->list, key, &value);
    switch (c->lookup) {
    case LOOKUP_KEY:
    case LOOKUP_ADDRESS:
        return found;
    case LOOKUP_NOT_KEY:
    case LOOKUP_NOT_ADDRESS:
        return !found;
    case LOOKUP_VALUE:
    case LOOKUP_ADDRESS_VALUE:
        return found && (c->value == NULL || probe_match(c->value, w, value, NULL));
    }
    return false;
}

enum line_verdict { LINE_NO, LINE_STORES, LINE_YES };

static bool lists_hold(const struct rule_node *r, struct work *w, const struct decoded *d)
{
    for (size_t i = 0; i < r->n_lists; i++)
        if (!list_holds(&r->lists[i], w, d))
            return false;
    return true;
}

/* A first time can be seen only of fields that a decoder names; rootcheck tells by itself. */
static bool can_be_first(const struct decoded *d)
{
    return d->fts != 0 || d->kind == RAW_ROOTCHECK;
}

static enum line_verdict ask_line(const struct rule_node *r, const struct walk *k)
{
    const struct decoded *d = k->d;
    uint32_t stores = r->rule.context & (IF_FTS | CHECK_DIFF);

    if (r->decoder != 0 && r->decoder != k->decoder)
        return LINE_NO;
    for (size_t i = 0; i < r->n_conds; i++)
        if (!cond_holds(&r->cond[i], k->w, d))
            return LINE_NO;
    if ((stores & IF_FTS) && !can_be_first(d))
        return stores & CHECK_DIFF ? LINE_STORES : LINE_NO;
    if (!lists_hold(r, k->w, d))
        return stores != 0 ? LINE_STORES : LINE_NO;
    return LINE_YES;
}

static void tell(const struct walk *k, enum walk_step step, const struct rule_node *r)
{
    if (k->w->watcher != NULL)
        k->w->watcher(k->w->watcher_arg, step, &r->rule);
}

static bool add(struct walk *k, const struct rule_node *r, unsigned depth, unsigned flags)
{
    if (k->list->n == DECISIONS_MAX) {
        k->list->overflow = true;
        return false;
    }
    k->list->at[k->list->n++] = (struct decision){ r->rule.sid, (uint8_t)depth, (uint8_t)flags };
    return true;
}

/* True: nothing behind r can win any more, or the walk was given up. */
static bool walk_rule(struct walk *k, const struct rule_node *r, unsigned depth)
{
    if (++k->tries > WALK_TRIES_MAX)
        k->list->overflow = true;
    if (k->list->overflow)
        return true;
    tell(k, WALK_TRYING, r);
    enum line_verdict v = ask_line(r, k);
    if (v == LINE_NO)
        return false;
    uint32_t mine = k->list->n;
    if (!add(k, r, depth, v == LINE_STORES ? DECISION_STORES_ONLY : 0))
        return true;
    if (v == LINE_STORES)
        return false;
    tell(k, WALK_MATCHED, r);
    if (r->children.n > 0)
        tell(k, WALK_CHILDREN, r);
    for (size_t i = 0; i < r->children.n; i++)
        if (walk_rule(k, r->children.at[i], depth + 1))
            return k->list->overflow || !r->open;
    if (r->rule.noalert && !r->open && k->list->n == mine + 1)
        k->list->n = mine;              /* a gate that led nowhere */
    return !r->rule.noalert && !r->open;
}

void ruleset_walk(const struct ruleset *rs, struct work *w, const struct decoded *d,
                  struct decisions *ret)
{
    struct walk k = { .w = w, .d = d, .list = ret };

    ret->n = 0;
    ret->overflow = false;
    if (!w->fresh || d->full_log.p != w->scanned.p || d->full_log.n != w->scanned.n
        || d->seq != w->scanned_seq)
        work_scan(w, d);
    w->fresh = false;
    if (d->decoder.n > 0)
        k.decoder = names_find(&rs->decoder_names, d->decoder);
    for (size_t i = 0; i < rs->roots.n; i++) {
        const struct rule_node *root = rs->roots.at[i];
        if ((uint32_t)root->category == d->category && walk_rule(&k, root, 0))
            break;
    }
    if (ret->overflow)
        ret->n = 0;
}

bool ruleset_matters(const struct ruleset *rs, const struct decisions *list)
{
    for (uint32_t i = 0; i < list->n; i++) {
        const struct rule_node *r = rule_find(rs, list->at[i].sid);
        if (r == NULL || r->open || (r->rule.level > 0 && !r->rule.noalert))
            return true;
    }
    return list->overflow;
}
