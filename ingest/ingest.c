#include "ingest/ingest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <zmq.h>

#include "common/conf/keyfile.h"
#include "common/stage/gate.h"
#include "common/stage/hop.h"
#include "common/stage/log.h"
#include "ingest/admit.h"
#include "ingest/edge.h"
#include "ingest/gather.h"
#include "ingest/journal.h"
#include "ingest/leases.h"
#include "ingest/registry.h"
#include "ingest/session.h"
#include "ingest/syslog.h"
#include "schemas/messages.h"

#define TICK_MS       1000
#define LEASE_TICK_MS 250
#define TURN_BYTES    ((size_t)4 << 20) /* of agents' messages, before the neighbour's turn */
#define RECENT_BYTES  ((uint64_t)16 << 20)
#define SILENT_US     ((uint64_t)3600 * 1000000)        /* then a session's memory is freed */

struct ingest {
    struct run *run;
    const struct config_ingest *config;
    struct keypair identity;
    struct registry *registry;
    struct journal *journal;
    struct gather *gather;
    struct sessions *sessions;
    struct leases *leases;
    struct syslog *syslog;
    void *edge, *decoders;
    bool holding;                       /* no room: nothing is taken in */
    bool told_full;                     /* said so; said again only after a commit has worked */
    uint64_t committed_ms, events_committed;
    uint64_t revoked, nameless, leased, done, decoder_malformed, commits;
    struct log_limit lease_limit;
};

static enum err said(const char *what, enum err e)
{
    log_error("%s: %s%s%s", what, err_str(e), e == ERR_SYS ? ": " : "",
              e == ERR_SYS ? zmq_strerror(errno) : "");
    return e;
}

/* -- agents ------------------------------------------------------------------------------- */

static enum err send_answer(void *arg, const struct peer *to, const struct schema *s, const void *rec)
{
    const struct ingest *i = arg;

    return hop_send_record(i->edge, to, s, rec);
}

/* A session that was alive when its key was removed still speaks; nobody listens. */
static void take_message(struct ingest *i, const struct peer *from, struct slice user, struct slice frame)
{
    const struct agent *a = registry_by_user(i->registry, user);

    if (a == NULL) {
        i->revoked++;
        return;
    }
    const struct speaker who = { a->id, slice_of(a->name), slice_of(a->address) };
    sessions_take(i->sessions, &who, from, frame, run_now_us(i->run));
}

static void on_agents(void *arg)
{
    struct ingest *i = arg;
    size_t bytes = 0;

    for (int served = 0; served < LOOP_TURN && bytes < TURN_BYTES; served++) {
        struct peer from;
        struct slice user;
        zmq_msg_t m;
        enum err e = edge_recv(i->edge, &from, &m, &user);

        if (e == ERR_BADMSG || e == ERR_DENIED) {
            i->nameless++;
            continue;
        }
        if (e != ERR_OK)
            return;
        bytes += zmq_msg_size(&m);
        take_message(i, &from, user, hop_frame(&m));
        zmq_msg_close(&m);
    }
}

/* -- decoders ----------------------------------------------------------------------------- */

/* Written when the batch was appended; what is done has moved on since. */
static enum err pack_lease(struct ingest *i, uint64_t offset, msgpack_sbuffer *out)
{
    struct slice packed;
    struct lease rec;

    enum err e = journal_read(i->journal, offset, &packed);
    if (e == ERR_OK)
        e = record_unpack(&lease_schema, &rec, packed);
    if (e != ERR_OK)
        return e;
    rec.floor = leases_floor(i->leases);
    return record_pack(&lease_schema, &rec, out);
}

/* False: no more for now. */
static bool send_lease(struct ingest *i, const struct grant *g)
{
    msgpack_sbuffer out;

    msgpack_sbuffer_init(&out);
    enum err e = pack_lease(i, g->offset, &out);
    if (e == ERR_BADMSG)
        die("journal: batch %" PRIu64 " does not read; the disk has changed it", g->offset);
    if (e == ERR_OK)
        e = hop_give(i->decoders, &g->to, &out);
    msgpack_sbuffer_destroy(&out);
    if (e != ERR_OK) {
        leases_refused(i->leases, g);
        return e == ERR_ABSENT || e == ERR_AGAIN;
    }
    journal_handed(i->journal, g->offset);
    i->leased++;
    return true;
}

static void grant_leases(struct ingest *i)
{
    struct grant g;

    while (leases_grant(i->leases, &g))
        if (!send_lease(i, &g))
            return;
}

static enum err take_want(struct ingest *i, const struct peer *from, struct slice frame)
{
    struct want w;

    enum err e = record_unpack(&want_schema, &w, frame);
    return e != ERR_OK ? e : leases_want(i->leases, from, w.credit, w.name, w.held, loop_now_ms());
}

static enum err take_done(struct ingest *i, const struct peer *from, struct slice frame)
{
    struct done d;

    enum err e = record_unpack(&done_schema, &d, frame);
    if (e == ERR_OK && d.ingest != journal_id(i->journal))
        e = ERR_ABSENT;
    if (e == ERR_OK)
        e = leases_done(i->leases, from, d.offset, loop_now_ms());
    if (e == ERR_OK) {
        i->done++;
        journal_trim(i->journal, leases_floor(i->leases));
    }
    return e == ERR_ABSENT ? ERR_OK : e;
}

static const struct {
    enum message type;
    enum err (*take)(struct ingest *i, const struct peer *from, struct slice frame);
} from_decoder[] = {
    { MESSAGE_WANT, take_want }, { MESSAGE_DONE, take_done },
};

static enum err take_from_decoder(struct ingest *i, const struct peer *from, struct slice frame)
{
    uint64_t type = record_type(frame);

    for (size_t k = 0; k < sizeof from_decoder / sizeof from_decoder[0]; k++)
        if (from_decoder[k].type == type)
            return from_decoder[k].take(i, from, frame);
    return ERR_BADMSG;
}

static void on_decoders(void *arg)
{
    struct ingest *i = arg;

    for (int served = 0; served < LOOP_TURN; served++) {
        struct peer from;
        zmq_msg_t m;
        enum err e = hop_recv(i->decoders, &from, &m);

        if (e == ERR_OK) {
            e = take_from_decoder(i, &from, hop_frame(&m));
            zmq_msg_close(&m);
            i->decoder_malformed += e != ERR_OK;
        } else if (e == ERR_BADMSG) {
            i->decoder_malformed++;
        } else {
            return;
        }
    }
}

/* -- the commit --------------------------------------------------------------------------- */

static void hold(struct ingest *i)
{
    if (!i->told_full)
        log_warn("journal: no room, holding agents and syslog back until there is"
                 " bytes=%" PRIu64 " queued=%" PRIu64, journal_bytes(i->journal),
                 journal_next(i->journal) - leases_floor(i->leases));
    i->told_full = true;
    i->holding = true;
    sessions_open_credit(i->sessions, false);
}

static void go_on(struct ingest *i)
{
    i->holding = false;
    sessions_open_credit(i->sessions, true);
}

static uint64_t events_in(const struct ingest *i)
{
    return sessions_counts(i->sessions)->events + syslog_counts(i->syslog)->syslog;
}

static void roll_back(struct ingest *i)
{
    sessions_rolled_back(i->sessions);
    gather_rolled_back(i->gather);
    hold(i);
}

/* What was appended is durable: say so, and hand it on. */
static void committed(struct ingest *i, uint64_t batches)
{
    gather_committed(i->gather);
    sessions_committed(i->sessions);
    leases_extend(i->leases, journal_next(i->journal));
    i->commits += batches > 0;
    if (i->told_full && batches > 0 && !i->holding) {
        log_info("journal: there is room again bytes=%" PRIu64, journal_bytes(i->journal));
        i->told_full = false;
    }
    if (!i->holding && !journal_has_room(i->journal))
        hold(i);
}

MUST_USE static enum err commit(struct ingest *i)
{
    uint64_t batches = journal_pending(i->journal);

    enum err e = journal_commit(i->journal);
    if (e == ERR_SYS)
        die("journal: %s; stopping, so that nothing is acknowledged that is not on disk",
            zmq_strerror(errno));
    i->committed_ms = loop_now_ms();
    i->events_committed = events_in(i);
    if (e == ERR_OK)
        committed(i, batches);
    else
        roll_back(i);
    return e;
}

/* Alone, a batch is committed at once; in a stream of them, once in commit_ms. */
static bool commit_may_wait(const struct ingest *i, uint64_t *left_ms)
{
    uint64_t since = loop_now_ms() - i->committed_ms;

    if (journal_pending(i->journal) == 0 || since >= i->config->commit_ms
        || events_in(i) - i->events_committed >= i->config->commit_records)
        return false;
    *left_ms = i->config->commit_ms - since;
    return true;
}

static void on_commit_due(void *arg)
{
    (void)arg;                          /* the turn that this begins ends in on_turn() */
}

static void append_gathered(struct ingest *i)
{
    enum err e = gather_append(i->gather, i->journal, slice_of(i->run->name));

    if (e != ERR_OK && !i->holding)
        hold(i);
}

static void on_turn(void *arg)
{
    struct ingest *i = arg;
    uint64_t left_ms = 0;

    if (!i->holding)
        append_gathered(i);
    if (!commit_may_wait(i, &left_ms)
        || loop_once(i->run->loop, (uint32_t)left_ms, on_commit_due, i) != ERR_OK) {
        enum err e = commit(i);
        if (e != ERR_OK)
            log_debug("journal: %s", err_str(e));
    }
    syslog_hold(i->syslog, i->holding || !gather_has_room(i->gather));
    grant_leases(i);
}

/* -- once in a while ---------------------------------------------------------------------- */

static void refresh_registry(struct ingest *i)
{
    bool changed = false;
    enum err e = registry_refresh(i->registry, &changed);

    if (e != ERR_OK)
        log_warn("registry: %s; using the agents known before", err_str(e));
    else if (changed)
        log_info("registry: read again agents=%zu", registry_count(i->registry));
}

static void try_again(struct ingest *i)
{
    enum err gathered = gather_append(i->gather, i->journal, slice_of(i->run->name));

    if (commit(i) == ERR_OK && gathered == ERR_OK && journal_is_roomy(i->journal))
        go_on(i);
}

static void on_tick(void *arg)
{
    struct ingest *i = arg;
    uint64_t now = run_now_us(i->run);

    refresh_registry(i);
    syslog_report(i->syslog);
    journal_trim_now(i->journal);
    if (i->holding)
        try_again(i);
    if (now > SILENT_US)
        (void)sessions_sweep(i->sessions, now - SILENT_US);
}

static void on_lease_tick(void *arg)
{
    struct ingest *i = arg;
    uint64_t held;
    size_t n = leases_tick(i->leases, loop_now_ms());

    if (n > 0 && log_allowed(&i->lease_limit, loop_now_ms(), &held))
        log_info("decoders: silent ones dropped, their leases go to others n=%zu", n);
}

/* -- birth and death ---------------------------------------------------------------------- */

static enum err open_registry(struct ingest *i, const char *dir)
{
    char *registry = paths_join(dir, "registry"), *key = paths_join(dir, "manager.key");
    enum err e = ERR_NOMEM;

    if (registry == NULL || key == NULL)
        goto out;
    e = keyfile_load(key, &i->identity);
    if (e == ERR_DENIED)
        log_error("%s: group or others can read it; chmod 600, and think who may have read it", key);
    else if (e != ERR_OK)
        (void)said(key, e);
    if (e == ERR_OK && (e = registry_open(&i->registry, registry)) != ERR_OK)
        (void)said(registry, e);
out:
    free(registry);
    free(key);
    return e;
}

static enum err open_journal(struct ingest *i, const char *dir)
{
    const struct journal_limits limits = {
        .bytes = i->config->state_size, .recent_bytes = RECENT_BYTES, .durable = true,
    };
    char *path = paths_join(dir, "ingest");

    enum err e = path == NULL ? ERR_NOMEM : journal_open(&i->journal, path, &limits);
    if (e != ERR_OK)
        (void)said("journal", e);
    free(path);
    return e;
}

static enum err open_memory(struct ingest *i)
{
    enum err e = gather_new(&i->gather);

    if (e == ERR_OK)
        e = sessions_new(&i->sessions, i->journal, i->gather, i->config->credit, send_answer, i);
    if (e == ERR_OK)
        e = leases_new(&i->leases, i->config->lease_window, i->config->lease_ms,
                       journal_floor(i->journal), journal_next(i->journal));
    return e == ERR_OK ? e : said("ingest", e);
}

enum err ingest_open(void **self, struct run *run)
{
    struct ingest *i = calloc(1, sizeof *i);
    if (i == NULL)
        return said("ingest", ERR_NOMEM);

    *self = i;
    i->run = run;
    i->config = &run->config->ingest;
    enum err e = open_registry(i, run->paths->state);
    if (e == ERR_OK)
        e = open_journal(i, run->paths->state);
    if (e == ERR_OK)
        e = open_memory(i);
    if (e == ERR_OK)
        log_info("journal: open queued=%" PRIu64 " bytes=%" PRIu64 " agents=%zu",
                 journal_next(i->journal) - journal_floor(i->journal), journal_bytes(i->journal),
                 registry_count(i->registry));
    return e;
}

static enum err bind_edge(void *socket, const struct config_list *endpoints)
{
    for (size_t k = 0; k < endpoints->n; k++)
        if (zmq_bind(socket, endpoints->item[k].p) != 0)
            return said(endpoints->item[k].p, ERR_SYS);
    return ERR_OK;
}

static enum err connect_agents(struct ingest *i)
{
    const char *which = NULL;

    enum err e = gate_admit(i->run->gate, EDGE_DOMAIN, admit_agent, i->registry);
    if (e == ERR_OK)
        e = edge_new(&i->edge, i->run->zmq, i->identity.secret);
    keyfile_wipe(&i->identity);
    if (e != ERR_OK)
        return said("agents' socket", e);
    if ((e = edge_check(i->edge, &which)) != ERR_OK) {
        log_error("agents' socket: option %s is not as it should be", which);
        return e;
    }
    return bind_edge(i->edge, &i->config->listen);
}

static enum err connect_decoders(struct ingest *i)
{
    const struct config_list *at = &i->config->decoders;

    if (at->n == 0)
        return said("<ingest> decoders", ERR_ABSENT);
    return gate_bind(i->run->gate, &i->decoders, ZMQ_ROUTER, at);
}

static enum err connect_syslog(struct ingest *i)
{
    const char *file = i->run->config->file;
    uint32_t line = 0;

    enum err e = syslog_new(&i->syslog, i->run, i->gather, &line);
    if (e != ERR_OK)
        log_error("%s:%" PRIu32 ": remote: %s", file != NULL ? file : "ossec.conf", line,
                  e == ERR_ABSENT ? "allowed-ips is missing; nobody could send"
                  : e == ERR_SYS ? zmq_strerror(errno) : err_str(e));
    return e;
}

static enum err join_loop(struct ingest *i)
{
    struct loop *l = i->run->loop;
    enum err e = loop_add_socket(l, i->edge, on_agents, i);

    if (e == ERR_OK)
        e = loop_add_socket(l, i->decoders, on_decoders, i);
    if (e == ERR_OK)
        e = loop_every(l, TICK_MS, on_tick, i);
    if (e == ERR_OK)
        e = loop_every(l, LEASE_TICK_MS, on_lease_tick, i);
    loop_after_turn(l, on_turn, i);
    return e == ERR_OK ? e : said("ingest", e);
}

enum err ingest_connect(void *self)
{
    struct ingest *i = self;

    enum err e = connect_agents(i);
    if (e == ERR_OK)
        e = connect_decoders(i);
    if (e == ERR_OK)
        e = connect_syslog(i);
    return e == ERR_OK ? join_loop(i) : e;
}

/* What the loop had received is committed; its agents learn of it by their next hello. */
static void last_commit(struct ingest *i)
{
    journal_stretch(i->journal);
    enum err gathered = gather_append(i->gather, i->journal, slice_of(i->run->name));

    journal_trim_now(i->journal);
    enum err e = journal_commit(i->journal);
    if (e != ERR_OK || gathered != ERR_OK)
        (void)said("journal: the last commit", e != ERR_OK ? e : gathered);
}

void ingest_close(void *self)
{
    struct ingest *i = self;

    if (i == NULL)
        return;
    if (i->syslog != NULL)
        syslog_report(i->syslog);
    syslog_free(i->syslog);             /* the last words of its connections are gathered */
    if (i->leases != NULL)
        last_commit(i);
    hop_close(i->edge);
    hop_close(i->decoders);
    leases_free(i->leases);
    sessions_free(i->sessions);
    gather_free(i->gather);
    journal_free(i->journal);
    registry_free(i->registry);
    keyfile_wipe(&i->identity);
    free(i);
}

static void status_agents(const struct ingest *i, struct status_values *v)
{
#define X(name, doc) status_count(v, #name, sessions_counts(i->sessions)->name);
    SESSION_COUNT_MAP(X)
#undef X
    status_count(v, "revoked", i->revoked);
    status_count(v, "nameless", i->nameless);
    status_count(v, "handshakes", gate_count(i->run->gate, EDGE_DOMAIN, ZAP_ADMITTED));
    status_count(v, "unknown_key", gate_count(i->run->gate, EDGE_DOMAIN, ZAP_UNKNOWN));
    status_count(v, "wrong_address", gate_count(i->run->gate, EDGE_DOMAIN, ZAP_ADDRESS));
    status_count(v, "streams", sessions_count(i->sessions));
    status_count(v, "agents", registry_count(i->registry));
    status_text(v, "credit", i->holding ? SLICE("held") : SLICE("open"));
}

static void status_syslog(const struct ingest *i, struct status_values *v)
{
#define X(name, doc) status_count(v, #name, syslog_counts(i->syslog)->name);
    SYSLOG_COUNT_MAP(X)
#undef X
    status_count(v, "syslog_connections", syslog_connections(i->syslog));
    status_count(v, "syslog_closed", syslog_closed(i->syslog));
}

static uint64_t refused(const struct ingest *i)
{
    const struct session_counts *c = sessions_counts(i->sessions);

    return c->malformed + c->unopened + c->gaps + c->overruns + i->revoked + i->nameless
        + i->decoder_malformed + syslog_counts(i->syslog)->syslog_denied;
}

void ingest_status(void *self, struct status_values *v)
{
    const struct ingest *i = self;
    struct leases_figures f = leases_figures(i->leases);

    status_count(v, "in", events_in(i));
    status_count(v, "out", i->leased);
    status_count(v, "refused", refused(i));
    status_count(v, "queued", journal_next(i->journal) - leases_floor(i->leases));
    status_count(v, "journal_bytes", journal_bytes(i->journal));
    status_count(v, "commits", i->commits);
    status_count(v, "decoders", f.decoders);
    status_count(v, "leases", f.out);
    status_count(v, "leases_moved", f.moved);
    status_count(v, "done", i->done);
    status_agents(i, v);
    status_syslog(i, v);
}
