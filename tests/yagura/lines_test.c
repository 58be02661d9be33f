#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "yagura/lines.h"

/* Each row: what is written, read by read, and the lines that come, each followed by '|'. */
static const struct { const char *story, *writes[4], *want; } rows[] = {
    { "lines in one read",                 { "a\nbc\n" },             "a|bc|" },
    { "a line in two reads",               { "he", "llo\n" },         "hello|" },
    { "the last line needs no newline",    { "a\n", "b" },            "a|b|" },
    { "empty lines are lines",             { "\n\na\n" },             "||a|" },
    { "nothing is nothing",                { "" },                    "" },
    { "a carriage return is kept",         { "a\r\n" },               "a\r|" },
};

static void gather(struct lines *l, char *got, size_t room)
{
    struct slice line;
    size_t n = strlen(got);

    while (lines_next(l, &line)) {
        assert_true(n + line.n + 2 <= room);
        memcpy(got + n, line.p, line.n);
        n += line.n;
        got[n++] = '|';
        got[n] = '\0';
    }
}

static void lines_come_as_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lines *l;
        char got[64] = "";
        int fd[2];

        assert_int_equal(pipe(fd), 0);
        assert_int_equal(lines_new(&l, fd[0]), ERR_OK);
        for (size_t k = 0; k < 4 && rows[i].writes[k] != NULL; k++) {
            size_t n = strlen(rows[i].writes[k]);
            assert_int_equal(write(fd[1], rows[i].writes[k], n), n);
            if (n > 0)
                assert_int_equal(lines_read(l), ERR_OK);
            gather(l, got, sizeof got);
        }
        (void)close(fd[1]);
        assert_int_equal(lines_read(l), ERR_ABSENT);
        gather(l, got, sizeof got);
        assert_true(lines_ended(l));
        lines_free(l);
        (void)close(fd[0]);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].story, got, rows[i].want);
    }
}

/* A line of n bytes 'x', then a line "y": what comes of the first? */
static void a_long_line_is_cut_and_the_next_is_whole(void **state)
{
    static const struct { size_t n, want, cut; } sizes[] = {
        { LINES_MAX - 1, LINES_MAX - 1, 0 }, { LINES_MAX, LINES_MAX, 0 },
        { LINES_MAX + 1, LINES_MAX, 1 }, { 5 * LINES_MAX, LINES_MAX, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct lines *l;
        struct slice line;
        FILE *f = tmpfile();
        size_t lengths[3] = { 0 }, k = 0;

        assert_non_null(f);
        for (size_t b = 0; b < sizes[i].n; b++)
            (void)fputc('x', f);
        (void)fputs("\ny\n", f);
        rewind(f);
        assert_int_equal(lines_new(&l, fileno(f)), ERR_OK);
        do {
            while (lines_next(l, &line)) {
                assert_true(k < 2);
                lengths[k++] = line.n;
            }
        } while (lines_read(l) == ERR_OK);
        assert_int_equal(k, 2);
        assert_int_equal(lengths[0], sizes[i].want);
        assert_int_equal(lengths[1], 1);
        assert_int_equal(lines_cut(l), sizes[i].cut);
        lines_free(l);
        fclose(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_as_written),
        cmocka_unit_test(a_long_line_is_cut_and_the_next_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
