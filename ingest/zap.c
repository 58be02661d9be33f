#include "ingest/zap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "common/stage/hop.h"
#include "common/stage/loop.h"
#include "ingest/edge.h"

#define ENDPOINT   "inproc://zeromq.zap.01"
#define FRAMES_MAX 8
#define FRAME_MAX  255                  /* more than any field of a CURVE request has */

enum frame { VERSION, REQUEST, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, FRAMES };

struct frame_bytes { size_t n; char p[FRAME_MAX]; };

struct zap {
    void *socket;
    const struct registry *registry;
    uint64_t counts[ZAP_VERDICTS];
    struct frame_bytes frames[FRAMES_MAX];
};

static const struct { const char *code, *text; } answers[ZAP_VERDICTS] = {
#define X(name, code, text) { #code, text },
    ZAP_MAP(X)
#undef X
};

enum err zap_new(struct zap **ret, void *zmq, const struct registry *r)
{
    struct zap *z = calloc(1, sizeof *z);
    if (z == NULL)
        return ERR_NOMEM;

    z->registry = r;
    enum err e = hop_bind(&z->socket, zmq, ZMQ_REP, ENDPOINT);
    if (e != ERR_OK) {
        free(z);
        return e;
    }
    *ret = z;
    return ERR_OK;
}

void zap_free(struct zap *z)
{
    if (z == NULL)
        return;
    hop_close(z->socket);
    free(z);
}

void *zap_socket(const struct zap *z)
{
    return z->socket;
}

uint64_t zap_count(const struct zap *z, enum zap_verdict v)
{
    return z->counts[v];
}

/* libzmq writes an address in numbers, a link-local one with %interface behind. */
static bool address_of(struct slice text, struct ip *ret)
{
    const char *percent = text.n > 0 ? memchr(text.p, '%', text.n) : NULL;

    if (percent != NULL)
        text.n = (size_t)(percent - text.p);
    return ip_parse(text, ret) == ERR_OK;
}

enum zap_verdict zap_judge(const struct registry *r, const struct zap_question *q,
                           const struct agent **who)
{
    struct ip from;

    if (!slice_eq(q->domain, SLICE(EDGE_DOMAIN)))
        return ZAP_DOMAIN;
    if (!slice_eq(q->mechanism, SLICE("CURVE")) || q->key.n != KEYLINE_KEY)
        return ZAP_MECHANISM;
    const struct agent *a = registry_by_key(r, (const uint8_t *)q->key.p);
    if (a == NULL)
        return ZAP_UNKNOWN;
    if (!a->net.any && (!address_of(q->address, &from) || !ip_net_has(&a->net, &from)))
        return ZAP_ADDRESS;
    *who = a;
    return ZAP_ADMITTED;
}

/* All frames of one request; how many there were, FRAMES_MAX + 1 when one did not fit.  0: none. */
static size_t receive(struct zap *z)
{
    size_t n = 0;
    bool fits = true, more = true;

    while (more) {
        zmq_msg_t m;
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, z->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&m);
            return 0;
        }
        fits = fits && n < FRAMES_MAX && zmq_msg_size(&m) <= FRAME_MAX;
        if (fits) {
            z->frames[n].n = zmq_msg_size(&m);
            memcpy(z->frames[n].p, zmq_msg_data(&m), z->frames[n].n);
        }
        n++;
        more = zmq_msg_more(&m);
        zmq_msg_close(&m);
    }
    return fits ? n : FRAMES_MAX + 1;
}

static struct slice bytes_of(const struct zap *z, enum frame f)
{
    return (struct slice){ z->frames[f].p, z->frames[f].n };
}

static enum zap_verdict decide(const struct zap *z, size_t n, const struct agent **who)
{
    const struct zap_question q = {
        bytes_of(z, DOMAIN), bytes_of(z, ADDRESS), bytes_of(z, MECHANISM), bytes_of(z, CREDENTIALS),
    };

    if (n < FRAMES - 1 || n > FRAMES_MAX || !slice_eq(bytes_of(z, VERSION), SLICE("1.0")))
        return ZAP_MALFORMED;
    if (n != FRAMES)                    /* NULL has no credentials, PLAIN has two */
        return ZAP_MECHANISM;
    return zap_judge(z->registry, &q, who);
}

static void reply(struct zap *z, size_t n, enum zap_verdict v, const char *user)
{
    struct slice request = n > REQUEST && n <= FRAMES_MAX ? bytes_of(z, REQUEST) : SLICE("");
    const struct slice parts[] = {
        SLICE("1.0"), request, slice_of(answers[v].code), slice_of(answers[v].text),
        slice_of(user), SLICE(""),
    };
    size_t last = sizeof parts / sizeof parts[0] - 1;

    for (size_t i = 0; i <= last; i++)
        if (zmq_send(z->socket, parts[i].p, parts[i].n,
                     ZMQ_DONTWAIT | (i < last ? ZMQ_SNDMORE : 0)) < 0)
            return;                     /* the asker has gone: its connection is closed already */
}

void zap_serve(struct zap *z)
{
    for (int served = 0; served < LOOP_TURN; served++) {
        const struct agent *who = NULL;
        char user[REGISTRY_USER_MAX] = "";
        size_t n = receive(z);

        if (n == 0)
            return;
        enum zap_verdict v = decide(z, n, &who);
        if (v == ZAP_ADMITTED)
            snprintf(user, sizeof user, "%" PRIu64, who->serial);
        z->counts[v]++;
        reply(z, n, v, user);
    }
}
