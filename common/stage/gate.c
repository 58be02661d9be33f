#include "common/stage/gate.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "common/conf/keyfile.h"
#include "common/stage/hop.h"
#include "common/stage/log.h"
#include "common/stage/stage.h"

#define DOORS_MAX 8
#define FAILED    (ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL \
                   | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)

/* A socket bound to tcp, and where libzmq tells of its failed handshakes. */
struct door { struct gate *gate; void *socket, *events; };

struct gate {
    struct run *run;
    struct zap *zap;                    /* NULL until somebody is to be admitted */
    bool has_key;
    struct keypair key;
    size_t n_doors;
    struct door doors[DOORS_MAX];
    uint64_t strangers;
    struct log_limit limit;
};

enum err gate_new(struct gate **ret, struct run *run)
{
    struct gate *g = calloc(1, sizeof *g);

    if (g == NULL)
        return ERR_NOMEM;
    g->run = run;
    *ret = g;
    return ERR_OK;
}

void gate_free(struct gate *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->n_doors; i++)
        hop_close(g->doors[i].events);
    zap_free(g->zap);
    keyfile_wipe(&g->key);
    free(g);
}

static enum err said(const char *what, enum err e)
{
    log_error("%s: %s", what, e == ERR_SYS ? zmq_strerror(zmq_errno()) : err_str(e));
    return e;
}

static void on_zap(void *arg)
{
    zap_serve(arg);
}

static enum err open_zap(struct gate *g)
{
    if (g->zap != NULL)
        return ERR_OK;
    enum err e = zap_new(&g->zap, g->run->zmq);
    return e == ERR_OK ? loop_add_socket(g->run->loop, zap_socket(g->zap), on_zap, g->zap) : e;
}

enum err gate_admit(struct gate *g, const char *domain, zap_judge *judge, void *arg)
{
    enum err e = open_zap(g);

    if (e == ERR_OK)
        e = zap_add(g->zap, domain, judge, arg);
    return e == ERR_OK ? e : said(domain, e);
}

/* Who holds the stages' key is a stage. */
static enum zap_verdict admit_stage(void *arg, const struct zap_question *q, char user[ZAP_USER_MAX])
{
    const struct gate *g = arg;

    (void)user;
    return sodium_memcmp(q->key.p, g->key.public, KEYFILE_KEY) == 0 ? ZAP_ADMITTED : ZAP_UNKNOWN;
}

static enum err load_key(struct gate *g, const char *endpoint)
{
    if (g->has_key)
        return ERR_OK;
    char *path = paths_join(g->run->paths->state, KEYFILE_STAGES);
    if (path == NULL)
        return said(endpoint, ERR_NOMEM);
    enum err e = keyfile_read(path, &g->key);
    if (e != ERR_OK)
        log_error("%s: tcp needs the stages' key (see yagura stages-key), but %s: %s", endpoint, path,
                  keyfile_why(e));
    free(path);
    if (e == ERR_OK)
        e = gate_admit(g, HOP_DOMAIN, admit_stage, g);
    g->has_key = e == ERR_OK;
    return e;
}

static bool next_event(void *events)
{
    bool more = true;
    zmq_msg_t m;

    for (int part = 0; more; part++) {
        zmq_msg_init(&m);
        bool got = zmq_msg_recv(&m, events, ZMQ_DONTWAIT) >= 0;
        more = got && zmq_msg_more(&m);
        zmq_msg_close(&m);
        if (!got)
            return part > 0;
    }
    return true;
}

static void on_failed(void *arg)
{
    const struct door *d = arg;
    struct gate *g = d->gate;
    uint64_t before = g->strangers, held;

    for (int i = 0; i < LOOP_TURN && next_event(d->events); i++)
        g->strangers++;
    if (g->strangers > before && log_allowed(&g->limit, loop_now_ms(), &held))
        log_warn("hop: somebody without the stages' key was refused n=%" PRIu64, g->strangers);
}

/* A full queue would stop libzmq's thread: this one has no mark, and each turn empties it. */
static enum err listen_to(struct door *d, const char *place)
{
    int none = 0;

    if (zmq_socket_monitor(d->socket, place, FAILED) != 0
        || (d->events = zmq_socket(d->gate->run->zmq, ZMQ_PAIR)) == NULL
        || zmq_setsockopt(d->events, ZMQ_RCVHWM, &none, sizeof none) != 0
        || zmq_setsockopt(d->events, ZMQ_LINGER, &none, sizeof none) != 0
        || zmq_connect(d->events, place) != 0)
        return ERR_SYS;
    return loop_add_socket(d->gate->run->loop, d->events, on_failed, d);
}

static enum err watch(struct gate *g, void *socket)
{
    char place[sizeof "inproc://door-" + 20];

    for (size_t i = 0; i < g->n_doors; i++)
        if (g->doors[i].socket == socket)
            return ERR_OK;
    if (g->n_doors == DOORS_MAX)
        return ERR_LIMIT;
    snprintf(place, sizeof place, "inproc://door-%zu", g->n_doors);
    struct door *d = &g->doors[g->n_doors++];
    *d = (struct door){ .gate = g, .socket = socket };
    return listen_to(d, place);
}

struct wish { int type, hwm; bool shown; };

static enum err bind_one(struct gate *g, void **ret, const struct wish *w, const char *endpoint)
{
    const struct keypair *key = g->has_key ? &g->key : NULL;
    enum err e = w->shown ? hop_bind_public(ret, g->run->zmq, w->type, endpoint, w->hwm, key)
                          : hop_bind(ret, g->run->zmq, w->type, endpoint, key);

    return e == ERR_OK ? e : said(endpoint, e);
}

static enum err bind_far(struct gate *g, void **ret, const struct wish *w, const char *endpoint)
{
    enum err e = load_key(g, endpoint);

    if (e == ERR_OK)
        e = bind_one(g, ret, w, endpoint);
    if (e == ERR_OK && (e = watch(g, *ret)) != ERR_OK)
        (void)said(endpoint, e);
    return e;
}

/* tcp last: a socket does not come back from there. */
static enum err bind_all(struct gate *g, void **ret, const struct wish *w, const struct config_list *at)
{
    enum err e = ERR_OK;

    for (int far = 0; far < 2; far++)
        for (size_t i = 0; i < at->n && e == ERR_OK; i++) {
            const char *endpoint = at->item[i].p;
            bool is_far = w->shown ? hop_needs_key_public(endpoint) : hop_needs_key(endpoint);
            if (is_far == far)
                e = (far ? bind_far : bind_one)(g, ret, w, endpoint);
        }
    return e;
}

enum err gate_bind(struct gate *g, void **ret, int type, const struct config_list *at)
{
    return bind_all(g, ret, &(struct wish){ type, 0, false }, at);
}

enum err gate_bind_public(struct gate *g, void **ret, int type, const struct config_list *at, int hwm)
{
    return bind_all(g, ret, &(struct wish){ type, hwm, true }, at);
}

enum err gate_connect(struct gate *g, void **ret, int type, const char *endpoint)
{
    enum err e = hop_needs_key(endpoint) ? load_key(g, endpoint) : ERR_OK;

    if (e != ERR_OK)
        return e;
    e = hop_connect(ret, g->run->zmq, type, endpoint, g->has_key ? &g->key : NULL);
    return e == ERR_OK ? e : said(endpoint, e);
}

uint64_t gate_count(const struct gate *g, const char *domain, enum zap_verdict v)
{
    return g->zap != NULL ? zap_count(g->zap, domain, v) : 0;
}

uint64_t gate_strangers(const struct gate *g)
{
    return g->strangers;
}
