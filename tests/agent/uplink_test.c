/* The agent's side of the hand-over, against an ingest of this process over real CURVE sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "agent/uplink.h"
#include "common/stage/hop.h"
#include "common/stage/log.h"

#define CREDIT 4

struct bench {
    char dir[sizeof "/tmp/yagura-uplink-XXXXXX"];
    void *zmq, *ingest;
    struct identity id;
    struct spool *spool;
    struct uplink *up;
    struct peer peer;           /* of the last message that ingest took */
    uint64_t now_ms;
    uint64_t credit;
};

static void make_keys(struct bench *b, uint8_t manager_secret[KEYLINE_KEY])
{
    const struct keyline manager = { .seed = { 1 } };
    struct keyline k = { .id = 1, .name = "web", .seed = { 2 } };

    assert_int_equal(keyline_keypair(&manager, k.manager, manager_secret), ERR_OK);
    assert_int_equal(identity_from(&k, &b->id), ERR_OK);
}

static void bind_ingest(struct bench *b)
{
    uint8_t secret[KEYLINE_KEY];
    int one = 1, zero = 0;
    size_t n = sizeof b->id.endpoints;

    make_keys(b, secret);
    b->ingest = zmq_socket(b->zmq, ZMQ_ROUTER);
    assert_int_equal(zmq_setsockopt(b->ingest, ZMQ_CURVE_SERVER, &one, sizeof one), 0);
    assert_int_equal(zmq_setsockopt(b->ingest, ZMQ_CURVE_SECRETKEY, secret, sizeof secret), 0);
    assert_int_equal(zmq_setsockopt(b->ingest, ZMQ_LINGER, &zero, sizeof zero), 0);
    assert_int_equal(zmq_bind(b->ingest, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(b->ingest, ZMQ_LAST_ENDPOINT, b->id.endpoints, &n), 0);
}

static const struct host host = { "0", "host", "os", "f" };

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    strcpy(b->dir, "/tmp/yagura-uplink-XXXXXX");
    if (mkdtemp(b->dir) == NULL)
        return -1;
    b->zmq = zmq_ctx_new();
    b->credit = CREDIT;
    b->now_ms = 1000;
    bind_ingest(b);
    const struct spool_options o = { 128, 32 << 10, 16 << 20, false };
    assert_int_equal(spool_open(&b->spool, b->dir, &o), ERR_OK);
    assert_int_equal(uplink_new(&b->up, b->zmq, &b->id, b->spool, &host, b->now_ms), ERR_OK);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    char path[sizeof b->dir + 16];
    const char *names[] = { "/data.mdb", "/lock.mdb" };

    uplink_free(b->up);
    spool_free(b->spool);
    zmq_close(b->ingest);
    zmq_ctx_term(b->zmq);
    for (size_t i = 0; i < 2; i++) {
        stpcpy(stpcpy(path, b->dir), names[i]);
        (void)unlink(path);
    }
    (void)rmdir(b->dir);
    free(b);
    return 0;
}

static void add(struct bench *b, size_t batches)
{
    const struct raw r = { RAW_LOG, SLICE("/var/log/x"), 7, SLICE("text") };

    for (size_t i = 0; i < batches; i++) {
        assert_int_equal(spool_add(b->spool, &r), ERR_OK);
        assert_int_equal(spool_commit(b->spool, NULL, NULL), ERR_OK);
    }
}

static void answer(struct bench *b, const struct schema *s, const void *rec)
{
    assert_int_equal(hop_send_record(b->ingest, &b->peer, s, rec), ERR_OK);
}

/* The next message at ingest, which must be of this type; the agent's clock moves meanwhile. */
static void expect(struct bench *b, uint64_t type, zmq_msg_t *ret)
{
    for (int i = 0; i < 2000; i++) {
        zmq_pollitem_t p = { b->ingest, 0, ZMQ_POLLIN, 0 };
        if (zmq_poll(&p, 1, 10) > 0) {
            assert_int_equal(hop_recv(b->ingest, &b->peer, ret), ERR_OK);
            assert_int_equal(record_type(hop_frame(ret)), type);
            return;
        }
        b->now_ms++;
        if (type == MESSAGE_EVENTS) {           /* what was said in two messages comes in two */
            assert_int_equal(uplink_receive(b->up, b->now_ms), ERR_OK);
            assert_int_equal(uplink_send(b->up), ERR_OK);
        }
        assert_int_equal(uplink_tick(b->up, b->now_ms += 50 * (type == MESSAGE_HELLO)), ERR_OK);
    }
    fail_msg("no message of type %d came", (int)type);
}

static void welcome(struct bench *b, uint64_t resume)
{
    const struct welcome w = { 1, SLICE("web"), spool_stream(b->spool), resume, b->credit, 1 };
    zmq_msg_t m;
    struct hello h;

    expect(b, MESSAGE_HELLO, &m);
    assert_int_equal(record_unpack(&hello_schema, &h, hop_frame(&m)), ERR_OK);
    assert_true(h.stream == spool_stream(b->spool));
    assert_int_equal(h.first, spool_first(b->spool));
    assert_int_equal(h.last, spool_last(b->spool));
    zmq_msg_close(&m);
    answer(b, &welcome_schema, &w);
}

/* Let the agent take what ingest sent it. */
static void agent_takes(struct bench *b)
{
    uint32_t generation;
    zmq_pollitem_t p = { uplink_socket(b->up, &generation), 0, ZMQ_POLLIN, 0 };

    assert_true(zmq_poll(&p, 1, 20000) > 0);
    assert_int_equal(uplink_receive(b->up, b->now_ms), ERR_OK);
    assert_int_equal(uplink_send(b->up), ERR_OK);
}

static void expect_events(struct bench *b, uint64_t first)
{
    struct events ev;
    zmq_msg_t m;

    expect(b, MESSAGE_EVENTS, &m);
    assert_int_equal(record_unpack(&events_schema, &ev, hop_frame(&m)), ERR_OK);
    assert_int_equal(ev.first, first);
    zmq_msg_close(&m);
}

static struct uplink_state now(struct bench *b)
{
    struct uplink_state s;

    uplink_state(b->up, &s);
    return s;
}

static void batches_go_as_the_credit_allows(void **state)
{
    struct bench *b = *state;

    add(b, CREDIT + 2);
    welcome(b, 1);
    agent_takes(b);
    for (uint64_t i = 1; i <= CREDIT; i++)
        expect_events(b, i);
    assert_int_equal(now(b).in_flight, CREDIT);
    const struct ack a = { spool_stream(b->spool), 3, CREDIT };
    answer(b, &ack_schema, &a);
    agent_takes(b);
    expect_events(b, CREDIT + 1);
    expect_events(b, CREDIT + 2);
    assert_int_equal(spool_first(b->spool), 4);
    assert_int_equal(now(b).in_flight, 3);
    assert_string_equal(now(b).name, "web");
}

static void no_credit_stops_it_and_a_beat_asks(void **state)
{
    struct bench *b = *state;
    zmq_msg_t m;

    b->credit = 0;
    add(b, 1);
    welcome(b, 1);
    agent_takes(b);
    b->now_ms += UPLINK_URGE_MS;
    assert_int_equal(uplink_tick(b->up, b->now_ms), ERR_OK);
    expect(b, MESSAGE_BEAT, &m);
    zmq_msg_close(&m);
    const struct ack a = { spool_stream(b->spool), 0, CREDIT };
    answer(b, &ack_schema, &a);
    agent_takes(b);
    expect_events(b, 1);
}

static void resume_says_what_has_arrived(void **state)
{
    struct bench *b = *state;

    add(b, 3);
    welcome(b, 3);
    agent_takes(b);
    expect_events(b, 3);
    assert_int_equal(spool_first(b->spool), 3);
}

static void a_gap_is_sent_again(void **state)
{
    struct bench *b = *state;

    add(b, 2);
    welcome(b, 1);
    agent_takes(b);
    expect_events(b, 1);
    expect_events(b, 2);
    const struct nack n = { spool_stream(b->spool), NACK_GAP, 1 };
    answer(b, &nack_schema, &n);
    answer(b, &nack_schema, &n);        /* one for each message that was in flight */
    agent_takes(b);
    welcome(b, 1);
    agent_takes(b);
    expect_events(b, 1);
    expect_events(b, 2);
}

static void a_past_that_is_not_ours_begins_a_new_stream(void **state)
{
    struct bench *b = *state;
    uint64_t stream = spool_stream(b->spool);

    add(b, 2);
    welcome(b, 100);
    agent_takes(b);
    assert_true(spool_stream(b->spool) != stream);
    welcome(b, 1);
    agent_takes(b);
    expect_events(b, 1);
    expect_events(b, 2);
}

static void nonsense_is_counted_and_changes_nothing(void **state)
{
    struct bench *b = *state;
    const struct ack far = { spool_stream(b->spool), 99, CREDIT }, other = { 5, 1, CREDIT };
    const struct slice frames[] = { SLICE(""), SLICE("\x92\x04"), SLICE("\xdf\xff\xff\xff\xff"),
                                    SLICE("\x91\x63"), SLICE("\x93\x05\x01\x63") };

    add(b, 1);
    welcome(b, 1);
    agent_takes(b);
    expect_events(b, 1);
    answer(b, &ack_schema, &far);
    answer(b, &ack_schema, &other);
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        assert_int_equal(hop_send(b->ingest, &b->peer, frames[i]), ERR_OK);
    while (now(b).refused < 2 + sizeof frames / sizeof frames[0])
        agent_takes(b);
    assert_int_equal(spool_first(b->spool), 1);
    assert_true(now(b).connected);
}

static void silence_gives_the_endpoint_up_and_loses_nothing(void **state)
{
    struct bench *b = *state;

    add(b, 1);
    welcome(b, 1);
    agent_takes(b);
    expect_events(b, 1);
    b->now_ms += UPLINK_SILENT_MS;
    assert_int_equal(uplink_tick(b->up, b->now_ms), ERR_OK);
    assert_false(now(b).connected);
    welcome(b, 1);
    agent_takes(b);
    expect_events(b, 1);
}

static void every_option_is_set(void **state)
{
    struct bench *b = *state;
    const struct { int option, want; } rows[] = {
        { ZMQ_LINGER, 0 }, { ZMQ_IMMEDIATE, 1 }, { ZMQ_IPV6, 1 }, { ZMQ_MECHANISM, ZMQ_CURVE },
        { ZMQ_HANDSHAKE_IVL, 10000 }, { ZMQ_HEARTBEAT_IVL, 10000 }, { ZMQ_HEARTBEAT_TIMEOUT, 20000 },
        { ZMQ_RECONNECT_IVL, 200 }, { ZMQ_RECONNECT_IVL_MAX, 10000 }, { ZMQ_CONNECT_TIMEOUT, 10000 },
    };
    uint32_t generation;
    void *socket = uplink_socket(b->up, &generation);
    uint8_t key[KEYLINE_KEY];
    int64_t most;
    size_t n = sizeof most, key_n = sizeof key;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int got = -1;
        size_t size = sizeof got;
        assert_int_equal(zmq_getsockopt(socket, rows[i].option, &got, &size), 0);
        if (got != rows[i].want)
            fail_msg("option %d is %d, want %d", rows[i].option, got, rows[i].want);
    }
    assert_int_equal(zmq_getsockopt(socket, ZMQ_MAXMSGSIZE, &most, &n), 0);
    if (most != UPLINK_MESSAGE_MAX)
        fail_msg("messages of %lld bytes are let in", (long long)most);
    assert_int_equal(zmq_getsockopt(socket, ZMQ_CURVE_SERVERKEY, key, &key_n), 0);
    assert_memory_equal(key, b->id.manager, sizeof key);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(batches_go_as_the_credit_allows),
        TEST(no_credit_stops_it_and_a_beat_asks),
        TEST(resume_says_what_has_arrived),
        TEST(a_gap_is_sent_again),
        TEST(a_past_that_is_not_ours_begins_a_new_stream),
        TEST(nonsense_is_counted_and_changes_nothing),
        TEST(silence_gives_the_endpoint_up_and_loses_nothing),
        TEST(every_option_is_set),
    };

    log_setup("uplink_test", LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
