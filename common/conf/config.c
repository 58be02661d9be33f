#include "common/conf/config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/conf/table.h"
#include "common/conf/value.h"
#include "common/text/pattern.h"
#include "common/text/xml.h"

#define PATTERN_USUAL ".xml$"           /* of rule_dir and decoder_dir */

/* What the elements of one root go into, and which options it has so far. */
struct target {
    struct config *c;
    bool (*seen)[SECTION_OPTIONS_MAX];  /* a row per section; of a REPEATED one its newest entry */
};

struct loader {
    struct place place;
    struct target kept, dropped;        /* dropped: checked, then forgotten */
    bool finished;                      /* kept has a value for everything */
};

static bool *seen(const struct target *t, const struct section *s, const struct option *o)
{
    return &t->seen[s - table_section(0)][o - s->option];
}

static bool is_blank(struct slice s)
{
    return value_trim(s).n == 0;
}

static void warn(struct loader *l, const struct xml_node *n, const char *what)
{
    report_warn(l->place.report, l->place.file, n->line, "%s/%.*s: %s", l->place.section,
                SLICE_FMT(n->name), what);
}

static void note(struct loader *l, struct config *c, struct slice name, uint32_t line)
{
    struct place *p = &l->place;
    char *text = NULL;

    if (asprintf(&text, "%s%s%.*s", p->section, name.n > 0 ? "/" : "", SLICE_FMT(name)) < 0) {
        p->nomem = true;
        return;
    }
    bool told = false;
    for (size_t i = 0; i < c->n_note && !told; i++)
        told = slice_eq(c->note[i].name, slice_of(text));
    struct config_note *more = told ? NULL : value_room(p, c->note, c->n_note, sizeof *more);
    if (more != NULL) {
        more[c->n_note] = (struct config_note){ arena_copy(p->arena, slice_of(text)), line };
        p->nomem = p->nomem || more[c->n_note].name.p == NULL;
        c->note = more;
        c->n_note++;
    }
    free(text);
}

/* Every option of s not seen yet takes its default. */
static void fill(struct loader *l, const struct target *t, const struct section *s, char *at)
{
    struct place p = l->place;

    p.file = "default";
    p.line = 0;
    p.section = s->name;
    for (size_t i = 0; i < s->n; i++)
        if (s->option[i].kind != KIND_KNOWN && !*seen(t, s, &s->option[i]))
            (void)value_read(&p, &s->option[i], slice_of(s->option[i].fallback),
                             at + s->option[i].at);     /* told, like the file's */
    l->place.nomem = l->place.nomem || p.nomem;
}

static void fill_single(struct loader *l, const struct target *t)
{
    for (size_t i = 0; i < table_sections(); i++) {
        const struct section *s = table_section(i);
        if (s->shape == SECTION_SINGLE)
            fill(l, t, s, (char *)t->c + s->at);
    }
}

static void set(struct loader *l, const struct target *t, const struct section *s,
                const struct option *o, struct slice text, char *at)
{
    (void)value_read(&l->place, o, text, at + o->at);   /* told; the default must not hide it */
    *seen(t, s, o) = true;
}

/* "multi-line: 3" is a word and a number. */
static struct slice set_lines(struct loader *l, const struct target *t, const struct section *s,
                              struct slice text, char *at)
{
    const struct slice word = SLICE("multi-line:");

    text = value_trim(text);
    if (!slice_starts(text, word))
        return text;
    set(l, t, s, section_option(s, SLICE("lines")), slice_from(text, word.n), at);
    return (struct slice){ text.p, word.n - 1 };
}

static void read_option(struct loader *l, const struct target *t, const struct section *s,
                        const struct xml_node *n, char *at)
{
    const struct option *o = section_option(s, n->name);
    struct slice text = n->content;

    l->place.line = n->line;
    if (o == NULL) {
        place_tell(&l->place, n->name, "no such option");
        return;
    }
    if (o->kind == KIND_KNOWN) {
        if (s->shape != SECTION_UNUSED)
            note(l, t->c, n->name, n->line);
        return;
    }
    if (n->first != NULL) {
        place_tell(&l->place, n->name, "holds elements where a value should be");
        return;
    }
    if (n->n_attr > 0)
        warn(l, n, "takes no attributes: ignored");
    if (slice_eq(n->name, SLICE("log_format")))
        text = set_lines(l, t, s, text, at);
    set(l, t, s, o, text, at);
}

static void check_multiline(struct place *p, struct slice text)
{
    const char *reason = NULL;
    struct pattern *pattern = NULL;

    enum err e = text.n > 0 ? pattern_new(&pattern, PATTERN_PCRE2, text, &reason) : ERR_ABSENT;
    if (e == ERR_NOMEM)
        p->nomem = true;
    else if (e == ERR_ABSENT)
        place_tell(p, SLICE("multiline_regex"), "must be given with this log_format");
    else if (e != ERR_OK)
        place_tell(p, SLICE("multiline_regex"), "%s", reason != NULL ? reason : err_str(e));
    pattern_free(pattern);
}

static void check_localfile(struct loader *l, const struct config_localfile *f, bool has_format)
{
    struct place *p = &l->place;

    p->line = f->line;
    if (!has_format)
        place_tell(p, SLICE("log_format"), "must be given");
    switch (f->log_format) {
    case LOGFORMAT_COMMAND:
    case LOGFORMAT_FULL_COMMAND:
        if (f->command.n == 0)
            place_tell(p, SLICE("command"), "must be given with this log_format");
        return;
    case LOGFORMAT_JOURNALD:
        return;                 /* without a location: everything in it */
    case LOGFORMAT_MULTI_LINE:
        if (f->lines == 0)
            place_tell(p, SLICE("log_format"), "multi-line wants a number: 'multi-line: 3'");
        break;
    case LOGFORMAT_MULTI_LINE_REGEX:
        check_multiline(p, f->multiline_regex);
        break;
    case LOGFORMAT_SYSLOG: case LOGFORMAT_GENERIC: case LOGFORMAT_JSON: case LOGFORMAT_APACHE:
    case LOGFORMAT_IIS: case LOGFORMAT_SQUID: case LOGFORMAT_SNORT_FAST:
    case LOGFORMAT_SNORT_FULL: case LOGFORMAT_SYSLOG_PIPE: case LOGFORMAT_NMAPG:
    case LOGFORMAT_MYSQL: case LOGFORMAT_POSTGRESQL: case LOGFORMAT_MSSQL:
    case LOGFORMAT_DJB_MULTILOG: case LOGFORMAT_MULTI_LINE_INDENTED: case LOGFORMAT_AUDIT:
    case LOGFORMAT_MODSEC_AUDIT: case LOGFORMAT_OSSECALERT:
    case LOGFORMAT_EVENTLOG: case LOGFORMAT_EVENTCHANNEL:
        break;
    }
    if (f->location.n == 0)
        place_tell(p, SLICE("location"), "must be given with this log_format");
}

static void check_remote(struct loader *l, const struct config_remote *r)
{
    l->place.line = r->line;
    if (r->connection == CONNECTION_SYSLOG && r->allowed_ips.n == 0)
        place_tell(&l->place, SLICE("allowed-ips"), "must be given for syslog; nobody could send");
}

/* One more entry of a repeated section, zeroed; NULL without memory. */
static char *add_entry(struct loader *l, const struct target *t, const struct section *s)
{
    char *c = (char *)t->c;
    char *array;
    size_t n;

    memcpy(&array, c + s->at, sizeof array);
    memcpy(&n, c + s->n_at, sizeof n);
    array = value_room(&l->place, array, n, s->size);
    if (array == NULL)
        return NULL;
    char *entry = array + n++ * s->size;
    memcpy(c + s->at, &array, sizeof array);
    memcpy(c + s->n_at, &n, sizeof n);
    memset(t->seen[s - table_section(0)], 0, sizeof t->seen[0]);
    return entry;
}

static void read_repeated(struct loader *l, const struct target *t, const struct section *s,
                          const struct xml_node *node)
{
    const size_t errors = report_errors(l->place.report);
    char *at = add_entry(l, t, s);

    if (at == NULL)
        return;
    memcpy(at, &node->line, sizeof node->line);         /* the first member of each */
    for (const struct xml_node *n = node->first; n != NULL; n = n->next)
        read_option(l, t, s, n, at);
    fill(l, t, s, at);
    if (slice_eq(node->name, SLICE("remote")) && report_errors(l->place.report) == errors)
        check_remote(l, (const struct config_remote *)(const void *)at);
    if (slice_eq(node->name, SLICE("localfile")) && report_errors(l->place.report) == errors)
        check_localfile(l, (const struct config_localfile *)(const void *)at,
                        *seen(t, s, section_option(s, SLICE("log_format"))));
}

static void read_section(struct loader *l, const struct target *t, const struct section *s,
                         const struct xml_node *node)
{
    switch (s->shape) {
    case SECTION_REPEATED:
        read_repeated(l, t, s, node);
        return;
    case SECTION_UNUSED:
        note(l, t->c, SLICE(""), node->line);
        break;
    case SECTION_SINGLE:
        break;
    }
    for (const struct xml_node *n = node->first; n != NULL; n = n->next)
        read_option(l, t, s, n, (char *)t->c + s->at);
}

static bool is_dir(enum config_entry_kind what)
{
    return what == ENTRY_RULE_DIR || what == ENTRY_DECODER_DIR;
}

static void add_rules_entry(struct loader *l, struct config_rules *rules, size_t word,
                            const struct xml_node *n)
{
    struct config_entry *more = value_room(&l->place, rules->entry, rules->n, sizeof *more);
    struct slice pattern = SLICE("");

    if (more == NULL)
        return;
    struct config_entry *e = &more[rules->n];
    *e = (struct config_entry){ .what = (enum config_entry_kind)word, .line = n->line };
    if (is_dir(e->what) && (!xml_attr(n, "pattern", &pattern) || pattern.n == 0))
        pattern = SLICE(PATTERN_USUAL);
    e->text = arena_copy(l->place.arena, value_trim(n->content));
    e->pattern = arena_copy(l->place.arena, pattern);
    l->place.nomem = l->place.nomem || e->text.p == NULL || e->pattern.p == NULL;
    rules->entry = more;
    rules->n++;
}

static void read_rules(struct loader *l, const struct target *t, const struct xml_node *node)
{
    const struct words *words = table_entry_words();

    for (const struct xml_node *n = node->first; n != NULL; n = n->next) {
        const size_t word = words_find(words, n->name);
        struct slice text = value_trim(n->content);
        l->place.line = n->line;
        if (word == words->n)
            place_tell(&l->place, n->name, "no such option");
        else if (n->first != NULL || text.n == 0 || text.n > 4095)
            place_tell(&l->place, n->name, "wants the name of a file or directory");
        else
            add_rules_entry(l, &t->c->rules, word, n);
    }
}

static void read_child(struct loader *l, const struct target *t, const struct xml_node *n)
{
    const struct section *s = section_find(n->name);
    const bool rules = slice_eq(n->name, SLICE("rules"));

    l->place.line = n->line;
    if (s == NULL && !rules) {
        place_tell(&l->place, n->name, "no such section");
        return;
    }
    l->place.section = rules ? "rules" : s->name;
    if (!is_blank(n->content))
        report_warn(l->place.report, l->place.file, n->line,
                    "%s: text that belongs to no option: ignored", l->place.section);
    if (rules)
        read_rules(l, t, n);
    else
        read_section(l, t, s, n);
}

static void read_root(struct loader *l, const struct xml_node *root)
{
    const bool agent = slice_eq(root->name, SLICE("agent_config"));
    const struct target *t = agent && root->n_attr > 0 ? &l->dropped : &l->kept;

    l->place.line = root->line;
    l->place.section = agent ? "agent_config" : "ossec_config";
    if (!agent && !slice_eq(root->name, SLICE("ossec_config"))) {
        l->place.section = "";
        place_tell(&l->place, root->name, "a configuration begins with <ossec_config>");
        return;
    }
    if (t == &l->dropped)
        note(l, l->kept.c, SLICE(""), root->line);
    for (const struct xml_node *n = root->first; n != NULL; n = n->next) {
        l->place.section = agent ? "agent_config" : "ossec_config";
        read_child(l, t, n);
    }
}

static enum err read_file(struct loader *l, const char *path)
{
    struct xml *x = NULL;
    enum err e = xml_load(&x, path, l->place.report);

    if (e != ERR_OK)
        return e;
    l->place.file = path;
    for (const struct xml_node *n = xml_root(x)->first; n != NULL; n = n->next)
        read_root(l, n);
    xml_free(x);
    return ERR_OK;
}

/* What <client> says becomes <agent> manager, as text that the option itself would take. */
static void derive_manager(struct loader *l)
{
    const struct section *s = section_find(SLICE("agent"));
    const struct option *o = section_option(s, SLICE("manager"));
    const struct config_client *client = &l->kept.c->client;
    const struct config_list *lists[] = { &client->server_ip, &client->server_hostname };

    if (*seen(&l->kept, s, o))
        return;
    l->place.section = "client";
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < lists[i]->n; k++) {
            const struct slice host = lists[i]->item[k];
            const bool v6 = memchr(host.p, ':', host.n) != NULL && host.p[0] != '[';
            char *text = NULL;
            if (asprintf(&text, "tcp://%s%s%s:%u", v6 ? "[" : "", host.p, v6 ? "]" : "",
                         client->port) < 0) {
                l->place.nomem = true;
                return;
            }
            set(l, &l->kept, s, o, slice_of(text), (char *)&l->kept.c->agent);
            free(text);
        }
}

static void derive_ossec_frames(struct loader *l)
{
    const struct section *s = section_find(SLICE("alertd"));
    struct config *c = l->kept.c;

    if (!c->global.zeromq_output)
        return;
    c->alertd.ossec_frames = true;
    for (size_t i = 0; i < c->global.zeromq_uri.n; i++)
        set(l, &l->kept, s, section_option(s, SLICE("pub")), c->global.zeromq_uri.item[i],
            (char *)&c->alertd);
}

/* <client> has its port only after its defaults, <agent> its manager only before. */
static void finish(struct loader *l)
{
    const struct section *client = section_find(SLICE("client"));

    l->place.line = 0;
    fill(l, &l->kept, client, (char *)&l->kept.c->client);
    for (size_t i = 0; i < client->n; i++)
        *seen(&l->kept, client, &client->option[i]) = true;
    derive_manager(l);
    fill_single(l, &l->kept);
    derive_ossec_frames(l);
}

static const char *dir_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return ".";
    return arena_text(a, (struct slice){ path, slash > path ? (size_t)(slash - path) : 1 });
}

static bool name_files(struct config *c, const char *path, const struct paths *paths)
{
    if (path != NULL)
        c->file = arena_text(c->arena, slice_of(path));
    c->dir = path != NULL ? dir_of(c->arena, path) : arena_text(c->arena, slice_of(paths->etc));
    return c->dir != NULL && (path == NULL || c->file != NULL);
}

static bool target_new(struct target *t, struct arena *a)
{
    t->c = arena_alloc(a, sizeof *t->c);
    t->seen = arena_alloc(a, table_sections() * sizeof t->seen[0]);
    if (t->c == NULL || t->seen == NULL)
        return false;
    t->c->arena = a;
    return true;
}

static enum err run(struct loader *l, const char *path)
{
    const size_t errors = report_errors(l->place.report);
    enum err e = ERR_OK;

    if (!target_new(&l->kept, l->place.arena) || !target_new(&l->dropped, l->place.arena) ||
        !name_files(l->kept.c, path, l->place.paths))
        return ERR_NOMEM;
    if (path != NULL)
        e = read_file(l, path);
    if (e == ERR_OK)
        finish(l);
    l->finished = e == ERR_OK;
    if (l->place.nomem)
        return ERR_NOMEM;
    return e != ERR_OK ? e : report_errors(l->place.report) > errors ? ERR_SYNTAX : ERR_OK;
}

static const char *usual_file(const struct paths *paths)
{
    const bool absent = access(paths->conf, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR);

    return absent ? NULL : paths->conf;
}

static enum err load(struct config **ret, const char *path, const struct paths *paths,
                     struct report *r, bool faulty)
{
    struct loader l = {
        .place = { .paths = paths, .report = r, .file = "default", .section = "" },
    };
    enum err e = arena_new(&l.place.arena, 0);

    if (e == ERR_OK)
        e = run(&l, path != NULL ? path : usual_file(paths));
    if (e == ERR_NOMEM)
        report_error(r, path != NULL ? path : paths->conf, 0, "%s", err_str(e));
    if (e == ERR_OK || (e == ERR_SYNTAX && faulty && l.finished))
        *ret = l.kept.c;
    else
        arena_free(l.place.arena);
    return e;
}

enum err config_load(struct config **ret, const char *path, const struct paths *paths,
                     struct report *r)
{
    return load(ret, path, paths, r, false);
}

enum err config_load_faulty(struct config **ret, const char *path, const struct paths *paths,
                            struct report *r)
{
    *ret = NULL;
    return load(ret, path, paths, r, true);
}

void config_free(struct config *c)
{
    if (c != NULL)
        arena_free(c->arena);
}

size_t config_unused(const struct config *c, const struct config_note **ret)
{
    *ret = c->note;
    return c->n_note;
}
