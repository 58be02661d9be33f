#include "correlate/memory.h"

#include <stdlib.h>

struct memory {
    const struct ruleset *rs;
    struct history *history;
    struct seen *seen[REMEMBERED];
    struct tally *tally;                /* by the rule's dense number */
    bool *touched;
    uint32_t *changed;
    size_t n_changed;
    char line[MEMORY_OUTPUT_MAX];       /* the last output, while the new one replaces it */
    char filled[7][MEMORY_ACCUMULATE_TEXT];
};

static const size_t ceilings[REMEMBERED] = {
    [REMEMBER_FIRST] = MEMORY_FIRST_MAX,
    [REMEMBER_IGNORED] = MEMORY_IGNORED_MAX,
    [REMEMBER_OUTPUT] = MEMORY_OUTPUTS_MAX,
    [REMEMBER_ACCUMULATED] = MEMORY_ACCUMULATED_MAX,
};

static enum err make_parts(struct memory *m, const struct history_options *o)
{
    size_t rules = ruleset_rules(m->rs);
    enum err e = history_new(&m->history, o, rules, ruleset_group_lists(m->rs));

    for (int i = 0; i < REMEMBERED && e == ERR_OK; i++)
        e = seen_new(&m->seen[i], ceilings[i], MEMORY_VALUES_MAX);
    if (e != ERR_OK)
        return e;
    m->tally = calloc(rules + 1, sizeof *m->tally);
    m->touched = calloc(rules + 1, sizeof *m->touched);
    m->changed = calloc(rules + 1, sizeof *m->changed);
    return m->tally != NULL && m->touched != NULL && m->changed != NULL ? ERR_OK : ERR_NOMEM;
}

enum err memory_new(struct memory **ret, const struct ruleset *rs, const struct history_options *o)
{
    struct memory *m = calloc(1, sizeof *m);
    if (m == NULL)
        return ERR_NOMEM;

    m->rs = rs;
    enum err e = make_parts(m, o);
    if (e != ERR_OK) {
        memory_free(m);
        return e;
    }
    for (size_t i = 0; i < ruleset_rules(rs); i++)
        history_own_list(m->history, ruleset_at(rs, i));
    *ret = m;
    return ERR_OK;
}

void memory_free(struct memory *m)
{
    if (m == NULL)
        return;
    history_free(m->history);
    for (int i = 0; i < REMEMBERED; i++)
        seen_free(m->seen[i]);
    free(m->tally);
    free(m->touched);
    free(m->changed);
    free(m);
}

struct history *memory_history(struct memory *m)
{
    return m->history;
}

struct seen *memory_seen(struct memory *m, enum remembered which)
{
    return m->seen[which];
}

/* The parts of a first-time-seen or ignore key, in the order OSSEC writes them. */
#define KEY_PARTS 9

static void key_parts(const struct decoded *d, uint64_t fields, struct slice part[KEY_PARTS])
{
    static const enum named_field order[] = { FIELD_ID, FIELD_DSTUSER, FIELD_SRCUSER, FIELD_SRCIP,
                                              FIELD_DSTIP, FIELD_DATA, FIELD_SYSTEMNAME };
    size_t n = 0;

    part[n++] = fields & FTS_NAME ? d->decoder : SLICE("");
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++, n++)
        part[n] = fields >> order[i] & 1 ? d->field[order[i]] : SLICE("");
    part[n++] = fields & FTS_LOCATION ? d->location : SLICE("");
    for (size_t i = 0; i < KEY_PARTS; i++)      /* unset and empty are the same in a key */
        part[i] = part[i].p == NULL ? SLICE("") : part[i];
}

/* The start of an IDS key's line, as long as likeness is judged by. */
struct prefix { size_t n; char at[MEMORY_SIMILAR_PREFIX + 1]; };

static struct prefix prefix_of(const struct slice part[KEY_PARTS])
{
    struct prefix p = { 0 };

    for (size_t i = 0; i < KEY_PARTS && p.n < sizeof p.at; i++) {
        size_t n = part[i].n < sizeof p.at - p.n ? part[i].n : sizeof p.at - p.n;
        memcpy(p.at + p.n, part[i].p, n);
        p.n += n;
        if (p.n < sizeof p.at && i + 1 < KEY_PARTS)
            p.at[p.n++] = ' ';
    }
    return p;
}

struct likeness { struct slice prefix; unsigned looked, alike; };

static bool compare_prefix(void *arg, struct slice value)
{
    struct likeness *l = arg;

    if (value.n == 0)                   /* not of an IDS */
        return true;
    l->alike += slice_eq(value, l->prefix);
    return ++l->looked < MEMORY_SIMILAR_MAX;
}

/* Alerts of an IDS that differ only behind their first bytes are one, once there were a few of them. */
static struct digest similar_key(struct memory *m, const struct slice part[KEY_PARTS],
                                 const struct prefix *p)
{
    struct likeness l = { .prefix = { p->at, p->n } };

    seen_newest(m->seen[REMEMBER_FIRST], compare_prefix, &l);
    if (l.alike <= 2 || p->n <= MEMORY_SIMILAR_PREFIX)
        return digest_of(part, KEY_PARTS);
    struct slice start = { p->at, MEMORY_SIMILAR_PREFIX };
    return digest_of(&start, 1);
}

static enum err put_new(struct memory *m, const struct digest *key, struct slice value, bool *ret)
{
    *ret = !seen_get(m->seen[REMEMBER_FIRST], key, NULL);
    return *ret ? seen_put(m->seen[REMEMBER_FIRST], key, value) : ERR_OK;
}

static enum err first_of_agent(struct memory *m, const struct decoded *d, bool *ret)
{
    struct slice part[] = { SLICE("rootcheck"), { (const char *)&d->agent, sizeof d->agent }, d->log };
    struct digest key = digest_of(part, 3);

    return put_new(m, &key, SLICE(""), ret);
}

enum err memory_first(struct memory *m, const struct decoded *d, bool *ret)
{
    struct slice part[KEY_PARTS];

    *ret = false;
    if (d->kind == RAW_ROOTCHECK)
        return first_of_agent(m, d, ret);
    if (d->fts == 0)
        return ERR_OK;
    key_parts(d, d->fts | FTS_NAME, part);
    struct digest key = digest_of(part, KEY_PARTS);
    if (d->category != CATEGORY_IDS || seen_get(m->seen[REMEMBER_FIRST], &key, NULL))
        return put_new(m, &key, SLICE(""), ret);

    struct prefix p = prefix_of(part);
    key = similar_key(m, part, &p);
    return put_new(m, &key, (struct slice){ p.at, p.n }, ret);
}

/* "(name) address->path" names an agent; what does not is a host itself. */
static struct slice host_of(const struct decoded *d)
{
    struct slice l = d->location;
    const char *end = l.n > 1 && l.p[0] == '(' ? memchr(l.p, ')', l.n) : NULL;

    return end != NULL ? (struct slice){ l.p + 1, (size_t)(end - l.p) - 1 } : d->hostname;
}

enum err memory_differs(struct memory *m, const struct rule *r, const struct decoded *d, bool *ret,
                        struct slice *before)
{
    struct seen *s = m->seen[REMEMBER_OUTPUT];
    struct slice last, part[] = { host_of(d), { (const char *)&r->sid, sizeof r->sid } };
    struct digest key = digest_of(part, 2);

    *ret = false;
    if (d->log.n >= MEMORY_OUTPUT_MAX)
        return ERR_OK;
    bool there = seen_get(s, &key, &last);
    if (there && slice_eq(last, d->log))
        return ERR_OK;
    if (there && last.n <= sizeof m->line) {
        if (last.n > 0)
            memcpy(m->line, last.p, last.n);
        *before = (struct slice){ m->line, last.n };
        *ret = true;
    }
    return seen_put(s, &key, d->log);
}

static struct digest ignore_key(uint64_t fields, const struct decoded *d)
{
    struct slice part[KEY_PARTS];

    key_parts(d, fields & ~((uint64_t)1 << FIELD_SRCUSER), part);
    return digest_of(part, KEY_PARTS);
}

enum err memory_ignore(struct memory *m, uint64_t fields, const struct decoded *d)
{
    struct digest key = ignore_key(fields, d);

    return seen_put(m->seen[REMEMBER_IGNORED], &key, SLICE(""));
}

bool memory_ignored(struct memory *m, uint64_t fields, const struct decoded *d)
{
    struct digest key = ignore_key(fields, d);

    return seen_get(m->seen[REMEMBER_IGNORED], &key, NULL);
}

/* What is kept of a record being put together: a time, then each field as a byte of length plus one
 * (0: not set) and its text. */
static const enum named_field accumulated[] = { FIELD_DSTUSER, FIELD_SRCUSER, FIELD_DSTIP,
                                                FIELD_SRCIP, FIELD_DSTPORT, FIELD_SRCPORT,
                                                FIELD_DATA };
#define ACCUMULATED (sizeof accumulated / sizeof accumulated[0])

struct collected { uint64_t time; struct slice field[ACCUMULATED]; };

static bool collected_read(struct collected *c, struct slice from)
{
    if (from.n < sizeof c->time)
        return false;
    memcpy(&c->time, from.p, sizeof c->time);
    from = slice_from(from, sizeof c->time);
    for (size_t i = 0; i < ACCUMULATED; i++) {
        if (from.n == 0)
            return false;
        size_t n = (uint8_t)from.p[0];
        from = slice_from(from, 1);
        if (n == 0)
            continue;
        if (n - 1 > from.n || n - 1 > MEMORY_ACCUMULATE_TEXT)
            return false;
        c->field[i] = (struct slice){ from.p, n - 1 };
        from = slice_from(from, n - 1);
    }
    return true;
}

static size_t collected_write(const struct collected *c, char *to)
{
    char *at = to;

    memcpy(at, &c->time, sizeof c->time);
    at += sizeof c->time;
    for (size_t i = 0; i < ACCUMULATED; i++) {
        *at++ = (char)(c->field[i].p == NULL ? 0 : c->field[i].n + 1);
        if (c->field[i].n > 0)
            memcpy(at, c->field[i].p, c->field[i].n);
        at += c->field[i].n;
    }
    return (size_t)(at - to);
}

/* Each side takes from the other what it lacks. */
static bool exchange(struct memory *m, struct decoded *d, struct collected *c)
{
    bool changed = false;

    for (size_t i = 0; i < ACCUMULATED; i++) {
        struct slice *mine = &d->field[accumulated[i]];
        if (mine->p == NULL && c->field[i].p != NULL) {
            memcpy(m->filled[i], c->field[i].p, c->field[i].n);
            c->field[i].p = m->filled[i];
            decoded_set(d, accumulated[i], c->field[i]);
            changed = true;
        } else if (mine->p != NULL && c->field[i].p == NULL) {
            size_t n = mine->n < MEMORY_ACCUMULATE_TEXT ? mine->n : MEMORY_ACCUMULATE_TEXT;
            c->field[i] = (struct slice){ mine->p, n };
        }
    }
    return changed;
}

enum err memory_accumulate(struct memory *m, struct decoded *d, bool *ret)
{
    struct slice last, part[] = { d->hostname, d->decoder, d->field[FIELD_ID] };
    struct collected c = { 0 };
    char text[sizeof c.time + ACCUMULATED * (1 + MEMORY_ACCUMULATE_TEXT)];
    uint64_t now = d->received / 1000000;

    *ret = false;
    if (d->field[FIELD_ID].p == NULL)
        return ERR_OK;
    struct digest key = digest_of(part, 3);
    if (seen_get(m->seen[REMEMBER_ACCUMULATED], &key, &last)
        && (!collected_read(&c, last)
            || (now > c.time && now - c.time > MEMORY_ACCUMULATE_SECONDS)))
        c = (struct collected){ 0 };
    c.time = now;
    *ret = exchange(m, d, &c);
    return seen_put(m->seen[REMEMBER_ACCUMULATED], &key,
                    (struct slice){ text, collected_write(&c, text) });
}

struct tally *memory_tally(struct memory *m, const struct rule *r)
{
    if (!m->touched[r->index]) {
        m->touched[r->index] = true;
        m->changed[m->n_changed++] = r->index;
    }
    return &m->tally[r->index];
}

enum err memory_tallies(const struct memory *m, tally_writer *visit, void *arg)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < m->n_changed && e == ERR_OK; i++)
        e = visit(arg, ruleset_at(m->rs, m->changed[i]), &m->tally[m->changed[i]]);
    return e;
}

void memory_settle(struct memory *m)
{
    history_settle(m->history);
    for (int i = 0; i < REMEMBERED; i++)
        seen_settle(m->seen[i]);
    for (size_t i = 0; i < m->n_changed; i++)
        m->touched[m->changed[i]] = false;
    m->n_changed = 0;
}
