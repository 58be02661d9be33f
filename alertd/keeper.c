#include "alertd/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "alertd/fetcher.h"
#include "alertd/publish.h"
#include "alertd/replay.h"
#include "alertd/sinks/sinks.h"
#include "common/stage/gate.h"
#include "common/stage/hop.h"
#include "common/stage/log.h"

enum { TICK_MS = 100, BEAT_MS = 1000 };

struct source { struct keeper *keeper; struct fetcher *fetcher; void *socket; };

struct keeper {
    struct run *run;
    struct journal *journal;
    struct sinks *sinks;
    struct publish *publish;
    struct replay_server *replay;
    struct source *source;
    size_t n_sources;
    bool appended;                      /* the open transaction holds alerts */
    bool stuck;                         /* the store refused a transaction, and none has passed since */
    uint64_t retry_ms;                  /* when stuck: try again from then on */
    bool told_full;
    struct log_limit refused_lines;
};

static void go_on(void *arg);

static bool may_fetch(const struct keeper *k)
{
    return !k->appended && !journal_is_full(k->journal)
        && (!k->stuck || loop_now_ms() >= k->retry_ms);
}

static void tell_full(struct keeper *k)
{
    bool full = k->stuck || journal_is_full(k->journal);

    if (full && !k->told_full)
        log_error("the alert journal is full: nothing is fetched until there is room; nothing is lost");
    if (!full && k->told_full)
        log_info("the alert journal has room again");
    k->told_full = full;
}

/* Nothing of the transaction was kept: what was fetched is asked for again. */
static void step_back(struct keeper *k, enum err e)
{
    if (e == ERR_SYS || e == ERR_BADMSG)
        die("alert journal: %s", e == ERR_SYS ? strerror(errno) : err_str(e));
    for (size_t i = 0; i < k->n_sources; i++)
        fetcher_back(k->source[i].fetcher);
    k->appended = false;
    k->stuck = true;
    k->retry_ms = loop_now_ms() + BEAT_MS;
    tell_full(k);
}

static void commit(struct keeper *k)
{
    enum err e = journal_commit(k->journal);

    if (e != ERR_OK) {
        step_back(k, e);
        return;
    }
    if (k->appended)                    /* an empty transaction proves nothing */
        k->stuck = false;
    k->appended = false;
    tell_full(k);
}

static void ask(struct source *s)
{
    struct fetch q;
    uint64_t now = loop_now_ms();

    if (fetcher_question(s->fetcher, now, &q)
        && hop_send_record(s->socket, NULL, &fetch_schema, &q) == ERR_OK)
        fetcher_asked(s->fetcher, now);         /* else: nobody there; the next tick tries again */
}

static void ask_all(struct keeper *k)
{
    if (!may_fetch(k))
        return;
    for (size_t i = 0; i < k->n_sources; i++)
        ask(&k->source[i]);
}

static void take(struct source *s, struct slice frame)
{
    struct keeper *k = s->keeper;
    uint64_t held, in = fetcher_counts(s->fetcher).in;
    enum err e = fetcher_take(s->fetcher, frame);

    if (e == ERR_OK) {
        k->appended |= fetcher_counts(s->fetcher).in != in;
        return;
    }
    if (e != ERR_BADMSG) {
        step_back(k, e);
        return;
    }
    if (log_allowed(&k->refused_lines, loop_now_ms(), &held))
        log_warn("an answer of %s does not read and is dropped, with %llu before it",
                 fetcher_endpoint(s->fetcher), (unsigned long long)held);
}

static void on_answer(void *arg)
{
    struct source *s = arg;
    zmq_msg_t m;

    for (int i = 0; i < LOOP_TURN; i++) {
        enum err e = hop_recv(s->socket, NULL, &m);
        if (e == ERR_BADMSG)
            continue;
        if (e != ERR_OK)
            return;
        take(s, hop_frame(&m));
        zmq_msg_close(&m);
        if (s->keeper->appended)
            return;                     /* to be committed before more is taken */
    }
}

/* What nobody has on disk yet may get other numbers after a crash: it is told to nobody. */
static void keep_appended(struct keeper *k)
{
    if (k->appended)
        commit(k);
}

static void on_question(void *arg)
{
    struct keeper *k = arg;

    keep_appended(k);
    replay_serve(k->replay);
}

static void work(void *arg)
{
    struct keeper *k = arg;
    bool more_to_publish = false, more_to_write = false;

    keep_appended(k);
    enum err e = publish_turn(k->publish, &more_to_publish);
    ask_all(k);
    if (e == ERR_OK)
        e = sinks_turn(k->sinks, loop_now_ms(), &more_to_write);
    if (e != ERR_OK)
        die("alertd cannot go on: %s", e == ERR_SYS ? "the disk failed" : err_str(e));
    if ((more_to_publish || more_to_write) && loop_once(k->run->loop, 0, go_on, k) != ERR_OK)
        log_warn("out of memory: the rest is written with the next tick");
}

static void go_on(void *arg)
{
    (void)arg;                          /* its turn is what counts: work() runs after it */
}

static void tick(void *arg)
{
    struct keeper *k = arg;

    if (sinks_flush(k->sinks) != ERR_OK || publish_flush(k->publish) != ERR_OK)
        die("alertd cannot go on: the disk failed");
    commit(k);
}

static void beat(void *arg)
{
    struct keeper *k = arg;

    keep_appended(k);
    publish_beat(k->publish);
    sinks_tidy(k->sinks);
}

static enum err open_journal(struct keeper *k)
{
    const struct config_alertd *c = &k->run->config->alertd;
    char *dir = paths_join(k->run->paths->state, "alertd");

    if (dir == NULL)
        return ERR_NOMEM;
    enum err e = journal_open(&k->journal, dir, c->journal_size, true);
    if (e != ERR_OK)
        log_error("%s: %s", dir, e == ERR_SYS ? strerror(errno) : err_str(e));
    free(dir);
    return e;
}

static enum err open_sinks(struct keeper *k)
{
    const struct config *c = k->run->config;
    const struct sinks_config s = {
        .log_dir = c->alertd.log_dir.p,
        .on = {
            [SINK_ALERTS_LOG] = true, [SINK_ALERTS_JSON] = c->global.jsonout_output,
            [SINK_ARCHIVES_LOG] = c->global.logall, [SINK_ARCHIVES_JSON] = c->global.logall_json,
        },
        .rotate = c->alertd.rotate, .compress = c->alertd.compress, .writer = write,
    };
    return sinks_open(&k->sinks, k->journal, &s);
}

static enum err open_sources(struct keeper *k)
{
    const struct config_list *from = &k->run->config->alertd.correlate;
    enum err e = ERR_OK;

    k->source = calloc(from->n + 1, sizeof *k->source);
    if (k->source == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < from->n && e == ERR_OK; i++) {
        struct source *s = &k->source[k->n_sources];
        s->keeper = k;
        e = fetcher_new(&s->fetcher, k->journal, from->item[i].p, sinks_wants_archives(k->sinks));
        k->n_sources += e == ERR_OK;
    }
    return e;
}

static enum err open_all(struct keeper *k)
{
    const struct config *c = k->run->config;
    const struct publish_config p = {
        .json = c->alertd.format == FORMAT_JSON,
        .ossec_frames = c->alertd.ossec_frames || c->global.zeromq_output,
    };
    enum err e = open_journal(k);

    if (e == ERR_OK)
        e = open_sinks(k);
    if (e == ERR_OK)
        e = publish_new(&k->publish, k->journal, &p);
    if (e == ERR_OK)
        e = replay_new(&k->replay, k->journal, p.json);
    return e == ERR_OK ? open_sources(k) : e;
}

enum err keeper_open(void **self, struct run *run)
{
    struct keeper *k = calloc(1, sizeof *k);
    if (k == NULL)
        return ERR_NOMEM;

    k->run = run;
    *self = k;
    return open_all(k);
}

static enum err connect_sources(struct keeper *k)
{
    for (size_t i = 0; i < k->n_sources; i++) {
        struct source *s = &k->source[i];
        enum err e = gate_connect(k->run->gate, &s->socket, ZMQ_DEALER, fetcher_endpoint(s->fetcher));
        if (e == ERR_OK)
            e = loop_add_socket(k->run->loop, s->socket, on_answer, s);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static enum err bind_replay(struct keeper *k)
{
    enum err e = replay_bind(k->replay, k->run->gate, &k->run->config->alertd.replay);

    if (e == ERR_OK && replay_socket(k->replay) != NULL)
        e = loop_add_socket(k->run->loop, replay_socket(k->replay), on_question, k);
    return e;
}

enum err keeper_connect(void *self)
{
    struct keeper *k = self;
    enum err e = publish_bind(k->publish, k->run->gate, &k->run->config->alertd.pub);

    if (e == ERR_OK)
        e = bind_replay(k);
    if (e == ERR_OK)
        e = connect_sources(k);
    if (e == ERR_OK)
        e = loop_every(k->run->loop, TICK_MS, tick, k);
    if (e == ERR_OK)
        e = loop_every(k->run->loop, BEAT_MS, beat, k);
    loop_after_turn(k->run->loop, work, k);
    return e;
}

/* The last words: files and journal agree, so that the next start has nothing to repair. */
static void settle(struct keeper *k)
{
    if (k->sinks == NULL || k->publish == NULL)
        return;
    if (sinks_flush(k->sinks) != ERR_OK || publish_flush(k->publish) != ERR_OK
        || journal_commit(k->journal) != ERR_OK)
        log_warn("the alert journal could not be closed in order; the next start repairs the files");
}

void keeper_close(void *self)
{
    struct keeper *k = self;
    if (k == NULL)
        return;

    settle(k);
    for (size_t i = 0; i < k->n_sources; i++) {
        hop_close(k->source[i].socket);
        fetcher_free(k->source[i].fetcher);
    }
    free(k->source);
    replay_free(k->replay);
    publish_free(k->publish);
    sinks_free(k->sinks);
    journal_free(k->journal);
    free(k);
}

static uint64_t largest_lag(const struct keeper *k)
{
    uint64_t most = 0;

    for (int i = 0; i < SINK_COUNT; i++) {
        enum journal_stream of = i < SINK_ARCHIVES_LOG ? JOURNAL_ALERTS : JOURNAL_ARCHIVE;
        struct sink_status s = sinks_status(k->sinks, (enum sink_id)i);
        uint64_t next = journal_next(k->journal, of);
        if (s.on && next - s.next > most)
            most = next - s.next;
    }
    return most;
}

static void source_status(const struct keeper *k, struct status_values *v)
{
    struct fetcher_counts all = { 0 };
    uint64_t waiting = 0;

    for (size_t i = 0; i < k->n_sources; i++) {
        struct fetcher_counts c = fetcher_counts(k->source[i].fetcher);
        all.in += c.in;
        all.batches += c.batches;
        all.refused += c.refused;
        all.repeated += c.repeated;
        all.missing += c.missing;
        waiting += fetcher_is_waiting(k->source[i].fetcher);
    }
    status_count(v, "in", all.in);
    status_count(v, "refused", all.refused);
    status_count(v, "batches", all.batches);
    status_count(v, "repeated", all.repeated);
    status_count(v, "missing", all.missing);
    status_count(v, "sources", k->n_sources);
    status_count(v, "sources_asked", waiting);
}

void keeper_status(void *self, struct status_values *v)
{
    struct keeper *k = self;
    struct replay_counts r = replay_counts(k->replay);

    source_status(k, v);
    status_count(v, "out", publish_count(k->publish));
    status_count(v, "queued", largest_lag(k));
    status_count(v, "lag", largest_lag(k));
    for (int i = 0; i < SINK_COUNT; i++) {
        struct sink_status s = sinks_status(k->sinks, (enum sink_id)i);
        if (s.on)
            status_count(v, s.name, s.written);
    }
    status_count(v, "journal_bytes", journal_bytes(k->journal));
    status_count(v, "journal_full", k->told_full);
    status_count(v, "oldest", journal_first(k->journal, JOURNAL_ALERTS));
    status_count(v, "newest", journal_next(k->journal, JOURNAL_ALERTS) - 1);
    status_count(v, "replay_asked", r.asked);
    status_count(v, "replay_refused", r.refused);
    status_count(v, "replayed", r.sent);
}
