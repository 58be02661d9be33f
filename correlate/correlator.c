#include "correlate/correlator.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/stage/gate.h"
#include "common/stage/hop.h"
#include "common/stage/log.h"
#include "common/stage/ruleset.h"
#include "correlate/intake.h"
#include "correlate/reorder.h"
#include "correlate/state.h"

#define WAITING_MAX 8           /* fetches that wait for an alert */
#define RETRY_MS    1000        /* between looks for room on a full disk */
#define TRIM_MS     1000        /* alerts that alertd has may stay so long */
#define OUTBOX_TIGHT ((uint64_t)256 << 10)      /* bytes of alerts kept while the disk is all but full: what
                                 * was deleted of them is room inside the state for the next */

struct answer { struct peer to; struct range_ack ack; };
struct waiting_fetch { struct peer to; uint64_t from, max; };

struct correlator {
    struct run *run;
    struct ruleset *rs;
    struct state *state;
    struct reorder *reorder;
    struct intake intake;
    void *decoders, *alertd;
    uint64_t boot;
    struct answer *acks;                /* of what the next commit makes durable */
    size_t n_acks, ack_room;
    struct waiting_fetch fetch[WAITING_MAX];
    size_t n_fetches;
    uint64_t trim;                      /* alertd has the alerts below */
    uint64_t since_commit;              /* events */
    uint64_t committed_ms;              /* when the last commit was */
    uint64_t outbox_max;
    bool dirty, paused, full;
    bool told;                          /* that it is full; once, until a commit succeeds */
    uint64_t first_out;                 /* number of the first record of this life */
    uint64_t ranges, duplicates, refused, jumps, commits, newest;
    struct log_limit limit;
};

static _Noreturn void give_up(const char *what, enum err e)
{
    log_error("%s: %s; exiting", what, e == ERR_SYS ? strerror(errno) : err_str(e));
    exit(1);
}

static void refuse(struct correlator *c, const char *what, enum err e)
{
    uint64_t held;

    c->refused++;
    if (log_allowed(&c->limit, loop_now_ms(), &held))
        log_warn("%s refused: %s (and %" PRIu64 " before)", what, err_str(e), held);
}

static void new_boot(struct correlator *c)
{
    do
        randombytes_buf(&c->boot, sizeof c->boot);
    while (c->boot == 0);
}

/* opening and closing */

static enum err open_state(struct correlator *c)
{
    const struct config *conf = c->run->config;
    const struct history_options o = history_options_of(conf);
    char *dir = paths_join(c->run->paths->state, c->run->name);

    if (dir == NULL)
        return ERR_NOMEM;
    c->outbox_max = conf->correlate.state_size / 2;
    enum err e = state_open(&c->state, dir, conf->correlate.state_size, true, c->rs, &o);
    if (e != ERR_OK)
        log_error("%s: %s", dir, e == ERR_SYS ? strerror(errno) : err_str(e));
    free(dir);
    return e;
}

enum err correlator_open(void **self, struct run *run)
{
    struct correlator *c = calloc(1, sizeof *c);

    if (c == NULL)
        return ERR_NOMEM;
    *self = c;
    c->run = run;
    new_boot(c);
    msgpack_sbuffer_init(&c->intake.record);
    enum err e = stage_ruleset(&c->rs, run);
    if (e == ERR_OK)
        e = arbiter_new(&c->intake.arbiter, c->rs, false);
    if (e == ERR_OK)
        e = reorder_new(&c->reorder);
    if (e != ERR_OK)
        return e;
    c->intake.rs = c->rs;
    c->intake.archives = run->config->global.logall || run->config->global.logall_json;
    e = open_state(c);
    if (e != ERR_OK)
        return e;
    c->first_out = outbox_counts(state_outbox(c->state)).next;
    log_info("history records=%zu", history_records(memory_history(state_memory(c->state))));
    return e;
}

/* What was taken and not committed comes again. */
void correlator_close(void *self)
{
    struct correlator *c = self;

    if (c == NULL)
        return;
    hop_close(c->decoders);
    hop_close(c->alertd);
    reorder_free(c->reorder);
    arbiter_free(c->intake.arbiter);
    msgpack_sbuffer_destroy(&c->intake.record);
    state_free(c->state);
    ruleset_free(c->rs);
    free(c->acks);
    free(c);
}

/* answers */

static void answer_fetch(struct correlator *c, const struct waiting_fetch *f, bool *answered)
{
    struct alerts a;
    msgpack_sbuffer body;

    msgpack_sbuffer_init(&body);
    enum err e = outbox_fetch(state_outbox(c->state), f->from, f->max, &a, &body);
    if (e != ERR_OK)
        give_up("outbox", e);
    *answered = a.count > 0;
    if (*answered)
        err_ignore(hop_send_record(c->alertd, &f->to, &alerts_schema, &a)); /* it will ask again */
    msgpack_sbuffer_destroy(&body);
}

static void answer_fetches(struct correlator *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->n_fetches; i++) {
        bool answered;
        answer_fetch(c, &c->fetch[i], &answered);
        if (!answered)
            c->fetch[kept++] = c->fetch[i];
    }
    c->n_fetches = kept;
}

static void send_acks(struct correlator *c)
{
    for (size_t i = 0; i < c->n_acks; i++)      /* a decoder that has gone asks nothing more */
        err_ignore(hop_send_record(c->decoders, &c->acks[i].to, &range_ack_schema,
                                   &c->acks[i].ack));
    c->n_acks = 0;
}

static void add_ack(struct correlator *c, const struct peer *to, uint64_t ingest, uint64_t offset)
{
    if (c->n_acks == c->ack_room) {
        size_t room = c->ack_room == 0 ? 256 : 2 * c->ack_room;
        struct answer *acks = realloc(c->acks, room * sizeof *acks);
        if (acks == NULL)
            give_up("acknowledgements", ERR_NOMEM);
        c->acks = acks;
        c->ack_room = room;
    }
    c->acks[c->n_acks++] = (struct answer){ *to, { ingest, offset } };
    c->dirty = true;
}

/* committing */

static void on_retry(void *arg);

static void retry_later(struct correlator *c)
{
    if (loop_once(c->run->loop, RETRY_MS, on_retry, c) != ERR_OK)
        give_up("timer", ERR_NOMEM);
}

static void pause_if_needed(struct correlator *c)
{
    bool tight = c->full || state_tight(c->state);
    uint64_t most = tight ? OUTBOX_TIGHT : c->outbox_max;
    bool pause = c->full || outbox_counts(state_outbox(c->state)).bytes > most;

    if (tight && pause)
        retry_later(c);
    if (pause == c->paused)
        return;
    c->paused = pause;
    loop_pause_socket(c->run->loop, c->decoders, pause);
    if (pause && !c->told) {
        log_warn("%s is full: no events are taken until there is room",
                 tight ? "the disk or the state" : "the outbox");
        c->told = true;
    }
}

static void tell_of_room(struct correlator *c)
{
    if (!c->told || c->paused || c->n_acks == 0)
        return;
    log_info("there is room again: events are taken");
    c->told = false;
}

/* Memory is as the last commit left it; what came since must come again, so we are another. */
static void stand_back(struct correlator *c)
{
    c->full = true;
    c->n_acks = 0;
    reorder_clear(c->reorder);
    new_boot(c);
}

static void commit(void *arg)
{
    struct correlator *c = arg;

    loop_cancel(c->run->loop, commit, c);
    enum err e = state_commit(c->state, c->trim);
    c->since_commit = 0;
    c->dirty = false;
    if (e == ERR_FULL)
        stand_back(c);
    else if (e != ERR_OK)
        give_up("state", e);
    else
        c->full = false;
    c->commits++;
    c->committed_ms = loop_now_ms();
    pause_if_needed(c);
    if (e != ERR_OK)
        return;
    tell_of_room(c);
    send_acks(c);
    answer_fetches(c);
}

/* Room is there when the alerts that alertd has can be deleted, or the commit of nothing passes and
 * the next batch will tell. */
static void on_retry(void *arg)
{
    commit(arg);
}

/* Alone, a range is committed at once; in a stream of them, once in commit_ms. */
static void after_turn(void *arg)
{
    struct correlator *c = arg;
    const struct config_correlate *conf = &c->run->config->correlate;
    uint64_t since = loop_now_ms() - c->committed_ms;

    if (!c->dirty)
        return;
    if (c->since_commit >= conf->commit_records || since >= conf->commit_ms)
        commit(c);
    else if (loop_once(c->run->loop, (uint32_t)(conf->commit_ms - since), commit, c) != ERR_OK)
        give_up("timer", ERR_NOMEM);
}

/* decoders */

static void judge_range(struct correlator *c, const struct range *r)
{
    uint64_t before = c->intake.counts.events;
    enum err e = intake_range(&c->intake, state_memory(c->state), state_outbox(c->state), r);

    if (e == ERR_OK)
        e = state_advance(c->state, r->ingest, r->offset + 1);
    if (e != ERR_OK)
        give_up("events", e);
    c->ranges++;
    c->since_commit += c->intake.counts.events - before;
    c->newest = r->received > c->newest ? r->received : c->newest;
}

/* The batches behind one that was taken, as far as they are here. */
static void judge_waiting(struct correlator *c, uint64_t ingest)
{
    struct peer from;
    struct range r;
    zmq_msg_t m;

    for (uint64_t next = state_next(c->state, ingest);
         reorder_held(c->reorder) > 0 && reorder_take(c->reorder, ingest, next, &from, &m);
         next = state_next(c->state, ingest)) {
        if (record_unpack(&range_schema, &r, hop_frame(&m)) == ERR_OK) {    /* read before */
            judge_range(c, &r);
            add_ack(c, &from, r.ingest, r.offset);
        }
        zmq_msg_close(&m);
    }
}

/* The batch wanted next; what ingest says is done cannot come any more. */
static enum err find_next(struct correlator *c, const struct range *r, uint64_t *ret)
{
    uint64_t next = state_next(c->state, r->ingest), floor = r->floor > 0 ? r->floor : 1;

    *ret = next;
    if (r->offset == 0 || r->offset == UINT64_MAX || floor > r->offset)
        return ERR_BADMSG;
    if (next >= floor)
        return ERR_OK;
    if (next != 0) {
        c->jumps++;
        log_error("batches %" PRIu64 " to %" PRIu64 " of ingest %016" PRIx64 " never came, "
                  "and are done elsewhere", next, floor - 1, r->ingest);
        reorder_drop_below(c->reorder, r->ingest, floor);
    }
    *ret = floor;
    c->dirty = true;
    return state_advance(c->state, r->ingest, floor);
}

static void take_range(struct correlator *c, const struct peer *from, zmq_msg_t *m)
{
    struct range r;
    uint64_t next;

    enum err e = record_unpack(&range_schema, &r, hop_frame(m));
    if (e == ERR_OK)
        e = find_next(c, &r, &next);
    if (e == ERR_OK && r.offset > next)
        e = reorder_put(c->reorder, r.ingest, r.offset, next, from, m);
    else if (e == ERR_OK) {
        if (r.offset == next)
            judge_range(c, &r);
        else
            c->duplicates++;
        add_ack(c, from, r.ingest, r.offset);
    }
    if (e != ERR_OK)
        refuse(c, "range", e);
    else
        judge_waiting(c, r.ingest);
}

static void take_ping(struct correlator *c, const struct peer *from, struct slice frame)
{
    struct ping p;

    if (record_unpack(&ping_schema, &p, frame) != ERR_OK) {
        refuse(c, "ping", ERR_BADMSG);
        return;
    }
    const struct pong pong = { p.time, c->boot };
    err_ignore(hop_send_record(c->decoders, from, &pong_schema, &pong));        /* asked again soon */
}

static void on_decoders(void *arg)
{
    struct correlator *c = arg;
    struct peer from;
    zmq_msg_t m;

    for (int i = 0; i < LOOP_TURN && c->since_commit < c->run->config->correlate.commit_records; i++) {
        enum err e = hop_recv(c->decoders, &from, &m);
        if (e == ERR_BADMSG) {
            refuse(c, "frame", e);
            continue;
        }
        if (e != ERR_OK)
            return;
        switch (record_type(hop_frame(&m))) {
        case MESSAGE_RANGE: take_range(c, &from, &m); break;
        case MESSAGE_PING:  take_ping(c, &from, hop_frame(&m)); break;
        default:            refuse(c, "message", ERR_BADMSG); break;
        }
        zmq_msg_close(&m);
    }
}

/* alertd */

static void wait_with(struct correlator *c, const struct waiting_fetch *f)
{
    size_t i = 0;

    while (i < c->n_fetches && !peer_eq(&c->fetch[i].to, &f->to))
        i++;
    if (i == WAITING_MAX) {             /* the longest waiting one has probably gone */
        memmove(c->fetch, c->fetch + 1, (WAITING_MAX - 1) * sizeof c->fetch[0]);
        i = c->n_fetches = WAITING_MAX - 1;
    }
    c->fetch[i] = *f;
    if (i == c->n_fetches)
        c->n_fetches++;
}

static void on_trim(void *arg)
{
    struct correlator *c = arg;

    if (!c->dirty && c->trim > outbox_counts(state_outbox(c->state)).first)
        commit(c);
}

static void take_fetch(struct correlator *c, const struct peer *from, struct slice frame)
{
    struct outbox_counts n = outbox_counts(state_outbox(c->state));
    struct fetch f;

    if (record_unpack(&fetch_schema, &f, frame) != ERR_OK) {
        refuse(c, "fetch", ERR_BADMSG);
        return;
    }
    if (f.epoch != n.epoch || f.from > n.next)
        f.from = 0;                     /* it speaks of another outbox */
    if (f.from > c->trim)
        c->trim = f.from;
    struct waiting_fetch w = { *from, f.from, f.max };
    bool answered;
    answer_fetch(c, &w, &answered);
    if (!answered)
        wait_with(c, &w);
    if (c->trim > n.first && loop_once(c->run->loop, c->paused ? 1 : TRIM_MS, on_trim, c) != ERR_OK)
        give_up("timer", ERR_NOMEM);
}

static void on_alertd(void *arg)
{
    struct correlator *c = arg;
    struct peer from;
    zmq_msg_t m;

    for (int i = 0; i < LOOP_TURN; i++) {
        enum err e = hop_recv(c->alertd, &from, &m);
        if (e == ERR_BADMSG) {
            refuse(c, "frame", e);
            continue;
        }
        if (e != ERR_OK)
            return;
        if (record_type(hop_frame(&m)) == MESSAGE_FETCH)
            take_fetch(c, &from, hop_frame(&m));
        else
            refuse(c, "message", ERR_BADMSG);
        zmq_msg_close(&m);
    }
}

static enum err bind_hop(struct correlator *c, void **ret, const struct config_list *endpoints,
                         loop_handler *handler)
{
    if (endpoints->n != 1) {
        log_error("correlate needs one endpoint for decoders and one for alertd");
        return ERR_RANGE;
    }
    enum err e = gate_bind(c->run->gate, ret, ZMQ_ROUTER, endpoints);
    return e == ERR_OK ? loop_add_socket(c->run->loop, *ret, handler, c) : e;
}

enum err correlator_connect(void *self)
{
    struct correlator *c = self;
    const struct config_correlate *conf = &c->run->config->correlate;

    enum err e = bind_hop(c, &c->decoders, &conf->decoders, on_decoders);
    if (e == ERR_OK)
        e = bind_hop(c, &c->alertd, &conf->alertd, on_alertd);
    if (e != ERR_OK)
        return e;
    loop_after_turn(c->run->loop, after_turn, c);
    pause_if_needed(c);
    return ERR_OK;
}

/* health */

static void status_seen(struct correlator *c, struct status_values *v)
{
    static const char *const names[REMEMBERED] = { "first_seen", "ignored_tuples", "outputs",
                                                   "accumulated" };
    uint64_t evicted = 0;

    for (int i = 0; i < REMEMBERED; i++) {
        struct seen *s = memory_seen(state_memory(c->state), (enum remembered)i);
        status_count(v, names[i], seen_entries(s));
        evicted += seen_evicted(s);
    }
    status_count(v, "forgotten", evicted);
}

static uint64_t lag_ms(const struct correlator *c)
{
    uint64_t now = run_now_us(c->run);

    return c->newest != 0 && now > c->newest && c->dirty ? (now - c->newest) / 1000 : 0;
}

void correlator_status(void *self, struct status_values *v)
{
    struct correlator *c = self;
    const struct intake_counts *n = &c->intake.counts;
    struct outbox_counts box = outbox_counts(state_outbox(c->state));
    struct arbiter_counts a = arbiter_counts(c->intake.arbiter);
    struct history *h = memory_history(state_memory(c->state));
    uint64_t used, cap;

    state_usage(c->state, &used, &cap);
    status_count(v, "in", n->events);
    status_count(v, "out", box.next - c->first_out);
    status_count(v, "alerts", n->alerts);
    status_count(v, "ignored", n->ignored);
    status_count(v, "archived", n->archived);
    status_count(v, "refused", c->refused + n->refused);
    status_count(v, "duplicates", c->duplicates);
    status_count(v, "jumps", c->jumps);
    status_count(v, "queued", reorder_held(c->reorder));
    status_count(v, "lag", lag_ms(c));
    status_count(v, "paused", c->paused);
    status_count(v, "batches", c->ranges);
    status_count(v, "commits", c->commits);
    status_count(v, "outbox", box.next - box.first);
    status_count(v, "outbox_bytes", box.bytes);
    status_count(v, "state_bytes", used);
    status_count(v, "state_cap", cap);
    status_count(v, "history", history_records(h));
    status_count(v, "history_evicted", history_evicted(h));
    status_seen(c, v);
    status_count(v, "walked", a.walked);
    status_count(v, "unwalkable", a.unwalkable);
    status_count(v, "unknown_rules", a.unknown_rules);
    status_count(v, "boot", c->boot);
    status_count(v, "rules", ruleset_rules(c->rs));
    status_count(v, "revision", ruleset_revision(c->rs));
}
