#include "yagura/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/wire/mp.h"
#include "yagura/sibling.h"

enum { DECODE, CORRELATE, N_CHILDREN };
enum { ARGS_MAX = 12, READ_BYTES = 64 << 10, FRAME_HEAD = 4 };

struct child { pid_t pid; int said; bool ended; int status; };      /* said: its log, -1 none */

struct buffer { char *p; size_t at, n, room; };                     /* at..n is still to be used */

struct pipeline {
    pipeline_verdict *on_verdict;
    void *arg;
    struct child child[N_CHILDREN];
    int to, from;                       /* our ends of the pipes; -1 when closed */
    struct buffer out, in;
    msgpack_sbuffer body, frame;        /* reused for every line */
    uint64_t asked, judged;
    bool ending;
};

/* Room for n bytes behind what b holds. */
static enum err buffer_reserve(struct buffer *b, size_t n)
{
    if (b->at > 0) {
        memmove(b->p, b->p + b->at, b->n - b->at);
        b->n -= b->at;
        b->at = 0;
    }
    if (b->room - b->n >= n)
        return ERR_OK;
    char *p = realloc(b->p, 2 * (b->n + n));
    if (p == NULL)
        return ERR_NOMEM;
    b->p = p;
    b->room = 2 * (b->n + n);
    return ERR_OK;
}

static enum err buffer_add(struct buffer *b, const void *p, size_t n)
{
    enum err e = b->room - b->n >= n ? ERR_OK : buffer_reserve(b, n);
    if (e == ERR_OK) {
        memcpy(b->p + b->n, p, n);
        b->n += n;
    }
    return e;
}

static void fill_args(const char **argv, const char *path, const struct pipeline_options *o,
                      bool is_correlate)
{
    size_t n = 0;

    argv[n++] = path;
    argv[n++] = "-t";
    if (o->config != NULL) {
        argv[n++] = "-c";
        argv[n++] = o->config;
    }
    if (o->prefix != NULL) {
        argv[n++] = "-p";
        argv[n++] = o->prefix;
    }
    if (o->debug)
        argv[n++] = "-d";
    if (!is_correlate)
        argv[n++] = "--raw-actions";
    if (is_correlate && o->fresh)
        argv[n++] = "--fresh";
    if (is_correlate && o->trace)
        argv[n++] = "--trace";
    argv[n] = NULL;
}

/* Only calls that are safe between fork and exec. */
static void become(const char *path, const char **argv, int in, int out, int said)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0
        || (said >= 0 && dup2(said, STDERR_FILENO) < 0))
        _exit(127);
    execv(path, (char *const *)argv);
    _exit(127);
}

static enum err spawn(struct child *c, const char *name, const struct pipeline_options *o,
                      int in, int out)
{
    const char *argv[ARGS_MAX];
    char *path;

    enum err e = sibling_path(&path, name);
    if (e != ERR_OK)
        return e;
    fill_args(argv, path, o, strcmp(name, "correlate") == 0);
    c->said = o->debug ? -1 : memfd_create(name, MFD_CLOEXEC);
    c->pid = fork();
    if (c->pid == 0)
        become(path, argv, in, out, c->said);
    free(path);
    return c->pid < 0 ? ERR_SYS : ERR_OK;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static enum err start(struct pipeline *p, const struct pipeline_options *o)
{
    int asked[2] = { -1, -1 }, ranges[2] = { -1, -1 }, verdicts[2] = { -1, -1 };
    enum err e = ERR_SYS;

    if (pipe2(asked, O_CLOEXEC) == 0 && pipe2(ranges, O_CLOEXEC) == 0
        && pipe2(verdicts, O_CLOEXEC) == 0)
        e = spawn(&p->child[DECODE], "decode", o, asked[0], ranges[1]);
    if (e == ERR_OK)
        e = spawn(&p->child[CORRELATE], "correlate", o, ranges[0], verdicts[1]);
    close_fd(&asked[0]);
    close_fd(&ranges[0]);
    close_fd(&ranges[1]);
    close_fd(&verdicts[1]);
    p->to = asked[1];
    p->from = verdicts[0];
    if (e == ERR_OK && fcntl(p->to, F_SETFL, O_NONBLOCK) != 0)
        e = ERR_SYS;
    return e;
}

enum err pipeline_new(struct pipeline **ret, const struct pipeline_options *o,
                   pipeline_verdict *on_verdict, void *arg)
{
    struct pipeline *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ERR_NOMEM;

    *p = (struct pipeline){ .on_verdict = on_verdict, .arg = arg, .to = -1, .from = -1,
                         .child = { { .said = -1 }, { .said = -1 } } };
    msgpack_sbuffer_init(&p->body);
    msgpack_sbuffer_init(&p->frame);
    signal(SIGPIPE, SIG_IGN);
    enum err e = start(p, o);
    if (e != ERR_OK) {
        pipeline_free(p);
        return e;
    }
    *ret = p;
    return ERR_OK;
}

static void reap(struct child *c)
{
    if (c->pid <= 0 || c->ended)
        return;
    while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
        continue;
    c->ended = true;
}

void pipeline_free(struct pipeline *p)
{
    if (p == NULL)
        return;
    close_fd(&p->to);
    close_fd(&p->from);
    for (size_t i = 0; i < N_CHILDREN; i++) {
        if (p->child[i].pid > 0 && !p->child[i].ended)
            (void)kill(p->child[i].pid, SIGKILL);
        reap(&p->child[i]);
        close_fd(&p->child[i].said);
    }
    msgpack_sbuffer_destroy(&p->body);
    msgpack_sbuffer_destroy(&p->frame);
    free(p->out.p);
    free(p->in.p);
    free(p);
}

static enum err queue(struct pipeline *p, struct slice frame)
{
    const char head[FRAME_HEAD] = {
        (char)(frame.n & 255), (char)(frame.n >> 8 & 255), (char)(frame.n >> 16 & 255),
        (char)(frame.n >> 24 & 255),
    };

    enum err e = buffer_add(&p->out, head, sizeof head);
    return e == ERR_OK ? buffer_add(&p->out, frame.p, frame.n) : e;
}

enum err pipeline_ask(struct pipeline *p, struct slice line, uint64_t now_us)
{
    struct raw raw = {
        .kind = RAW_SYSLOG, .location = SLICE("stdin"), .time = now_us,
        .log = { line.p, line.n < MP_TEXT_MAX ? line.n : MP_TEXT_MAX },
    };
    struct lease lease = {
        .ingest = 1, .offset = p->asked + 1, .floor = p->asked + 1, .received = now_us,
        .stream = 1, .first = p->asked + 1, .count = 1,
    };

    msgpack_sbuffer_clear(&p->body);
    msgpack_sbuffer_clear(&p->frame);
    enum err e = record_pack(&raw_schema, &raw, &p->body);
    lease.body = (struct slice){ p->body.data, p->body.size };
    if (e == ERR_OK)
        e = record_pack(&lease_schema, &lease, &p->frame);
    if (e == ERR_OK)
        e = queue(p, (struct slice){ p->frame.data, p->frame.size });
    if (e == ERR_OK)
        p->asked++;
    return e;
}

bool pipeline_full(const struct pipeline *p)
{
    return p->out.n - p->out.at >= PIPELINE_BACKLOG_MAX;
}

void pipeline_end(struct pipeline *p)
{
    p->ending = true;
}

static void write_some(struct pipeline *p)
{
    struct buffer *b = &p->out;

    while (b->at < b->n) {
        ssize_t k = write(p->to, b->p + b->at, b->n - b->at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0 && errno == EAGAIN)
            return;
        if (k < 0) {                    /* decode has gone; the end of the verdicts will say so */
            close_fd(&p->to);
            return;
        }
        b->at += (size_t)k;
    }
    b->at = b->n = 0;
}

static enum err give(struct pipeline *p, struct slice frame)
{
    struct verdict v;
    struct event e;
    struct alert a = { .rule = 0 };

    enum err err = record_unpack(&verdict_schema, &v, frame);
    if (err == ERR_OK)
        err = record_unpack(&event_schema, &e, v.event);
    if (err == ERR_OK && v.alert.n > 0)
        err = record_unpack(&alert_schema, &a, v.alert);
    if (err == ERR_OK) {
        p->judged++;
        p->on_verdict(p->arg, &v, &e, &a);
    }
    return err;
}

static enum err take_frames(struct pipeline *p)
{
    struct buffer *b = &p->in;

    while (b->n - b->at >= FRAME_HEAD) {
        const unsigned char *h = (const unsigned char *)b->p + b->at;
        size_t n = h[0] | (size_t)h[1] << 8 | (size_t)h[2] << 16 | (size_t)h[3] << 24;
        if (n > MP_FRAME_MAX)
            return ERR_BADMSG;
        if (b->n - b->at - FRAME_HEAD < n)
            return ERR_OK;
        enum err e = give(p, (struct slice){ b->p + b->at + FRAME_HEAD, n });
        if (e != ERR_OK)
            return e;
        b->at += FRAME_HEAD + n;
    }
    return ERR_OK;
}

static enum err read_some(struct pipeline *p)
{
    enum err e = buffer_reserve(&p->in, READ_BYTES);
    if (e != ERR_OK)
        return e;
    ssize_t k = read(p->from, p->in.p + p->in.n, READ_BYTES);
    if (k < 0 && errno == EINTR)
        return ERR_OK;
    if (k < 0)
        return ERR_SYS;
    if (k == 0)
        return p->in.at == p->in.n ? ERR_ABSENT : ERR_BADMSG;
    p->in.n += (size_t)k;
    return take_frames(p);
}

enum err pipeline_turn(struct pipeline *p, int other_fd, bool *other)
{
    if (p->to >= 0)
        write_some(p);
    if (p->ending && p->out.at == p->out.n)
        close_fd(&p->to);

    struct pollfd fds[] = {
        { .fd = p->from, .events = POLLIN },
        { .fd = p->out.at < p->out.n ? p->to : -1, .events = POLLOUT },
        { .fd = other_fd, .events = POLLIN },
    };
    if (poll(fds, sizeof fds / sizeof fds[0], -1) < 0)
        return errno == EINTR ? ERR_OK : ERR_SYS;
    *other = fds[2].revents != 0;
    return fds[0].revents != 0 ? read_some(p) : ERR_OK;
}

static void tell(const struct child *c)
{
    char text[4096];
    ssize_t n;

    for (off_t at = 0; c->said >= 0 && (n = pread(c->said, text, sizeof text, at)) > 0; at += n)
        (void)fwrite(text, 1, (size_t)n, stderr);
}

bool pipeline_ended_well(struct pipeline *p)
{
    bool well = p->judged == p->asked;
    const struct child *first = NULL;

    close_fd(&p->to);
    for (size_t i = 0; i < N_CHILDREN; i++) {
        reap(&p->child[i]);
        well = well && p->child[i].status == 0;
        if (p->child[i].status != 0 && first == NULL)
            first = &p->child[i];       /* both read the same files: one tells enough */
    }
    if (first != NULL)
        tell(first);
    return well;
}

