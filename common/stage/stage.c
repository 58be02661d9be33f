#include "common/stage/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "common/stage/control.h"
#include "common/stage/gate.h"
#include "common/stage/log.h"
#include "common/stage/notify.h"
#include "common/text/report.h"

enum { COMMON_CONFIG, COMMON_PREFIX, COMMON_NAME, COMMON_NOW, COMMON_PIPE, COMMON_DEBUG,
       COMMON_HELP, COMMON_VERSION, N_COMMON };

static const struct { const char *name; char letter; bool has_value; const char *doc; } common[] = {
    [COMMON_CONFIG]  = { "config",  'c', true,  "read FILE instead of PREFIX/etc/yagura/ossec.conf" },
    [COMMON_PREFIX]  = { "prefix",  'p', true,  "keep every file below DIR instead of /" },
    [COMMON_NAME]    = { "name",    'n', true,  "the name of this process, where a stage runs twice" },
    [COMMON_NOW]     = { "now",     0,   true,  "a fixed clock, in seconds since the epoch; for tests" },
    [COMMON_PIPE]    = { "test",    't', false, "read frames on stdin, write frames on stdout, open nothing" },
    [COMMON_DEBUG]   = { "debug",   'd', false, "log more" },
    [COMMON_HELP]    = { "help",    'h', false, "this text" },
    [COMMON_VERSION] = { "version", 'V', false, "the version" },
};

struct life {
    struct run run;
    struct paths *paths;
    struct config *config;
    void *self;
    struct control *control;
    const char *given[N_COMMON];
    const char **values;
    int signal_fd, lock_fd;
};

static void usage(const struct stage *s)
{
    printf("usage: yagura-%s [OPTION ...]\n\n%s\n\n", s->name, s->doc);
    for (size_t i = 0; i < N_COMMON; i++) {
        if (i == COMMON_PIPE && s->pipe == NULL)
            continue;
        printf("  %c%c%s --%-10s %s\n", common[i].letter ? '-' : ' ',
               common[i].letter ? common[i].letter : ' ', common[i].letter ? "," : " ",
               common[i].name, common[i].doc);
    }
    for (size_t i = 0; i < s->n_flags; i++)
        printf("      --%-10s %s\n", s->flags[i].name, s->flags[i].doc);
    printf("\nIts options are the <%s> section of ossec.conf; yagura check --options lists them all.\n",
           s->name);
}

/* Where the value of option `arg` belongs; NULL when there is no such option. */
static const char **find_option(struct life *l, const char *arg, bool *has_value)
{
    const struct stage *s = l->run.stage;

    for (size_t i = 0; i < N_COMMON; i++) {
        bool is_short = arg[1] == common[i].letter && arg[1] != '\0' && arg[2] == '\0';
        if (is_short || (arg[1] == '-' && strcmp(arg + 2, common[i].name) == 0)) {
            *has_value = common[i].has_value;
            return &l->given[i];
        }
    }
    for (size_t i = 0; i < s->n_flags; i++)
        if (arg[1] == '-' && strcmp(arg + 2, s->flags[i].name) == 0) {
            *has_value = s->flags[i].has_value;
            return &l->values[i];
        }
    return NULL;
}

static void read_options(struct life *l, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool has_value;
        const char **to = argv[i][0] == '-' ? find_option(l, argv[i], &has_value) : NULL;
        if (to == NULL)
            die("unknown option %s; --help lists them", argv[i]);
        if (has_value && i + 1 == argc)
            die("option %s needs a value", argv[i]);
        *to = has_value ? argv[++i] : "";
    }
}

static void read_config(struct life *l)
{
    struct report *r;

    if (report_new(&r) != ERR_OK || paths_new(&l->paths, l->given[COMMON_PREFIX]) != ERR_OK)
        die("out of memory");
    enum err e = config_load(&l->config, l->given[COMMON_CONFIG], l->paths, r);
    report_print(r, stderr);
    if (e != ERR_OK)
        die("configuration: %s", err_str(e));
    report_free(r);
    l->run.paths = l->paths;
    l->run.config = l->config;
}

const char *run_flag(const struct run *r, const char *name)
{
    for (size_t i = 0; i < r->stage->n_flags; i++)
        if (strcmp(r->stage->flags[i].name, name) == 0)
            return r->flag_values[i];
    return NULL;
}

uint64_t run_now_us(const struct run *r)
{
    return r->now_us != 0 ? r->now_us : clock_now_us();
}

/* libzmq draws routing ids and reconnect jitter from rand(). */
static void seed_rand(void)
{
    unsigned seed;

    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        die("getrandom: %s", strerror(errno));
    srand(seed);
}

static void make_dir(char *path, mode_t mode)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);        /* what fails here fails again below, and is said there */
        *slash = '/';
    }
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        die("%s: %s", path, strerror(errno));
}

static void make_dirs(const struct paths *p)
{
    char *control = paths_join(p->run, "ctl");

    if (control == NULL)
        die("out of memory");
    make_dir(p->run, 0750);
    make_dir(control, 0750);
    make_dir(p->state, 0750);
    make_dir(p->log, 0750);
    free(control);
}

/* Two processes of one name would share state and sockets. */
static int lock_name(const struct run *r)
{
    char *path = NULL;

    if (asprintf(&path, "%s/%s.lock", r->paths->run, r->name) < 0)
        die("out of memory");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        die("%s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        die("%s: another %s is running", path, r->name);
    free(path);
    return fd;
}

/* Signals come through a descriptor, blocked before libzmq starts its threads. */
static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        die("sigprocmask: %s", strerror(errno));
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        die("signalfd: %s", strerror(errno));
    return fd;
}

static void on_signal(void *arg)
{
    struct life *l = arg;
    struct signalfd_siginfo info;

    while (read(l->signal_fd, &info, sizeof info) == sizeof info)
        if (info.ssi_signo == SIGHUP)
            log_warn("SIGHUP ignored: configuration and rules are read at the start alone");
        else
            loop_stop(l->run.loop);
}

static void start(struct life *l)
{
    const struct stage *s = l->run.stage;

    if (loop_new(&l->run.loop) != ERR_OK)
        die("out of memory");
    l->signal_fd = open_signals();
    if (s->open(&l->self, &l->run) != ERR_OK)
        die("%s did not start", l->run.name);
    seed_rand();
    l->run.zmq = zmq_ctx_new();
    if (l->run.zmq == NULL || loop_add_fd(l->run.loop, l->signal_fd, on_signal, l) != ERR_OK)
        die("out of memory");
    if (gate_new(&l->run.gate, &l->run) != ERR_OK)
        die("out of memory");
    if (s->connect(l->self) != ERR_OK)
        die("%s did not start", l->run.name);
    enum err e = control_open(&l->control, &l->run, l->self);
    if (e != ERR_OK)
        die("control socket below %s: %s", l->run.paths->run, err_str(e));
}

static void finish(struct life *l)
{
    control_close(l->control);
    l->run.stage->close(l->self);
    gate_free(l->run.gate);
    zmq_ctx_term(l->run.zmq);
    loop_free(l->run.loop);
    (void)close(l->signal_fd);
    (void)close(l->lock_fd);
}

static void serve(struct life *l)
{
    make_dirs(l->run.paths);
    l->lock_fd = lock_name(&l->run);
    start(l);
    notify_ready();
    log_info("ready pid=%d", (int)getpid());
    if (loop_run(l->run.loop) != ERR_OK)
        die("poll: %s", zmq_strerror(zmq_errno()));
    notify_stopping();
    finish(l);
}

static uint64_t read_now(const char *text)
{
    char *end;

    if (text == NULL)
        return 0;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || n == 0 || n > UINT64_MAX / 1000000)
        die("--now %s: not a number of seconds since the epoch", text);
    return (uint64_t)n * 1000000;
}

static int live(struct life *l)
{
    const struct stage *s = l->run.stage;
    int status = 0;

    read_config(l);
    if (l->given[COMMON_PIPE] == NULL)
        serve(l);
    else if (s->pipe != NULL)
        status = s->pipe(&l->run, STDIN_FILENO, STDOUT_FILENO);
    else
        die("%s has no test mode", s->name);
    config_free(l->config);
    paths_free(l->paths);
    return status;
}

static void set_name(struct life *l)
{
    if (l->given[COMMON_NAME] != NULL)
        l->run.name = l->given[COMMON_NAME];
    if (strchr(l->run.name, '/') != NULL || l->run.name[0] == '.')
        die("--name %s: not a plain name", l->run.name);
    log_setup(l->run.name, l->given[COMMON_DEBUG] != NULL ? LEVEL_DEBUG : LEVEL_INFO);
}

int stage_main(const struct stage *s, int argc, char **argv)
{
    struct life l = { .run = { .stage = s, .name = s->name }, .signal_fd = -1, .lock_fd = -1 };

    log_setup(s->name, LEVEL_INFO);
    umask(0027);
    l.values = calloc(s->n_flags + 1, sizeof *l.values);
    if (l.values == NULL)
        die("out of memory");
    l.run.flag_values = l.values;
    read_options(&l, argc, argv);
    int status = 0;
    if (l.given[COMMON_HELP] != NULL) {
        usage(s);
    } else if (l.given[COMMON_VERSION] != NULL) {
        printf("yagura-%s %s\n", s->name, YAGURA_VERSION);
    } else {
        set_name(&l);
        l.run.now_us = read_now(l.given[COMMON_NOW]);
        status = live(&l);
    }
    free(l.values);
    return status;
}
