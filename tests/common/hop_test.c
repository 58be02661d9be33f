#include "tests/test.h"

#include <sodium.h>
#include <unistd.h>

#include "common/stage/hop.h"
#include "common/stage/log.h"
#include "common/stage/zap.h"
#include "common/wire/mp.h"
#include "schemas/messages.h"

static void endpoints_that_cannot_work_are_refused(void **state)
{
    (void)state;
    void *zmq = zmq_ctx_new(), *s = NULL;
    char path[200] = "ipc:///tmp/";

    memset(path + strlen(path), 'x', 120);
    assert_int_equal(hop_bind(&s, zmq, ZMQ_ROUTER, path, NULL), ERR_RANGE);
    assert_int_equal(hop_bind(&s, zmq, ZMQ_ROUTER, "tcp://127.0.0.1:*", NULL), ERR_RANGE);
    assert_int_equal(hop_bind(&s, zmq, ZMQ_ROUTER, "ipc:///nonexistent/dir/socket", NULL), ERR_SYS);
    assert_null(s);
    zmq_ctx_term(zmq);
}

/* Wait for the message; a poll is an event, no sleep. */
static enum err receive(void *socket, struct peer *from, zmq_msg_t *m)
{
    zmq_pollitem_t item = { .socket = socket, .events = ZMQ_POLLIN };

    return zmq_poll(&item, 1, 5000) == 1 ? hop_recv(socket, from, m) : ERR_AGAIN;
}

static void messages_have_one_frame_and_a_peer(void **state)
{
    (void)state;
    void *zmq = zmq_ctx_new(), *router = NULL, *dealer = NULL;
    const struct ack sent = { .stream = 7, .upto = 8, .credit = 9 };
    struct ack got;
    struct peer from;
    zmq_msg_t m;

    assert_int_equal(hop_bind(&router, zmq, ZMQ_ROUTER, "inproc://hop", NULL), ERR_OK);
    assert_int_equal(hop_connect(&dealer, zmq, ZMQ_DEALER, "inproc://hop", NULL), ERR_OK);
    assert_int_equal(hop_recv(router, &from, &m), ERR_AGAIN);

    assert_int_equal(zmq_send(dealer, "a", 1, ZMQ_SNDMORE), 1);
    assert_int_equal(zmq_send(dealer, "b", 1, 0), 1);
    assert_int_equal(receive(router, &from, &m), ERR_BADMSG);

    assert_int_equal(hop_send_record(dealer, NULL, &ack_schema, &sent), ERR_OK);
    assert_int_equal(receive(router, &from, &m), ERR_OK);
    assert_int_equal(record_unpack(&ack_schema, &got, hop_frame(&m)), ERR_OK);
    assert_int_equal(got.credit, 9);
    zmq_msg_close(&m);

    assert_int_equal(hop_send(router, &from, SLICE("answer")), ERR_OK);
    assert_int_equal(receive(dealer, NULL, &m), ERR_OK);
    assert_true(slice_eq(hop_frame(&m), SLICE("answer")));
    zmq_msg_close(&m);

    from.id[0] ^= 1;
    assert_int_equal(hop_send(router, &from, SLICE("to nobody")), ERR_ABSENT);
    hop_close(router);
    hop_close(dealer);
    zmq_ctx_term(zmq);
}

static struct keypair pair_new(void)
{
    struct keypair k;

    assert_true(sodium_init() >= 0);
    assert_int_equal(crypto_box_keypair(k.public, k.secret), 0);
    return k;
}

static int number_of(void *socket, int option)
{
    int v = -1;
    size_t n = sizeof v;

    assert_int_equal(zmq_getsockopt(socket, option, &v, &n), 0);
    return v;
}

static void assert_bytes(void *socket, int option, const void *want, size_t size)
{
    char got[256] = "";
    size_t n = sizeof got;

    if (size == KEYFILE_KEY)
        n = size;
    assert_int_equal(zmq_getsockopt(socket, option, got, &n), 0);
    assert_int_equal(n, size);
    assert_memory_equal(got, want, size);
}

static void assert_door(void *socket, bool far)
{
    int64_t most = 0;
    size_t n = sizeof most;

    assert_int_equal(number_of(socket, ZMQ_MECHANISM), far ? ZMQ_CURVE : ZMQ_NULL);
    assert_int_equal(number_of(socket, ZMQ_CURVE_SERVER), far);
    assert_int_equal(number_of(socket, 93 /* ZMQ_ZAP_ENFORCE_DOMAIN */), far);
    assert_bytes(socket, ZMQ_ZAP_DOMAIN, far ? HOP_DOMAIN : "", far ? sizeof HOP_DOMAIN : 1);
    assert_int_equal(number_of(socket, ZMQ_LINGER), 0);
    assert_int_equal(zmq_getsockopt(socket, ZMQ_MAXMSGSIZE, &most, &n), 0);
    assert_true(most >= (int64_t)MP_FRAME_MAX && most < 2 * (int64_t)MP_FRAME_MAX);
}

static void tcp_is_curve_and_nothing_else_is(void **state)
{
    (void)state;
    void *zmq = zmq_ctx_new(), *door = NULL, *knock = NULL, *shown = NULL;
    const struct keypair key = pair_new();

    assert_int_equal(hop_bind(&door, zmq, ZMQ_ROUTER, "inproc://a", &key), ERR_OK);
    assert_door(door, false);
    assert_int_equal(hop_bind(&door, zmq, ZMQ_ROUTER, "tcp://127.0.0.1:*", NULL), ERR_RANGE);
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(hop_bind(&door, zmq, ZMQ_ROUTER, "tcp://127.0.0.1:*", &key), ERR_OK);
        assert_door(door, true);
        assert_bytes(door, ZMQ_CURVE_SECRETKEY, key.secret, KEYFILE_KEY);
    }
    assert_int_equal(hop_bind(&door, zmq, ZMQ_ROUTER, "inproc://b", &key), ERR_RANGE);

    assert_int_equal(hop_connect(&knock, zmq, ZMQ_DEALER, "tcp://127.0.0.1:9", &key), ERR_OK);
    assert_int_equal(number_of(knock, ZMQ_MECHANISM), ZMQ_CURVE);
    assert_int_equal(number_of(knock, ZMQ_CURVE_SERVER), 0);
    assert_bytes(knock, ZMQ_CURVE_SERVERKEY, key.public, KEYFILE_KEY);
    assert_bytes(knock, ZMQ_CURVE_PUBLICKEY, key.public, KEYFILE_KEY);
    assert_bytes(knock, ZMQ_CURVE_SECRETKEY, key.secret, KEYFILE_KEY);

    assert_int_equal(hop_bind_public(&shown, zmq, ZMQ_PUB, "tcp://127.0.0.2:*", 9, NULL), ERR_RANGE);
    assert_null(shown);
    assert_int_equal(hop_bind_public(&shown, zmq, ZMQ_PUB, "tcp://127.0.0.1:*", 9, &key), ERR_OK);
    assert_door(shown, false);
    assert_int_equal(hop_bind_public(&shown, zmq, ZMQ_PUB, "tcp://127.0.0.2:*", 9, &key), ERR_OK);
    assert_door(shown, true);
    assert_int_equal(number_of(shown, ZMQ_SNDHWM), 9);
    hop_close(shown);
    hop_close(knock);
    hop_close(door);
    zmq_ctx_term(zmq);
}

static enum zap_verdict only_this(void *arg, const struct zap_question *q, char user[ZAP_USER_MAX])
{
    (void)user;
    return memcmp(q->key.p, arg, ZAP_KEY) == 0 ? ZAP_ADMITTED : ZAP_UNKNOWN;
}

static const struct { const char *story; bool curve, own_key, in; } knocks[] = {
    { "who holds the pair is let in",                  true,  false, true },
    { "who knows its public half alone is not",        true,  true,  false },
    { "who speaks in the clear is not",                false, false, false },
};

/* Serve ZAP until the door has a message, or has refused. */
static bool is_heard(void *door, struct zap *z, void *events)
{
    for (;;) {
        zmq_pollitem_t items[] = { { zap_socket(z), 0, ZMQ_POLLIN, 0 }, { door, 0, ZMQ_POLLIN, 0 },
                                   { events, 0, ZMQ_POLLIN, 0 } };
        assert_true(zmq_poll(items, 3, 10000) > 0);
        zap_serve(z);
        if (items[1].revents != 0 || items[2].revents != 0)
            return items[1].revents != 0;
    }
}

static void knocks_end_as_drawn(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(knocks); i++) {
        void *zmq = zmq_ctx_new(), *door = NULL, *s = zmq_socket(zmq, ZMQ_DEALER);
        void *events = zmq_socket(zmq, ZMQ_PAIR);
        struct keypair key = pair_new(), own = knocks[i].own_key ? pair_new() : key;
        struct zap *z = NULL;
        char at[64];
        size_t n = sizeof at;
        int zero = 0;

        assert_int_equal(zap_new(&z, zmq), ERR_OK);
        assert_int_equal(zap_add(z, HOP_DOMAIN, only_this, key.public), ERR_OK);
        assert_int_equal(hop_bind(&door, zmq, ZMQ_ROUTER, "tcp://127.0.0.1:*", &key), ERR_OK);
        assert_int_equal(zmq_getsockopt(door, ZMQ_LAST_ENDPOINT, at, &n), 0);
        assert_int_equal(zmq_socket_monitor(door, "inproc://events", ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
                                            | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL), 0);
        assert_int_equal(zmq_connect(events, "inproc://events"), 0);
        assert_int_equal(zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero), 0);
        if (knocks[i].curve) {
            assert_int_equal(zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, key.public, 32), 0);
            assert_int_equal(zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, own.public, 32), 0);
            assert_int_equal(zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, own.secret, 32), 0);
        }
        assert_int_equal(zmq_connect(s, at), 0);
        assert_int_equal(zmq_send(s, "hello", 5, 0), 5);
        if (is_heard(door, z, events) != knocks[i].in)
            fail_msg("%s: it was otherwise", knocks[i].story);
        assert_int_equal(zap_count(z, HOP_DOMAIN, ZAP_UNKNOWN) > 0, knocks[i].own_key);
        hop_close(s);
        hop_close(door);
        hop_close(events);
        zap_free(z);
        zmq_ctx_term(zmq);
    }
}

static void pipes_carry_frames(void **state)
{
    (void)state;
    int fd[2];
    struct pipe_frame f = { NULL, 0, 0 };

    assert_int_equal(pipe(fd), 0);
    assert_int_equal(pipe_write(fd[1], SLICE("one")), ERR_OK);
    assert_int_equal(pipe_write(fd[1], SLICE("")), ERR_OK);
    assert_int_equal(pipe_read(fd[0], &f), ERR_OK);
    assert_true(slice_eq((struct slice){ f.p, f.n }, SLICE("one")));
    assert_int_equal(pipe_read(fd[0], &f), ERR_OK);
    assert_int_equal(f.n, 0);
    assert_int_equal(write(fd[1], "\xff\xff\xff\x7f", 4), 4);
    assert_int_equal(pipe_read(fd[0], &f), ERR_BADMSG);         /* longer than any frame */
    assert_int_equal(write(fd[1], "\x05\0\0\0ab", 6), 6);
    close(fd[1]);
    assert_int_equal(pipe_read(fd[0], &f), ERR_BADMSG);         /* cut off */
    assert_int_equal(pipe_read(fd[0], &f), ERR_ABSENT);
    close(fd[0]);
    free(f.p);
}

static void text_from_outside_is_quoted_in_logs(void **state)
{
    (void)state;
    static const struct { struct slice in; const char *want; } rows[] = {
        { SLICE_INIT("plain"),       "\"plain\"" },
        { SLICE_INIT("a\nb\x1b\""),  "\"a\\x0ab\\x1b\\x22\"" },
        { SLICE_INIT("\xc3\xa4\\"),  "\"\\xc3\\xa4\\x5c\"" },
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_string_equal(LOG_TEXT(rows[i].in), rows[i].want);

    char many[300];
    memset(many, '\n', sizeof many);
    assert_int_equal(strlen(LOG_TEXT(((struct slice){ many, sizeof many }))), 2 + 200 * 4 + 3);
}

static void a_peer_causes_one_line_a_second(void **state)
{
    (void)state;
    struct log_limit l = { 0, 0 };
    uint64_t held = 99;

    assert_true(log_allowed(&l, 5000, &held));
    assert_int_equal(held, 0);
    assert_false(log_allowed(&l, 5001, &held));
    assert_false(log_allowed(&l, 5999, &held));
    assert_true(log_allowed(&l, 6000, &held));
    assert_int_equal(held, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_that_cannot_work_are_refused),
        cmocka_unit_test(messages_have_one_frame_and_a_peer),
        cmocka_unit_test(tcp_is_curve_and_nothing_else_is),
        cmocka_unit_test(knocks_end_as_drawn),
        cmocka_unit_test(pipes_carry_frames),
        cmocka_unit_test(text_from_outside_is_quoted_in_logs),
        cmocka_unit_test(a_peer_causes_one_line_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
