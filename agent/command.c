#include "agent/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct command {
    char *text, *name, *prefix;
    size_t prefix_n;
    bool full;
    struct format *lines;
    uint64_t frequency_ms, due_ms, started_ms;
    pid_t pid;
    int fd;
    bool ended, killed, skipping;
    char *out;                  /* RECORD: prefix, then output; only while it runs */
    size_t out_n;
};

/* Room for the prefix, and output enough to tell a line over the limit. */
#define OUT_MAX ((size_t)2 * RECORD_MAX)
#define READS_MAX 4             /* in one call: a child that never stops is not all there is to do */

static char *name_of(struct slice text, struct slice alias)
{
    char *name = alias.n > 0 ? strndup(alias.p, alias.n) : strndup(text.p, text.n);

    for (char *p = name; alias.n > 0 && p != NULL && *p != '\0'; p++)
        if (*p == ':')
            *p = '\\';
    return name;
}

static enum err prepare(struct command *c, struct slice text, struct slice alias)
{
    c->text = strndup(text.p, text.n);
    c->name = name_of(text, alias);
    if (c->text == NULL || c->name == NULL)
        return ERR_NOMEM;
    int n = asprintf(&c->prefix, "ossec: output: '%s':%s", c->name, c->full ? "\n" : " ");
    if (n < 0) {
        c->prefix = NULL;
        return ERR_NOMEM;
    }
    c->prefix_n = (size_t)n;
    if (c->prefix_n >= RECORD_MAX)
        return ERR_RANGE;
    return format_new(&c->lines, SLICE("syslog"), 0, (struct slice){ NULL, 0 });
}

enum err command_new(struct command **ret, struct slice text, struct slice alias,
                     bool full, uint64_t frequency_ms)
{
    struct command *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERR_NOMEM;

    c->fd = -1;
    c->full = full;
    c->frequency_ms = frequency_ms;
    enum err e = prepare(c, text, alias);
    if (e != ERR_OK) {
        command_free(c);
        return e;
    }
    *ret = c;
    return ERR_OK;
}

/* Close its output and collect the child; a grandchild that lives on is no longer ours. */
static void end_run(struct command *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);     /* only read from */
    if (c->pid > 0) {
        (void)kill(-c->pid, SIGKILL);           /* its group; gone already is fine */
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    free(c->out);
    c->out = NULL;
    c->out_n = 0;
    c->fd = -1;
    c->pid = 0;
}

void command_free(struct command *c)
{
    if (c == NULL)
        return;
    end_run(c);
    format_free(c->lines);
    free(c->text);
    free(c->name);
    free(c->prefix);
    free(c);
}

bool command_due(const struct command *c, uint64_t now_ms)
{
    return c->fd < 0 && now_ms >= c->due_ms;
}

/* In the child, between fork and exec: only what is safe there. */
static _Noreturn void become(const char *text, int out)
{
    char *const argv[] = { (char *)"sh", (char *)"-c", (char *)text, NULL };
    char *const envp[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"LC_ALL=C", NULL };
    sigset_t none;
    int null = open("/dev/null", O_RDWR);

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);     /* we ignore it, and it would stay so behind exec */
    (void)setpgid(0, 0);
    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(null, 2) < 0
        || close_range(3, ~0u, 0) != 0)
        _exit(127);
    execve("/bin/sh", argv, envp);
    _exit(127);
}

enum err command_start(struct command *c, uint64_t now_ms)
{
    int ends[2];

    c->due_ms = now_ms + c->frequency_ms;
    c->out = malloc(OUT_MAX);
    if (c->out == NULL)
        return ERR_NOMEM;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        end_run(c);
        return ERR_SYS;
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    c->fd = ends[0];
    c->pid = fork();
    if (c->pid == 0)
        become(c->text, ends[1]);
    (void)close(ends[1]);
    if (c->pid < 0) {
        c->pid = 0;
        end_run(c);
        return ERR_SYS;
    }
    (void)setpgid(c->pid, c->pid);      /* whichever of the two is first */
    c->started_ms = now_ms;
    c->ended = c->killed = c->skipping = false;
    memcpy(c->out, c->prefix, c->prefix_n);
    c->out_n = c->prefix_n;
    return ERR_OK;
}

bool command_over(const struct command *c)
{
    return c->fd >= 0 && c->killed && c->pid == 0;
}

int command_fd(const struct command *c)
{
    return c->fd;
}

struct slice command_name(const struct command *c)
{
    return slice_of(c->name);
}

/* Read once, behind what is there; sets ended at the end. */
static enum err fill(struct command *c)
{
    if (c->ended || c->out_n == OUT_MAX)
        return ERR_OK;
    ssize_t n = read(c->fd, c->out + c->out_n, OUT_MAX - c->out_n);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_SYS;
    c->ended = n == 0;
    c->out_n += (size_t)n;
    return ERR_OK;
}

/* Leave empty lines out, from where new bytes begin. */
static void squeeze(struct command *c, size_t from)
{
    size_t to = from;

    for (size_t i = from; i < c->out_n; i++)
        if (c->out[i] != '\n' || c->out[to - 1] != '\n')
            c->out[to++] = c->out[i];
    c->out_n = to;
}

static bool give(struct command *c, const struct sink *sink, size_t n)
{
    return sink->take(sink->arg, slice_of(c->name),
                      (struct slice){ c->out, n < RECORD_MAX ? n : RECORD_MAX });
}

static enum err read_full(struct command *c, const struct sink *sink)
{
    for (int reads = 0; !c->ended; reads++) {
        size_t before = c->out_n;
        enum err e = reads < READS_MAX ? fill(c) : ERR_AGAIN;
        if (e != ERR_OK)
            return e;
        squeeze(c, before);
        if (!c->ended && c->out_n > RECORD_MAX)         /* the rest is read and not kept */
            c->out_n = RECORD_MAX;
    }
    size_t n = c->out_n;
    if (n > 0 && c->out[n - 1] == '\n')
        n--;
    return n < c->prefix_n || give(c, sink, n) ? ERR_OK : ERR_FULL;
}

static void drop_front(struct command *c, size_t n)
{
    memmove(c->out + c->prefix_n, c->out + c->prefix_n + n, c->out_n - c->prefix_n - n);
    c->out_n -= n;
}

static bool skip_line(struct command *c)
{
    char *from = c->out + c->prefix_n;
    size_t n = c->out_n - c->prefix_n;
    char *end = n > 0 ? memchr(from, '\n', n) : NULL;

    c->skipping = end == NULL;
    drop_front(c, end != NULL ? (size_t)(end - from) + 1 : n);
    return !c->skipping;
}

/* The record needs prefix and line side by side: the line is moved to where the first stood. */
static enum err give_lines(struct command *c, const struct sink *sink)
{
    struct cut cut;

    for (;;) {
        if (c->skipping && !skip_line(c))
            return ERR_OK;
        struct slice data = { c->out + c->prefix_n, c->out_n - c->prefix_n };
        if (!format_cut(c->lines, data, c->ended ? FLUSH_ALL : FLUSH_NO, &cut)) {
            if (c->out_n < OUT_MAX)
                return ERR_OK;
            cut = (struct cut){ data, data.n, true, true, false };
        }
        if (cut.text.n > 0 && !give(c, sink, c->prefix_n + cut.text.n))
            return ERR_FULL;
        c->skipping = cut.skip;
        drop_front(c, cut.used);
    }
}

static enum err read_lines(struct command *c, const struct sink *sink)
{
    for (int reads = 0; !c->ended; reads++) {
        enum err full = give_lines(c, sink);    /* what a full sink left */
        if (full != ERR_OK)
            return full;
        size_t before = c->out_n;
        enum err e = reads < READS_MAX ? fill(c) : ERR_AGAIN;
        if (e != ERR_OK)
            return e;
        squeeze(c, before);
    }
    return give_lines(c, sink);
}

enum err command_read(struct command *c, const struct sink *sink)
{
    enum err e = c->full ? read_full(c, sink) : read_lines(c, sink);

    if (e != ERR_AGAIN && e != ERR_FULL)
        end_run(c);
    return e;
}

/* Only once the child is gone is its output ours to close: closing waits for a child. */
static void collect(struct command *c)
{
    if (c->pid > 0 && waitpid(c->pid, NULL, WNOHANG) == c->pid) {
        c->pid = 0;
        c->ended = true;
    }
}

bool command_expire(struct command *c, uint64_t now_ms)
{
    if (c->fd >= 0 && c->killed)
        collect(c);
    if (c->fd < 0 || c->killed || now_ms - c->started_ms < COMMAND_TIMEOUT_MS)
        return false;
    c->killed = true;
    (void)kill(-c->pid, SIGKILL);
    return true;
}
