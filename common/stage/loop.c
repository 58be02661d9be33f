#include "common/stage/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

struct item { void *socket; int fd; bool paused, gone; loop_handler *handler; void *arg; };
struct timer { uint64_t due; uint32_t every; bool gone; loop_handler *handler; void *arg; };

struct loop {
    struct item *items;
    zmq_pollitem_t *polled;
    size_t *which;              /* which item each polled entry is */
    size_t n_items, room;
    struct timer *timers;
    size_t n_timers, timer_room;
    loop_handler *after;
    void *after_arg;
    bool stopping;
};

static uint64_t clock_us(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t loop_now_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t clock_now_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

enum err loop_new(struct loop **ret)
{
    struct loop *l = calloc(1, sizeof *l);

    if (l == NULL)
        return ERR_NOMEM;
    *ret = l;
    return ERR_OK;
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    free(l->items);
    free(l->polled);
    free(l->which);
    free(l->timers);
    free(l);
}

static enum err grow_items(struct loop *l)
{
    size_t room = l->room == 0 ? 16 : 2 * l->room;
    struct item *items = realloc(l->items, room * sizeof *items);
    if (items != NULL)
        l->items = items;
    zmq_pollitem_t *polled = realloc(l->polled, room * sizeof *polled);
    if (polled != NULL)
        l->polled = polled;
    size_t *which = realloc(l->which, room * sizeof *which);
    if (which != NULL)
        l->which = which;
    if (items == NULL || polled == NULL || which == NULL)
        return ERR_NOMEM;
    l->room = room;
    return ERR_OK;
}

static enum err add_item(struct loop *l, struct item item)
{
    if (l->n_items == l->room && grow_items(l) != ERR_OK)
        return ERR_NOMEM;
    l->items[l->n_items++] = item;
    return ERR_OK;
}

enum err loop_add_socket(struct loop *l, void *socket, loop_handler *handler, void *arg)
{
    return add_item(l, (struct item){ .socket = socket, .fd = -1, .handler = handler, .arg = arg });
}

enum err loop_add_fd(struct loop *l, int fd, loop_handler *handler, void *arg)
{
    return add_item(l, (struct item){ .fd = fd, .handler = handler, .arg = arg });
}

static struct item *find_item(struct loop *l, void *socket, int fd)
{
    for (size_t i = 0; i < l->n_items; i++)
        if (!l->items[i].gone && l->items[i].socket == socket && l->items[i].fd == fd)
            return &l->items[i];
    return NULL;
}

void loop_remove_socket(struct loop *l, void *socket)
{
    struct item *it = find_item(l, socket, -1);
    if (it != NULL)
        it->gone = true;
}

void loop_remove_fd(struct loop *l, int fd)
{
    struct item *it = find_item(l, NULL, fd);
    if (it != NULL)
        it->gone = true;
}

void loop_pause_fd(struct loop *l, int fd, bool paused)
{
    struct item *it = find_item(l, NULL, fd);
    if (it != NULL)
        it->paused = paused;
}

void loop_pause_socket(struct loop *l, void *socket, bool paused)
{
    struct item *it = find_item(l, socket, -1);
    if (it != NULL)
        it->paused = paused;
}

static struct timer *find_timer(struct loop *l, loop_handler *handler, void *arg)
{
    for (size_t i = 0; i < l->n_timers; i++)
        if (!l->timers[i].gone && l->timers[i].handler == handler && l->timers[i].arg == arg)
            return &l->timers[i];
    return NULL;
}

static enum err add_timer(struct loop *l, struct timer t)
{
    if (l->n_timers == l->timer_room) {
        size_t room = l->timer_room == 0 ? 8 : 2 * l->timer_room;
        struct timer *timers = realloc(l->timers, room * sizeof *timers);
        if (timers == NULL)
            return ERR_NOMEM;
        l->timers = timers;
        l->timer_room = room;
    }
    l->timers[l->n_timers++] = t;
    return ERR_OK;
}

enum err loop_every(struct loop *l, uint32_t ms, loop_handler *handler, void *arg)
{
    return add_timer(l, (struct timer){ loop_now_ms() + ms, ms, false, handler, arg });
}

enum err loop_once(struct loop *l, uint32_t ms, loop_handler *handler, void *arg)
{
    struct timer *t = find_timer(l, handler, arg);
    uint64_t due = loop_now_ms() + ms;

    if (t == NULL)
        return add_timer(l, (struct timer){ due, 0, false, handler, arg });
    if (due < t->due)
        t->due = due;
    return ERR_OK;
}

void loop_cancel(struct loop *l, loop_handler *handler, void *arg)
{
    struct timer *t = find_timer(l, handler, arg);
    if (t != NULL)
        t->gone = true;
}

void loop_after_turn(struct loop *l, loop_handler *handler, void *arg)
{
    l->after = handler;
    l->after_arg = arg;
}

void loop_stop(struct loop *l)
{
    l->stopping = true;
}

static void sweep(struct loop *l)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->n_items; i++)
        if (!l->items[i].gone)
            l->items[kept++] = l->items[i];
    l->n_items = kept;
    kept = 0;
    for (size_t i = 0; i < l->n_timers; i++)
        if (!l->timers[i].gone)
            l->timers[kept++] = l->timers[i];
    l->n_timers = kept;
}

static size_t prepare(struct loop *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n_items; i++) {
        if (l->items[i].paused)
            continue;
        l->which[n] = i;
        l->polled[n++] = (zmq_pollitem_t){
            .socket = l->items[i].socket, .fd = l->items[i].fd, .events = ZMQ_POLLIN,
        };
    }
    return n;
}

static long until_next_timer(const struct loop *l)
{
    uint64_t now = loop_now_ms(), next = UINT64_MAX;

    for (size_t i = 0; i < l->n_timers; i++)
        if (l->timers[i].due < next)
            next = l->timers[i].due;
    if (next == UINT64_MAX)
        return -1;
    return next <= now ? 0 : (long)(next - now);
}

static bool run_timers(struct loop *l)
{
    uint64_t now = loop_now_ms();
    bool ran = false;

    for (size_t i = 0; i < l->n_timers; i++) {  /* a handler may add timers: index, no pointer */
        if (l->timers[i].gone || l->timers[i].due > now)
            continue;
        if (l->timers[i].every == 0)
            l->timers[i].gone = true;
        else
            l->timers[i].due = now + l->timers[i].every;
        ran = true;
        l->timers[i].handler(l->timers[i].arg);
    }
    return ran;
}

static bool run_items(struct loop *l, size_t n)
{
    bool ran = false;

    for (size_t k = 0; k < n && !l->stopping; k++) {
        if ((l->polled[k].revents & (ZMQ_POLLIN | ZMQ_POLLERR)) == 0)
            continue;
        struct item it = l->items[l->which[k]];
        if (it.gone || it.paused)
            continue;
        ran = true;
        it.handler(it.arg);
    }
    return ran;
}

enum err loop_run(struct loop *l)
{
    while (!l->stopping) {
        sweep(l);
        size_t n = prepare(l);
        if (zmq_poll(l->polled, (int)n, until_next_timer(l)) < 0) {
            if (zmq_errno() == EINTR)
                continue;
            return ERR_SYS;
        }
        bool ran = run_items(l, n);
        ran |= run_timers(l);
        if (ran && l->after != NULL)
            l->after(l->after_arg);
    }
    return ERR_OK;
}
