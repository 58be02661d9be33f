/* A log file holds every record once: after crashes, full disks, and what people do to files. */
#include "tests/alertd/alerts_fixture.h"
#include "tests/alertd/narrow_disk.h"

#include <errno.h>
#include <zlib.h>

#include "alertd/sinks/compress.h"
#include "alertd/sinks/file.h"

#define DAY 20261123

static struct file *open_at(const char *dir, const struct file_state *state)
{
    struct file *f = NULL;

    room = -1;
    assert_int_equal(file_open(&f, dir, "alerts", "log", state, narrow_write), ERR_OK);
    return f;
}

static void append(struct file *f, const char *text)
{
    assert_int_equal(file_append(f, slice_of(text)), ERR_OK);
}

static void holds(const char *dir, const char *name, const char *want)
{
    char *got = contents(dir, name);

    if (strcmp(got, want) != 0)
        fail_msg("%s holds \"%s\", want \"%s\"", name, got, want);
    free(got);
}

/* What may have happened between the last commit ("one\n" written) and the next start. */
static const struct { const char *story, *then; const char *want; } repairs[] = {
    { "nothing",                       "",                                        "one\ntwo\n" },
    { "a crash behind a write",        "printf 'torn' >> alerts/alerts.log",      "one\ntwo\n" },
    { "somebody cut it",               "printf 'on' > alerts/alerts.log",         "ontwo\n" },
    { "somebody emptied it",           ": > alerts/alerts.log",                   "two\n" },
    { "somebody removed it",           "rm alerts/alerts.log",                    "two\n" },
    { "somebody put another there",    "printf 'mine\n' > x; mv x alerts/alerts.log", "mine\ntwo\n" },
    { "a crash within rotation",       "mkdir -p alerts/2026/Nov; mv alerts/alerts.log alerts/2026/Nov/yagura-alerts-23.log",
                                                                                  "one\ntwo\n" },
    { "... and a new file was begun",  "mkdir -p alerts/2026/Nov; mv alerts/alerts.log alerts/2026/Nov/yagura-alerts-23.log;"
                                       " printf 'not committed\n' > alerts/alerts.log", "one\ntwo\n" },
    { "... of the day's second file, the first being compressed",
                                       "mkdir -p alerts/2026/Nov; : > alerts/2026/Nov/yagura-alerts-23.log.gz;"
                                       " mv alerts/alerts.log alerts/2026/Nov/yagura-alerts-23.2.log", "one\ntwo\n" },
};

static void run_in(const char *dir, const char *script)
{
    char *line = NULL;

    assert_true(asprintf(&line, "cd '%s' && { :; %s\n}", dir, script) > 0);
    assert_int_equal(system(line), 0);          /* our own scripts, from the table above */
    free(line);
}

static void a_start_repairs_what_a_crash_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(repairs); i++) {
        char *dir = temp_begin();
        struct file *f = open_at(dir, NULL);
        file_set_day(f, DAY);
        append(f, "one\n");
        struct file_state committed = file_state(f);
        file_free(f);

        run_in(dir, repairs[i].then);
        f = open_at(dir, &committed);
        append(f, "two\n");
        file_free(f);
        char *got = contents(dir, "alerts/alerts.log");
        if (strcmp(got, repairs[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", repairs[i].story, got, repairs[i].want);
        free(got);
        temp_end(dir);
    }
}

/* The same, while it is open. */
static const struct { const char *story, *then, *want; } meddling[] = {
    { "truncated",        ": > alerts/alerts.log",                         "two\n" },
    { "removed",          "rm alerts/alerts.log",                          "two\n" },
    { "moved away",       "mv alerts/alerts.log alerts/old",               "two\n" },
    { "replaced",         "printf 'mine\n' > x; mv x alerts/alerts.log",   "mine\ntwo\n" },
    { "directory gone",   "rm -r alerts",                                  "two\n" },
    { "written to",       "printf 'mine\n' >> alerts/alerts.log",          "one\nmine\ntwo\n" },
};

static void people_may_do_what_they_like_with_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(meddling); i++) {
        char *dir = temp_begin();
        struct file *f = open_at(dir, NULL);
        append(f, "one\n");
        run_in(dir, meddling[i].then);
        append(f, "two\n");
        char *got = contents(dir, "alerts/alerts.log");
        if (strcmp(got, meddling[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", meddling[i].story, got, meddling[i].want);
        assert_int_equal(file_state(f).length, strlen(got));
        free(got);
        file_free(f);
        temp_end(dir);
    }
}

static void a_full_disk_takes_all_or_nothing(void **state)
{
    (void)state;
    const char *text = "two is longer\n";

    for (size_t n = 0; n < strlen(text); n++) {
        char *dir = temp_begin();
        struct file *f = open_at(dir, NULL);
        append(f, "one\n");
        room = (ssize_t)n;
        assert_int_equal(file_append(f, slice_of(text)), ERR_FULL);
        holds(dir, "alerts/alerts.log", "one\n");
        assert_int_equal(file_append(f, slice_of(text)), ERR_FULL);
        room = -1;
        append(f, text);
        holds(dir, "alerts/alerts.log", "one\ntwo is longer\n");
        file_free(f);
        temp_end(dir);
    }
}

static void a_new_day_begins_a_new_file(void **state)
{
    (void)state;
    char *dir = temp_begin(), *old = NULL;
    struct file *f = open_at(dir, NULL);

    file_set_day(f, DAY);
    append(f, "one\n");
    assert_int_equal(file_rotate(f, DAY + 1, &old), ERR_OK);
    append(f, "two\n");
    assert_int_equal(file_day(f), DAY + 1);
    holds(dir, "alerts/2026/Nov/yagura-alerts-23.log", "one\n");
    holds(dir, "alerts/alerts.log", "two\n");
    assert_non_null(strstr(old, "/alerts/2026/Nov/yagura-alerts-23.log"));
    free(old);

    file_set_day(f, DAY);               /* a second file of that day does not replace the first */
    assert_int_equal(file_rotate(f, DAY + 1, &old), ERR_OK);
    holds(dir, "alerts/2026/Nov/yagura-alerts-23.2.log", "two\n");
    holds(dir, "alerts/2026/Nov/yagura-alerts-23.log", "one\n");
    free(old);

    assert_int_equal(file_rotate(f, DAY + 2, &old), ERR_OK);    /* an empty one has no past */
    assert_null(old);
    assert_int_equal(file_day(f), DAY + 2);
    run_in(dir, "test ! -e alerts/2026/Nov/yagura-alerts-24.log");
    file_free(f);
    temp_end(dir);
}

static void a_past_file_is_compressed_whole(void **state)
{
    (void)state;
    char *dir = temp_begin(), *path = path_in(dir, "yagura-alerts-23.log");
    char *part = path_in(dir, "yagura-alerts-23.log.gz.part"), back[16] = "";

    run_in(dir, "printf 'one\ntwo\n' > yagura-alerts-23.log; printf 'half' > yagura-alerts-23.log.gz.part");
    assert_int_equal(compress_file(path), ERR_OK);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(part, F_OK), -1);
    char *packed_path = path_in(dir, "yagura-alerts-23.log.gz");
    gzFile in = gzopen(packed_path, "rb");
    assert_int_equal(gzread(in, back, sizeof back - 1), 8);
    assert_string_equal(back, "one\ntwo\n");
    gzclose(in);
    assert_int_equal(compress_file(path), ERR_SYS);     /* there is none any more */
    run_in(dir, "mkfifo yagura-alerts-23.log");
    assert_int_equal(compress_file(path), ERR_SYS);     /* and it does not wait for a writer */
    run_in(dir, "zcat yagura-alerts-23.log.gz | grep -q two && rm yagura-alerts-23.log");
    free(path);
    free(part);
    free(packed_path);
    temp_end(dir);
}

static void what_was_left_uncompressed_is_found(void **state)
{
    (void)state;
    char *dir = temp_begin();
    struct compressor *c;
    uint64_t failed = 0;

    run_in(dir, "mkdir -p alerts/2026/Nov alerts/2025/Dec; echo a > alerts/2026/Nov/yagura-alerts-22.log;"
                "echo b > alerts/2025/Dec/yagura-alerts-31.json; echo c > alerts/2026/Nov/notes.log;"
                "echo d > alerts/alerts.log");
    assert_int_equal(compressor_new(&c), ERR_OK);
    char *alerts = path_in(dir, "alerts");
    compressor_scan(c, alerts);
    while (compressor_turn(c, &failed))
        ;
    assert_int_equal(failed, 0);
    compressor_free(c);
    holds(dir, "alerts/2026/Nov/yagura-alerts-22.log", "(absent)");
    holds(dir, "alerts/2025/Dec/yagura-alerts-31.json", "(absent)");
    holds(dir, "alerts/2026/Nov/notes.log", "c\n");
    holds(dir, "alerts/alerts.log", "d\n");
    free(alerts);
    temp_end(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_repairs_what_a_crash_left),
        cmocka_unit_test(people_may_do_what_they_like_with_it),
        cmocka_unit_test(a_full_disk_takes_all_or_nothing),
        cmocka_unit_test(a_new_day_begins_a_new_file),
        cmocka_unit_test(a_past_file_is_compressed_whole),
        cmocka_unit_test(what_was_left_uncompressed_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
