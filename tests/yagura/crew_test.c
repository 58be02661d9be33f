#include "tests/test.h"

#include "yagura/crew.h"

/* Each row: the pause before, how long the process then lived, and the pause that follows. */
static const struct {
    const char *story;
    uint32_t before;
    uint64_t lived;
    uint32_t want;
} rows[] = {
    { "the first death is answered soon",     0,                100,   RESTART_FIRST_MS },
    { "the second waits twice as long",       RESTART_FIRST_MS, 100,   2 * RESTART_FIRST_MS },
    { "no pause grows beyond the longest",    RESTART_MOST_MS,  100,   RESTART_MOST_MS },
    { "nor by doubling",                      20000,            100,   RESTART_MOST_MS },
    { "who lived a minute is forgiven",       16000,            60000, RESTART_FIRST_MS },
};

static void pauses_grow_and_are_forgiven(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint32_t got = crew_pause(rows[i].before, rows[i].lived);
        if (got != rows[i].want)
            fail_msg("%s: got %u, want %u", rows[i].story, got, rows[i].want);
    }
}

static void on_line(void *arg, const char *name, bool is_stderr, struct slice line)
{
    (void)arg, (void)name, (void)is_stderr, (void)line;
}

static void on_death(void *arg, const char *name, int status, uint32_t restart_ms)
{
    (void)arg, (void)name, (void)status, (void)restart_ms;
}

static void who_cannot_start_is_refused(void **state)
{
    static const struct { const char *program; enum err want; } bad[] = {
        { "no-such-program", ERR_ABSENT }, { "../bin/sh", ERR_RANGE }, { "", ERR_RANGE },
        { "-x", ERR_RANGE },
    };
    const char *const argv[] = { NULL };
    const char *const many[] = { "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12",
                                 "13", NULL };
    struct crew *c;
    struct pollfd fds[2];

    (void)state;
    assert_int_equal(crew_new(&c, on_line, on_death, NULL), ERR_OK);
    for (size_t i = 0; i < ROWS(bad); i++)
        assert_int_equal(crew_start(c, "x", bad[i].program, argv), bad[i].want);
    assert_int_equal(crew_start(c, "x", "ingest", many), ERR_RANGE);
    assert_int_equal(crew_poll(c, fds, 2), 0);
    assert_int_equal(crew_stop(c, 0), 0);
    crew_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_grow_and_are_forgiven),
        cmocka_unit_test(who_cannot_start_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
