#include "ingest/connections.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/framing.h"

#define READS_MAX  256                  /* in one turn */
#define READ_BYTES ((size_t)64 << 10)

struct connection {
    struct connection *older, *newer;   /* by when it spoke last */
    int fd;
    struct ip from;
    struct framing framing;
};

struct connections {
    int epoll;
    size_t n, limit;
    uint64_t dropped;
    bool full;                          /* who takes the messages wants no more in this turn */
    connections_take *take;
    void *arg;
    struct connection *oldest, *newest;
    const struct connection *speaking;
    char bytes[READ_BYTES];
};

enum err connections_new(struct connections **ret, size_t limit, connections_take *take, void *arg)
{
    if (limit == 0)
        return ERR_RANGE;
    struct connections *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERR_NOMEM;

    c->limit = limit;
    c->take = take;
    c->arg = arg;
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (c->epoll < 0) {
        free(c);
        return ERR_SYS;
    }
    *ret = c;
    return ERR_OK;
}

static void unlink_one(struct connections *c, struct connection *x)
{
    *(x->older != NULL ? &x->older->newer : &c->oldest) = x->newer;
    *(x->newer != NULL ? &x->newer->older : &c->newest) = x->older;
    x->older = x->newer = NULL;
}

static void link_newest(struct connections *c, struct connection *x)
{
    x->older = c->newest;
    *(c->newest != NULL ? &c->newest->newer : &c->oldest) = x;
    c->newest = x;
}

static void take_message(void *arg, struct slice message, bool cut)
{
    struct connections *c = arg;

    c->full |= !c->take(c->arg, &c->speaking->from, message, cut);
}

/* Its last words are a message too. */
static void close_one(struct connections *c, struct connection *x)
{
    c->speaking = x;
    framing_end(&x->framing, take_message, c);
    unlink_one(c, x);
    (void)close(x->fd);                 /* leaves the epoll set with it */
    free(x);
    c->n--;
}

void connections_free(struct connections *c)
{
    if (c == NULL)
        return;
    while (c->oldest != NULL)
        close_one(c, c->oldest);
    (void)close(c->epoll);
    free(c);
}

int connections_fd(const struct connections *c)
{
    return c->epoll;
}

bool connections_drop_oldest(struct connections *c)
{
    if (c->oldest == NULL)
        return false;
    close_one(c, c->oldest);
    c->dropped++;
    return true;
}

enum err connections_add(struct connections *c, int fd, const struct ip *from)
{
    struct connection *x = calloc(1, sizeof *x);
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = x };

    if (x == NULL || epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev) != 0) {
        enum err e = x == NULL ? ERR_NOMEM : ERR_SYS;
        free(x);
        (void)close(fd);
        return e;
    }
    if (c->n >= c->limit)
        (void)connections_drop_oldest(c);
    x->fd = fd;
    x->from = *from;
    link_newest(c, x);
    c->n++;
    return ERR_OK;
}

/* How many bytes came; the connection is gone when it has ended. */
static size_t read_one(struct connections *c, struct connection *x)
{
    ssize_t got = recv(x->fd, c->bytes, sizeof c->bytes, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    c->speaking = x;
    if (got <= 0 || framing_feed(&x->framing, (struct slice){ c->bytes, (size_t)got }, take_message,
                                 c) != ERR_OK) {
        close_one(c, x);
        return 0;
    }
    unlink_one(c, x);
    link_newest(c, x);
    return (size_t)got;
}

/* One at a time: epoll puts whom it has named behind all others, so whoever is not read in this
 * turn is first in the next. */
void connections_serve(struct connections *c)
{
    struct epoll_event ready;
    size_t bytes = 0;

    c->full = false;
    for (int reads = 0; reads < READS_MAX && bytes < CONNECTIONS_TURN_BYTES && !c->full
                        && epoll_wait(c->epoll, &ready, 1, 0) == 1; reads++)
        bytes += read_one(c, ready.data.ptr);
}

size_t connections_count(const struct connections *c)
{
    return c->n;
}

uint64_t connections_dropped(const struct connections *c)
{
    return c->dropped;
}
