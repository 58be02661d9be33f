/* Commands and what becomes of their output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "agent/command.h"

#define GOT_MAX 4096

struct box { char got[GOT_MAX]; size_t n, room, longest; };

static bool take(void *arg, struct slice location, struct slice text)
{
    struct box *b = arg;

    if (b->room == 0)
        return false;
    b->room--;
    b->longest = text.n > b->longest ? text.n : b->longest;
    const struct slice parts[] = { location, SLICE("="), text, SLICE("|") };
    for (size_t i = 0; i < 4 && text.n < 1000; i++) {
        assert_true(b->n + parts[i].n < GOT_MAX);
        memcpy(b->got + b->n, parts[i].p, parts[i].n);
        b->n += parts[i].n;
    }
    return true;
}

/* Run it to its end, waiting for its output alone. */
static void run(struct command *c, struct box *b)
{
    const struct sink sink = { take, b };
    enum err e = ERR_AGAIN;

    assert_int_equal(command_start(c, 0), ERR_OK);
    while (e == ERR_AGAIN || e == ERR_FULL) {
        struct pollfd p = { command_fd(c), POLLIN, 0 };
        if (e == ERR_AGAIN)
            assert_true(poll(&p, 1, 60000) > 0);
        if (e == ERR_FULL)
            b->room = 1;
        e = command_read(c, &sink);
    }
    assert_int_equal(e, ERR_OK);
    assert_int_equal(command_fd(c), -1);
    b->got[b->n] = '\0';
}

static const struct {
    const char *story, *text, *alias;
    bool full;
    const char *want;
} rows[] = {
    { "each line is a record", "printf 'a\\nb\\n'", "two lines", false,
      "two lines=ossec: output: 'two lines': a|two lines=ossec: output: 'two lines': b|" },
    { "the command stands for itself", "echo a", "", false, "echo a=ossec: output: 'echo a': a|" },
    { "a colon becomes a backslash", "echo a", "x:y", false, "x\\y=ossec: output: 'x\\y': a|" },
    { "a last line without its end counts", "printf a", "n", false, "n=ossec: output: 'n': a|" },
    { "empty lines are no records", "printf 'a\\n\\nb\\n'", "n", false,
      "n=ossec: output: 'n': a|n=ossec: output: 'n': b|" },
    { "nothing printed, nothing said", "true", "n", false, "" },
    { "a whole output is one record", "printf 'a\\n\\n\\nb\\n'", "n", true,
      "n=ossec: output: 'n':\na\nb|" },
    { "nothing printed, nothing said, whole", "printf '\\n\\n'", "n", true, "" },
    { "its errors are not its output", "echo a; echo b >&2", "n", false, "n=ossec: output: 'n': a|" },
    { "a broken pipe ends it, whatever we do about ours", "kill -PIPE $$; echo a", "n", false, "" },
    { "it reads nothing of ours", "cat; ls /proc/self/fd | wc -l", "n", false,
      "n=ossec: output: 'n': 4|" },
};

static void output_becomes_records_as_drawn(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t room = 0; room < 2; room++) {       /* with room for all, and one by one */
            struct box b = { .room = room == 0 ? 100 : 0 };
            struct command *c = NULL;
            assert_int_equal(command_new(&c, slice_of(rows[i].text), slice_of(rows[i].alias),
                                         rows[i].full, 1000), ERR_OK);
            run(c, &b);
            command_free(c);
            if (strcmp(b.got, rows[i].want) != 0)
                fail_msg("%s: got \"%s\", want \"%s\"", rows[i].story, b.got, rows[i].want);
        }
}

static void output_without_end_is_bounded(void **state)
{
    (void)state;
    const bool full[] = { false, true };

    for (size_t i = 0; i < 2; i++) {
        struct box b = { .room = 100 };
        struct command *c = NULL;
        assert_int_equal(command_new(&c, SLICE("head -c 1000000 /dev/zero"), SLICE("z"), full[i], 1),
                         ERR_OK);
        run(c, &b);
        command_free(c);
        assert_int_equal(b.longest, RECORD_MAX);
        assert_int_equal(b.room, 99);
    }
}

static void it_runs_when_it_is_due_and_not_for_ever(void **state)
{
    (void)state;
    struct box b = { .room = 100 };
    struct command *c = NULL;

    assert_int_equal(command_new(&c, SLICE("sleep 1000"), SLICE("s"), false, 5000), ERR_OK);
    assert_true(command_due(c, 0));
    assert_int_equal(command_start(c, 10), ERR_OK);
    assert_false(command_due(c, 1000000));
    assert_false(command_expire(c, 10 + COMMAND_TIMEOUT_MS - 1));
    assert_true(command_expire(c, 10 + COMMAND_TIMEOUT_MS));
    assert_false(command_expire(c, 10 + COMMAND_TIMEOUT_MS));
    struct pollfd p = { command_fd(c), POLLIN, 0 };
    assert_true(poll(&p, 1, 60000) > 0);
    const struct sink sink = { take, &b };
    assert_int_equal(command_read(c, &sink), ERR_OK);
    assert_false(command_due(c, 5009));
    assert_true(command_due(c, 5010));
    command_free(c);
}

static void who_never_stops_printing_does_not_hold_us(void **state)
{
    (void)state;
    static const char *const texts[] = { "yes", "yes ''", "cat /dev/zero" };
    const struct sink sink = { take, &(struct box){ .room = 0 } };

    for (size_t i = 0; i < 2 * sizeof texts / sizeof texts[0]; i++) {
        struct command *c = NULL;
        assert_int_equal(command_new(&c, slice_of(texts[i / 2]), SLICE("y"), i % 2 == 0, 1), ERR_OK);
        assert_int_equal(command_start(c, 0), ERR_OK);
        for (int turn = 0; turn < 4; turn++) {
            struct pollfd p = { command_fd(c), POLLIN, 0 };
            assert_true(poll(&p, 1, 60000) > 0);
            enum err e = command_read(c, &sink);
            assert_true(e == ERR_AGAIN || e == ERR_FULL);
        }
        command_free(c);
    }
}

/* The shell is gone and what it left behind, in a session of its own, holds its output open. */
static void who_leaves_its_group_does_not_hold_us(void **state)
{
    (void)state;
    struct box b = { .room = 100 };
    const struct sink sink = { take, &b };
    struct command *c = NULL;

    assert_int_equal(command_new(&c, SLICE("setsid sleep 5 & echo a"), SLICE("n"), false, 1), ERR_OK);
    assert_int_equal(command_start(c, 0), ERR_OK);
    struct pollfd p = { command_fd(c), POLLIN, 0 };
    assert_true(poll(&p, 1, 60000) > 0);
    assert_int_equal(command_read(c, &sink), ERR_AGAIN);
    assert_false(command_over(c));
    assert_true(command_expire(c, COMMAND_TIMEOUT_MS));
    while (!command_over(c))
        assert_false(command_expire(c, COMMAND_TIMEOUT_MS));
    assert_int_equal(command_read(c, &sink), ERR_OK);
    assert_int_equal(command_fd(c), -1);
    assert_true(command_due(c, COMMAND_TIMEOUT_MS));
    assert_int_equal(b.room, 99);
    command_free(c);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);     /* as every stage does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_becomes_records_as_drawn),
        cmocka_unit_test(output_without_end_is_bounded),
        cmocka_unit_test(it_runs_when_it_is_due_and_not_for_ever),
        cmocka_unit_test(who_never_stops_printing_does_not_hold_us),
        cmocka_unit_test(who_leaves_its_group_does_not_hold_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
