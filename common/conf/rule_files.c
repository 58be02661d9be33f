#include "common/conf/rule_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/text/arena.h"
#include "common/text/pattern.h"

/* What one sort of entry is, and where its files lie relative to the configuration's
 * directory.  A name with a directory in it, and a directory, is looked for in beside[]. */
struct sort {
    const char *what;                   /* for errors */
    const char *const *place;
    size_t n;
    const char *suffix;                 /* that an existing file may have beyond its name */
};

static const char *const beside[] = { "", "../" };
static const char *const rule_places[] = { "", "rules/", "../rules/" };
static const char *const decoder_places[] = { "", "etc/", "../etc/", "decoders/" };
static const char *const list_places[] = { "", "lists/" };

#define PLACES(p) .place = (p), .n = sizeof (p) / sizeof (p)[0]

static const struct sort rule_sort = { "rule file", PLACES(rule_places), "" };
static const struct sort decoder_sort = { "decoder file", PLACES(decoder_places), "" };
static const struct sort list_sort = { "list", PLACES(list_places), ".cdb" };
static const struct sort dir_sort = { "directory", PLACES(beside), "" };

struct search {
    const struct config *c;
    struct report *report;
    struct arena *arena;
    struct config_file *file;
    size_t n, room;
    uint32_t line;                      /* of the entry at hand */
    const char *option;                 /* its name */
    enum err failed;
};

static void fail(struct search *s, enum err e)
{
    if (s->failed != ERR_NOMEM)
        s->failed = e;
}

static bool exists(const char *path, const char *suffix)
{
    char *name = NULL;
    struct stat st;

    if (stat(path, &st) == 0)
        return true;
    if (suffix[0] == '\0' || asprintf(&name, "%s%s", path, suffix) < 0)
        return false;
    const bool found = stat(name, &st) == 0;
    free(name);
    return found;
}

/* "./rules/x" reads better as "rules/x". */
static const char *joined(struct search *s, const char *place, const char *name)
{
    const bool here = strcmp(s->c->dir, ".") == 0 && place[0] != '.';
    const bool root = strcmp(s->c->dir, "/") == 0;
    char *path = NULL;
    int n;

    if (name[0] == '/')
        n = asprintf(&path, "%s", name);
    else
        n = asprintf(&path, "%s%s%s%s", here ? "" : s->c->dir, here || root ? "" : "/", place,
                     name);
    const char *kept = n < 0 ? NULL : arena_text(s->arena, (struct slice){ path, (size_t)n });
    if (n >= 0)
        free(path);
    if (kept == NULL)
        fail(s, ERR_NOMEM);
    return kept;
}

/* Where name lies; NULL: nowhere, or without memory. */
static const char *locate(struct search *s, const struct sort *sort, const char *name)
{
    const bool bare = strchr(name, '/') == NULL;
    const struct sort *look = bare ? sort : &dir_sort;

    for (size_t i = 0; i < look->n; i++) {
        const char *path = joined(s, look->place[i], name);
        if (path == NULL)
            return NULL;
        if (exists(path, sort->suffix))
            return path;
        if (name[0] == '/')
            break;
    }
    return NULL;
}

static bool is_listed(const struct search *s, const char *path)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->file[i].path, path) == 0)
            return true;
    return false;
}

static void add(struct search *s, const char *path, const char *written)
{
    if (path == NULL || written == NULL) {
        fail(s, ERR_NOMEM);
        return;
    }
    if (s->n == s->room) {
        const size_t room = s->room > 0 ? 2 * s->room : 64;
        struct config_file *more = arena_alloc(s->arena, room * sizeof *more);
        if (more == NULL) {
            fail(s, ERR_NOMEM);
            return;
        }
        if (s->n > 0)
            memcpy(more, s->file, s->n * sizeof *more);
        s->file = more;
        s->room = room;
    }
    s->file[s->n++] = (struct config_file){ path, written, s->line };
}

static void tell_missing(struct search *s, const struct sort *sort, const char *name)
{
    if (s->failed == ERR_NOMEM)
        return;
    report_error(s->report, s->c->file != NULL ? s->c->file : s->c->dir, s->line,
                 "rules/%s: no %s '%s' in or near '%s'", s->option, sort->what, name, s->c->dir);
    fail(s, ERR_SYNTAX);
}

static void add_file(struct search *s, const struct sort *sort, const char *name, bool optional)
{
    const char *path = locate(s, sort, name);

    if (path == NULL && !optional)
        tell_missing(s, sort, name);
    else if (path != NULL && is_listed(s, path))
        report_warn(s->report, s->c->file != NULL ? s->c->file : s->c->dir, s->line,
                    "rules/%s: '%s' is named above: read once", s->option, name);
    else if (path != NULL)
        add(s, path, arena_text(s->arena, slice_of(name)));
}

static bool chosen(const char *name, const struct pattern *p, struct matcher *m)
{
    return name[0] != '.' && pattern_match(p, m, slice_of(name), NULL) == MATCH_YES;
}

/* Names in byte order, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_entries(struct search *s, const char *dir, const struct pattern *p,
                        struct matcher *m)
{
    struct dirent **list = NULL;
    const int n = scandir(dir, &list, NULL, by_name);

    if (n < 0) {
        report_error(s->report, dir, 0, "%s", strerror(errno));
        fail(s, ERR_SYNTAX);
        return;
    }
    for (int i = 0; i < n; i++) {
        const char *name = list[i]->d_name;
        char *path = chosen(name, p, m) ? paths_join(dir, name) : NULL;
        if (path != NULL && !is_listed(s, path))
            add(s, arena_text(s->arena, slice_of(path)), arena_text(s->arena, slice_of(name)));
        free(path);
        free(list[i]);
    }
    free(list);
}

static void add_dir(struct search *s, const char *name, struct slice text, bool optional)
{
    const char *dir = locate(s, &dir_sort, name);
    const char *reason = NULL;
    struct pattern *p = NULL;
    struct matcher *m = NULL;
    enum err e;

    if (dir == NULL) {
        if (!optional)
            tell_missing(s, &dir_sort, name);
        return;
    }
    e = pattern_new(&p, PATTERN_REGEX, text, &reason);
    if (e == ERR_SYNTAX || e == ERR_LIMIT) {
        report_error(s->report, s->c->file != NULL ? s->c->file : s->c->dir, s->line,
                     "rules/%s: pattern '%.*s': %s", s->option, SLICE_FMT(text),
                     reason != NULL ? reason : err_str(e));
        e = ERR_SYNTAX;
    }
    if (e == ERR_OK)
        e = matcher_new(&m);
    if (e == ERR_OK)
        add_entries(s, dir, p, m);
    else
        fail(s, e);
    matcher_free(m);
    pattern_free(p);
}

/* The files of one sort of entry; how many entries there were. */
static size_t add_named(struct search *s, const struct sort *sort, unsigned kinds)
{
    size_t found = 0;

    for (size_t i = 0; i < s->c->rules.n; i++) {
        const struct config_entry *e = &s->c->rules.entry[i];
        if ((kinds & 1u << e->what) == 0)
            continue;
        found++;
        s->line = e->line;
        if (e->what == ENTRY_RULE_DIR || e->what == ENTRY_DECODER_DIR)
            add_dir(s, e->text.p, e->pattern, false);
        else
            add_file(s, sort, e->text.p, false);
    }
    s->line = 0;
    return found;
}

static void find_rules(struct search *s)
{
    const unsigned kinds = 1u << ENTRY_INCLUDE | 1u << ENTRY_RULE | 1u << ENTRY_RULE_DIR;

    s->option = "include";
    if (add_named(s, &rule_sort, kinds) == 0 && s->c->rules.n == 0)
        add_dir(s, "rules", SLICE(".xml$"), true);
}

static void find_decoders(struct search *s)
{
    s->option = "decoder";
    if (add_named(s, &decoder_sort, 1u << ENTRY_DECODER | 1u << ENTRY_DECODER_DIR) > 0)
        return;
    add_file(s, &decoder_sort, "decoder.xml", s->c->rules.n == 0);
    add_file(s, &decoder_sort, "yagura_decoder.xml", true);
    add_file(s, &decoder_sort, "local_decoder.xml", true);
}

static void find_lists(struct search *s)
{
    s->option = "list";
    (void)add_named(s, &list_sort, 1u << ENTRY_LIST);
}

static enum err search(struct config_files **ret, const struct config *c, struct report *r,
                       void (*find)(struct search *))
{
    struct search s = { .c = c, .report = r };
    struct config_files *files;

    if (arena_new(&s.arena, 0) != ERR_OK)
        return ERR_NOMEM;
    find(&s);
    files = arena_alloc(s.arena, sizeof *files);
    if (files == NULL)
        fail(&s, ERR_NOMEM);
    if (s.failed != ERR_OK) {
        arena_free(s.arena);
        return s.failed;
    }
    *files = (struct config_files){ s.file, s.n, s.arena };
    *ret = files;
    return ERR_OK;
}

enum err config_rule_files(struct config_files **ret, const struct config *c, struct report *r)
{
    return search(ret, c, r, find_rules);
}

enum err config_decoder_files(struct config_files **ret, const struct config *c, struct report *r)
{
    return search(ret, c, r, find_decoders);
}

enum err config_list_files(struct config_files **ret, const struct config *c, struct report *r)
{
    return search(ret, c, r, find_lists);
}

void config_files_free(struct config_files *f)
{
    if (f != NULL)
        arena_free(f->arena);
}
