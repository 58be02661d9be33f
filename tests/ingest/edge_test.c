#include "tests/test.h"

#include <inttypes.h>
#include <sodium.h>
#include <zmq.h>

#include "common/stage/hop.h"
#include "ingest/admit.h"
#include "ingest/edge.h"
#include "ingest/registry.h"
#include "tests/ingest/scratch.h"

#define ENFORCE_DOMAIN 93
#define MONITOR "inproc://monitor"
#define WAIT_MS 5000            /* only a broken edge lets a test wait so long */

struct pair { uint8_t public[32], secret[32]; };

static struct pair pair_new(void)
{
    struct pair k;

    assert_true(sodium_init() >= 0);
    crypto_box_keypair(k.public, k.secret);
    return k;
}

/* Every option by its number, written out again: a row lost in edge.c is missed here. */
static const struct { const char *name; int option; bool wide; int64_t want; } options[] = {
    { "CURVE_SERVER", ZMQ_CURVE_SERVER, false, 1 },
    { "MECHANISM", ZMQ_MECHANISM, false, ZMQ_CURVE },
    { "ZAP_ENFORCE_DOMAIN", ENFORCE_DOMAIN, false, 1 },
    { "MAXMSGSIZE", ZMQ_MAXMSGSIZE, true, 1 << 20 },
    { "HANDSHAKE_IVL", ZMQ_HANDSHAKE_IVL, false, 10000 },
    { "HEARTBEAT_IVL", ZMQ_HEARTBEAT_IVL, false, 10000 },
    { "HEARTBEAT_TIMEOUT", ZMQ_HEARTBEAT_TIMEOUT, false, 30000 },
    { "HEARTBEAT_TTL", ZMQ_HEARTBEAT_TTL, false, 60000 },
    { "SNDHWM", ZMQ_SNDHWM, false, 256 },
    { "RCVHWM", ZMQ_RCVHWM, false, 64 },
    { "BACKLOG", ZMQ_BACKLOG, false, 1024 },
    { "LINGER", ZMQ_LINGER, false, 0 },
    { "TCP_KEEPALIVE", ZMQ_TCP_KEEPALIVE, false, 1 },
    { "TCP_KEEPALIVE_IDLE", ZMQ_TCP_KEEPALIVE_IDLE, false, 120 },
    { "TCP_KEEPALIVE_INTVL", ZMQ_TCP_KEEPALIVE_INTVL, false, 30 },
    { "TCP_KEEPALIVE_CNT", ZMQ_TCP_KEEPALIVE_CNT, false, 4 },
    { "IPV6", ZMQ_IPV6, false, 1 },
};

static void every_option_reads_back(void **state)
{
    (void)state;
    void *zmq = zmq_ctx_new(), *edge = NULL;
    struct pair server = pair_new();
    const char *which = "";
    char text[256], want[41];
    size_t n = sizeof text;

    assert_int_equal(edge_new(&edge, zmq, server.secret), ERR_OK);
    if (edge_check(edge, &which) != ERR_OK)
        fail_msg("%s is not as it should be", which);
    for (size_t i = 0; i < ROWS(options); i++) {
        int64_t wide = 0;
        int narrow = 0;
        size_t size = options[i].wide ? sizeof wide : sizeof narrow;
        int rc = zmq_getsockopt(edge, options[i].option, options[i].wide ? (void *)&wide : &narrow, &size);
        if (rc != 0 || (options[i].wide ? wide : narrow) != options[i].want)
            fail_msg("%s: got %" PRId64, options[i].name, options[i].wide ? wide : narrow);
    }
    assert_int_equal(zmq_getsockopt(edge, ZMQ_ZAP_DOMAIN, text, &n), 0);
    assert_string_equal(text, EDGE_DOMAIN);
    n = sizeof want;
    assert_int_equal(zmq_getsockopt(edge, ZMQ_CURVE_SECRETKEY, want, &n), 0);
    uint8_t raw[32];
    assert_non_null(zmq_z85_decode(raw, want));
    assert_memory_equal(raw, server.secret, sizeof raw);
    hop_close(edge);
    zmq_ctx_term(zmq);
}

static void a_changed_option_is_noticed(void **state)
{
    (void)state;
    void *zmq = zmq_ctx_new(), *edge = NULL;
    struct pair server = pair_new();
    const char *which = "";
    int linger = 1;

    assert_int_equal(edge_new(&edge, zmq, server.secret), ERR_OK);
    assert_int_equal(zmq_setsockopt(edge, ZMQ_LINGER, &linger, sizeof linger), 0);
    assert_int_equal(edge_check(edge, &which), ERR_RANGE);
    assert_string_equal(which, "LINGER");
    hop_close(edge);
    zmq_ctx_term(zmq);
}

/* -- real handshakes over loopback -------------------------------------------------------- */

struct world {
    struct scratch dir;
    void *zmq, *edge;
    struct registry *registry;
    struct zap *zap;
    struct pair server;
    char endpoint[64];
};

static void world_open(struct world *w)
{
    size_t n = sizeof w->endpoint;

    w->dir = scratch_new();
    char *dir = paths_join(w->dir.at, "r");
    assert_int_equal(registry_open(&w->registry, dir), ERR_OK);
    free(dir);
    w->zmq = zmq_ctx_new();
    w->server = pair_new();
    assert_int_equal(zap_new(&w->zap, w->zmq), ERR_OK);
    assert_int_equal(zap_add(w->zap, EDGE_DOMAIN, admit_agent, w->registry), ERR_OK);
    assert_int_equal(edge_new(&w->edge, w->zmq, w->server.secret), ERR_OK);
    assert_int_equal(zmq_bind(w->edge, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(w->edge, ZMQ_LAST_ENDPOINT, w->endpoint, &n), 0);
}

static void world_close(struct world *w)
{
    hop_close(w->edge);
    zap_free(w->zap);
    zmq_ctx_term(w->zmq);
    registry_free(w->registry);
    scratch_remove(w->dir.at);
}

static struct agent enrol(struct world *w, const char *name, const char *address, const struct pair *k)
{
    struct agent a = { 0 };

    snprintf(a.name, sizeof a.name, "%s", name);
    snprintf(a.address, sizeof a.address, "%s", address);
    memcpy(a.key, k->public, sizeof a.key);
    assert_int_equal(registry_add(w->registry, &a), ERR_OK);
    return a;
}

static void set_bytes(void *socket, int option, const void *p, size_t n)
{
    assert_int_equal(zmq_setsockopt(socket, option, p, n), 0);
}

/* id: a routing id of the peer's own choice; NULL: none. */
static void *agent_socket(struct world *w, const struct pair *k, const uint8_t server[32], const char *id,
                          const char *monitor)
{
    void *s = zmq_socket(w->zmq, ZMQ_DEALER);
    int zero = 0;

    assert_non_null(s);
    set_bytes(s, ZMQ_LINGER, &zero, sizeof zero);
    set_bytes(s, ZMQ_CURVE_SERVERKEY, server, 32);
    set_bytes(s, ZMQ_CURVE_PUBLICKEY, k->public, 32);
    set_bytes(s, ZMQ_CURVE_SECRETKEY, k->secret, 32);
    if (id != NULL)
        set_bytes(s, ZMQ_ROUTING_ID, id, strlen(id));
    assert_int_equal(zmq_socket_monitor(s, monitor, ZMQ_EVENT_ALL), 0);
    assert_int_equal(zmq_connect(s, w->endpoint), 0);
    return s;
}

/* The next thing that matters in the life of the connection, as libzmq tells it. */
static int next_event(void *monitor)
{
    zmq_msg_t m;
    uint16_t event;

    zmq_msg_init(&m);
    if (zmq_msg_recv(&m, monitor, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&m);
        return 0;
    }
    memcpy(&event, zmq_msg_data(&m), sizeof event);
    while (zmq_msg_more(&m))
        if (zmq_msg_recv(&m, monitor, 0) < 0)
            break;
    zmq_msg_close(&m);
    return event;
}

static bool is_verdict(int event)
{
    return event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED || event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
        || event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL || event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
        || event == ZMQ_EVENT_DISCONNECTED;
}

/* Serve ZAP until the peer's handshake has ended one way or the other. */
static int handshake(struct world *w, void *monitor)
{
    for (;;) {
        zmq_pollitem_t items[] = { { zap_socket(w->zap), 0, ZMQ_POLLIN, 0 }, { monitor, 0, ZMQ_POLLIN, 0 } };
        if (zmq_poll(items, 2, WAIT_MS) <= 0)
            return 0;
        zap_serve(w->zap);
        int event = items[1].revents != 0 ? next_event(monitor) : 0;
        if (is_verdict(event))
            return event;
    }
}

static void *monitor_of(struct world *w, const char *monitor)
{
    void *m = zmq_socket(w->zmq, ZMQ_PAIR);

    assert_non_null(m);
    assert_int_equal(zmq_connect(m, monitor), 0);
    return m;
}

static const struct { const char *story, *address; bool enrolled, right_server, in; enum zap_verdict counted; }
peers[] = {
    { "an enrolled agent is let in",               "any", true, true, true, ZAP_ADMITTED },
    { "so is one from its network",                "127.0.0.0/8", true, true, true, ZAP_ADMITTED },
    { "one from elsewhere is not",                 "192.0.2.0/24", true, true, false, ZAP_ADDRESS },
    { "an unknown key is not",                     "any", false, true, false, ZAP_UNKNOWN },
    { "one that knows another manager is not",     "any", true, false, false, ZAP_VERDICTS },
};

static void handshakes_end_as_drawn(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(peers); i++) {
        struct world w = { .zmq = NULL };
        struct pair key = pair_new(), other = pair_new();

        world_open(&w);
        if (peers[i].enrolled)
            (void)enrol(&w, "web1", peers[i].address, &key);
        void *s = agent_socket(&w, &key, peers[i].right_server ? w.server.public : other.public, NULL,
                               MONITOR);
        void *m = monitor_of(&w, MONITOR);
        bool in = handshake(&w, m) == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        if (in != peers[i].in)
            fail_msg("%s: it was %s", peers[i].story, in ? "let in" : "kept out");
        if (peers[i].counted != ZAP_VERDICTS && zap_count(w.zap, EDGE_DOMAIN, peers[i].counted) == 0)
            fail_msg("%s: it was not counted", peers[i].story);
        hop_close(m);
        hop_close(s);
        world_close(&w);
    }
}

/* One message of a peer, as the edge sees it. */
static const struct agent *heard_from(struct world *w, struct peer *from, zmq_msg_t *m)
{
    zmq_pollitem_t item = { w->edge, 0, ZMQ_POLLIN, 0 };
    struct slice user;

    assert_int_equal(zmq_poll(&item, 1, WAIT_MS), 1);
    assert_int_equal(edge_recv(w->edge, from, m, &user), ERR_OK);
    return registry_by_user(w->registry, user);
}

static void who_speaks_is_what_curve_proved(void **state)
{
    (void)state;
    struct world w = { .zmq = NULL };
    struct pair key = pair_new();
    struct peer from;
    zmq_msg_t m;

    world_open(&w);
    struct agent a = enrol(&w, "web1", "any", &key);
    void *s = agent_socket(&w, &key, w.server.public, "002", MONITOR);
    void *mon = monitor_of(&w, MONITOR);
    assert_int_equal(handshake(&w, mon), ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    assert_int_equal(zmq_send(s, "x", 1, 0), 1);
    const struct agent *who = heard_from(&w, &from, &m);
    assert_non_null(who);
    assert_int_equal(who->id, a.id);
    zmq_msg_close(&m);

    assert_int_equal(registry_remove(w.registry, a.id), ERR_OK);
    assert_int_equal(zmq_send(s, "x", 1, 0), 1);        /* the session lives on; nobody is behind it */
    assert_null(heard_from(&w, &from, &m));
    zmq_msg_close(&m);
    hop_close(mon);
    hop_close(s);
    world_close(&w);
}

/* Without handover a second peer of the same routing id takes nothing from the first. */
static void a_routing_id_cannot_be_taken_over(void **state)
{
    (void)state;
    struct world w = { .zmq = NULL };
    struct pair one = pair_new(), two = pair_new();
    struct peer from;
    zmq_msg_t m;
    char got[4];

    world_open(&w);
    (void)enrol(&w, "web1", "any", &one);
    (void)enrol(&w, "web2", "any", &two);
    void *first = agent_socket(&w, &one, w.server.public, "same", MONITOR);
    void *mon = monitor_of(&w, MONITOR);
    assert_int_equal(handshake(&w, mon), ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    assert_int_equal(zmq_send(first, "x", 1, 0), 1);
    assert_string_equal(heard_from(&w, &from, &m)->name, "web1");
    zmq_msg_close(&m);
    hop_close(mon);

    void *second = agent_socket(&w, &two, w.server.public, "same", "inproc://second");
    mon = monitor_of(&w, "inproc://second");
    assert_int_equal(handshake(&w, mon), ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    assert_int_equal(hop_send(w.edge, &from, SLICE("hey")), ERR_OK);
    int wait = WAIT_MS;
    set_bytes(first, ZMQ_RCVTIMEO, &wait, sizeof wait);
    assert_int_equal(zmq_recv(first, got, sizeof got, 0), 3);
    assert_int_equal(zmq_recv(second, got, sizeof got, ZMQ_DONTWAIT), -1);
    hop_close(mon);
    hop_close(first);
    hop_close(second);
    world_close(&w);
}

/* Longer than any that ROUTER makes: the message is dropped, and the edge goes on. */
static void a_long_routing_id_is_refused(void **state)
{
    (void)state;
    struct world w = { .zmq = NULL };
    struct pair key = pair_new();
    struct peer from;
    struct slice user;
    zmq_msg_t m;

    world_open(&w);
    (void)enrol(&w, "web1", "any", &key);
    void *s = agent_socket(&w, &key, w.server.public, "an identity of more than 16 bytes",
                           MONITOR);
    void *mon = monitor_of(&w, MONITOR);
    assert_int_equal(handshake(&w, mon), ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    assert_int_equal(zmq_send(s, "x", 1, 0), 1);
    zmq_pollitem_t item = { w.edge, 0, ZMQ_POLLIN, 0 };
    assert_int_equal(zmq_poll(&item, 1, WAIT_MS), 1);
    assert_int_equal(edge_recv(w.edge, &from, &m, &user), ERR_BADMSG);
    assert_int_equal(edge_recv(w.edge, &from, &m, &user), ERR_AGAIN);
    hop_close(mon);
    hop_close(s);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_reads_back),
        cmocka_unit_test(a_changed_option_is_noticed),
        cmocka_unit_test(handshakes_end_as_drawn),
        cmocka_unit_test(who_speaks_is_what_curve_proved),
        cmocka_unit_test(a_routing_id_cannot_be_taken_over),
        cmocka_unit_test(a_long_routing_id_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
