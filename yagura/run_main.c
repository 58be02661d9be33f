/*
 * run - the whole tower on one machine, in the foreground, in a directory of its own
 *
 * Starts ingest, two decoders, correlate, alertd and an agent of this host, each a process of
 * its own; says when all are ready; shows each alert as a line, and how the stages are.
 * One that dies is started again.  Ctrl-C ends them all.  It needs no rights: what the
 * agent may not read it names once.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "common/conf/config.h"
#include "common/stage/loop.h"
#include "yagura/crew.h"
#include "yagura/home.h"
#include "yagura/sibling.h"
#include "yagura/survey.h"
#include "yagura/tool.h"

enum { DEFAULT_PORT = 1514, READY_MS = 30000, PATIENCE_MS = 1500, SURVEY_MS = 250 };
enum { TICK_STARTING_MS = 50, TICK_MS = 1000, PLAIN_STATUS_MS = 10000, FIRST_STATUS_MS = 2000,
       FDS_MAX = 2 * CREW_MAX + 1 };

/* In this order: who waits for another finds it there. */
static const struct { const char *name, *program; } stages[] = {
    { "ingest", "ingest" },     { "correlate", "correlate" }, { "alertd", "alertd" },
    { "decode-1", "decode" },   { "decode-2", "decode" },     { "agent", "agent" },
};
enum { N_STAGES = sizeof stages / sizeof stages[0] };

struct options { const char *dir, *deploy; uint16_t port; bool verbose; };

struct watch {
    struct options o;
    struct home home;
    char *yagura;                       /* the command, for what we tell people to type */
    char tail_from[sizeof "18446744073709551615"];  /* the next alert to show: none that was shown */
    uint64_t tail_next;                 /* the same; 0: not known yet */
    struct crew *crew;
    void *zmq;
    int signal_fd, lock_fd;
    bool tty, ready, status_shown;
    uint64_t started_ms, tick_at_ms, status_at_ms;
    uint64_t events, events_at_ms;      /* as last shown, for the rate */
};

static void usage(FILE *out)
{
    fputs("usage: yagura run [--dir DIR] [--port N] [--deploy DIR] [-v]\n\n"
          "  -p, --dir DIR      keep every file below DIR; default: run\n"
          "      --port N       where agents connect, when DIR is new; default: $PORT or 1514\n"
          "      --deploy DIR   where rules/ and decoder.xml lie\n"
          "  -v, --verbose      show what the stages log, not only their warnings\n"
          "  -h, --help         this text\n", out);
}

static void clear_status(struct watch *w)
{
    if (w->status_shown && w->tty)
        fputs("\r\033[K", stdout);
    w->status_shown = false;
}

static void on_line(void *arg, const char *name, bool is_stderr, struct slice line)
{
    struct watch *w = arg;
    int level = 4;

    if (!is_stderr) {                   /* an alert */
        clear_status(w);
        (void)fwrite(line.p, 1, line.n, stdout);
        putchar('\n');
        w->tail_next++;
        return;
    }
    if (line.n > 3 && line.p[0] == '<' && line.p[2] == '>') {
        level = line.p[1] - '0';
        line = slice_from(line, 3);
    }
    if (level > 4 && !w->o.verbose)
        return;
    clear_status(w);
    printf("%s%s: %.*s%s\n", w->tty && level <= 4 ? "\033[33m" : "", name, SLICE_FMT(line),
           w->tty && level <= 4 ? "\033[0m" : "");
}

/* What the next tail begins with. */
static void put_tail_from(struct watch *w)
{
    (void)snprintf(w->tail_from, sizeof w->tail_from, "%" PRIu64, w->tail_next);
}

static void on_death(void *arg, const char *name, int status, uint32_t restart_ms)
{
    struct watch *w = arg;

    clear_status(w);
    put_tail_from(w);
    if (WIFSIGNALED(status))
        printf("%s: ended by signal %d", name, WTERMSIG(status));
    else
        printf("%s: ended with status %d", name, WEXITSTATUS(status));
    printf("; starting it again in %u ms\n", restart_ms);
}

static bool answered(const struct survey *s, const char *name)
{
    for (size_t i = 0; i < survey_rows(s); i++)
        if (strcmp(survey_at(s, i)->name, name) == 0)
            return survey_at(s, i)->answered;
    return false;
}

static void say_ready(struct watch *w)
{
    const struct paths *p = w->home.paths;
    const char *command = w->yagura != NULL ? w->yagura : "yagura";

    printf("ready\n"
           "  alert files  %s/alerts/alerts.log and alerts.json\n"
           "  PUB socket   ipc://%s/pub; Python: socket(SUB).connect(it), subscribe(b\"alert/\")\n"
           "  follow       %s alerts -p %s tail\n"
           "  stages       %s status -p %s\n"
           "A short attack goes into %s and sample-access.log now; Ctrl-C ends all.\n",
           p->log, p->run, command, w->home.dir, command, w->home.dir, w->home.sample);
    fflush(stdout);
    if (home_attack(&w->home) != ERR_OK)
        printf("%s: %s\n", w->home.sample, strerror(errno));
}

/* Remember, when alertd first answers, how far its journal goes. */
static bool note_newest(struct watch *w, const struct survey *s)
{
    for (size_t i = 0; i < survey_rows(s) && w->tail_next == 0; i++) {
        const struct survey_row *row = survey_at(s, i);
        if (strcmp(row->name, "alertd") == 0 && row->answered)
            w->tail_next = survey_count(&row->reply, "newest") + 1;
    }
    put_tail_from(w);
    return w->tail_next != 0;
}

/* It asks by number: whatever is published before it listens, it shows all the same. */
static bool start_tail(struct watch *w)
{
    const char *argv[] = { "-p", w->home.dir, "--from", w->tail_from,
                           w->tty ? "--color" : "--level=0", "tail", NULL };

    return crew_start(w->crew, "alerts", "alerts", argv) == ERR_OK;
}

/* False: it takes too long. */
static bool await_ready(struct watch *w, const struct survey *s, uint64_t now)
{
    size_t n = 0;

    for (size_t i = 0; i < N_STAGES; i++)
        n += answered(s, stages[i].name);
    w->ready = note_newest(w, s) && n == N_STAGES;
    if (w->ready) {
        if (!start_tail(w))
            return false;
        say_ready(w);
        w->status_at_ms = now + FIRST_STATUS_MS - PLAIN_STATUS_MS;
    }
    if (w->ready || now - w->started_ms < READY_MS)
        return true;
    for (size_t i = 0; i < N_STAGES; i++)
        if (!answered(s, stages[i].name))
            printf("%s does not answer\n", stages[i].name);
    return false;
}

/* What stands between a stage's entrance and its exit. */
static uint64_t lag_of(const struct status_reply *r)
{
    uint64_t lag = survey_count(r, "lag");

    return lag != 0 ? lag : survey_count(r, "queued");
}

/* On a terminal in place of the last one, and no longer than it is wide: a line that wraps could
 * not be taken back. */
static void put_status(struct watch *w, struct slice text)
{
    struct winsize size = { .ws_col = 0 };

    if (w->tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1
        && text.n > (size_t)size.ws_col - 1)
        text.n = (size_t)size.ws_col - 1;
    printf("%s%.*s%s", w->tty ? "\r\033[K" : "", SLICE_FMT(text), w->tty ? "" : "\n");
    w->status_shown = w->tty;
}

/* Over every process of a stage. */
static uint64_t stage_count(const struct survey *s, const char *stage, const char *counter)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < survey_rows(s); i++) {
        const struct survey_row *row = survey_at(s, i);
        if (row->answered && slice_eq(row->reply.stage, slice_of(stage)))
            sum += survey_count(&row->reply, counter);
    }
    return sum;
}

static void write_lags(FILE *out, const struct survey *s)
{
    for (size_t i = 0; i < survey_rows(s); i++) {
        const struct survey_row *row = survey_at(s, i);
        if (row->answered)
            fprintf(out, " %s %" PRIu64, row->name, lag_of(&row->reply));
        else
            fprintf(out, " %s silent", row->name);
    }
}

static void show_status(struct watch *w, const struct survey *s, uint64_t now)
{
    uint64_t events = stage_count(s, "ingest", "in");
    uint64_t fresh = events > w->events ? events - w->events : 0;
    uint64_t span_ms = now > w->events_at_ms ? now - w->events_at_ms : 1;
    char *text = NULL;
    size_t n = 0;

    FILE *out = open_memstream(&text, &n);
    if (out == NULL)
        return;
    fprintf(out, "%" PRIu64 " events, %" PRIu64 "/s, %" PRIu64 " alerts; lag:", events,
            fresh * 1000 / span_ms, stage_count(s, "alertd", "in"));
    write_lags(out, s);
    if (fclose(out) == 0)
        put_status(w, (struct slice){ text, n });
    free(text);
    w->status_at_ms = w->events_at_ms = now;
    w->events = events;
}

/* False: give up. */
static bool tick(struct watch *w, uint64_t now)
{
    struct survey *s = NULL;
    bool good = true;

    if (survey_new(&s, w->zmq, w->home.paths->run, SURVEY_MS) != ERR_OK)
        return w->ready || now - w->started_ms < READY_MS;
    if (!w->ready)
        good = await_ready(w, s, now);
    else if (w->tty || now - w->status_at_ms >= PLAIN_STATUS_MS)
        show_status(w, s, now);
    survey_free(s);
    return good;
}

/* True: somebody wants us to end. */
static bool take_signals(int fd)
{
    struct signalfd_siginfo info;
    bool end = false;

    while (read(fd, &info, sizeof info) == sizeof info)
        end = end || info.ssi_signo != SIGCHLD;
    return end;
}

static int watch(struct watch *w)
{
    w->started_ms = w->events_at_ms = loop_now_ms();
    for (;;) {
        struct pollfd fds[FDS_MAX] = { { .fd = w->signal_fd, .events = POLLIN } };
        size_t n = 1 + crew_poll(w->crew, fds + 1, FDS_MAX - 1);
        uint64_t now = loop_now_ms();
        int wait_ms = now < w->tick_at_ms ? (int)(w->tick_at_ms - now) : 0;

        if (poll(fds, n, wait_ms) < 0 && errno != EINTR)
            return 1;
        if (take_signals(w->signal_fd))
            return 0;
        now = loop_now_ms();
        crew_tend(w->crew, now);
        if (now >= w->tick_at_ms) {
            w->tick_at_ms = now + (w->ready ? TICK_MS : TICK_STARTING_MS);
            if (!tick(w, now))
                return 1;
        }
        fflush(stdout);
    }
}

static bool start_crew(struct watch *w)
{
    if (crew_new(&w->crew, on_line, on_death, w) != ERR_OK)
        return false;
    for (size_t i = 0; i < N_STAGES; i++) {
        const char *argv[] = { "-p", w->home.dir, "-n", stages[i].name, NULL };
        enum err e = crew_start(w->crew, stages[i].name, stages[i].program, argv);
        if (e != ERR_OK) {
            fprintf(stderr, "yagura run: %s: %s\n", stages[i].name, err_str(e));
            return false;
        }
    }
    return true;
}

/* The local agent's key: made once, like any other agent's. */
static enum err enrol(const struct watch *w)
{
    const char *add[] = { "-p", w->home.dir, "--address", "127.0.0.1", "add", "local", NULL };
    const char *extract[] = { "-p", w->home.dir, "extract", "local", NULL };
    const char *import[] = { "-p", w->home.dir, "--yes", "-", NULL };
    char *key = paths_join(w->home.paths->state, "agent.key");
    struct tool_text *line = calloc(1, sizeof *line);
    bool there = key != NULL && access(key, F_OK) == 0;

    enum err e = key == NULL || line == NULL ? ERR_NOMEM : ERR_OK;
    if (e == ERR_OK && !there) {
        e = tool_run("agents", add, SLICE(""), NULL);
        if (e == ERR_OK || e == ERR_DENIED)             /* an interrupted run may have added it */
            e = tool_run("agents", extract, SLICE(""), line);
        if (e == ERR_OK)
            e = tool_run("import", import, (struct slice){ line->at, line->n }, NULL);
    }
    if (line != NULL)
        explicit_bzero(line, sizeof *line);
    free(line);
    free(key);
    return e;
}

/* The port of the configuration, which may be an older run's or edited; 0: there is none.  False:
 * it does not read, and why has been said. */
static bool read_conf(const struct home *h, uint16_t *ret)
{
    struct report *r;
    struct config *c;
    unsigned long port = 0;

    if (report_new(&r) != ERR_OK)
        return false;
    bool read = config_load(&c, h->paths->conf, h->paths, r) == ERR_OK;
    if (read) {
        const char *listen = c->ingest.listen.n > 0 ? c->ingest.listen.item[0].p : "";
        const char *colon = strrchr(listen, ':');
        port = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
        config_free(c);
    }
    report_print(r, stderr);
    report_free(r);
    *ret = port <= UINT16_MAX ? (uint16_t)port : 0;
    return read;
}

static bool check_port(const struct watch *w)
{
    uint16_t port = 0;

    if (!read_conf(&w->home, &port))
        fprintf(stderr, "yagura run: %s cannot be used\n", w->home.paths->conf);
    else if (port == 0)
        fprintf(stderr, "yagura run: %s names no port for agents\n", w->home.paths->conf);
    else if (w->o.port != 0 && w->o.port != port)
        fprintf(stderr, "yagura run: %s says port %u; change it there, or remove the file\n",
                w->home.paths->conf, port);
    else if (!home_port_free(port))
        fprintf(stderr, "yagura run: port %u of 127.0.0.1 is taken; change it in %s, or remove "
                "that file and say PORT=N\n", port, w->home.paths->conf);
    else
        return true;
    return false;
}

/* Two runs in one directory would fight for its sockets. */
static bool lock(struct watch *w)
{
    char *path = paths_join(w->home.dir, "run.lock");

    w->lock_fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;
    bool locked = w->lock_fd >= 0 && flock(w->lock_fd, LOCK_EX | LOCK_NB) == 0;
    if (!locked)
        fprintf(stderr, "yagura run: %s: %s\n", path != NULL ? path : w->home.dir,
                errno == EWOULDBLOCK ? "another run uses this directory" : strerror(errno));
    free(path);
    return locked;
}

static bool prepare(struct watch *w)
{
    const char *what = w->o.dir;

    enum err e = home_begin(&w->home, w->o.dir, w->o.deploy);
    if (e != ERR_OK) {
        if (e == ERR_ABSENT)
            fputs("yagura run: no ruleset beside this program; --deploy names one\n", stderr);
        else
            fprintf(stderr, "yagura run: %s: %s\n", w->o.dir,
                    e == ERR_SYS ? strerror(errno) : err_str(e));
        return false;
    }
    if (!lock(w))
        return false;
    uint16_t port = w->o.port != 0 ? w->o.port : DEFAULT_PORT;
    if (access(w->home.paths->conf, F_OK) != 0 && !home_port_free(port)) {
        fprintf(stderr, "yagura run: port %u of 127.0.0.1 is taken; say PORT=N\n", port);
        return false;
    }
    e = home_prepare(&w->home, port, &what);
    if (e != ERR_OK) {
        fprintf(stderr, "yagura run: %s: %s\n", what, e == ERR_SYS ? strerror(errno) : err_str(e));
        return false;
    }
    if (!check_port(w))
        return false;
    e = enrol(w);
    if (e != ERR_OK)
        fprintf(stderr, "yagura run: the local agent got no key: %s\n", err_str(e));
    return e == ERR_OK;
}

static bool open_signals(struct watch *w)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    (void)setenv("JOURNAL_STREAM", "0:0", 1);   /* the stages put a level before each line then */
    w->signal_fd = sigprocmask(SIG_BLOCK, &set, NULL) == 0
                       ? signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC) : -1;
    return w->signal_fd >= 0;
}

/* The one command beside this program, as a person would type it from here. */
static char *find_command(void)
{
    char *here = getcwd(NULL, 0), *path = NULL, *command = NULL;

    if (here != NULL && sibling_path(&path, "run") == ERR_OK) {
        size_t n = strlen(here);
        path[strlen(path) - strlen("-run")] = '\0';
        bool below = strncmp(path, here, n) == 0 && path[n] == '/';
        command = strdup(below ? path + n + 1 : path);
    }
    free(path);
    free(here);
    return command;
}

static int run(const struct options *o)
{
    struct watch w = { .o = *o, .yagura = find_command(), .signal_fd = -1, .lock_fd = -1,
                       .tty = isatty(STDOUT_FILENO) };
    int status = 1;

    if (prepare(&w) && open_signals(&w) && start_crew(&w) && (w.zmq = zmq_ctx_new()) != NULL)
        status = watch(&w);
    if (w.crew != NULL) {
        clear_status(&w);
        puts("stopping");
        fflush(stdout);
        size_t killed = crew_stop(w.crew, PATIENCE_MS);
        if (killed > 0)
            printf("%zu processes did not end in time and were killed\n", killed);
        crew_free(w.crew);
    }
    if (w.zmq != NULL)
        zmq_ctx_term(w.zmq);
    home_end(&w.home);
    free(w.yagura);
    return status;
}

static bool read_port(uint16_t *ret, const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || n == 0 || n > UINT16_MAX) {
        fputs("yagura run: the port wants a number from 1 to 65535\n", stderr);
        return false;
    }
    *ret = (uint16_t)n;
    return true;
}

int main(int argc, char **argv)
{
    enum { OPTION_PORT = 256, OPTION_DEPLOY };
    static const struct option longs[] = {
        { "dir",     required_argument, NULL, 'p' },
        { "prefix",  required_argument, NULL, 'p' },
        { "port",    required_argument, NULL, OPTION_PORT },
        { "deploy",  required_argument, NULL, OPTION_DEPLOY },
        { "verbose", no_argument,       NULL, 'v' },
        { "help",    no_argument,       NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct options o = { .dir = "run" };
    const char *port = getenv("PORT");

    for (int c; (c = getopt_long(argc, argv, "p:vh", longs, NULL)) != -1;)
        switch (c) {
        case 'p': o.dir = optarg; break;
        case 'v': o.verbose = true; break;
        case OPTION_PORT: port = optarg; break;
        case OPTION_DEPLOY: o.deploy = optarg; break;
        default:
            usage(c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    if (optind < argc || (port != NULL && !read_port(&o.port, port))) {
        usage(stderr);
        return 2;
    }
    return run(&o);
}
