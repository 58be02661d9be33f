#include "agent/uplink.h"

#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "common/stage/hop.h"
#include "common/stage/log.h"
#include "common/stage/loop.h"

#define ENDPOINTS_MAX 16
#define FLIGHT_MAX    256       /* EVENTS messages unacknowledged, whatever credit says */

enum phase { PHASE_PAUSED, PHASE_HELLO, PHASE_OPEN };

struct uplink {
    void *zmq, *socket;
    uint32_t generation;
    const struct identity *identity;
    struct spool *spool;
    const struct host *host;
    char endpoints[KEYLINE_ENDPOINTS_MAX + 1];          /* cut at the commas */
    const char *endpoint[ENDPOINTS_MAX];
    size_t n_endpoints, current;
    enum phase phase;
    bool met;                           /* the manager, once at least */
    bool told;                          /* that the manager does not answer */
    uint64_t due_ms;                    /* end of the pause, or time of the next hello */
    uint64_t heard_ms, spoke_ms;        /* last message in, last beat or hello out */
    uint32_t attempts;                  /* since the last welcome */
    uint64_t next;                      /* sequence number to send next */
    uint64_t flight[FLIGHT_MAX];        /* last number of each message in flight, oldest first */
    size_t n_flight;
    struct uplink_state state;
};

enum err uplink_options(void *socket, const struct identity *id)
{
    static const struct { int option, value; } numbers[] = {
        { ZMQ_LINGER, 0 },              { ZMQ_IMMEDIATE, 1 },
        { ZMQ_SNDHWM, 2 * FLIGHT_MAX }, { ZMQ_RCVHWM, 2 * FLIGHT_MAX },
        { ZMQ_RECONNECT_IVL, 200 },     { ZMQ_RECONNECT_IVL_MAX, 10000 },
        { ZMQ_CONNECT_TIMEOUT, 10000 }, { ZMQ_HANDSHAKE_IVL, 10000 },
        { ZMQ_HEARTBEAT_IVL, 10000 },   { ZMQ_HEARTBEAT_TIMEOUT, 20000 },
        { ZMQ_HEARTBEAT_TTL, 30000 },   { ZMQ_IPV6, 1 },
    };
    const struct { int option; const uint8_t *key; } keys[] = {
        { ZMQ_CURVE_SERVERKEY, id->manager },
        { ZMQ_CURVE_PUBLICKEY, id->public },
        { ZMQ_CURVE_SECRETKEY, id->secret },
    };
    int64_t most = UPLINK_MESSAGE_MAX;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (zmq_setsockopt(socket, numbers[i].option, &numbers[i].value, sizeof(int)) != 0)
            return ERR_SYS;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (zmq_setsockopt(socket, keys[i].option, keys[i].key, KEYLINE_KEY) != 0)
            return ERR_SYS;
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0 ? ERR_OK : ERR_SYS;
}

/* Up to half as much again, so that many hosts spread. */
static uint64_t with_jitter(uint64_t ms)
{
    return ms + (uint64_t)rand() % (ms / 2 + 1);
}

static enum err open_socket(struct uplink *u)
{
    void *socket = zmq_socket(u->zmq, ZMQ_DEALER);
    enum err e = socket != NULL ? uplink_options(socket, u->identity) : ERR_SYS;

    if (e == ERR_OK && zmq_connect(socket, u->endpoint[u->current]) != 0)
        e = ERR_RANGE;
    if (e != ERR_OK) {
        hop_close(socket);
        return e;
    }
    u->socket = socket;
    u->generation++;
    u->state.endpoint = u->endpoint[u->current];
    return ERR_OK;
}

static void split_endpoints(struct uplink *u)
{
    char *rest = u->endpoints;

    memcpy(u->endpoints, u->identity->endpoints, sizeof u->endpoints);
    while (rest != NULL && u->n_endpoints < ENDPOINTS_MAX)
        u->endpoint[u->n_endpoints++] = strsep(&rest, ",");
}

enum err uplink_new(struct uplink **ret, void *zmq, const struct identity *identity,
                    struct spool *spool, const struct host *host, uint64_t now_ms)
{
    struct uplink *u = calloc(1, sizeof *u);
    if (u == NULL)
        return ERR_NOMEM;

    u->zmq = zmq;
    u->identity = identity;
    u->spool = spool;
    u->host = host;
    u->phase = PHASE_HELLO;
    u->heard_ms = now_ms;
    u->due_ms = now_ms;
    u->next = spool_first(spool);
    u->state.acked = u->next - 1;
    split_endpoints(u);
    enum err e = open_socket(u);
    if (e != ERR_OK) {
        uplink_free(u);
        return e;
    }
    *ret = u;
    return ERR_OK;
}

void uplink_free(struct uplink *u)
{
    if (u == NULL)
        return;
    hop_close(u->socket);
    free(u);
}

void *uplink_socket(const struct uplink *u, uint32_t *generation)
{
    *generation = u->generation;
    return u->socket;
}

/* Nothing that was sent counts as sent any more. */
static void forget_flight(struct uplink *u)
{
    u->n_flight = 0;
    u->state.credit = 0;
}

static void say_hello_at(struct uplink *u, uint64_t ms)
{
    u->phase = PHASE_HELLO;
    u->due_ms = ms;
    forget_flight(u);
}

static enum err say_hello(struct uplink *u, uint64_t now_ms)
{
    const struct hello h = {
        .stream = spool_stream(u->spool),
        .first = spool_first(u->spool),
        .last = spool_last(u->spool),
        .version = slice_of(u->host->version),
        .host = slice_of(u->host->name),
        .os = slice_of(u->host->os),
        .fingerprint = slice_of(u->host->fingerprint),
    };
    enum err e = hop_send_record(u->socket, NULL, &hello_schema, &h);

    if (e != ERR_OK) {          /* not connected yet */
        u->due_ms = now_ms + UPLINK_TICK_MS / 5;
        return ERR_OK;
    }
    u->state.hellos++;
    u->spoke_ms = now_ms;
    u->due_ms = now_ms + with_jitter(UPLINK_URGE_MS);
    return ERR_OK;
}

/* The manager's memory of this stream and ours do not meet: begin a new one. */
static enum err begin_anew(struct uplink *u, const struct welcome *w)
{
    log_warn("the manager's place in our stream is not ours, starting a new stream"
             " resume=%llu first=%llu last=%llu", (unsigned long long)w->resume,
             (unsigned long long)spool_first(u->spool), (unsigned long long)spool_last(u->spool));
    enum err e = spool_renew(u->spool);
    if (e != ERR_OK)
        return e;
    u->state.acked = spool_first(u->spool) - 1;
    say_hello_at(u, 0);
    return ERR_OK;
}

static void note_name(struct uplink *u, struct slice name)
{
    size_t n = name.n < KEYLINE_NAME_MAX ? name.n : KEYLINE_NAME_MAX;

    if (n > 0)
        memcpy(u->state.name, name.p, n);
    u->state.name[n] = '\0';
}

static void arrived(struct uplink *u, uint64_t upto)
{
    if (upto <= u->state.acked)
        return;
    if (u->met)                         /* else an earlier process sent it */
        u->state.arrived += upto - u->state.acked;
    u->state.acked = upto;
    spool_acknowledge(u->spool, upto);
}

static enum err take_welcome(struct uplink *u, struct slice frame, uint64_t now_ms)
{
    struct welcome w;

    (void)now_ms;
    if (record_unpack(&welcome_schema, &w, frame) != ERR_OK || w.stream != spool_stream(u->spool))
        return ERR_BADMSG;
    if (w.resume < spool_first(u->spool) || w.resume > spool_last(u->spool) + 1)
        return begin_anew(u, &w);
    arrived(u, w.resume - 1);
    u->met = true;
    forget_flight(u);
    u->next = w.resume;
    u->state.credit = w.credit;
    u->state.clock_offset_us = w.time - clock_now_us();
    if (!u->state.connected)
        log_info("connected endpoint=%s agent=%03llu name=%s resume=%llu", u->state.endpoint,
                 (unsigned long long)w.agent, LOG_TEXT(w.name), (unsigned long long)w.resume);
    note_name(u, w.name);
    u->phase = PHASE_OPEN;
    u->state.connected = true;
    u->told = false;
    u->attempts = 0;
    return ERR_OK;
}

static void land_flight(struct uplink *u, uint64_t upto)
{
    size_t n = 0;

    while (n < u->n_flight && u->flight[n] <= upto)
        n++;
    memmove(u->flight, u->flight + n, (u->n_flight - n) * sizeof u->flight[0]);
    u->n_flight -= n;
}

static enum err take_ack(struct uplink *u, struct slice frame, uint64_t now_ms)
{
    struct ack a;

    (void)now_ms;
    if (record_unpack(&ack_schema, &a, frame) != ERR_OK || a.stream != spool_stream(u->spool)
        || a.upto > spool_last(u->spool))
        return ERR_BADMSG;
    if (u->phase != PHASE_OPEN)
        return ERR_OK;          /* from before our hello; welcome will say it again */
    u->state.credit = a.credit;
    if (a.upto <= u->state.acked)
        return ERR_OK;
    arrived(u, a.upto);
    land_flight(u, a.upto);
    if (u->next <= a.upto)
        u->next = a.upto + 1;
    return ERR_OK;
}

static enum err pause_for(struct uplink *u, uint64_t ms, uint64_t now_ms)
{
    u->phase = PHASE_PAUSED;
    u->due_ms = now_ms + with_jitter(ms);
    u->state.connected = false;
    forget_flight(u);
    return ERR_OK;
}

static enum err take_nack(struct uplink *u, struct slice frame, uint64_t now_ms)
{
    struct nack n;

    if (record_unpack(&nack_schema, &n, frame) != ERR_OK)
        return ERR_BADMSG;
    u->state.nacks++;
    switch ((enum nack_reason)n.reason) {
    case NACK_GAP: case NACK_STREAM:
        if (u->phase == PHASE_OPEN)     /* one hello for many nacks of what was in flight */
            say_hello_at(u, now_ms);
        return ERR_OK;
    case NACK_CREDIT:
        if (u->phase == PHASE_OPEN)
            say_hello_at(u, now_ms + with_jitter(UPLINK_TICK_MS));
        return ERR_OK;
    case NACK_BADMSG:
        log_error("the manager does not take our records, pausing resume=%llu",
                  (unsigned long long)n.resume);
        return pause_for(u, UPLINK_PAUSE_MAX_MS, now_ms);
    case NACK_CLONE:
        log_error("another host speaks with this host's key; import a key of its own here");
        return pause_for(u, UPLINK_PAUSE_MAX_MS, now_ms);
    }
    return ERR_BADMSG;
}

static const struct handler {
    uint64_t type;
    enum err (*take)(struct uplink *u, struct slice frame, uint64_t now_ms);
} handlers[] = {
    { MESSAGE_WELCOME, take_welcome }, { MESSAGE_ACK, take_ack }, { MESSAGE_NACK, take_nack },
};

static enum err serve(struct uplink *u, struct slice frame, uint64_t now_ms)
{
    uint64_t type = record_type(frame);

    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
        if (handlers[i].type == type)
            return handlers[i].take(u, frame, now_ms);
    return ERR_BADMSG;
}

enum err uplink_receive(struct uplink *u, uint64_t now_ms)
{
    zmq_msg_t m;

    for (int served = 0; served < LOOP_TURN; served++) {
        enum err e = hop_recv(u->socket, NULL, &m);
        if (e == ERR_AGAIN)
            return ERR_OK;
        if (e == ERR_OK) {
            u->heard_ms = now_ms;
            e = serve(u, hop_frame(&m), now_ms);
            zmq_msg_close(&m);
        }
        if (e == ERR_BADMSG)
            u->state.refused++;
        else if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

enum err uplink_send(struct uplink *u)
{
    struct slice frame;
    uint64_t behind;

    while (u->phase == PHASE_OPEN && u->n_flight < u->state.credit && u->n_flight < FLIGHT_MAX) {
        enum err e = spool_frame(u->spool, u->next, &frame, &behind);
        if (e == ERR_ABSENT)
            return ERR_OK;
        if (e == ERR_OK)
            e = hop_send(u->socket, NULL, frame);
        if (e == ERR_AGAIN)     /* the connection is gone; zmq makes it again, tick notices */
            return ERR_OK;
        if (e != ERR_OK)
            return e;
        u->flight[u->n_flight++] = behind - 1;
        u->next = behind;
        u->state.sent = behind - 1;
    }
    return ERR_OK;
}

static void beat(struct uplink *u, uint64_t now_ms)
{
    const struct beat b = { spool_stream(u->spool), spool_last(u->spool), clock_now_us() };

    if (hop_send_record(u->socket, NULL, &beat_schema, &b) == ERR_OK)
        u->spoke_ms = now_ms;   /* else the connection is gone, and silence will tell */
}

/* Leave this endpoint for the next; after each round of all of them the pause doubles. */
static enum err give_up(struct uplink *u, uint64_t now_ms)
{
    uint64_t round = u->attempts++ / u->n_endpoints;
    uint64_t pause = (uint64_t)UPLINK_TICK_MS << (round < 8 ? round : 8);

    if (!u->told)
        log_warn("the manager does not answer, keeping what is read endpoint=%s",
                 u->state.endpoint);
    u->told = true;
    hop_close(u->socket);
    u->socket = NULL;
    u->generation++;
    u->current = (u->current + 1) % u->n_endpoints;
    return pause_for(u, pause < UPLINK_PAUSE_MAX_MS ? pause : UPLINK_PAUSE_MAX_MS, now_ms);
}

static enum err leave_pause(struct uplink *u, uint64_t now_ms)
{
    u->heard_ms = now_ms;
    say_hello_at(u, now_ms);
    return u->socket == NULL ? open_socket(u) : ERR_OK;
}

static bool waits(const struct uplink *u)
{
    return u->n_flight > 0 || spool_waiting(u->spool) > 0;
}

/* For how long may the manager be silent? */
static uint64_t patience(const struct uplink *u, bool urgent)
{
    if (u->phase == PHASE_HELLO)
        return UPLINK_ANSWER_MS;
    return urgent ? UPLINK_SILENT_MS : 3 * UPLINK_BEAT_MS;
}

enum err uplink_tick(struct uplink *u, uint64_t now_ms)
{
    if (u->phase == PHASE_PAUSED)
        return now_ms >= u->due_ms ? leave_pause(u, now_ms) : ERR_OK;
    bool urgent = waits(u);
    if (now_ms - u->heard_ms >= patience(u, urgent))
        return give_up(u, now_ms);
    if (u->phase == PHASE_HELLO)
        return now_ms >= u->due_ms ? say_hello(u, now_ms) : ERR_OK;
    uint64_t pause = urgent ? UPLINK_URGE_MS : UPLINK_BEAT_MS;
    if (now_ms - u->spoke_ms >= pause && now_ms - u->heard_ms >= pause / 2)
        beat(u, now_ms);
    return ERR_OK;
}

uint64_t uplink_pause_ms(const struct uplink *u, uint64_t now_ms)
{
    if (u->phase == PHASE_OPEN)
        return waits(u) ? UPLINK_TICK_MS : UPLINK_BEAT_MS / 2;
    return u->due_ms > now_ms ? u->due_ms - now_ms : 1;
}

bool uplink_idle(const struct uplink *u)
{
    return u->phase == PHASE_OPEN && !waits(u);
}

void uplink_state(const struct uplink *u, struct uplink_state *ret)
{
    *ret = u->state;
    ret->in_flight = u->n_flight;
}
