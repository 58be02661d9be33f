#include "common/stage/zap.h"

#include <stdlib.h>
#include <zmq.h>

#include "common/stage/hop.h"
#include "common/stage/loop.h"

#define ENDPOINT   "inproc://zeromq.zap.01"
#define FRAMES_MAX 8
#define FRAME_MAX  255                  /* more than any field of a CURVE request has */

enum frame { VERSION, REQUEST, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, FRAMES };

struct frame_bytes { size_t n; char p[FRAME_MAX]; };

struct row {
    const char *domain;
    zap_judge *judge;
    void *arg;
    uint64_t counts[ZAP_VERDICTS];
};

struct zap {
    void *socket;
    size_t n;
    struct row rows[ZAP_DOMAINS_MAX];
    uint64_t elsewhere[ZAP_VERDICTS];   /* of no row */
    struct frame_bytes frames[FRAMES_MAX];
};

static const struct { const char *code, *text; } answers[ZAP_VERDICTS] = {
#define X(name, code, text) { #code, text },
    ZAP_MAP(X)
#undef X
};

enum err zap_new(struct zap **ret, void *zmq)
{
    struct zap *z = calloc(1, sizeof *z);
    if (z == NULL)
        return ERR_NOMEM;

    enum err e = hop_bind(&z->socket, zmq, ZMQ_REP, ENDPOINT, NULL);
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

static struct row *row_of(struct zap *z, struct slice domain)
{
    for (size_t i = 0; i < z->n; i++)
        if (slice_eq(domain, slice_of(z->rows[i].domain)))
            return &z->rows[i];
    return NULL;
}

enum err zap_add(struct zap *z, const char *domain, zap_judge *judge, void *arg)
{
    if (row_of(z, slice_of(domain)) != NULL)
        return ERR_EXISTS;
    if (z->n == ZAP_DOMAINS_MAX)
        return ERR_LIMIT;
    z->rows[z->n++] = (struct row){ .domain = domain, .judge = judge, .arg = arg };
    return ERR_OK;
}

uint64_t zap_count(struct zap *z, const char *domain, enum zap_verdict v)
{
    const struct row *row = row_of(z, slice_of(domain));

    return row != NULL ? row->counts[v] : z->elsewhere[v];
}

static enum zap_verdict counted(uint64_t counts[ZAP_VERDICTS], enum zap_verdict v)
{
    counts[v]++;
    return v;
}

enum zap_verdict zap_ask(struct zap *z, const struct zap_question *q, char user[ZAP_USER_MAX])
{
    struct row *row = row_of(z, q->domain);

    if (row == NULL)
        return counted(z->elsewhere, ZAP_DOMAIN);
    if (!slice_eq(q->mechanism, SLICE("CURVE")) || q->key.n != ZAP_KEY)
        return counted(row->counts, ZAP_MECHANISM);
    return counted(row->counts, row->judge(row->arg, q, user));
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

static enum zap_verdict decide(struct zap *z, size_t n, char user[ZAP_USER_MAX])
{
    struct zap_question q = { bytes_of(z, DOMAIN), bytes_of(z, ADDRESS), SLICE(""), SLICE("") };

    if (n < FRAMES - 1 || n > FRAMES_MAX || !slice_eq(bytes_of(z, VERSION), SLICE("1.0")))
        return counted(z->elsewhere, ZAP_MALFORMED);
    if (n == FRAMES) {                  /* NULL has no credentials, PLAIN has two */
        q.mechanism = bytes_of(z, MECHANISM);
        q.key = bytes_of(z, CREDENTIALS);
    }
    return zap_ask(z, &q, user);
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
        char user[ZAP_USER_MAX] = "";
        size_t n = receive(z);

        if (n == 0)
            return;
        reply(z, n, decide(z, n, user), user);
    }
}
