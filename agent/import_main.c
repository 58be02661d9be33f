/*
 * import - take in the key line that the manager printed, and be that agent from now on
 *
 *     yagura import [--prefix DIR] [--yes] [LINE | - | --file FILE]
 *
 * Shows whom the line makes of this host and asks before it replaces a key.  The line is a
 * secret: given as an argument it can be seen by others in the list of processes, so without
 * one it is asked for on the terminal.
 */
#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/identity.h"
#include "common/conf/keyline.h"
#include "common/conf/paths.h"

/* White space that a terminal or a mail added, included. */
#define INPUT_MAX ((size_t)2 * KEYLINE_TEXT_MAX)

struct request { const char *prefix, *file, *line; bool yes; };

static int usage(FILE *to, int status)
{
    fputs("usage: yagura import [--prefix DIR] [--yes] [LINE | - | --file FILE]\n"
          "Takes in the line that `yagura agents extract` printed on the manager.\n"
          "  --file FILE   read the line from FILE; - and no LINE read it from standard input\n"
          "  --yes         do not ask\n"
          "  --prefix DIR  where Yagura's files live, as for every other command\n", to);
    return status;
}

/* -1: go on. */
static int read_arguments(struct request *r, int argc, char **argv)
{
    static const struct option options[] = {
        { "prefix", required_argument, NULL, 'p' }, { "file", required_argument, NULL, 'f' },
        { "yes", no_argument, NULL, 'y' },          { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "p:f:yh", options, NULL)) != -1)
        switch (c) {
        case 'p': r->prefix = optarg; break;
        case 'f': r->file = optarg; break;
        case 'y': r->yes = true; break;
        case 'h': return usage(stdout, 0);
        default:  return usage(stderr, 2);
        }
    if (optind < argc)
        r->line = argv[optind++];
    return optind < argc || (r->line != NULL && r->file != NULL) ? usage(stderr, 2) : -1;
}

/* From a terminal one line, else everything. */
static bool read_stream(FILE *in, char *room, struct slice *ret)
{
    if (isatty(fileno(in))) {
        fputs("Paste the key line: ", stderr);
        if (fgets(room, INPUT_MAX, in) == NULL)
            return false;
        *ret = slice_of(room);
        return true;
    }
    *ret = (struct slice){ room, fread(room, 1, INPUT_MAX, in) };
    return ferror(in) == 0;
}

static bool read_line(const struct request *r, char *room, struct slice *ret)
{
    if (r->line != NULL && strcmp(r->line, "-") != 0) {
        *ret = slice_of(r->line);
        return true;
    }
    if (r->file == NULL)
        return read_stream(stdin, room, ret);
    FILE *in = fopen(r->file, "re");
    if (in == NULL)
        return false;
    bool good = read_stream(in, room, ret);
    int saved = errno;
    (void)fclose(in);           /* only read from */
    errno = saved;
    return good;
}

static void show(const struct keyline *k, bool replaces)
{
    printf("  ID:       %03u\n  Name:     %s\n  Address:  %s\n  Manager:  %s\n",
           k->id, k->name, k->address, k->endpoints);
    if (replaces)
        puts("This host has a key already; it will be replaced.");
}

/* Whoever pipes the line in cannot answer as well: the terminal is asked. */
static bool confirm(void)
{
    char answer[16] = "";
    FILE *tty = fopen("/dev/tty", "r+e");

    if (tty == NULL) {
        fputs("import: there is no terminal to ask on; say --yes\n", stderr);
        return false;
    }
    fputs("Use this key? [y/N] ", tty);
    fflush(tty);
    bool yes = fgets(answer, sizeof answer, tty) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
    (void)fclose(tty);
    return yes;
}

static int store(const struct keyline *k, const char *path)
{
    struct identity id;
    enum err e = identity_from(k, &id);

    if (e == ERR_OK)
        e = identity_save(path, &id);
    if (e != ERR_OK)
        fprintf(stderr, "import: %s: %s\n", path, e == ERR_SYS ? strerror(errno) : err_str(e));
    else
        printf("Saved to %s; start or restart the agent.\n", path);
    identity_wipe(&id);
    return e == ERR_OK ? 0 : 1;
}

static int import(const struct request *r, struct slice line, const struct paths *paths)
{
    struct keyline k;
    enum err e = keyline_parse(line, &k);

    if (e != ERR_OK) {
        fprintf(stderr, "import: %s\n", keyline_why(e));
        return 1;
    }
    char *path = paths_join(paths->state, "agent.key");
    int status = 1;
    if (path != NULL) {
        show(&k, access(path, F_OK) == 0);
        if (r->yes || confirm())
            status = store(&k, path);
        else
            fputs("import: nothing was changed\n", stderr);
    }
    free(path);
    keyline_wipe(&k);
    return status;
}

/* The directory of the state, and the prefix above it, when nobody has made them yet. */
static void make_directories(const char *dir)
{
    char *path = strdup(dir);

    for (char *p = path; p != NULL && *p != '\0'; p++)
        if (*p == '/' && p > path) {
            *p = '\0';
            (void)mkdir(path, 0755);    /* there already, or the save says why not */
            *p = '/';
        }
    if (path != NULL)
        (void)mkdir(path, 0750);
    free(path);
}

int main(int argc, char **argv)
{
    struct request r = { 0 };
    struct paths *paths = NULL;
    struct slice line;
    char room[INPUT_MAX];
    int status = read_arguments(&r, argc, argv);

    if (status >= 0)
        return status;
    if (sodium_init() < 0 || paths_new(&paths, r.prefix) != ERR_OK) {
        fputs("import: cannot start\n", stderr);
        return 1;
    }
    make_directories(paths->state);
    status = 1;
    if (read_line(&r, room, &line))
        status = import(&r, line, paths);
    else
        fprintf(stderr, "import: cannot read the line: %s\n", strerror(errno));
    explicit_bzero(room, sizeof room);
    paths_free(paths);
    return status;
}
