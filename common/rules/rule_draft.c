#include "common/rules/rule_draft.h"

/* What OSSEC asks in one breath: the plain text, or where there is none, the PCRE2 one. */
struct row { enum rule_text plain, pcre2; uint8_t subject; };

/* Conditions while they are counted, then copied into the arena */
struct builder { struct loader *l; struct rule_draft *d; struct vec conds; };

struct slice draft_text(const struct rule_draft *d, enum rule_text t)
{
    return (struct slice){ d->text[t].p, d->text[t].n };
}

bool draft_has(const struct rule_draft *d, enum rule_text t)
{
    return d->text[t].p != NULL;
}

const char *rule_text_name(enum rule_text t)
{
    static const char *const names[] = {
#define TEXT(e, name) name,
        RULE_TEXT_MAP(TEXT)
#undef TEXT
    };
    return names[t];
}

static struct cond *add(struct builder *b, enum cond_kind kind)
{
    struct cond *c = load_alloc(b->l, sizeof *c);

    if (c != NULL) {
        c->kind = kind;
        load_push(b->l, &b->conds, c);
    }
    return c;
}

static struct cond *add_pattern(struct builder *b, enum rule_text t, enum pattern_kind kind,
                                uint8_t subject)
{
    struct cond *c = draft_has(b->d, t) ? add(b, COND_PATTERN) : NULL;

    if (c == NULL)
        return NULL;
    c->subject = subject;
    c->kept = kind == PATTERN_PCRE2 || subject == FIELD_SRCGEOIP || subject == FIELD_DSTGEOIP;
    c->probe = probe_new(b->l, kind, draft_text(b->d, t), b->d->text[t].line, rule_text_name(t));
    return c;
}

static void add_either(struct builder *b, struct row row)
{
    bool plain = draft_has(b->d, row.plain);
    enum pattern_kind kind = row.plain == TEXT_REGEX ? PATTERN_REGEX : PATTERN_MATCH;
    struct cond *c = plain ? add_pattern(b, row.plain, kind, row.subject)
                           : add_pattern(b, row.pcre2, PATTERN_PCRE2, row.subject);

    if (c != NULL)
        c->either = (uint8_t)(row.plain + 1);
    if (plain && draft_has(b->d, row.pcre2))
        report_warn(b->l->report, b->l->file, b->d->text[row.pcre2].line,
                    "<%s> is not asked where <%s> is", rule_text_name(row.pcre2),
                    rule_text_name(row.plain));
}

static void add_net(struct builder *b, unsigned which, uint8_t subject)
{
    const struct vec *from = &b->d->net[which];
    struct ip_net *net = from->n == 0 ? NULL : load_alloc(b->l, from->n * sizeof *net);
    struct cond *c = net == NULL ? NULL : add(b, COND_ADDRESS);

    if (c == NULL)
        return;
    for (size_t i = 0; i < from->n; i++)
        net[i] = *(const struct ip_net *)from->at[i];
    c->subject = subject;
    c->net = net;
    c->n = from->n;
}

static void add_action(struct builder *b)
{
    struct cond *c = draft_has(b->d, TEXT_ACTION) ? add(b, COND_ACTION) : NULL;

    if (c != NULL)
        c->name = draft_text(b->d, TEXT_ACTION);
}

static void add_compiled(struct builder *b)
{
    struct cond *c = b->d->compiled != NULL ? add(b, COND_COMPILED) : NULL;

    if (c != NULL)
        c->compiled = b->d->compiled;
}

static void add_size(struct builder *b)
{
    struct cond *c = b->d->maxsize > 0 ? add(b, COND_SIZE) : NULL;

    if (c != NULL)
        c->n = b->d->maxsize;
}

static void add_when(struct builder *b)
{
    struct cond *span = b->d->has_span ? add(b, COND_TIME) : NULL;
    struct cond *days = b->d->has_days ? add(b, COND_DAYS) : NULL;

    if (span != NULL)
        span->span = b->d->span;
    if (days != NULL)
        days->days = b->d->days;
}

/* The order is OSSEC's order of asking; only what stands behind check_diff and if_fts
 * (the lists) is kept apart. */
static void add_conds(struct builder *b)
{
    add_either(b, (struct row){ TEXT_PROGRAM, TEXT_PROGRAM_PCRE2, SUBJECT_PROGRAM_NAME });
    add_either(b, (struct row){ TEXT_ID, TEXT_ID_PCRE2, FIELD_ID });
    add_either(b, (struct row){ TEXT_MATCH, TEXT_MATCH_PCRE2, SUBJECT_LOG });
    add_either(b, (struct row){ TEXT_REGEX, TEXT_PCRE2, SUBJECT_LOG });
    add_action(b);
    (void)add_pattern(b, TEXT_URL, PATTERN_MATCH, FIELD_URL);
    (void)add_pattern(b, TEXT_URL_PCRE2, PATTERN_PCRE2, FIELD_URL);
    for (size_t i = 0; i < b->d->field.n; i++)
        load_push(b->l, &b->conds, b->d->field.at[i]);
    add_net(b, 0, FIELD_SRCIP);
    add_net(b, 1, FIELD_DSTIP);
    add_either(b, (struct row){ TEXT_SRCPORT, TEXT_SRCPORT_PCRE2, FIELD_SRCPORT });
    add_either(b, (struct row){ TEXT_DSTPORT, TEXT_DSTPORT_PCRE2, FIELD_DSTPORT });
    add_compiled(b);
    add_either(b, (struct row){ TEXT_USER, TEXT_USER_PCRE2, SUBJECT_USER });
    add_either(b, (struct row){ TEXT_SRCGEOIP, TEXT_SRCGEOIP_PCRE2, FIELD_SRCGEOIP });
    add_either(b, (struct row){ TEXT_DSTGEOIP, TEXT_DSTGEOIP_PCRE2, FIELD_DSTGEOIP });
    add_size(b);
    add_when(b);
    add_either(b, (struct row){ TEXT_EXTRA_DATA, TEXT_EXTRA_DATA_PCRE2, FIELD_DATA });
    add_either(b, (struct row){ TEXT_HOSTNAME, TEXT_HOSTNAME_PCRE2, SUBJECT_HOSTNAME });
    add_either(b, (struct row){ TEXT_STATUS, TEXT_STATUS_PCRE2, FIELD_STATUS });
}

static void build_conds(struct loader *l, struct rule_draft *d)
{
    struct builder b = { .l = l, .d = d };

    add_conds(&b);
    d->node.cond = b.conds.n == 0 ? NULL : load_alloc(l, b.conds.n * sizeof *d->node.cond);
    for (size_t i = 0; d->node.cond != NULL && i < b.conds.n; i++)
        d->node.cond[i] = *(const struct cond *)b.conds.at[i];
    d->node.n_conds = d->node.cond == NULL ? 0 : b.conds.n;
    vec_free(&b.conds);

    d->node.lists = d->list.n == 0 ? NULL : load_alloc(l, d->list.n * sizeof *d->node.lists);
    for (size_t i = 0; d->node.lists != NULL && i < d->list.n; i++)
        d->node.lists[i] = *(const struct list_cond *)d->list.at[i];
    d->node.n_lists = d->node.lists == NULL ? 0 : d->list.n;
}

static bool is_decoder(const struct loader *l, struct slice name)
{
    for (size_t i = 0; i < l->rs->decoders.n; i++)
        if (slice_eq(((const struct decoder *)l->rs->decoders.at[i])->name, name))
            return true;
    return false;
}

static void find_decoder(struct loader *l, struct rule_draft *d)
{
    struct slice name = draft_text(d, TEXT_DECODED_AS);

    if (!draft_has(d, TEXT_DECODED_AS))
        return;
    d->node.decoder = names_find(&l->rs->decoder_names, name);
    if (d->node.decoder != 0)
        return;
    d->node.decoder = UINT32_MAX;       /* never matches */
    if (is_decoder(l, name))
        report_warn(l->report, l->file, d->text[TEXT_DECODED_AS].line,
                    "<decoded_as> %.*s never matches: that decoder goes by its parent's name",
                    SLICE_FMT(name));
    else
        report_error(l->report, l->file, d->text[TEXT_DECODED_AS].line,
                     "<decoded_as>: no such decoder: %.*s", SLICE_FMT(name));
}

static void take_matched_sid(struct loader *l, struct rule_draft *d)
{
    struct slice s = draft_text(d, TEXT_IF_MATCHED_SID);
    uint32_t v = 0;
    bool bad = s.n == 0;

    for (size_t i = 0; i < s.n && !bad; i++) {
        bad = s.p[i] < '0' || s.p[i] > '9' || v > RULE_SID_MAX;
        v = 10 * v + (uint32_t)(s.p[i] - '0');
    }
    if (bad || v > RULE_SID_MAX || v == 0)
        report_error(l->report, l->file, d->text[TEXT_IF_MATCHED_SID].line,
                     "<if_matched_sid> is not one rule id: %.*s", SLICE_FMT(s));
    else
        d->node.rule.if_matched_sid = v;
}

static const struct pattern *text_pattern(struct loader *l, struct rule_draft *d,
                                          enum rule_text t, enum pattern_kind kind)
{
    const struct probe *p = probe_new(l, kind, draft_text(d, t), d->text[t].line,
                                      rule_text_name(t));
    return p == NULL ? NULL : p->pattern;
}

/* Of several if_matched_* only one counts: sid before group before regex. */
static void build_history(struct loader *l, struct rule_draft *d)
{
    struct rule *r = &d->node.rule;

    if (draft_has(d, TEXT_IF_MATCHED_SID)) {
        take_matched_sid(l, d);
    } else if (draft_has(d, TEXT_IF_MATCHED_GROUP)) {
        d->node.if_matched_group = text_pattern(l, d, TEXT_IF_MATCHED_GROUP, PATTERN_MATCH);
        r->has_if_matched_group = true;
    } else if (draft_has(d, TEXT_IF_MATCHED_REGEX)) {
        r->if_matched_regex = text_pattern(l, d, TEXT_IF_MATCHED_REGEX, PATTERN_REGEX);
        r->has_if_matched_regex = r->if_matched_regex != NULL;
    }
    d->node.open = draft_has(d, TEXT_IF_MATCHED_SID) || r->has_if_matched_group
                || draft_has(d, TEXT_IF_MATCHED_REGEX) || (r->context & (IF_FTS | CHECK_DIFF));
}

static void check_history(struct loader *l, const struct rule_draft *d)
{
    const uint32_t needs = SAME_ID | SAME_SRCIP | SAME_SRCPORT | SAME_DSTPORT | SAME_USER
                         | SAME_LOCATION | DIFFERENT_URL | DIFFERENT_SRCGEOIP;
    bool has = draft_has(d, TEXT_IF_MATCHED_SID) || draft_has(d, TEXT_IF_MATCHED_GROUP)
            || draft_has(d, TEXT_IF_MATCHED_REGEX) || (d->node.rule.context & CHECK_DIFF);

    if (!has && ((d->node.rule.context & needs) || d->node.rule.frequency > 0))
        report_error(l->report, d->node.rule.file, d->node.rule.line,
                     "rule %u: frequency, same_* and different_* need an if_matched_*",
                     d->node.rule.sid);
    else if (!has && d->has_not_same)
        report_warn(l->report, d->node.rule.file, d->node.rule.line,
                    "rule %u: not_same_* without if_matched_* asks nothing", d->node.rule.sid);
}

static void build_texts(struct loader *l, struct rule_draft *d)
{
    struct rule *r = &d->node.rule;
    struct rule_info *infos = d->info.n == 0 ? NULL : load_alloc(l, d->info.n * sizeof *infos);

    r->description = draft_text(d, TEXT_DESCRIPTION);
    r->group = draft_text(d, TEXT_GROUP);
    r->cve = draft_text(d, TEXT_CVE);
    r->info = draft_text(d, TEXT_INFO);
    for (size_t i = 0; infos != NULL && i < d->info.n; i++)
        infos[i] = *(const struct rule_info *)d->info.at[i];
    r->infos = infos;
    r->n_infos = infos == NULL ? 0 : (uint32_t)d->info.n;
}

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
    const unsigned char *at = p;

    for (size_t i = 0; i < n; i++)
        h = (h ^ at[i]) * 1099511628211u;       /* FNV-1a */
    return (h ^ n) * 1099511628211u;            /* where one text ends and the next begins */
}

/* OSSEC's overwrite leaves these as they were; two rules' digests are equal when they are. */
static uint64_t digest_kept(const struct rule_draft *d)
{
    static const enum rule_text texts[] = {
        TEXT_MATCH_PCRE2, TEXT_PCRE2, TEXT_PROGRAM_PCRE2, TEXT_ID_PCRE2, TEXT_URL_PCRE2,
        TEXT_SRCPORT_PCRE2, TEXT_DSTPORT_PCRE2, TEXT_USER_PCRE2, TEXT_SRCGEOIP,
        TEXT_SRCGEOIP_PCRE2, TEXT_DSTGEOIP, TEXT_DSTGEOIP_PCRE2, TEXT_EXTRA_DATA_PCRE2,
        TEXT_HOSTNAME_PCRE2, TEXT_STATUS_PCRE2,
    };
    uint64_t h = 0;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        h = mix(h, d->text[texts[i]].p, d->text[texts[i]].n);
    for (size_t i = 0; i < d->field.n; i++) {
        const struct cond *c = d->field.at[i];
        struct slice text = c->probe != NULL ? pattern_text(c->probe->pattern) : SLICE("");
        h = mix(mix(h, c->name.p, c->name.n), text.p, text.n);
    }
    for (size_t i = 0; i < d->list.n; i++) {
        const struct list_cond *c = d->list.at[i];
        struct slice value = c->value != NULL ? pattern_text(c->value->pattern) : SLICE("");
        h = mix(mix(h, &c->list, sizeof c->list), &c->subject, sizeof c->subject);
        h = mix(mix(h, &c->lookup, sizeof c->lookup), value.p, value.n);
    }
    return h;
}

void draft_compile(struct loader *l, struct rule_draft *d)
{
    find_decoder(l, d);
    build_conds(l, d);
    build_history(l, d);
    check_history(l, d);
    build_texts(l, d);
    d->node.kept = digest_kept(d);
}

void draft_done(struct rule_draft *d)
{
    vec_free(&d->net[0]);
    vec_free(&d->net[1]);
    vec_free(&d->field);
    vec_free(&d->list);
    vec_free(&d->info);
}
