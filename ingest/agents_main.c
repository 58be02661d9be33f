/*
 * yagura-agents - who may be an agent: add, list, extract, remove
 *
 * Works on the registry's files, whether ingest runs or not; a running one sees a change
 * within a second.  `extract` prints a secret, the key line, and nothing else.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/conf/config.h"
#include "common/conf/keyfile.h"
#include "common/stage/log.h"
#include "common/stage/loop.h"
#include "common/text/json.h"
#include "ingest/registry.h"
#include "ingest/seeds.h"

struct tool {
    struct paths *paths;
    struct config *config;
    struct registry *registry;
    const char *config_path, *prefix, *address, *id;
    bool json;
    const char *who;                    /* NAME or ID, as given */
};

static void usage(FILE *out)
{
    fputs("usage: yagura agents [OPTION ...] add NAME [--address CIDR|any] [--id NNN]\n"
          "       yagura agents [OPTION ...] list [--json]\n"
          "       yagura agents [OPTION ...] extract NAME|ID\n"
          "       yagura agents [OPTION ...] remove NAME|ID\n\n"
          "  -a, --address CIDR address or network the agent may speak from; any is the default\n"
          "  -i, --id NNN       its id; the next free one is the default\n"
          "  -j, --json         list as JSON\n"
          "  -c, --config FILE  read FILE instead of PREFIX/etc/yagura/ossec.conf\n"
          "  -p, --prefix DIR   keep every file below DIR instead of /\n"
          "  -h, --help         this text\n\n"
          "extract prints one line; on the agent's host, yagura import takes it in.\n", out);
}

/* Every directory of path that is missing; the last one for the owner and the group. */
static void make_dir(const char *path)
{
    char *copy = strdup(path);

    if (copy == NULL)
        die("out of memory");
    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(copy, 0755);        /* what fails here fails again below */
        *slash = '/';
    }
    if (mkdir(copy, 0750) != 0 && errno != EEXIST)
        die("%s: %s", path, strerror(errno));
    free(copy);
}

static const char *reason(enum err e)
{
    return e == ERR_SYS ? strerror(errno) : err_str(e);
}

static char *state_path(const struct tool *t, const char *name)
{
    char *path = paths_join(t->paths->state, name);

    if (path == NULL)
        die("out of memory");
    return path;
}

static void open_registry(struct tool *t)
{
    char *path = state_path(t, "registry");

    make_dir(t->paths->state);
    enum err e = registry_open(&t->registry, path);
    if (e != ERR_OK)
        die("%s: %s", path, reason(e));
    free(path);
}

static struct seeds *open_seeds(const struct tool *t)
{
    char *path = state_path(t, "seeds");
    struct seeds *s = NULL;

    enum err e = seeds_open(&s, path);
    if (e != ERR_OK)
        die("%s: %s", path, reason(e));
    free(path);
    return s;
}

static uint32_t read_id(const char *text)
{
    char *end;

    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    return errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || n > KEYLINE_ID_MAX
               ? 0 : (uint32_t)n;
}

static const struct agent *find(const struct tool *t)
{
    uint32_t id = read_id(t->who);
    const struct agent *a = registry_by_name(t->registry, slice_of(t->who));

    if (a == NULL && id != 0)
        a = registry_by_id(t->registry, id);
    if (a == NULL)
        die("there is no agent %s", LOG_TEXT(slice_of(t->who)));
    return a;
}

static void keep(char *to, size_t most, const char *text, const char *what)
{
    if (strlen(text) > most)
        die("%s is too long: at most %zu characters", what, most);
    memcpy(to, text, strlen(text) + 1);
}

static const char *why_not_added(enum err e)
{
    switch (e) {
    case ERR_EXISTS: return "there is an agent of that name or id already";
    case ERR_RANGE:  return "a name has 2 to 128 of A-Z a-z 0-9 _ . -, an address is one in numbers,"
                            " a network a.b.c.d/bits, or any";
    default:         return reason(e);
    }
}

static int add(struct tool *t)
{
    struct agent a = { .created_us = clock_now_us() };
    struct keyline k = { 0 };
    uint8_t secret[KEYLINE_KEY];

    keep(a.name, KEYLINE_NAME_MAX, t->who, "the name");
    keep(a.address, KEYLINE_ADDRESS_MAX, t->address, "the address");
    if (t->id != NULL && (a.id = read_id(t->id)) == 0)
        die("--id %s: not a number from 1 to %u", t->id, KEYLINE_ID_MAX);
    randombytes_buf(k.seed, sizeof k.seed);
    enum err e = keyline_keypair(&k, a.key, secret);
    sodium_memzero(secret, sizeof secret);
    if (e == ERR_OK)
        e = registry_add(t->registry, &a);
    if (e != ERR_OK)
        die("%s not added: %s", LOG_TEXT(slice_of(t->who)), why_not_added(e));
    struct seeds *s = open_seeds(t);
    e = seeds_put(s, a.serial, k.seed);
    keyline_wipe(&k);
    seeds_free(s);
    if (e != ERR_OK)
        die("the seed of %s was not kept: %s; remove the agent and add it again", a.name, reason(e));
    printf("added %03" PRIu32 " %s (%s)\n", a.id, a.name, a.address);
    return 0;
}

static void list_one(const struct agent *a)
{
    time_t at = (time_t)(a->created_us / 1000000);
    struct tm tm;
    char when[sizeof "0000-00-00 00:00:00"] = "";

    if (gmtime_r(&at, &tm) != NULL)
        (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
    printf("%03" PRIu32 "  %-24s %-20s %s\n", a->id, a->name, a->address, when);
}

static void list_one_json(const struct agent *a)
{
    printf("{\"id\":%" PRIu32 ",\"name\":", a->id);
    json_put_text(stdout, slice_of(a->name));
    fputs(",\"address\":", stdout);
    json_put_text(stdout, slice_of(a->address));
    printf(",\"created\":%" PRIu64 "}", a->created_us / 1000000);
}

static int list(struct tool *t)
{
    size_t n = registry_count(t->registry);

    if (t->json)
        putchar('[');
    else if (n > 0)
        printf("%-4s %-24s %-20s %s\n", "ID", "NAME", "ADDRESS", "CREATED (UTC)");
    for (size_t i = 0; i < n; i++) {
        if (t->json && i > 0)
            putchar(',');
        (t->json ? list_one_json : list_one)(registry_at(t->registry, i));
    }
    if (t->json)
        puts("]");
    return 0;
}

static bool is_wildcard(struct slice host)
{
    return slice_eq(host, SLICE("*")) || slice_eq(host, SLICE("0.0.0.0")) || slice_eq(host, SLICE("[::]"));
}

/* Where agents connect to: as configured, else what is listened on, with this host's name for "*". */
static void put_endpoints(const struct tool *t, FILE *out)
{
    const struct config_ingest *c = &t->config->ingest;
    const struct config_list *from = c->public.n > 0 ? &c->public : &c->listen;
    char host[256] = "";

    if (gethostname(host, sizeof host - 1) != 0)
        die("gethostname: %s", strerror(errno));
    for (size_t i = 0; i < from->n; i++) {
        struct slice e = from->item[i], rest = slice_from(e, sizeof "tcp://" - 1);
        const char *colon = rest.n > 0 ? memrchr(rest.p, ':', rest.n) : NULL;
        fputs(i > 0 ? "," : "", out);
        if (colon != NULL && is_wildcard((struct slice){ rest.p, (size_t)(colon - rest.p) }))
            fprintf(out, "tcp://%s%s", host, colon);
        else
            fwrite(e.p, 1, e.n, out);
    }
}

static void name_endpoints(const struct tool *t, struct keyline *k)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    if (out == NULL)
        die("out of memory");
    put_endpoints(t, out);
    if (fclose(out) != 0)
        die("out of memory");
    keep(k->endpoints, KEYLINE_ENDPOINTS_MAX, text, "the list of endpoints");
    free(text);
}

static void name_manager(const struct tool *t, struct keyline *k)
{
    char *path = state_path(t, "manager.key");
    struct keypair id;

    enum err e = keyfile_load(path, &id);
    if (e != ERR_OK)
        die("%s: %s", path, e == ERR_DENIED ? "group or others can read it" : reason(e));
    memcpy(k->manager, id.public, sizeof k->manager);
    keyfile_wipe(&id);
    free(path);
}

static int extract(struct tool *t)
{
    const struct agent *a = find(t);
    struct keyline k = { .id = a->id };
    struct keyline_text line;
    struct seeds *s = open_seeds(t);

    keep(k.name, KEYLINE_NAME_MAX, a->name, "the name");
    keep(k.address, KEYLINE_ADDRESS_MAX, a->address, "the address");
    enum err e = seeds_get(s, a->serial, k.seed);
    seeds_free(s);
    if (e != ERR_OK)
        die("the seed of %s: %s", a->name, reason(e));
    name_manager(t, &k);
    name_endpoints(t, &k);
    e = keyline_print(&k, &line);
    keyline_wipe(&k);
    if (e != ERR_OK)
        die("key line: %s; an endpoint is tcp://HOST:PORT, see <ingest> public", err_str(e));
    puts(line.at);
    sodium_memzero(&line, sizeof line);
    return 0;
}

static int remove_agent(struct tool *t)
{
    const struct agent a = *find(t);

    enum err e = registry_remove(t->registry, a.id);
    if (e != ERR_OK)
        die("%s not removed: %s", a.name, reason(e));
    struct seeds *s = open_seeds(t);
    e = seeds_remove(s, a.serial);
    seeds_free(s);
    if (e != ERR_OK && e != ERR_ABSENT)
        die("%s is removed, its seed is not: %s", a.name, reason(e));
    printf("removed %03" PRIu32 " %s\n", a.id, a.name);
    return 0;
}

static const struct { const char *name; bool takes_who; int (*run)(struct tool *t); } commands[] = {
    { "add", true, add },         { "list", false, list },
    { "extract", true, extract }, { "remove", true, remove_agent },
};

static void read_config(struct tool *t)
{
    struct report *r = NULL;

    if (report_new(&r) != ERR_OK || paths_new(&t->paths, t->prefix) != ERR_OK)
        die("out of memory");
    enum err e = config_load(&t->config, t->config_path, t->paths, r);
    report_print(r, stderr);
    report_free(r);
    if (e != ERR_OK)
        die("configuration: %s", err_str(e));
}

static void read_options(struct tool *t, int argc, char **argv)
{
    static const struct option options[] = {
        { "address", required_argument, NULL, 'a' }, { "id", required_argument, NULL, 'i' },
        { "json", no_argument, NULL, 'j' },          { "config", required_argument, NULL, 'c' },
        { "prefix", required_argument, NULL, 'p' },  { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };

    for (int c; (c = getopt_long(argc, argv, "a:i:jc:p:h", options, NULL)) != -1; ) {
        switch (c) {
        case 'a': t->address = optarg; break;
        case 'i': t->id = optarg; break;
        case 'j': t->json = true; break;
        case 'c': t->config_path = optarg; break;
        case 'p': t->prefix = optarg; break;
        case 'h': usage(stdout); exit(0);
        default:  usage(stderr); exit(2);
        }
    }
}

static void free_tool(struct tool *t)
{
    registry_free(t->registry);
    config_free(t->config);
    paths_free(t->paths);
}

int main(int argc, char **argv)
{
    struct tool t = { .address = "any" };

    log_setup("agents", LEVEL_INFO);
    umask(0077);
    if (sodium_init() < 0)
        die("libsodium does not start");
    read_options(&t, argc, argv);
    const char *name = optind < argc ? argv[optind++] : "";
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) != 0 || argc - optind != commands[i].takes_who)
            continue;
        t.who = commands[i].takes_who ? argv[optind] : NULL;
        read_config(&t);
        open_registry(&t);
        int status = commands[i].run(&t);
        free_tool(&t);
        return fflush(stdout) == 0 ? status : 1;
    }
    usage(stderr);
    return 2;
}
