#include "common/rules/tree.h"

#include <errno.h>
#include <stdlib.h>

#include "common/conf/rule_files.h"

#define FILE_MAX ((size_t)64 << 20)     /* of a list; XML has a limit of its own */

void *load_alloc(struct loader *l, size_t n)
{
    void *p = l->err == ERR_OK ? arena_alloc(l->rs->arena, n) : NULL;

    if (p == NULL)
        l->err = ERR_NOMEM;
    return p;
}

void load_push(struct loader *l, struct vec *v, void *p)
{
    if (l->err == ERR_OK)
        l->err = vec_push(v, p);
}

enum category category_of(struct slice name)
{
    static const struct { const char *name; enum category category; } rows[] = {
        { "syslog", CATEGORY_SYSLOG },   { "ids", CATEGORY_IDS },
        { "firewall", CATEGORY_FIREWALL }, { "web-log", CATEGORY_WEBLOG },
        { "squid", CATEGORY_SQUID },     { "windows", CATEGORY_WINDOWS },
        { "ossec", CATEGORY_OSSEC },     { "host-information", CATEGORY_HOSTINFO },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (slice_eq(name, slice_of(rows[i].name)))
            return rows[i].category;
    return 0;
}

/* ---- files ---- */

static void mix(struct ruleset *rs, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++)
        rs->revision = (rs->revision ^ p[i]) * 1099511628211u;      /* FNV-1a */
}

static enum err read_all(FILE *f, char **ret, size_t *n)
{
    size_t room = 0;
    char *text = NULL;

    *n = 0;
    do {
        if (*n == room) {
            room = room == 0 ? 64 << 10 : 2 * room;
            char *more = room > FILE_MAX ? NULL : realloc(text, room);
            if (more == NULL) {
                free(text);
                errno = room > FILE_MAX ? EFBIG : ENOMEM;
                return ERR_SYS;
            }
            text = more;
        }
        *n += fread(text + *n, 1, room - *n, f);
    } while (!feof(f) && !ferror(f));
    if (ferror(f)) {
        free(text);
        return ERR_SYS;
    }
    *ret = text;
    return ERR_OK;
}

/* The whole file, mixed into the revision; the caller frees *ret.  False: reported. */
static bool slurp(struct loader *l, const char *path, char **ret, size_t *n)
{
    FILE *f = fopen(path, "re");
    enum err err = f == NULL ? ERR_SYS : read_all(f, ret, n);

    if (err != ERR_OK)
        report_error(l->report, path, 0, "cannot be read: %s", strerror(errno));
    if (f != NULL)
        (void)fclose(f);
    if (err != ERR_OK)
        return false;
    mix(l->rs, n, sizeof *n);
    mix(l->rs, *ret, *n);
    return true;
}

static void load_xml(struct loader *l, const char *path,
                     void (*load)(struct loader *, const struct xml_node *))
{
    struct xml *x = NULL;
    char *text;
    size_t n;

    if (l->err != ERR_OK || !slurp(l, path, &text, &n))
        return;
    l->file = arena_text(l->rs->arena, slice_of(path));
    if (l->file == NULL)
        l->err = ERR_NOMEM;
    enum err err = l->err;
    if (err == ERR_OK)
        err = xml_parse(&x, path, (struct slice){ text, n }, l->report);
    if (err == ERR_OK)
        err = xml_substitute(x, l->report);
    if (err == ERR_OK)
        load(l, xml_root(x));
    else if (err == ERR_NOMEM)
        l->err = err;
    xml_free(x);
    free(text);
}

static void load_list(struct loader *l, const char *name, const char *path)
{
    struct list *list = NULL;
    char *text;
    size_t n;

    if (l->err != ERR_OK || !slurp(l, path, &text, &n))
        return;
    l->err = list_new(&list, slice_of(name), (struct slice){ text, n });
    free(text);
    load_push(l, &l->rs->lists, list);
    if (l->err != ERR_OK)
        list_free(list);
}

static void load_lists(struct loader *l)
{
    struct config_files *files = NULL;
    enum err err = config_list_files(&files, l->config, l->report);

    for (size_t i = 0; err == ERR_OK && i < files->n; i++)
        load_list(l, files->file[i].written, files->file[i].path);
    l->err = err == ERR_NOMEM ? err : l->err;
    config_files_free(files);
}

typedef enum err file_finder(struct config_files **, const struct config *, struct report *);

static void load_xmls(struct loader *l, file_finder *find,
                      void (*load)(struct loader *, const struct xml_node *))
{
    struct config_files *files = NULL;
    enum err err = find(&files, l->config, l->report);

    for (size_t i = 0; err == ERR_OK && i < files->n; i++)
        load_xml(l, files->file[i].path, load);
    l->err = err == ERR_NOMEM ? err : l->err;
    config_files_free(files);
}

/* ---- birth and death ---- */

static enum err load(struct loader *l)
{
    mix(l->rs, &l->config->alerts.log_alert_level, sizeof l->config->alerts.log_alert_level);
    mix(l->rs, &l->config->alerts.email_alert_level, sizeof l->config->alerts.email_alert_level);
    mix(l->rs, &l->config->global.ossec_overwrite, sizeof l->config->global.ossec_overwrite);
    decoder_names_load(l);
    load_lists(l);
    load_xmls(l, config_decoder_files, decoder_file_load);
    load_xmls(l, config_rule_files, rule_file_load);
    if (l->err == ERR_OK)
        rules_mark(l);
    if (l->rs->revision == 0)
        l->rs->revision = 1;
    if (l->err != ERR_OK)
        return l->err;
    return report_errors(l->report) > 0 ? ERR_SYNTAX : probes_gate(l->rs);
}

enum err ruleset_load(struct ruleset **ret, const struct config *c, struct report *r)
{
    struct ruleset *rs = calloc(1, sizeof *rs);
    struct loader l = { .rs = rs, .report = r, .config = c };

    if (rs == NULL)
        return ERR_NOMEM;
    rs->revision = 14695981039346656037u;
    enum err err = arena_new(&rs->arena, 0);
    if (err == ERR_OK)
        err = load(&l);
    if (err != ERR_OK) {
        ruleset_free(rs);
        return err;
    }
    *ret = rs;
    return ERR_OK;
}

static void free_nodes(struct ruleset *rs)
{
    for (size_t i = 0; i < rs->rules.n; i++)
        vec_free(&((struct rule_node *)rs->rules.at[i])->children);
    for (size_t i = 0; i < rs->decoders.n; i++)
        vec_free(&((struct decoder *)rs->decoders.at[i])->children);
    for (size_t i = 0; i < rs->probes.n; i++)
        pattern_free(((struct probe *)rs->probes.at[i])->pattern);
    for (size_t i = 0; i < rs->lists.n; i++)
        list_free(rs->lists.at[i]);
}

void ruleset_free(struct ruleset *rs)
{
    if (rs == NULL)
        return;
    free_nodes(rs);
    vec_free(&rs->rules);
    vec_free(&rs->roots);
    vec_free(&rs->decoders);
    vec_free(&rs->named);
    vec_free(&rs->nameless);
    vec_free(&rs->probes);
    vec_free(&rs->lists);
    names_free(&rs->decoder_names);
    scan_free(rs->scan);
    arena_free(rs->arena);
    free(rs);
}

uint64_t ruleset_revision(const struct ruleset *rs) { return rs->revision; }
size_t ruleset_rules(const struct ruleset *rs) { return rs->rules.n; }
size_t ruleset_decoders(const struct ruleset *rs) { return rs->decoders.n; }
size_t ruleset_group_lists(const struct ruleset *rs) { return rs->n_group_lists; }

const struct rule *ruleset_rule(const struct ruleset *rs, uint32_t sid)
{
    const struct rule_node *node = rule_find(rs, sid);
    return node == NULL ? NULL : &node->rule;
}

const struct rule *ruleset_at(const struct ruleset *rs, size_t index)
{
    return index < rs->rules.n ? &((const struct rule_node *)rs->rules.at[index])->rule : NULL;
}
