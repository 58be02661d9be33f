#include "tests/test.h"

#include <unistd.h>

#include "common/stage/loop.h"

struct story { struct loop *loop; int fd[2]; char said[32]; size_t n; };

static void say(struct story *s, char c)
{
    if (s->n + 1 < sizeof s->said)
        s->said[s->n++] = c;
}

static void on_fd(void *arg)
{
    struct story *s = arg;
    char c;

    if (read(s->fd[0], &c, 1) == 1)
        say(s, c);
    if (c == 'z')
        loop_stop(s->loop);
    if (c == 'r')
        loop_remove_fd(s->loop, s->fd[0]);
}

static void on_timer(void *arg)
{
    struct story *s = arg;

    say(s, 't');
    loop_stop(s->loop);
}

static void after(void *arg)
{
    say(arg, '.');
}

static void begin(struct story *s)
{
    memset(s, 0, sizeof *s);
    assert_int_equal(loop_new(&s->loop), ERR_OK);
    assert_int_equal(pipe(s->fd), 0);
    assert_int_equal(loop_add_fd(s->loop, s->fd[0], on_fd, s), ERR_OK);
}

static void end(struct story *s)
{
    close(s->fd[0]);
    close(s->fd[1]);
    loop_free(s->loop);
}

static void each_turn_ends_with_its_commit(void **state)
{
    (void)state;
    struct story s;

    begin(&s);
    loop_after_turn(s.loop, after, &s);
    assert_int_equal(write(s.fd[1], "abz", 3), 3);
    assert_int_equal(loop_run(s.loop), ERR_OK);
    assert_string_equal(s.said, "a.b.z.");
    end(&s);
}

static void a_paused_or_removed_descriptor_is_not_served(void **state)
{
    (void)state;
    struct story s;

    begin(&s);
    loop_pause_fd(s.loop, s.fd[0], true);
    assert_int_equal(write(s.fd[1], "ar", 2), 2);
    assert_int_equal(loop_once(s.loop, 5, on_timer, &s), ERR_OK);
    assert_int_equal(loop_run(s.loop), ERR_OK);
    assert_string_equal(s.said, "t");
    end(&s);

    begin(&s);
    assert_int_equal(write(s.fd[1], "arb", 3), 3);
    assert_int_equal(loop_once(s.loop, 5, on_timer, &s), ERR_OK);
    assert_int_equal(loop_run(s.loop), ERR_OK);
    assert_string_equal(s.said, "art");
    end(&s);
}

static void a_cancelled_timer_does_not_come(void **state)
{
    (void)state;
    struct story s;

    begin(&s);
    assert_int_equal(loop_once(s.loop, 0, on_timer, &s), ERR_OK);
    loop_cancel(s.loop, on_timer, &s);
    assert_int_equal(write(s.fd[1], "z", 1), 1);
    assert_int_equal(loop_run(s.loop), ERR_OK);
    assert_string_equal(s.said, "z");
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_turn_ends_with_its_commit),
        cmocka_unit_test(a_paused_or_removed_descriptor_is_not_served),
        cmocka_unit_test(a_cancelled_timer_does_not_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
