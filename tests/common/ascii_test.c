#include "tests/test.h"

#include "common/text/ascii.h"

#define LONGEST 26                      /* three times eight and a rest */

static size_t run_by_one(const char *p, size_t n, bool unquoted)
{
    size_t at = 0;

    while (at < n && p[at] >= 0x20 && p[at] < 0x7f && !(unquoted && (p[at] == '"' || p[at] == '\\')))
        at++;
    return at;
}

/* Each byte there is, at each place of a text of each length. */
static void runs_end_where_one_by_one_they_end(void **state)
{
    (void)state;
    for (size_t n = 1; n <= LONGEST; n++)
        for (size_t at = 0; at < n; at++)
            for (int c = 0; c < 256; c++) {
                char text[LONGEST];
                memset(text, '~', n);
                text[at] = (char)c;
                struct slice s = { text, n };
                if (ascii_run(s) != run_by_one(text, n, false)
                    || ascii_run_unquoted(s) != run_by_one(text, n, true))
                    fail_msg("byte %02x at %zu of %zu: %zu and %zu", c, at, n, ascii_run(s),
                             ascii_run_unquoted(s));
            }
}

static void nothing_has_no_run(void **state)
{
    (void)state;
    assert_int_equal(ascii_run((struct slice){ NULL, 0 }), 0);
    assert_int_equal(ascii_run_unquoted((struct slice){ NULL, 0 }), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_end_where_one_by_one_they_end),
        cmocka_unit_test(nothing_has_no_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
