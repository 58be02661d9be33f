#include "alertd/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

#include "alertd/frames.h"
#include "common/stage/gate.h"
#include "common/stage/hop.h"
#include "common/wire/mp.h"

#define TURN 4                          /* questions answered before the neighbours' turn */
#define QUESTION_PARTS 3                /* who, REQ's empty frame, the question */

struct replay_server {
    struct journal *journal;
    void *socket;
    struct frames frames;
    struct buffer gathered;             /* the parts of the answer, one after the other */
    size_t ends[REPLAY_ALERTS * FRAMES_PARTS];
    struct replay_counts counts;
};

struct question { struct peer from; bool delimited; struct replay ask; };

enum err replay_new(struct replay_server **ret, struct journal *j, bool json)
{
    struct replay_server *r = calloc(1, sizeof *r);

    if (r == NULL)
        return ERR_NOMEM;
    r->journal = j;
    r->frames.json = json;
    *ret = r;
    return ERR_OK;
}

void replay_free(struct replay_server *r)
{
    if (r == NULL)
        return;
    hop_close(r->socket);
    frames_free(&r->frames);
    buffer_free(&r->gathered);
    free(r);
}

enum err replay_bind(struct replay_server *r, struct gate *gate, const struct config_list *at)
{
    return gate_bind_public(gate, &r->socket, ZMQ_ROUTER, at, REPLAY_HWM);
}

void *replay_socket(const struct replay_server *r)
{
    return r->socket;
}

struct replay_counts replay_counts(const struct replay_server *r)
{
    return r->counts;
}

void replay_range(const struct replay *q, uint64_t oldest, uint64_t next, uint64_t *from, uint64_t *count)
{
    uint64_t end = q->to == 0 || q->to >= next ? next : q->to + 1;

    *from = q->from < oldest ? oldest : q->from;
    if (*from > next)
        *from = next;
    *count = end > *from ? end - *from : 0;
    if (q->count != 0 && q->count < *count)
        *count = q->count;
    if (*count > REPLAY_ALERTS)
        *count = REPLAY_ALERTS;
}

static bool read_part(struct question *q, size_t at, bool last, struct slice part)
{
    if (at == 0) {
        if (part.n > sizeof q->from.id || last)
            return false;
        q->from.n = (uint8_t)part.n;
        memcpy(q->from.id, part.p, part.n);
        return true;
    }
    if (!last) {
        q->delimited = true;
        return at == 1 && part.n == 0;
    }
    return record_unpack(&replay_schema, &q->ask, part) == ERR_OK;
}

/* ERR_AGAIN: none there.  ERR_BADMSG: one was dropped, whole. */
static enum err receive(void *socket, struct question *q)
{
    bool good = true, more = true;
    zmq_msg_t m;

    q->delimited = false;
    for (size_t at = 0; more; at++) {
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&m);
            return at == 0 ? ERR_AGAIN : ERR_BADMSG;
        }
        more = zmq_msg_more(&m);
        good = good && at < QUESTION_PARTS && read_part(q, at, !more, hop_frame(&m));
        zmq_msg_close(&m);
    }
    return good ? ERR_OK : ERR_BADMSG;
}

struct gathering { struct replay_server *r; uint64_t left, n, next; };

static bool gather(void *arg, const struct entry *e)
{
    struct gathering *g = arg;
    struct replay_server *r = g->r;

    if (g->left == 0 || r->gathered.n >= REPLAY_BYTES
        || !frames_alert(&r->frames, journal_epoch(r->journal), e))
        return false;
    for (size_t i = 0; i < FRAMES_PARTS; i++) {
        buffer_put(&r->gathered, r->frames.part[i]);
        r->ends[g->n * FRAMES_PARTS + i] = r->gathered.n;
    }
    g->n++;
    g->left--;
    g->next = e->seq + 1;
    return buffer_ok(&r->gathered);
}

static bool send_part(void *socket, struct slice part, bool more)
{
    return zmq_send(socket, part.p, part.n, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0;
}

/* The first part finds the peer or fails for all of them (ROUTER_MANDATORY). */
static bool send_answer(struct replay_server *r, const struct question *q, struct slice head, size_t n)
{
    size_t from = 0;

    if (!send_part(r->socket, (struct slice){ q->from.id, q->from.n }, true))
        return false;
    if (q->delimited)
        (void)send_part(r->socket, SLICE(""), true);
    (void)send_part(r->socket, head, n > 0);
    for (size_t i = 0; i < n; from = r->ends[i], i++)
        (void)send_part(r->socket, (struct slice){ r->gathered.p + from, r->ends[i] - from }, i + 1 < n);
    return true;
}

static void answer(struct replay_server *r, const struct question *q)
{
    uint64_t oldest = journal_first(r->journal, JOURNAL_ALERTS);
    uint64_t next = journal_next(r->journal, JOURNAL_ALERTS), from, count;
    struct gathering g = { .r = r };
    msgpack_sbuffer head;

    replay_range(&q->ask, oldest, next, &from, &count);
    g.left = count;
    g.next = from;
    buffer_reset(&r->gathered);
    if (count > 0 && journal_read(r->journal, JOURNAL_ALERTS, from, gather, &g) != ERR_OK)
        g.n = 0;                        /* the stage finds out by itself and ends */
    struct replay_reply reply = {
        .epoch = journal_epoch(r->journal), .oldest = oldest, .tail = next - 1, .count = g.n,
        .next = g.next,
    };
    msgpack_sbuffer_init(&head);
    if (buffer_ok(&r->gathered) && record_pack(&replay_reply_schema, &reply, &head) == ERR_OK
        && send_answer(r, q, (struct slice){ head.data, head.size }, g.n * FRAMES_PARTS))
        r->counts.sent += g.n;
    msgpack_sbuffer_destroy(&head);
    r->gathered.n = 0;
    buffer_shrink(&r->gathered, 2 * REPLAY_BYTES);
}

void replay_serve(struct replay_server *r)
{
    struct question q;

    for (int i = 0; i < TURN; i++) {
        enum err e = receive(r->socket, &q);
        if (e == ERR_AGAIN)
            return;
        r->counts.asked++;
        if (e == ERR_OK)
            answer(r, &q);
        else
            r->counts.refused++;
    }
}
