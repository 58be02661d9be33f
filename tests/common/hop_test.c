#include "tests/test.h"

#include <unistd.h>

#include "common/stage/hop.h"
#include "common/stage/log.h"
#include "common/wire/mp.h"
#include "schemas/messages.h"

static void endpoints_that_cannot_work_are_refused(void **state)
{
    (void)state;
    void *zmq = zmq_ctx_new(), *s = NULL;
    char path[200] = "ipc:///tmp/";

    memset(path + strlen(path), 'x', 120);
    assert_int_equal(hop_bind(&s, zmq, ZMQ_ROUTER, path), ERR_RANGE);
    assert_int_equal(hop_bind(&s, zmq, ZMQ_ROUTER, "tcp://127.0.0.1:*"), ERR_RANGE);
    assert_int_equal(hop_bind(&s, zmq, ZMQ_ROUTER, "ipc:///nonexistent/dir/socket"), ERR_SYS);
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

    assert_int_equal(hop_bind(&router, zmq, ZMQ_ROUTER, "inproc://hop"), ERR_OK);
    assert_int_equal(hop_connect(&dealer, zmq, ZMQ_DEALER, "inproc://hop"), ERR_OK);
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
        cmocka_unit_test(pipes_carry_frames),
        cmocka_unit_test(text_from_outside_is_quoted_in_logs),
        cmocka_unit_test(a_peer_causes_one_line_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
