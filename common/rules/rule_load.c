/* rule_load - read <group> and <rule> elements into drafts, and hang the rules into the tree */
#include "common/rules/rule_draft.h"

#define TIMEFRAME_DEFAULT 360
#define LEVEL_HIGHEST     16            /* a higher one works, but nothing expects it */

struct rule_reader {
    struct loader *l;
    struct rule_draft *d;
    const struct xml_node *e;           /* the element in hand */
};

#define BAD(rd, ...) report_error((rd)->l->report, (rd)->l->file, (rd)->e->line, __VA_ARGS__)
#define ODD(rd, ...) report_warn((rd)->l->report, (rd)->l->file, (rd)->e->line, __VA_ARGS__)

static struct slice trim(struct slice s)
{
    while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL)
        s = slice_from(s, 1);
    while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL)
        s.n--;
    return s;
}

static bool number(struct slice s, uint32_t max, uint32_t *ret)
{
    uint32_t v = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        v = 10 * v + (uint32_t)(s.p[i] - '0');
        if (v > max)
            return false;
    }
    *ret = v;
    return s.n > 0;
}

/* ---- elements ---- */

static void join(struct rule_reader *rd, unsigned which, struct slice s)
{
    struct text *t = &rd->d->text[which];

    if (s.n > PATTERN_TEXT_MAX - t->n) {
        BAD(rd, "<%s> is longer than %zu bytes in all", rule_text_name(which), PATTERN_TEXT_MAX);
        return;
    }
    if (t->p == NULL || t->n + s.n + 1 > t->room) {
        size_t room = 2 * (t->n + s.n) + 16;
        char *p = load_alloc(rd->l, room);
        if (p == NULL)
            return;
        if (t->n > 0)
            memcpy(p, t->p, t->n);
        t->p = p;
        t->room = room;
    }
    if (t->line == 0)
        t->line = rd->e->line;
    if (s.n > 0)
        memcpy(t->p + t->n, s.p, s.n);
    t->n += s.n;
}

static void take_text(struct rule_reader *rd, unsigned which)
{
    join(rd, which, rd->e->content);
}

static void take_description(struct rule_reader *rd, unsigned which)
{
    struct text *t = &rd->d->text[which];
    size_t before = t->n;

    join(rd, which, rd->e->content);
    char *newline = t->n > before ? memchr(t->p + before, '\n', t->n - before) : NULL;
    if (newline != NULL)
        *newline = ' ';
}

static void add_info(struct rule_reader *rd, const char *kind)
{
    struct rule_info *i = load_alloc(rd->l, sizeof *i);

    if (i == NULL)
        return;
    i->kind = kind;
    i->text = arena_copy(rd->l->rs->arena, rd->e->content);
    if (i->text.p == NULL)
        rd->l->err = ERR_NOMEM;
    load_push(rd->l, &rd->d->info, i);
}

static void take_cve(struct rule_reader *rd, unsigned which)
{
    join(rd, which, rd->e->content);
    add_info(rd, "cve");
}

static void take_info(struct rule_reader *rd, unsigned which)
{
    static const char *const kinds[] = { "text", "link", "cve", "osvdb" };
    struct slice kind = SLICE("text");

    join(rd, which, rd->e->content);
    (void)xml_attr(rd->e, "type", &kind);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (slice_eq(kind, slice_of(kinds[i]))) {
            add_info(rd, kinds[i]);
            return;
        }
    BAD(rd, "<info>: type is none of text, link, cve, osvdb: %.*s", SLICE_FMT(kind));
}

static void take_category(struct rule_reader *rd, unsigned none)
{
    (void)none;
    enum category c = category_of(rd->e->content);
    if (c == 0)
        BAD(rd, "no such category: %.*s", SLICE_FMT(rd->e->content));
    else
        rd->d->node.category = c;
}

static void warn_when(struct rule_reader *rd, unsigned odd)
{
    if (odd & WHEN_WARN_MIDNIGHT)
        ODD(rd, "12 am is midnight here; OSSEC takes it for noon");
    if (odd & WHEN_WARN_NEGATED_DAY)
        ODD(rd, "negated days work here; OSSEC refuses them");
    if (odd & WHEN_WARN_LOST_NOT)
        ODD(rd, "`!` has no effect on a span over midnight");
}

static void take_time(struct rule_reader *rd, unsigned none)
{
    unsigned odd = 0;

    (void)none;
    if (when_span_parse(rd->e->content, &rd->d->span, &odd) != ERR_OK)
        BAD(rd, "not a time span: %.*s", SLICE_FMT(rd->e->content));
    rd->d->has_span = true;
    warn_when(rd, odd);
}

static void take_days(struct rule_reader *rd, unsigned none)
{
    unsigned odd = 0;

    (void)none;
    if (when_days_parse(rd->e->content, &rd->d->days, &odd) != ERR_OK)
        BAD(rd, "not a list of days: %.*s", SLICE_FMT(rd->e->content));
    rd->d->has_days = true;
    warn_when(rd, odd);
}

static void take_net(struct rule_reader *rd, unsigned which)
{
    struct ip_net *net = load_alloc(rd->l, sizeof *net);

    if (net == NULL)
        return;
    if (ip_net_parse(rd->e->content, net) != ERR_OK)
        BAD(rd, "not an address or network: %.*s", SLICE_FMT(rd->e->content));
    load_push(rd->l, &rd->d->net[which], net);
}

static void take_field(struct rule_reader *rd, unsigned none)
{
    struct cond *c = load_alloc(rd->l, sizeof *c);
    struct slice name;

    (void)none;
    if (c == NULL)
        return;
    if (!xml_attr(rd->e, "name", &name) || name.n == 0) {
        BAD(rd, "<field> has no name");
        return;
    }
    c->kind = COND_DYNAMIC;
    c->kept = true;
    c->name = arena_copy(rd->l->rs->arena, name);
    c->probe = probe_new(rd->l, PATTERN_REGEX, rd->e->content, rd->e->line, "field");
    if (c->name.p == NULL)
        rd->l->err = ERR_NOMEM;
    load_push(rd->l, &rd->d->field, c);
}

static void list_field(struct rule_reader *rd, struct list_cond *c)
{
    static const struct { const char *name; uint8_t subject; } rows[] = {
        { "srcip", FIELD_SRCIP },       { "srcport", FIELD_SRCPORT },
        { "dstip", FIELD_DSTIP },       { "dstport", FIELD_DSTPORT },
        { "user", SUBJECT_LIST_USER },  { "url", FIELD_URL },
        { "id", FIELD_ID },             { "hostname", SUBJECT_HOSTNAME },
        { "status", FIELD_STATUS },     { "program_name", SUBJECT_PROGRAM_NAME },
        { "action", FIELD_ACTION },
    };
    struct slice name = SLICE("");

    if (!xml_attr(rd->e, "field", &name))
        BAD(rd, "<list> has no field");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (slice_eq_nocase(name, slice_of(rows[i].name))) {
            c->subject = rows[i].subject;
            return;
        }
    if (name.n > 0)
        BAD(rd, "<list>: a list cannot be asked for this field: %.*s", SLICE_FMT(name));
}

static void list_lookup(struct rule_reader *rd, struct list_cond *c)
{
    static const char *const names[] = {
        [LOOKUP_KEY] = "match_key", [LOOKUP_NOT_KEY] = "not_match_key",
        [LOOKUP_VALUE] = "match_key_value", [LOOKUP_ADDRESS] = "address_match_key",
        [LOOKUP_NOT_ADDRESS] = "not_address_match_key",
        [LOOKUP_ADDRESS_VALUE] = "address_match_key_value",
    };
    struct slice name = SLICE("match_key");

    (void)xml_attr(rd->e, "lookup", &name);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_eq_nocase(name, slice_of(names[i]))) {
            c->lookup = (enum lookup)i;
            return;
        }
    BAD(rd, "<list>: no such lookup: %.*s", SLICE_FMT(name));
}

static void take_list(struct rule_reader *rd, unsigned none)
{
    struct list_cond *c = load_alloc(rd->l, sizeof *c);
    struct slice value;

    (void)none;
    if (c == NULL)
        return;
    list_field(rd, c);
    list_lookup(rd, c);
    if (xml_attr(rd->e, "check_value", &value))
        c->value = probe_new(rd->l, PATTERN_MATCH, value, rd->e->line, "list");
    c->list = list_find(&rd->l->rs->lists, trim(rd->e->content));
    if (c->list == NULL)
        ODD(rd, "no such list is declared, so this rule never matches: %.*s",
            SLICE_FMT(rd->e->content));
    load_push(rd->l, &rd->d->list, c);
}

static void take_compiled(struct rule_reader *rd, unsigned none)
{
    (void)none;
    rd->d->compiled = compiled_find(rd->e->content);
    if (rd->d->compiled == NULL)
        BAD(rd, "no such compiled rule: %.*s", SLICE_FMT(rd->e->content));
}

static void take_context(struct rule_reader *rd, unsigned bits)
{
    rd->d->node.rule.context |= bits;
}

static void take_not_same(struct rule_reader *rd, unsigned bits)
{
    uint32_t same = bits & 0xff, different = bits & ~(uint32_t)0xff;

    ODD(rd, "<%.*s> asks for a difference here; in OSSEC it asks nothing", SLICE_FMT(rd->e->name));
    rd->d->node.rule.context = (rd->d->node.rule.context & ~same) | different;
    rd->d->has_not_same = true;
}

static void take_options(struct rule_reader *rd, unsigned none)
{
    static const struct { const char *name; int mail, log, no_ar; } rows[] = {
        { "alert_by_email", 1, -1, -1 }, { "no_email_alert", 0, -1, -1 },
        { "log_alert", -1, 1, -1 },      { "no_log", -1, 0, -1 },
        { "no_ar", -1, -1, 1 },
    };
    struct rule *r = &rd->d->node.rule;

    (void)none;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (slice_eq(rd->e->content, slice_of(rows[i].name))) {
            r->mail = rows[i].mail < 0 ? r->mail : rows[i].mail == 1;
            r->log = rows[i].log < 0 ? r->log : rows[i].log == 1;
            r->no_response = r->no_response || rows[i].no_ar == 1;
            return;
        }
    BAD(rd, "no such option: %.*s", SLICE_FMT(rd->e->content));
}

static void take_ignore(struct rule_reader *rd, unsigned context)
{
    static const struct { const char *token; uint64_t bit; } rows[] = {
        { "user", (uint64_t)1 << FIELD_DSTUSER }, { "srcip", (uint64_t)1 << FIELD_SRCIP },
        { "dstip", (uint64_t)1 << FIELD_DSTIP },  { "id", (uint64_t)1 << FIELD_ID },
        { "location", FTS_LOCATION },             { "data", (uint64_t)1 << FIELD_DATA },
        { "name", FTS_NAME },
    };
    struct rule *r = &rd->d->node.rule;
    uint64_t bits = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strstr(rd->e->content.p, rows[i].token) != NULL)
            bits |= rows[i].bit;
    if (bits == 0)
        BAD(rd, "<%.*s> names no field: %.*s", SLICE_FMT(rd->e->name), SLICE_FMT(rd->e->content));
    *(context == IGNORE_LATER ? &r->ignore_fields : &r->check_ignored_fields) |= bits;
    r->context |= context;
}

static const struct element {
    const char *name;
    void (*take)(struct rule_reader *, unsigned arg);
    unsigned arg;
    const char *attrs;                  /* the attributes it may have, apart by spaces */
} elements[] = {
    { "description", take_description, TEXT_DESCRIPTION, "" },
    { "cve", take_cve, TEXT_CVE, "" },
    { "info", take_info, TEXT_INFO, "type" },
#define TEXT(e, element) { element, take_text, TEXT_##e, "" },
    RULE_TEXT_MAP(TEXT)
#undef TEXT
    { "category", take_category, 0, "" },
    { "time", take_time, 0, "" },
    { "weekday", take_days, 0, "" },
    { "srcip", take_net, 0, "" },
    { "dstip", take_net, 1, "" },
    { "field", take_field, 0, "name" },
    { "list", take_list, 0, "field lookup check_value" },
    { "compiled_rule", take_compiled, 0, "" },
    { "if_fts", take_context, IF_FTS, "" },
    { "same_source_ip", take_context, SAME_SRCIP, "" },
    { "same_src_port", take_context, SAME_SRCPORT, "" },
    { "same_dst_port", take_context, SAME_DSTPORT, "" },
    { "same_id", take_context, SAME_ID, "" },
    { "same_user", take_context, SAME_USER, "" },
    { "same_location", take_context, SAME_LOCATION, "" },
    { "different_url", take_context, DIFFERENT_URL, "" },
    { "different_srcgeoip", take_context, DIFFERENT_SRCGEOIP, "" },
    { "different_srcip", take_not_same, DIFFERENT_SRCIP, "" },
    { "not_same_source_ip", take_not_same, SAME_SRCIP | DIFFERENT_SRCIP, "" },
    { "not_same_user", take_not_same, SAME_USER | DIFFERENT_USER, "" },
    { "not_same_id", take_not_same, SAME_ID | DIFFERENT_ID, "" },
    { "not_same_agent", take_not_same, SAME_LOCATION | DIFFERENT_LOCATION, "" },
    { "check_diff", take_context, CHECK_DIFF, "" },
    { "options", take_options, 0, "" },
    { "ignore", take_ignore, IGNORE_LATER, "" },
    { "check_if_ignored", take_ignore, CHECK_IGNORED, "" },
};

static bool is_word_of(struct slice word, const char *words)
{
    for (const char *at = words; *at != '\0'; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        if (slice_eq_nocase(word, (struct slice){ at, n }))
            return true;
        at += n;
    }
    return false;
}

static void check_element(struct rule_reader *rd, const struct element *row)
{
    for (size_t i = 0; i < rd->e->n_attr; i++)
        if (!is_word_of(rd->e->attr[i].name, row->attrs))
            BAD(rd, "<%s> has no attribute %.*s", row->name, SLICE_FMT(rd->e->attr[i].name));
    if (rd->e->first != NULL)
        BAD(rd, "<%s> has no elements inside", row->name);
}

static void take_element(struct rule_reader *rd)
{
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
        if (slice_eq_nocase(rd->e->name, slice_of(elements[i].name))) {
            check_element(rd, &elements[i]);
            elements[i].take(rd, elements[i].arg);
            return;
        }
    BAD(rd, "rule %u: no such element: <%.*s>", rd->d->node.rule.sid, SLICE_FMT(rd->e->name));
}

/* ---- attributes ---- */

static bool flag_of(struct rule_reader *rd, struct slice v)
{
    if (!slice_eq(v, SLICE("0")) && !slice_eq_nocase(v, SLICE("no")))
        return true;
    ODD(rd, "noalert=\"%.*s\" is off here; OSSEC takes any value for on", SLICE_FMT(v));
    return false;
}

static void take_attribute(struct rule_reader *rd, const struct xml_attr *a, uint32_t *accuracy)
{
    struct rule_draft *d = rd->d;
    const struct { const char *name; uint32_t max, *at; } rows[] = {
        { "id", RULE_SID_MAX, &d->node.rule.sid },
        { "level", 9999, &d->node.rule.level },
        { "maxsize", 9999, &d->maxsize },
        { "timeframe", 99999, &d->node.rule.timeframe },
        { "frequency", 9999, &d->node.rule.frequency },
        { "accuracy", 9999, accuracy },
        { "ignore", 999999, &d->node.rule.ignore_seconds },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (slice_eq_nocase(a->name, slice_of(rows[i].name))) {
            if (!number(a->value, rows[i].max, rows[i].at))
                BAD(rd, "%s=\"%.*s\": not a number from 0 to %u", rows[i].name,
                    SLICE_FMT(a->value), rows[i].max);
            return;
        }
    if (slice_eq_nocase(a->name, SLICE("noalert")))
        d->node.rule.noalert = flag_of(rd, a->value);
    else if (!slice_eq_nocase(a->name, SLICE("overwrite")))
        BAD(rd, "<rule> has no attribute %.*s", SLICE_FMT(a->name));
    else if (slice_eq(a->value, SLICE("yes")))
        d->overwrite = true;
    else if (!slice_eq(a->value, SLICE("no")))
        BAD(rd, "overwrite is neither yes nor no: %.*s", SLICE_FMT(a->value));
}

static void take_attributes(struct rule_reader *rd)
{
    struct rule *r = &rd->d->node.rule;
    uint32_t accuracy = 1;
    bool has_id = false;

    for (size_t i = 0; i < rd->e->n_attr; i++) {
        has_id |= slice_eq_nocase(rd->e->attr[i].name, SLICE("id"));
        rd->d->has_level |= slice_eq_nocase(rd->e->attr[i].name, SLICE("level"));
        rd->d->has_frequency |= slice_eq_nocase(rd->e->attr[i].name, SLICE("frequency"));
        take_attribute(rd, &rd->e->attr[i], &accuracy);
    }
    if (!has_id || !rd->d->has_level)
        BAD(rd, "<rule> needs an id and a level");
    if (r->level > LEVEL_HIGHEST)
        ODD(rd, "rule %u: level %u is above %d", r->sid, r->level, LEVEL_HIGHEST);
    rd->d->node.sort_level = r->level == 0 ? 9900 : 100 * r->level;
    if (accuracy == 0)
        rd->d->node.sort_level /= 100;
    r->log = r->level >= rd->l->config->alerts.log_alert_level;
    r->mail = r->level >= rd->l->config->alerts.email_alert_level;
}

/* ---- the rule, the group, the file ---- */

static uint32_t level_of(struct rule_reader *rd)
{
    uint32_t level = 0;

    if (draft_has(rd->d, TEXT_IF_LEVEL)
        && !number(trim(draft_text(rd->d, TEXT_IF_LEVEL)), 9999, &level))
        BAD(rd, "<if_level> is not a level: %.*s", SLICE_FMT(draft_text(rd->d, TEXT_IF_LEVEL)));
    return level;
}

/* Where the rule stands; a composite without a parent of its own stands below what it counts. */
static struct parents parents_of(struct rule_reader *rd)
{
    const struct rule_draft *d = rd->d;
    struct parents p = {
        .if_sid = draft_text(d, TEXT_IF_SID), .if_group = draft_text(d, TEXT_IF_GROUP),
        .has_level = draft_has(d, TEXT_IF_LEVEL), .level = level_of(rd), .line = rd->e->line,
    };

    if (p.if_sid.n == 0 && p.if_group.n == 0) {
        p.if_group = draft_text(d, TEXT_IF_MATCHED_GROUP);
        p.if_sid = draft_text(d, TEXT_IF_MATCHED_SID);
    }
    return p;
}

static void place(struct rule_reader *rd)
{
    struct rule_draft *d = rd->d;
    struct rule_node *old = rule_find(rd->l->rs, d->node.rule.sid);

    if (d->overwrite && old != NULL) {
        if (old->kept != d->node.kept && !rd->l->config->global.ossec_overwrite)
            ODD(rd, "rule %u: overwrite replaces *pcre2, *geoip, <field> and <list> too; OSSEC keeps "
                "the old ones (see <ossec_overwrite>)", d->node.rule.sid);
        rule_replace(rd->l, old, &d->node);
    } else if (d->overwrite) {
        BAD(rd, "rule %u: overwrite, but no such rule was loaded before", d->node.rule.sid);
    } else if (old != NULL) {
        BAD(rd, "rule %u is already defined at %s:%u", d->node.rule.sid, old->rule.file,
            old->rule.line);
    } else {
        struct rule_node *node = load_alloc(rd->l, sizeof *node);
        struct parents p = parents_of(rd);
        if (node == NULL)
            return;
        *node = d->node;
        rule_attach(rd->l, node, &p);
    }
}

static void rule_load(struct loader *l, const struct xml_node *rule, struct slice group)
{
    struct rule_draft d = { 0 };
    struct rule_reader rd = { l, &d, rule };

    d.node.category = CATEGORY_SYSLOG;
    d.node.rule.timeframe = TIMEFRAME_DEFAULT;
    d.node.rule.file = l->file;
    d.node.rule.line = rule->line;
    take_attributes(&rd);
    join(&rd, TEXT_GROUP, group);
    if (rule->first == NULL)
        BAD(&rd, "rule %u has no elements", d.node.rule.sid);
    for (rd.e = rule->first; rd.e != NULL && l->err == ERR_OK; rd.e = rd.e->next)
        take_element(&rd);
    rd.e = rule;
    if (l->err == ERR_OK)
        draft_compile(l, &d);
    if (l->err == ERR_OK)
        place(&rd);
    draft_done(&d);
}

static void group_load(struct loader *l, const struct xml_node *group)
{
    struct slice name;

    if (!slice_eq_nocase(group->name, SLICE("group"))) {
        report_error(l->report, l->file, group->line,
                     "a rule file has <group> elements and <var>, not <%.*s>",
                     SLICE_FMT(group->name));
        return;
    }
    if (group->n_attr != 1 || !xml_attr(group, "name", &name)) {
        report_error(l->report, l->file, group->line, "<group> has one attribute, its name");
        name = SLICE("");
    }
    if (group->first == NULL)
        report_error(l->report, l->file, group->line, "<group> has no rules");
    for (const struct xml_node *e = group->first; e != NULL && l->err == ERR_OK; e = e->next) {
        if (slice_eq_nocase(e->name, SLICE("rule")))
            rule_load(l, e, name);
        else
            report_error(l->report, l->file, e->line, "<group> has <rule> elements, not <%.*s>",
                         SLICE_FMT(e->name));
    }
}

void rule_file_load(struct loader *l, const struct xml_node *root)
{
    for (const struct xml_node *e = root->first; e != NULL && l->err == ERR_OK; e = e->next)
        group_load(l, e);
}
