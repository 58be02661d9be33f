#include "yagura/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/stage/loop.h"
#include "yagura/lines.h"
#include "yagura/sibling.h"

enum { OUT, ERR, N_STREAMS };
enum { LIVED_LONG_MS = 60000, STOP_STEP_MS = 10, READS_MAX = 16 };

struct member {
    const char *name;
    char *path;
    const char *argv[CREW_ARGS_MAX + 2];
    pid_t pid;                          /* 0: not running */
    int fd[N_STREAMS];
    struct lines *lines[N_STREAMS];
    uint64_t started_ms, start_at_ms;
    uint32_t pause_ms;
};

struct crew {
    crew_line *on_line;
    crew_death *on_death;
    void *arg;
    size_t n;
    struct member member[CREW_MAX];
};

enum err crew_new(struct crew **ret, crew_line *on_line, crew_death *on_death, void *arg)
{
    struct crew *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERR_NOMEM;

    *c = (struct crew){ .on_line = on_line, .on_death = on_death, .arg = arg };
    *ret = c;
    return ERR_OK;
}

static void close_streams(struct member *m)
{
    for (int i = 0; i < N_STREAMS; i++) {
        lines_free(m->lines[i]);
        m->lines[i] = NULL;
        if (m->fd[i] >= 0)
            (void)close(m->fd[i]);
        m->fd[i] = -1;
    }
}

void crew_free(struct crew *c)
{
    if (c == NULL)
        return;
    (void)crew_stop(c, 0);
    for (size_t i = 0; i < c->n; i++) {
        close_streams(&c->member[i]);
        free(c->member[i].path);
    }
    free(c);
}

/* Only calls that are safe between fork and exec. */
static void become(const struct member *m, int out, int err)
{
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(127);
    execv(m->path, (char *const *)m->argv);
    _exit(127);
}

static enum err open_streams(struct member *m, int ends[N_STREAMS])
{
    for (int i = 0; i < N_STREAMS; i++) {
        int pair[2];
        if (pipe2(pair, O_CLOEXEC) != 0)
            return ERR_SYS;
        m->fd[i] = pair[0];
        ends[i] = pair[1];
        if (fcntl(m->fd[i], F_SETFL, O_NONBLOCK) != 0)
            return ERR_SYS;
        enum err e = lines_new(&m->lines[i], m->fd[i]);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static enum err launch(struct member *m)
{
    int ends[N_STREAMS] = { -1, -1 };

    enum err e = open_streams(m, ends);
    if (e == ERR_OK) {
        m->started_ms = loop_now_ms();
        m->pid = fork();
        if (m->pid == 0) {
            become(m, ends[OUT], ends[ERR]);
        } else if (m->pid < 0) {
            m->pid = 0;
            e = ERR_SYS;
        }
    }
    for (int i = 0; i < N_STREAMS; i++)
        if (ends[i] >= 0)
            (void)close(ends[i]);
    if (e != ERR_OK)
        close_streams(m);
    return e;
}

enum err crew_start(struct crew *c, const char *name, const char *program,
                    const char *const *argv)
{
    size_t n = 0;

    if (c->n == CREW_MAX)
        return ERR_LIMIT;
    struct member *m = &c->member[c->n];
    *m = (struct member){ .name = name, .fd = { -1, -1 } };
    for (; argv[n] != NULL; n++) {
        if (n == CREW_ARGS_MAX)
            return ERR_RANGE;
        m->argv[n + 1] = argv[n];
    }
    enum err e = sibling_path(&m->path, program);
    if (e != ERR_OK)
        return e;
    m->argv[0] = m->path;
    e = launch(m);
    if (e != ERR_OK) {
        free(m->path);
        return e;
    }
    c->n++;
    return ERR_OK;
}

size_t crew_poll(const struct crew *c, struct pollfd *fds, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++)
        for (int k = 0; k < N_STREAMS; k++)
            if (c->member[i].fd[k] >= 0 && n < room)
                fds[n++] = (struct pollfd){ .fd = c->member[i].fd[k], .events = POLLIN };
    return n;
}

/* What is there now, and no more: one who talks without end does not stop the others. */
static void listen_to(struct crew *c, struct member *m, int stream)
{
    struct slice line;

    for (int i = 0; i < READS_MAX && m->lines[stream] != NULL; i++) {
        enum err e = lines_read(m->lines[stream]);
        bool any = false;
        while (lines_next(m->lines[stream], &line)) {
            any = true;
            c->on_line(c->arg, m->name, stream == ERR, line);
        }
        if (e != ERR_OK) {              /* closed: nothing more will come */
            lines_free(m->lines[stream]);
            m->lines[stream] = NULL;
            (void)close(m->fd[stream]);
            m->fd[stream] = -1;
        }
        if (!any)
            return;
    }
}

uint32_t crew_pause(uint32_t before_ms, uint64_t lived_ms)
{
    if (before_ms == 0 || lived_ms >= LIVED_LONG_MS)
        return RESTART_FIRST_MS;
    return before_ms < RESTART_MOST_MS / 2 ? 2 * before_ms : RESTART_MOST_MS;
}

static void bury(struct crew *c, struct member *m, uint64_t now_ms)
{
    int status;

    if (m->pid == 0 || waitpid(m->pid, &status, WNOHANG) != m->pid)
        return;
    for (int k = 0; k < N_STREAMS; k++)
        listen_to(c, m, k);
    close_streams(m);
    m->pid = 0;
    m->pause_ms = crew_pause(m->pause_ms, now_ms - m->started_ms);
    m->start_at_ms = now_ms + m->pause_ms;
    c->on_death(c->arg, m->name, status, m->pause_ms);
}

void crew_tend(struct crew *c, uint64_t now_ms)
{
    for (size_t i = 0; i < c->n; i++) {
        struct member *m = &c->member[i];
        for (int k = 0; k < N_STREAMS; k++)
            listen_to(c, m, k);
        bury(c, m, now_ms);
        if (m->pid == 0 && now_ms >= m->start_at_ms && launch(m) != ERR_OK)
            m->start_at_ms = now_ms + RESTART_MOST_MS;
    }
}

static size_t signal_all(const struct crew *c, int signal)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++)
        if (c->member[i].pid > 0) {
            (void)kill(c->member[i].pid, signal);
            n++;
        }
    return n;
}

/* How many still run. */
static size_t reap(struct crew *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        struct member *m = &c->member[i];
        for (int k = 0; k < N_STREAMS; k++)
            listen_to(c, m, k);         /* or it could wait for us to read */
        if (m->pid > 0 && waitpid(m->pid, NULL, WNOHANG) == m->pid)
            m->pid = 0;
        n += m->pid > 0;
    }
    return n;
}

size_t crew_stop(struct crew *c, uint32_t patience_ms)
{
    const struct timespec step = { .tv_nsec = STOP_STEP_MS * 1000000L };
    uint64_t until = loop_now_ms() + patience_ms;

    (void)signal_all(c, SIGTERM);
    while (reap(c) > 0 && loop_now_ms() < until)
        (void)nanosleep(&step, NULL);
    size_t killed = signal_all(c, SIGKILL);
    while (reap(c) > 0)
        (void)nanosleep(&step, NULL);
    return killed;
}
