/* decoder_load - read <decoder> elements and hang children below their parents */
#include "common/rules/tree.h"



#define FTS_TOKENS_MAX 8

/* Elements whose repetitions are joined: TEXT(enum, element). */
#define DECODER_TEXT_MAP(TEXT)              \
    TEXT(PARENT, "parent")                  \
    TEXT(PROGRAM, "program_name")           \
    TEXT(PROGRAM_PCRE2, "program_name_pcre2") \
    TEXT(PREMATCH, "prematch")              \
    TEXT(PREMATCH_PCRE2, "prematch_pcre2")  \
    TEXT(REGEX, "regex")                    \
    TEXT(PCRE2, "pcre2")                    \
    TEXT(ORDER, "order")                    \
    TEXT(FTS, "fts")                        \
    TEXT(FTSCOMMENT, "ftscomment")          \
    TEXT(OWN_NAME, "use_own_name")          \
    TEXT(TYPE, "type")                      \
    TEXT(PLUGIN, "plugin_decoder")          \
    TEXT(ACCUMULATE, "accumulate")

enum decoder_text {
#define TEXT(e, name) TEXT_##e,
    DECODER_TEXT_MAP(TEXT)
#undef TEXT
    TEXT_COUNT
};

static const char *const text_names[] = {
#define TEXT(e, name) name,
    DECODER_TEXT_MAP(TEXT)
#undef TEXT
};

struct part { struct slice s; bool given; uint32_t line; enum offset at; };

struct decoder_reader {
    struct loader *l;
    const struct xml_node *e;           /* the element in hand */
    struct decoder *d;
    struct part part[TEXT_COUNT];
};

#define BAD(rd, ...) report_error((rd)->l->report, (rd)->l->file, (rd)->e->line, __VA_ARGS__)

static bool has(const struct decoder_reader *rd, enum decoder_text t)
{
    return rd->part[t].given;
}

static bool may_have_offset(enum decoder_text t)
{
    return t == TEXT_PREMATCH || t == TEXT_PREMATCH_PCRE2 || t == TEXT_REGEX || t == TEXT_PCRE2;
}

static bool is_prematch(enum decoder_text t)
{
    return t == TEXT_PREMATCH || t == TEXT_PREMATCH_PCRE2;
}

static void take_offset(struct decoder_reader *rd, enum decoder_text t, struct slice value)
{
    static const char *const names[] = {
        [OFFSET_PARENT] = "after_parent", [OFFSET_PREMATCH] = "after_prematch",
        [OFFSET_REGEX] = "after_regex",
    };
    size_t n = is_prematch(t) ? OFFSET_PARENT + 1 : OFFSET_REGEX + 1;

    if (has(rd, t)) {
        BAD(rd, "only the first <%s> may have an offset", text_names[t]);
        return;
    }
    for (size_t i = OFFSET_PARENT; i < n; i++)
        if (slice_eq(value, slice_of(names[i]))) {
            rd->part[t].at = (enum offset)i;
            return;
        }
    BAD(rd, "<%s> has no such offset: %.*s", text_names[t], SLICE_FMT(value));
}

static void take_attributes(struct decoder_reader *rd, enum decoder_text t)
{
    for (size_t i = 0; i < rd->e->n_attr; i++) {
        const struct xml_attr *a = &rd->e->attr[i];
        if (may_have_offset(t) && slice_eq_nocase(a->name, SLICE("offset")))
            take_offset(rd, t, a->value);
        else
            BAD(rd, "<%s> has no attribute %.*s", text_names[t], SLICE_FMT(a->name));
    }
    if (rd->e->first != NULL)
        BAD(rd, "<%s> has no elements inside", text_names[t]);
}

static void join(struct decoder_reader *rd, enum decoder_text t)
{
    struct part *p = &rd->part[t];
    struct slice more = rd->e->content;

    if (more.n > PATTERN_TEXT_MAX - p->s.n) {
        BAD(rd, "<%s> is longer than %zu bytes in all", text_names[t], PATTERN_TEXT_MAX);
        return;
    }
    char *both = load_alloc(rd->l, p->s.n + more.n + 1);
    if (both == NULL)
        return;
    if (p->s.n > 0)
        memcpy(both, p->s.p, p->s.n);
    if (more.n > 0)
        memcpy(both + p->s.n, more.p, more.n);
    p->s = (struct slice){ both, p->s.n + more.n };
    p->line = p->given ? p->line : rd->e->line;
    p->given = true;
}

static void take_element(struct decoder_reader *rd)
{
    for (size_t i = 0; i < TEXT_COUNT; i++)
        if (slice_eq_nocase(rd->e->name, slice_of(text_names[i]))) {
            take_attributes(rd, (enum decoder_text)i);
            join(rd, (enum decoder_text)i);
            return;
        }
    BAD(rd, "decoder %.*s: no such element: <%.*s>", SLICE_FMT(rd->d->name),
        SLICE_FMT(rd->e->name));
}

/* ---- what the elements mean ---- */

static struct slice next_token(struct slice *rest)
{
    size_t n = 0;

    while (n < rest->n && rest->p[n] != ',')
        n++;
    struct slice token = { rest->p, n };
    *rest = slice_from(*rest, n + 1);
    while (token.n > 0 && strchr(" \t\r\n", token.p[0]) != NULL)
        token = slice_from(token, 1);
    while (token.n > 0 && strchr(" \t\r\n", token.p[token.n - 1]) != NULL)
        token.n--;
    return token;
}

static uint8_t field_of(struct slice name)
{
    for (uint8_t f = 0; f < FIELD_COUNT; f++) {
        bool decoded = f != FIELD_SRCGEOIP && f != FIELD_DSTGEOIP && f != FIELD_COMMAND;
        bool alias = named_fields[f].alias[0] != '\0'
                  && slice_eq(name, slice_of(named_fields[f].alias));
        if (decoded && (alias || slice_eq(name, slice_of(named_fields[f].order))))
            return f;
    }
    return memmem(name.p, name.n, "filename", 8) != NULL ? FIELD_FILENAME : FIELD_COUNT;
}

static void read_order(struct decoder_reader *rd)
{
    struct slice rest = rd->part[TEXT_ORDER].s;
    struct decoder *d = rd->d;

    d->order = load_alloc(rd->l, DECODER_ORDER_MAX * sizeof *d->order);
    if (d->order == NULL)
        return;
    do {
        struct slice name = next_token(&rest);
        if (name.n == 0) {
            BAD(rd, "decoder %.*s: <order> has an empty name", SLICE_FMT(d->name));
        } else if (d->n_order == DECODER_ORDER_MAX) {
            BAD(rd, "decoder %.*s: <order> has more than %d names", SLICE_FMT(d->name),
                DECODER_ORDER_MAX);
            return;
        } else {
            d->order[d->n_order++] = (struct order){ field_of(name), name };
        }
    } while (rest.n > 0);
}

/* OSSEC looks for parts of words, in this order; so does this, but knows srcuser. */
static uint64_t fts_bit(struct slice token)
{
    static const struct { const char *part; uint64_t bit; } rows[] = {
        { "dstuser", (uint64_t)1 << FIELD_DSTUSER },
        { "srcuser", (uint64_t)1 << FIELD_SRCUSER },
        { "user", (uint64_t)1 << FIELD_DSTUSER },
        { "srcip", (uint64_t)1 << FIELD_SRCIP },
        { "dstip", (uint64_t)1 << FIELD_DSTIP },
        { "id", (uint64_t)1 << FIELD_ID },
        { "location", FTS_LOCATION },
        { "data", (uint64_t)1 << FIELD_DATA },
        { "system_name", (uint64_t)1 << FIELD_SYSTEMNAME },
        { "name", FTS_NAME },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (token.n > 0 && memmem(token.p, token.n, rows[i].part, strlen(rows[i].part)) != NULL)
            return rows[i].bit;
    return 0;
}

static void read_fts(struct decoder_reader *rd)
{
    struct slice rest = rd->part[TEXT_FTS].s;
    unsigned n = 0;

    do {
        struct slice token = next_token(&rest);
        uint64_t bit = fts_bit(token);
        if (bit == 0)
            BAD(rd, "decoder %.*s: <fts> has no field %.*s", SLICE_FMT(rd->d->name),
                SLICE_FMT(token));
        rd->d->fts |= bit;
    } while (++n < FTS_TOKENS_MAX && rest.n > 0);
    if (rest.n > 0)
        BAD(rd, "decoder %.*s: <fts> has more than %d fields", SLICE_FMT(rd->d->name),
            FTS_TOKENS_MAX);
}

static void read_type(struct decoder_reader *rd)
{
    struct slice s = rd->part[TEXT_TYPE].s;

    rd->d->category = category_of(s);
    if (rd->d->category == 0)
        BAD(rd, "decoder %.*s: no such type: %.*s", SLICE_FMT(rd->d->name), SLICE_FMT(s));
}

static void read_plugin(struct decoder_reader *rd)
{
    struct slice name = rd->part[TEXT_PLUGIN].s;

    rd->d->plugin = plugin_find(name);
    if (rd->d->plugin == NULL)
        BAD(rd, "no such plugin decoder: %.*s", SLICE_FMT(name));
    else
        plugin_load(rd->l, rd->d->plugin);
    if (has(rd, TEXT_ORDER) || has(rd, TEXT_REGEX) || has(rd, TEXT_PCRE2))
        BAD(rd, "decoder %.*s: a plugin decoder has no regex and no order",
            SLICE_FMT(rd->d->name));
}

static const struct probe *compile(struct decoder_reader *rd, enum decoder_text t,
                                   enum pattern_kind kind)
{
    struct part *p = &rd->part[t];
    return p->given ? probe_new(rd->l, kind, p->s, p->line, text_names[t]) : NULL;
}

/* Plain wins where both dialects are given. */
static void read_patterns(struct decoder_reader *rd)
{
    struct decoder *d = rd->d;
    enum decoder_text prematch = has(rd, TEXT_PREMATCH) ? TEXT_PREMATCH : TEXT_PREMATCH_PCRE2;
    enum decoder_text regex = has(rd, TEXT_REGEX) ? TEXT_REGEX : TEXT_PCRE2;

    if (has(rd, TEXT_PROGRAM))
        d->program = compile(rd, TEXT_PROGRAM, PATTERN_MATCH);
    else
        d->program = compile(rd, TEXT_PROGRAM_PCRE2, PATTERN_PCRE2);
    d->prematch = compile(rd, prematch, prematch == TEXT_PREMATCH ? PATTERN_REGEX : PATTERN_PCRE2);
    d->prematch_at = rd->part[prematch].at;
    d->regex_kind = regex == TEXT_REGEX ? PATTERN_REGEX : PATTERN_PCRE2;
    d->regex = compile(rd, regex, d->regex_kind);
    d->regex_at = rd->part[regex].at;
    if (d->regex != NULL && memchr(pattern_text(d->regex->pattern).p, '(',
                                   pattern_text(d->regex->pattern).n) == NULL)
        BAD(rd, "decoder %.*s: <%s> captures nothing", SLICE_FMT(d->name), text_names[regex]);
}

static void read_parts(struct decoder_reader *rd)
{
    struct decoder *d = rd->d;

    d->parent = rd->part[TEXT_PARENT].s;
    d->category = CATEGORY_SYSLOG;
    d->own_name = has(rd, TEXT_OWN_NAME) && slice_eq(rd->part[TEXT_OWN_NAME].s, SLICE("true"));
    d->accumulate = has(rd, TEXT_ACCUMULATE);
    read_patterns(rd);
    if (has(rd, TEXT_TYPE))
        read_type(rd);
    if (has(rd, TEXT_ORDER))
        read_order(rd);
    if (has(rd, TEXT_FTS))
        read_fts(rd);
    if (has(rd, TEXT_PLUGIN))
        read_plugin(rd);
}

/* ---- what must hold of the whole ---- */

static bool has_regex(const struct decoder_reader *rd)
{
    return has(rd, TEXT_REGEX) || has(rd, TEXT_PCRE2);
}

static bool has_prematch(const struct decoder_reader *rd)
{
    return has(rd, TEXT_PREMATCH) || has(rd, TEXT_PREMATCH_PCRE2);
}

static void check(struct decoder_reader *rd)
{
    struct decoder *d = rd->d;
    bool top = !has(rd, TEXT_PARENT);

    if (top && !has_prematch(rd) && !has(rd, TEXT_PROGRAM) && !has(rd, TEXT_PROGRAM_PCRE2))
        BAD(rd, "decoder %.*s has neither parent, prematch nor program_name", SLICE_FMT(d->name));
    if (has_regex(rd) != has(rd, TEXT_ORDER) && !has(rd, TEXT_PLUGIN))
        BAD(rd, "decoder %.*s: regex and order go together", SLICE_FMT(d->name));
    if (has(rd, TEXT_FTS) && !has_regex(rd))
        BAD(rd, "decoder %.*s: <fts> needs a regex", SLICE_FMT(d->name));
    if (top && (d->prematch_at != OFFSET_NONE || d->regex_at == OFFSET_PARENT
                || d->regex_at == OFFSET_REGEX))
        BAD(rd, "decoder %.*s: this offset needs a parent", SLICE_FMT(d->name));
    if (top && d->regex_at == OFFSET_PREMATCH)
        d->regex_at = OFFSET_PARENT;    /* behind its own prematch */
    if (!top && d->regex_at == OFFSET_PREMATCH && !has_prematch(rd))
        BAD(rd, "decoder %.*s: after_prematch, but it has no prematch", SLICE_FMT(d->name));
}

/* A later sibling of the same name is one more regex of the same decoder. */
static void join_siblings(struct decoder_reader *rd, struct decoder *parent)
{
    struct decoder *d = rd->d, *last = NULL;

    for (size_t i = 0; i < parent->children.n; i++) {
        struct decoder *sibling = parent->children.at[i];
        if (slice_eq(sibling->name, d->name) && sibling != d) {
            sibling->more = true;
            last = sibling;
        }
    }
    if (last == NULL && d->regex_at == OFFSET_REGEX)
        BAD(rd, "decoder %.*s: after_regex, but no decoder of that name stands before it",
            SLICE_FMT(d->name));
    if (last == NULL)
        return;
    if (d->regex == NULL || last->regex == NULL || d->regex_kind != last->regex_kind
        || d->prematch != NULL || d->fts != 0)
        BAD(rd, "decoder %.*s goes on with an earlier one of its name: it has a regex of the "
            "same kind, no prematch and no fts", SLICE_FMT(d->name));
}

static void attach(struct decoder_reader *rd)
{
    struct ruleset *rs = rd->l->rs;
    struct decoder *d = rd->d;
    bool found = false;

    for (size_t i = 0; i < rs->decoders.n; i++) {
        struct decoder *parent = rs->decoders.at[i];
        if (parent->parent.p != NULL || !slice_eq(parent->name, d->parent))
            continue;
        found = true;
        join_siblings(rd, parent);
        load_push(rd->l, &parent->children, d);
    }
    if (!found)
        BAD(rd, "decoder %.*s: no decoder without a parent is called %.*s", SLICE_FMT(d->name),
            SLICE_FMT(d->parent));
}

static void decoder_place(struct decoder_reader *rd)
{
    struct ruleset *rs = rd->l->rs;
    struct decoder *d = rd->d;
    uint32_t number;

    if (d->parent.p != NULL)
        attach(rd);
    else
        load_push(rd->l, d->program != NULL ? &rs->named : &rs->nameless, d);
    d->shown = d->parent.p != NULL && !d->own_name ? d->parent : d->name;
    if (rd->l->err == ERR_OK)
        rd->l->err = names_add(&rs->decoder_names, d->shown, &number);
    load_push(rd->l, &rs->decoders, d);
}

static void decoder_load(struct loader *l, const struct xml_node *e)
{
    struct decoder_reader rd = { .l = l, .e = e };
    struct slice name = SLICE("");

    rd.d = load_alloc(l, sizeof *rd.d);
    if (rd.d == NULL)
        return;
    if (e->n_attr != 1 || !xml_attr(e, "name", &name) || name.n == 0)
        BAD(&rd, "<decoder> has one attribute, its name");
    rd.d->name = arena_copy(l->rs->arena, name);
    rd.d->file = l->file;
    rd.d->line = e->line;
    if (e->first == NULL)
        BAD(&rd, "decoder %.*s has no elements", SLICE_FMT(name));
    for (rd.e = e->first; rd.e != NULL && l->err == ERR_OK; rd.e = rd.e->next)
        take_element(&rd);
    rd.e = e;
    if (l->err == ERR_OK)
        read_parts(&rd);
    if (l->err == ERR_OK) {
        check(&rd);
        decoder_place(&rd);
    } else {
        vec_free(&rd.d->children);
    }
}

void decoder_file_load(struct loader *l, const struct xml_node *root)
{
    for (const struct xml_node *e = root->first; e != NULL && l->err == ERR_OK; e = e->next) {
        if (slice_eq_nocase(e->name, SLICE("decoder")))
            decoder_load(l, e);
        else
            report_error(l->report, l->file, e->line,
                         "a decoder file has <decoder> elements and <var>, not <%.*s>",
                         SLICE_FMT(e->name));
    }
}

void decoder_names_load(struct loader *l)
{
    static const char *const names[] = {
        "rootcheck", "syscheck_integrity_changed", "syscheck_integrity_changed_2nd",
        "syscheck_integrity_changed_3rd", "syscheck_new_entry", "syscheck_deleted",
        "hostinfo_new", "hostinfo_modified",
    };
    uint32_t number;

    for (size_t i = 0; i < sizeof names / sizeof names[0] && l->err == ERR_OK; i++)
        l->err = names_add(&l->rs->decoder_names, slice_of(names[i]), &number);
}
