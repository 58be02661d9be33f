#include <stdlib.h>

#include "common/text/xml.h"
#include "common/text/xml_tree.h"

#define NAME_MAX_BYTES 255
#define SHORT_CONTENT  2        /* contents up to this length are left alone */
#define GROWTH_MAX     ((size_t)32 << 20)       /* bytes of all texts with variables in a file */

struct var { struct slice name, value; };

struct vars {
    struct xml *x;
    struct report *report;
    enum err failed;
    size_t grown;               /* bytes of all texts built */
    size_t n;
    struct var var[XML_VARS_MAX];
    size_t n_text;              /* the text being built */
    char text[XML_TEXT_MAX];
};

static bool is_var(const struct xml_node *n)
{
    return slice_eq_nocase(n->name, SLICE("var"));
}

static bool has_vars(const struct xml *x)
{
    for (const struct xml_node *n = &x->root; n != NULL; n = xml_walk(&x->root, n))
        if (is_var(n))
            return true;
    return false;
}

static const struct var *find(const struct vars *v, struct slice name)
{
    for (size_t i = 0; i < v->n; i++)
        if (slice_eq_nocase(v->var[i].name, name))
            return &v->var[i];
    return NULL;
}

static struct slice name_at(struct slice s)
{
    size_t n = 0;

    while (n < s.n && strchr("$.|, ", s.p[n]) == NULL)
        n++;
    return (struct slice){ s.p, n };
}

static bool add(struct vars *v, struct slice s)
{
    if (s.n > sizeof v->text - v->n_text)
        return false;
    memcpy(v->text + v->n_text, s.p, s.n);
    v->n_text += s.n;
    return true;
}

static void tell(struct vars *v, uint32_t line, const char *why, struct slice name)
{
    const struct slice cut = { name.p, name.n < NAME_MAX_BYTES ? name.n : NAME_MAX_BYTES };

    report_error(v->report, v->x->file, line, "variable '%.*s' %s", SLICE_FMT(cut), why);
    v->failed = ERR_SYNTAX;
}

/* One piece of s from `at` on, a run of text or a variable: its length, its value. */
static size_t piece(struct vars *v, struct slice s, uint32_t line, struct slice *ret)
{
    const char *dollar = memchr(s.p, '$', s.n);

    if (dollar != s.p) {
        *ret = (struct slice){ s.p, dollar != NULL ? (size_t)(dollar - s.p) : s.n };
        return ret->n;
    }
    const struct slice name = name_at(slice_from(s, 1));
    *ret = (struct slice){ s.p, 1 + name.n };
    if (name.n == 0)
        return 1;
    const struct var *var = find(v, name);
    if (var != NULL)
        *ret = var->value;
    else
        tell(v, line, "is not defined above", name);
    return 1 + name.n;
}

static struct slice expand(struct vars *v, struct slice s, uint32_t line)
{
    struct slice part;

    if (memchr(s.p, '$', s.n) == NULL)
        return s;
    v->n_text = 0;
    for (size_t at = 0; at < s.n;) {
        at += piece(v, slice_from(s, at), line, &part);
        if (!add(v, part)) {
            report_error(v->report, v->x->file, line, "longer than %zu bytes with its variables",
                         XML_TEXT_MAX);
            v->failed = ERR_SYNTAX;
            return s;
        }
    }
    part = (struct slice){ v->text, v->n_text };
    if (slice_eq(part, s))
        return s;
    v->grown += part.n;
    part = v->grown > GROWTH_MAX ? SLICE("") : arena_copy(v->x->arena, part);
    if (part.n > 0 || v->n_text == 0)
        return part;
    report_error(v->report, v->x->file, line, "the variables of this file take too much memory");
    v->failed = ERR_LIMIT;
    return s;
}

static void define(struct vars *v, const struct xml_node *n)
{
    struct slice name = SLICE("");

    if (!xml_attr(n, "name", &name) || name.n == 0 || name.n > NAME_MAX_BYTES)
        tell(v, n->line, "needs a name of 1 to 255 bytes", name);
    else if (v->n == XML_VARS_MAX)
        tell(v, n->line, "is one too many in this file", name);
    else if (find(v, name) != NULL)
        report_warn(v->report, v->x->file, n->line,
                    "variable '%.*s' is defined above: that value is used", SLICE_FMT(name));
    else
        v->var[v->n++] = (struct var){ name, n->content };
}

static void visit(struct vars *v, struct xml_node *n)
{
    for (size_t i = 0; i < n->n_attr; i++)
        n->attr[i].value = expand(v, n->attr[i].value, n->line);
    if (n->content.n > SHORT_CONTENT)
        n->content = expand(v, n->content, n->line);
    if (is_var(n))
        define(v, n);
}

static struct xml_node *next_node(struct xml *x, const struct xml_node *n)
{
    return (struct xml_node *)(uintptr_t)xml_walk(&x->root, n);         /* x is ours to write */
}

static void drop_vars(struct xml_node *parent)
{
    struct xml_node **link = &parent->first;

    parent->last = NULL;
    while (*link != NULL)
        if (is_var(*link)) {
            *link = (*link)->next;
        } else {
            parent->last = *link;
            link = &(*link)->next;
        }
}

enum err xml_substitute(struct xml *x, struct report *r)
{
    if (!has_vars(x))
        return ERR_OK;

    struct vars *v = calloc(1, sizeof *v);
    if (v == NULL)
        return ERR_NOMEM;
    v->x = x;
    v->report = r;
    for (struct xml_node *n = &x->root; n != NULL && v->failed != ERR_LIMIT; n = next_node(x, n))
        visit(v, n);
    for (struct xml_node *n = &x->root; n != NULL; n = next_node(x, n))
        drop_vars(n);

    enum err e = v->failed;
    free(v);
    return e;
}
