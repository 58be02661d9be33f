/* rule_tree - where a rule stands among the others, and who keeps which history */
#include "common/rules/tree.h"

#define PAGE      1000u
#define PAGES     ((RULE_SID_MAX + 1) / PAGE)
#define HIGHEST   9900u                 /* what OSSEC sorts level 0 as */

struct rule_node *rule_find(const struct ruleset *rs, uint32_t sid)
{
    if (rs->page == NULL || sid > RULE_SID_MAX || rs->page[sid / PAGE] == NULL)
        return NULL;
    return rs->page[sid / PAGE][sid % PAGE];
}

static void remember(struct loader *l, struct rule_node *node)
{
    struct ruleset *rs = l->rs;
    uint32_t sid = node->rule.sid;

    if (rs->page == NULL)
        rs->page = load_alloc(l, PAGES * sizeof *rs->page);
    if (rs->page != NULL && rs->page[sid / PAGE] == NULL)
        rs->page[sid / PAGE] = load_alloc(l, PAGE * sizeof **rs->page);
    if (l->err != ERR_OK)
        return;
    rs->page[sid / PAGE][sid % PAGE] = node;
    node->rule.index = (uint32_t)rs->rules.n;
    load_push(l, &rs->rules, node);
    node->seen_rules = rs->rules.n;     /* itself too: it may feed its own list */
}

/* Siblings stand by level, highest first, equal ones in order of load. */
static void add_sibling(struct loader *l, struct vec *siblings, struct rule_node *node)
{
    size_t i = 0;

    while (i < siblings->n
           && ((struct rule_node *)siblings->at[i])->sort_level >= node->sort_level)
        i++;
    if (l->err == ERR_OK)
        l->err = vec_insert(siblings, i, node);
}

static void add_child(struct loader *l, struct rule_node *parent, struct rule_node *node,
                      uint32_t line)
{
    if (parent == node || ++l->rs->n_edges > RULE_EDGES_MAX) {
        if (l->rs->n_edges == RULE_EDGES_MAX + 1)
            report_error(l->report, l->file, line, "the rules have more than %d parents in all",
                         RULE_EDGES_MAX);
        return;
    }
    if (parent->depth + 1 >= DECISION_DEPTH_MAX) {
        report_error(l->report, l->file, line, "rule %u is more than %d rules deep",
                     node->rule.sid, DECISION_DEPTH_MAX);
        return;
    }
    add_sibling(l, &parent->children, node);
    if (node->depth <= parent->depth)
        node->depth = parent->depth + 1;
    node->instances += parent->instances;
    if (node->instances > RULE_FEEDS_MAX)
        node->instances = RULE_FEEDS_MAX;
}

static bool is_gap(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next number of a list apart by commas or spaces; false at its end. *bad: no number. */
static bool next_sid(struct slice *rest, uint32_t *ret, bool *bad)
{
    size_t i = 0;
    uint32_t v = 0;

    while (i < rest->n && is_gap(rest->p[i]))
        i++;
    *rest = slice_from(*rest, i);
    for (i = 0; i < rest->n && !is_gap(rest->p[i]); i++) {
        if (rest->p[i] < '0' || rest->p[i] > '9' || v > RULE_SID_MAX)
            *bad = true;
        else
            v = 10 * v + (uint32_t)(rest->p[i] - '0');
    }
    *rest = slice_from(*rest, i);
    *ret = v;
    return i > 0;
}

static void attach_sids(struct loader *l, struct rule_node *node, const struct parents *p)
{
    struct slice rest = p->if_sid;
    uint32_t sid;
    bool bad = false, any = false;

    for (; next_sid(&rest, &sid, &bad) && !bad; any = true) {
        struct rule_node *parent = rule_find(l->rs, sid);
        if (parent == NULL || parent == node) {
            report_error(l->report, l->file, p->line,
                         "rule %u: <if_sid> %u: no such rule was loaded before this one",
                         node->rule.sid, sid);
        } else if (!vec_has(&parent->children, node)) {
            add_child(l, parent, node, p->line);
            node->category = parent->category;
        }
    }
    if (bad || !any)
        report_error(l->report, l->file, p->line,
                     "rule %u: <if_sid> is not a list of rule ids: %.*s", node->rule.sid,
                     SLICE_FMT(p->if_sid));
}

static void attach_level(struct loader *l, struct rule_node *node, const struct parents *p)
{
    bool any = false;

    for (size_t i = 0; i < l->rs->rules.n; i++) {
        struct rule_node *parent = l->rs->rules.at[i];
        if (parent != node && parent->sort_level >= 100 * p->level) {
            add_child(l, parent, node, p->line);
            any = true;
        }
    }
    if (!any)
        report_error(l->report, l->file, p->line,
                     "rule %u: <if_level> %u: no rule loaded before has such a level",
                     node->rule.sid, p->level);
}

static void attach_group(struct loader *l, struct rule_node *node, const struct parents *p)
{
    bool any = false;

    for (size_t i = 0; i < l->rs->rules.n; i++) {
        struct rule_node *parent = l->rs->rules.at[i];
        if (parent != node && wordmatch(p->if_group, parent->rule.group)) {
            add_child(l, parent, node, p->line);
            any = true;
        }
    }
    if (!any)
        report_error(l->report, l->file, p->line,
                     "rule %u: <if_group> %.*s: no rule loaded before is in such a group",
                     node->rule.sid, SLICE_FMT(p->if_group));
}

static void attach_category(struct loader *l, struct rule_node *node, const struct parents *p)
{
    for (size_t i = 0; i < l->rs->roots.n; i++) {
        struct rule_node *root = l->rs->roots.at[i];
        if (root->category == node->category) {
            add_child(l, root, node, p->line);
            return;
        }
    }
    report_error(l->report, l->file, p->line,
                 "rule %u: no rule below %d was loaded for its category (see rules_config.xml)",
                 node->rule.sid, RULE_ROOT_SIDS);
}

void rule_attach(struct loader *l, struct rule_node *node, const struct parents *p)
{
    remember(l, node);
    if (l->err != ERR_OK)
        return;
    if (node->rule.sid < RULE_ROOT_SIDS) {
        node->instances = 1;
        add_sibling(l, &l->rs->roots, node);
    } else if (p->if_sid.n > 0) {
        attach_sids(l, node, p);
    } else if (p->has_level) {
        attach_level(l, node, p);
    } else if (p->if_group.n > 0) {
        attach_group(l, node, p);
    } else {
        attach_category(l, node, p);
    }
}

/* Of two that are asked in one breath only the plain one is, and that one comes with the new rule. */
static bool is_hidden(const struct cond *c, const struct rule_node *by)
{
    for (size_t i = 0; i < by->n_conds && c->either != 0; i++)
        if (!by->cond[i].kept && by->cond[i].either == c->either)
            return true;
    return false;
}

/* What OSSEC forgets to copy into the old rule stays as it was; to is the new one. */
static void keep_as_ossec(struct loader *l, struct rule_node *to, const struct rule_node *was)
{
    struct cond *both = load_alloc(l, (was->n_conds + to->n_conds + 1) * sizeof *both);
    const uint32_t tuples = IGNORE_LATER | CHECK_IGNORED;
    size_t n = 0;

    for (size_t i = 0; both != NULL && i < to->n_conds; i++)
        if (!to->cond[i].kept)
            both[n++] = to->cond[i];
    for (size_t i = 0; both != NULL && i < was->n_conds; i++)
        if (was->cond[i].kept && !is_hidden(&was->cond[i], to))
            both[n++] = was->cond[i];
    to->cond = both;
    to->n_conds = n;
    to->lists = was->lists;
    to->n_lists = was->n_lists;
    to->kept = was->kept;
    to->rule.infos = was->rule.infos;
    to->rule.n_infos = was->rule.n_infos;
    to->rule.ignore_fields = was->rule.ignore_fields;
    to->rule.check_ignored_fields = was->rule.check_ignored_fields;
    to->rule.context = (to->rule.context & ~tuples) | (was->rule.context & tuples);
}

void rule_replace(struct loader *l, struct rule_node *old, const struct rule_node *with)
{
    struct rule_node was = *old;

    *old = *with;
    if (l->config->global.ossec_overwrite)
        keep_as_ossec(l, old, &was);
    old->rule.index = was.rule.index;
    old->category = was.category;
    old->depth = was.depth;
    old->instances = was.instances;
    old->children = was.children;
    old->seen_rules = l->rs->rules.n;
}

static bool feeds(const struct rule_node *composite, const struct rule_node *rule,
                  struct matcher *m)
{
    return composite->if_matched_group != NULL && rule->rule.index < composite->seen_rules
        && pattern_match(composite->if_matched_group, m, rule->rule.group, NULL) == MATCH_YES;
}

/* A rule that fits feeds the composite's list, as often as it stands in OSSEC's tree. */
static void mark_feeds(struct loader *l, struct rule_node *rule, const struct vec *composites,
                       struct matcher *m)
{
    uint32_t n = 0;

    for (size_t i = 0; i < composites->n; i++)
        if (feeds(composites->at[i], rule, m))
            n += rule->instances;
    uint32_t *list = n == 0 ? NULL : load_alloc(l, n * sizeof *list);
    if (list == NULL)
        return;
    rule->rule.group_lists = list;
    rule->rule.n_group_lists = n;
    for (size_t i = 0; i < composites->n; i++) {
        const struct rule_node *c = composites->at[i];
        for (uint32_t k = 0; feeds(c, rule, m) && k < rule->instances; k++)
            *list++ = c->rule.group_list;
    }
}

static void mark_sid(struct loader *l, const struct rule_node *composite)
{
    const struct rule *c = &composite->rule;
    struct rule_node *base = rule_find(l->rs, c->if_matched_sid);

    if (base != NULL)
        base->rule.keeps_sid_list = true;
    else
        report_error(l->report, c->file, c->line, "rule %u: <if_matched_sid> %u: no such rule",
                     c->sid, c->if_matched_sid);
}

void rules_mark(struct loader *l)
{
    struct vec composites = { 0 };
    struct matcher *m = NULL;

    if (l->err == ERR_OK)
        l->err = matcher_new(&m);
    for (size_t i = 0; i < l->rs->rules.n && l->err == ERR_OK; i++) {
        struct rule_node *node = l->rs->rules.at[i];
        if (node->rule.if_matched_sid != 0)
            mark_sid(l, node);
        if (node->rule.has_if_matched_group) {
            node->rule.group_list = (uint32_t)l->rs->n_group_lists++;
            load_push(l, &composites, node);
        }
    }
    for (size_t i = 0; i < l->rs->rules.n && l->err == ERR_OK; i++)
        mark_feeds(l, l->rs->rules.at[i], &composites, m);
    vec_free(&composites);
    matcher_free(m);
}
