#include "decode/worker.h"

#include <stdlib.h>

#include "common/stage/gate.h"
#include "common/stage/hop.h"
#include "common/stage/log.h"
#include "common/stage/ruleset.h"
#include "common/wire/mp.h"
#include "decode/held.h"
#include "decode/judge.h"

#define SOURCES_MAX 16          /* ingests one decoder serves */
#define WANT_MS 500
#define RESEND_MS 1000          /* a range unanswered for so long goes again: it had no room, maybe */

struct worker;
struct source { struct worker *worker; void *socket; uint8_t number; };

struct worker {
    struct run *run;
    struct ruleset *rs;
    struct judge *judge;
    struct source sources[SOURCES_MAX];
    size_t n_sources;
    void *correlate;
    struct held held;
    uint64_t boot;                      /* the correlator's; 0: not met yet */
    uint64_t in, done, refused, resent;
    struct log_limit limit;
};

static bool wants_all(const struct config *c)
{
    return c->global.logall || c->global.logall_json;
}

enum err worker_open(void **self, struct run *run)
{
    struct worker *w = calloc(1, sizeof *w);

    if (w == NULL)
        return ERR_NOMEM;
    *self = w;
    w->run = run;
    enum err e = stage_ruleset(&w->rs, run);
    if (e == ERR_OK)
        e = judge_new(&w->judge, w->rs, wants_all(run->config),
                      run->config->decode.match_limit);
    return e;
}

void worker_close(void *self)
{
    struct worker *w = self;

    if (w == NULL)
        return;
    for (size_t i = 0; i < w->n_sources; i++)
        hop_close(w->sources[i].socket);
    hop_close(w->correlate);
    held_clear(&w->held);
    judge_free(w->judge);
    ruleset_free(w->rs);
    free(w);
}

/* What does not go out now goes out when the correlator answers or the timer comes. */
static void send_range(struct worker *w, struct range_held *r)
{
    if (hop_send(w->correlate, NULL, (struct slice){ r->p, r->n }) == ERR_OK)
        r->sent_ms = loop_now_ms();
}

static void send_unsent(struct worker *w)
{
    for (size_t i = 0; i < HELD_MAX; i++)
        if (w->held.at[i].used && w->held.at[i].sent_ms == 0 && !w->held.at[i].acked)
            send_range(w, &w->held.at[i]);
}

static void send_want(struct source *s)
{
    struct worker *w = s->worker;
    struct want want = { .credit = HELD_WANTED / w->n_sources, .name = slice_of(w->run->name) };
    msgpack_sbuffer offsets;
    msgpack_packer pk;
    size_t n = 0;

    for (size_t i = 0; i < HELD_MAX; i++)
        n += w->held.at[i].used && w->held.at[i].source == s->number;
    msgpack_sbuffer_init(&offsets);
    msgpack_packer_init(&pk, &offsets, msgpack_sbuffer_write);
    msgpack_pack_array(&pk, n);
    for (size_t i = 0; i < HELD_MAX; i++)
        if (w->held.at[i].used && w->held.at[i].source == s->number)
            msgpack_pack_uint64(&pk, w->held.at[i].offset);
    want.held = (struct slice){ offsets.data, offsets.size };
    err_ignore(hop_send_record(s->socket, NULL, &want_schema, &want));    /* asked again soon */
    msgpack_sbuffer_destroy(&offsets);
}

static void complain(struct worker *w, const char *what, enum err e)
{
    uint64_t held;

    w->refused++;
    if (log_allowed(&w->limit, loop_now_ms(), &held))
        log_warn("%s refused: %s (and %llu before)", what, err_str(e), (unsigned long long)held);
}

static void take_lease(struct source *s, struct slice frame)
{
    struct worker *w = s->worker;
    struct lease l;
    msgpack_sbuffer out;

    enum err e = record_unpack(&lease_schema, &l, frame);
    if (e != ERR_OK) {
        complain(w, "lease", e);
        return;
    }
    if (held_find(&w->held, l.ingest, l.offset) != NULL)
        return;
    msgpack_sbuffer_init(&out);
    e = judge_lease(w->judge, &l, &out);
    if (e == ERR_OK) {
        w->in++;
        size_t n = out.size;
        e = held_add(&w->held, (struct range_held){ .ingest = l.ingest, .offset = l.offset, .n = n,
                                                    .p = msgpack_sbuffer_release(&out),
                                                    .source = s->number });
    }
    msgpack_sbuffer_destroy(&out);
    if (e != ERR_OK)
        complain(w, "lease", e);
    else
        send_range(w, held_find(&w->held, l.ingest, l.offset));
}

static void on_ingest(void *arg)
{
    struct source *s = arg;
    zmq_msg_t m;

    for (int i = 0; i < LOOP_TURN; i++) {
        enum err e = hop_recv(s->socket, NULL, &m);
        if (e == ERR_BADMSG) {
            complain(s->worker, "frame", e);
            continue;
        }
        if (e != ERR_OK)
            return;
        take_lease(s, hop_frame(&m));
        zmq_msg_close(&m);
    }
}

/* What cannot be told now stays held and is told later. */
static void report_done(struct worker *w, struct range_held *r)
{
    const struct done done = { .ingest = r->ingest, .offset = r->offset };

    r->acked = true;
    if (hop_send_record(w->sources[r->source].socket, NULL, &done_schema, &done) != ERR_OK)
        return;
    w->done++;
    held_drop(&w->held, r);
}

static void take_range_ack(struct worker *w, struct slice frame)
{
    struct range_ack a;

    if (record_unpack(&range_ack_schema, &a, frame) != ERR_OK) {
        complain(w, "acknowledgement", ERR_BADMSG);
        return;
    }
    struct range_held *r = held_find(&w->held, a.ingest, a.offset);
    if (r == NULL)
        return;                         /* acknowledged again */
    report_done(w, r);
}

static void take_pong(struct worker *w, struct slice frame)
{
    struct pong p;

    if (record_unpack(&pong_schema, &p, frame) != ERR_OK) {
        complain(w, "pong", ERR_BADMSG);
        return;
    }
    bool is_new = w->boot != 0 && p.boot != w->boot;
    uint64_t now = loop_now_ms();
    w->resent += held_unsend(&w->held, is_new ? UINT64_MAX : now - RESEND_MS);
    w->boot = p.boot;
    send_unsent(w);
}

static void on_correlate(void *arg)
{
    struct worker *w = arg;
    zmq_msg_t m;

    for (int i = 0; i < LOOP_TURN; i++) {
        enum err e = hop_recv(w->correlate, NULL, &m);
        if (e == ERR_BADMSG) {
            complain(w, "frame", e);
            continue;
        }
        if (e != ERR_OK)
            return;
        switch (record_type(hop_frame(&m))) {
        case MESSAGE_RANGE_ACK: take_range_ack(w, hop_frame(&m)); break;
        case MESSAGE_PONG:      take_pong(w, hop_frame(&m)); break;
        default:                complain(w, "message", ERR_BADMSG); break;
        }
        zmq_msg_close(&m);
    }
}

static void on_want_time(void *arg)
{
    struct worker *w = arg;
    const struct ping ping = { .time = loop_now_ms() };

    for (size_t i = 0; i < HELD_MAX; i++)
        if (w->held.at[i].used && w->held.at[i].acked)
            report_done(w, &w->held.at[i]);
    for (size_t i = 0; i < w->n_sources; i++)
        send_want(&w->sources[i]);
    err_ignore(hop_send_record(w->correlate, NULL, &ping_schema, &ping)); /* asked again soon */
}

static enum err connect_hop(struct worker *w, void **ret, const char *endpoint,
                            loop_handler *handler, void *arg)
{
    enum err e = gate_connect(w->run->gate, ret, ZMQ_DEALER, endpoint);

    return e == ERR_OK ? loop_add_socket(w->run->loop, *ret, handler, arg) : e;
}

enum err worker_connect(void *self)
{
    struct worker *w = self;
    const struct config *c = w->run->config;

    if (c->decode.correlate.n != 1 || c->decode.ingest.n == 0 || c->decode.ingest.n > SOURCES_MAX) {
        log_error("decode needs one correlate and 1 to %d ingest endpoints", SOURCES_MAX);
        return ERR_RANGE;
    }
    enum err e = connect_hop(w, &w->correlate, c->decode.correlate.item[0].p, on_correlate, w);
    for (size_t i = 0; e == ERR_OK && i < c->decode.ingest.n; i++) {
        struct source *s = &w->sources[w->n_sources++];
        *s = (struct source){ .worker = w, .number = (uint8_t)i };
        e = connect_hop(w, &s->socket, c->decode.ingest.item[i].p, on_ingest, s);
    }
    if (e == ERR_OK)
        e = loop_every(w->run->loop, WANT_MS, on_want_time, w);
    if (e == ERR_OK)
        e = loop_once(w->run->loop, 1, on_want_time, w);    /* and at once */
    return e;
}

void worker_status(void *self, struct status_values *v)
{
    struct worker *w = self;
    struct judge_counts n = judge_counts(w->judge);

    status_count(v, "in", n.events);
    status_count(v, "out", n.passed);
    status_count(v, "decoded", n.decoded);
    status_count(v, "refused", n.refused + w->refused);
    status_count(v, "queued", w->held.n);
    status_count(v, "batches", w->in);
    status_count(v, "done", w->done);
    status_count(v, "resent", w->resent);
    status_count(v, "unwalked", n.unwalked);
    status_count(v, "rules", ruleset_rules(w->rs));
    status_count(v, "revision", ruleset_revision(w->rs));
}

static enum err pipe_one(struct judge *j, struct slice frame, int out, msgpack_sbuffer *range)
{
    struct lease l;

    msgpack_sbuffer_clear(range);
    enum err e = record_unpack(&lease_schema, &l, frame);
    if (e == ERR_OK)
        e = judge_lease(j, &l, range);
    return e == ERR_OK ? pipe_write(out, (struct slice){ range->data, range->size }) : e;
}

int worker_pipe(struct run *run, int in, int out)
{
    struct pipe_frame frame = { NULL, 0, 0 };
    struct ruleset *rs = NULL;
    struct judge *judge = NULL;
    msgpack_sbuffer range;

    msgpack_sbuffer_init(&range);
    enum err e = stage_ruleset(&rs, run);
    if (e == ERR_OK)
        e = judge_new(&judge, rs, run_flag(run, "passing") == NULL || wants_all(run->config),
                      run->config->decode.match_limit);
    if (e == ERR_OK && run_flag(run, "raw-actions") != NULL)
        judge_keep_actions(judge);
    while (e == ERR_OK && (e = pipe_read(in, &frame)) == ERR_OK)
        e = pipe_one(judge, (struct slice){ frame.p, frame.n }, out, &range);
    if (e != ERR_ABSENT)
        log_error("%s", err_str(e));
    msgpack_sbuffer_destroy(&range);
    free(frame.p);
    judge_free(judge);
    ruleset_free(rs);
    return e == ERR_ABSENT ? 0 : 1;
}
