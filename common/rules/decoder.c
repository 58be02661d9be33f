/* decoder - what a line is, and the fields in it */
#include "common/rules/predecode.h"
#include "common/rules/tree.h"

struct decoding {
    struct work *w;
    struct decoded *d;
    const struct decoder *best;         /* the last one that matched */
    size_t parent_end, own_end;         /* in d->log: behind the parent's prematch, the child's */
};

static bool match_at(const struct decoding *k, const struct probe *p, size_t at,
                     struct captures *c, size_t *end)
{
    if (!probe_match(p, k->w, slice_from(k->d->log, at), c))
        return false;
    *end = at + c->end;
    return true;
}

static const struct decoder *find_top(struct decoding *k, const struct vec *tops)
{
    struct captures c;

    for (size_t i = 0; i < tops->n; i++) {
        const struct decoder *top = tops->at[i];
        if (top->program != NULL && !probe_match(top->program, k->w, k->d->program_name, NULL))
            continue;
        k->parent_end = 0;
        if (top->prematch == NULL || match_at(k, top->prematch, 0, &c, &k->parent_end))
            return top;
    }
    return NULL;
}

/* The first child whose prematch holds, or that has none; siblings->n when there is no such. */
static size_t find_child(struct decoding *k, const struct vec *siblings)
{
    struct captures c;

    for (size_t i = 0; i < siblings->n; i++) {
        const struct decoder *child = siblings->at[i];
        k->own_end = k->parent_end;
        if (child->prematch == NULL)
            return i;
        size_t at = child->prematch_at == OFFSET_PARENT ? k->parent_end : 0;
        if (match_at(k, child->prematch, at, &c, &k->own_end)) {
            k->best = child;
            return i;
        }
        while (((const struct decoder *)siblings->at[i])->more && i + 1 < siblings->n)
            i++;                        /* the rest of its group goes with it */
    }
    return siblings->n;
}

static void set_fields(const struct decoding *k, const struct decoder *d, const struct captures *c)
{
    for (size_t i = 0; i < c->n && i < d->n_order; i++) {
        if (d->order[i].field < FIELD_COUNT)
            decoded_set(k->d, (enum named_field)d->order[i].field, c->at[i]);
        else
            (void)decoded_set_dynamic(k->d, d->order[i].name, c->at[i]);
    }
}

static size_t start_of(const struct decoding *k, const struct decoder *d, size_t last_end)
{
    switch (d->regex_at) {
    case OFFSET_NONE:     return 0;
    case OFFSET_PARENT:   return k->parent_end;
    case OFFSET_PREMATCH: return k->own_end;
    case OFFSET_REGEX:    return last_end;
    }
    return 0;
}

/* Run siblings[i]'s regex, and those of the siblings that go on with it. */
static void run_regexes(struct decoding *k, const struct decoder *const *siblings, size_t n,
                        size_t i)
{
    struct captures c;
    size_t end = k->own_end;

    for (; i < n && siblings[i]->regex != NULL; i++) {
        const struct decoder *d = siblings[i];
        if (match_at(k, d->regex, start_of(k, d, end), &c, &end)) {
            k->best = d;
            set_fields(k, d, &c);
        } else {
            end = k->own_end;
        }
        if (!d->more)
            return;
    }
}

static void decode_below(struct decoding *k, const struct decoder *top)
{
    const struct decoder *const *siblings = &top;
    size_t n = 1, i = 0;

    k->best = top;
    k->own_end = k->parent_end;
    if (top->children.n > 0) {
        siblings = (const struct decoder *const *)(void *)top->children.at;
        n = top->children.n;
        i = find_child(k, &top->children);
    }
    if (i == n)
        return;
    if (siblings[i]->plugin == NULL) {
        run_regexes(k, siblings, n, i);
    } else {
        k->best = siblings[i];
        k->d->category = k->best->category;
        siblings[i]->plugin(k->w, k->d);
    }
}

static void name_it(const struct decoding *k)
{
    struct decoded *d = k->d;

    d->decoder = k->best->shown;
    d->decoder_leaf = k->best->name;
    d->decoder_parent = k->best->parent;
    d->fts = k->best->fts;
    d->flags |= EVENT_DECODED | (k->best->accumulate ? EVENT_ACCUMULATE : 0)
              | (k->best->fts != 0 ? EVENT_DECODER_FTS : 0);
    if (k->best->plugin == NULL)
        d->category = k->best->category;
    if (d->category == CATEGORY_FIREWALL && !k->w->keep_actions)
        firewall_normalise(d);
}

static void take_header(struct decoded *d, struct slice fallback_host)
{
    struct predecoded p;

    predecode(d->full_log, &p);
    d->log = p.log;
    d->program_name = p.program_name;
    d->hostname = p.hostname.n > 0 ? p.hostname : fallback_host;
    if (d->location.n > 0 && d->location.p[0] == '(')
        d->hostname = d->location;
}

void ruleset_decode(const struct ruleset *rs, struct work *w, struct decoded *d,
                    struct slice fallback_host)
{
    struct decoding k = { .w = w, .d = d };

    arena_reset(w->arena);
    take_header(d, fallback_host);
    d->decoder = d->decoder_leaf = d->decoder_parent = (struct slice){ 0 };
    d->category = CATEGORY_SYSLOG;
    d->fts = d->flags = 0;
    d->n_dynamic = d->n_order = 0;
    memset(d->field, 0, sizeof d->field);
    work_scan(w, d);
    w->fresh = true;

    const struct decoder *top = find_top(&k, d->program_name.n > 0 ? &rs->named : &rs->nameless);
    if (top == NULL)
        return;
    decode_below(&k, top);
    name_it(&k);
}
