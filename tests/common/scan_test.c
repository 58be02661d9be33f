#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/text/scan.h"

#define N(a) (sizeof(a) / sizeof(a)[0])

static bool naive(struct slice text, struct slice literal)
{
    for (size_t at = 0; at + literal.n <= text.n; at++)
        if (slice_eq_nocase((struct slice){ text.p + at, literal.n }, literal))
            return true;
    return false;
}

static const struct { const char *literal[5], *subject, *seen; } rows[] = {
    { { "he", "she", "his", "hers" },     "ushers",    "xx.x" },
    { { "He", "SHE" },                    "USHers",    "xx"   },
    { { "abc", "bc", "c" },               "ab c",      "..x"  },
    { { "abcd", "bc" },                   "abce",      ".x"   },
    { { "same", "same", "Same" },         "the same",  "xxx"  },
    { { "a", "aa", "aaa", "aaaa" },       "aaa",       "xxx." },
    { { "[", "@", "`", "{" },             "[@",        "xx.." },
    { { "\xc3\xa4" },                     "M\xc3\xa4r","x"    },
    { { "\xe4" },                         "\xc4",      "."    },
    { { "x" },                            "",          "."    },
};

static void literals_are_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct slice literals[5];
        struct scan *s = NULL;
        size_t n = 0;
        uint64_t bits = 0;

        for (; n < 5 && rows[i].literal[n] != NULL; n++)
            literals[n] = slice_of(rows[i].literal[n]);
        assert_int_equal(scan_new(&s, literals, n), ERR_OK);
        scan_run(s, slice_of(rows[i].subject), &bits);
        for (size_t k = 0; k < n; k++)
            if ((bits >> k & 1) != (rows[i].seen[k] == 'x'))
                fail_msg("%s in %s", rows[i].literal[k], rows[i].subject);
        assert_int_equal(bits >> n, 0);
        scan_free(s);
    }
}

static void bits_are_only_added(void **state)
{
    (void)state;
    struct slice one = SLICE_INIT("x");
    struct scan *s = NULL;
    uint64_t bits = 6;

    assert_int_equal(scan_new(&s, &one, 1), ERR_OK);
    assert_int_equal(scan_words(s), 1);
    assert_true(scan_memory(s) > 0);
    scan_run(s, SLICE("axb\0x"), &bits);
    assert_int_equal(bits, 7);
    scan_free(s);
}

static void none_is_fine_and_nonsense_refused(void **state)
{
    (void)state;
    static struct slice many[SCAN_LITERALS_MAX + 1];
    struct slice bad[2] = { SLICE_INIT("x"), SLICE_INIT("") };
    struct scan *s = NULL;

    assert_int_equal(scan_new(&s, bad, 2), ERR_RANGE);
    for (size_t i = 0; i < N(many); i++)
        many[i] = SLICE("x");
    assert_int_equal(scan_new(&s, many, N(many)), ERR_LIMIT);
    many[0] = (struct slice){ "x", SCAN_BYTES_MAX + 1 };
    assert_int_equal(scan_new(&s, many, 1), ERR_LIMIT);
    assert_null(s);
    assert_int_equal(scan_new(&s, NULL, 0), ERR_OK);
    scan_run(s, SLICE("anything"), NULL);
    assert_int_equal(scan_words(s), 0);
    scan_free(s);
}

/* A generator of its own: the same data in every run. */
static uint32_t draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static void fill(char *p, size_t n, unsigned letters, uint64_t *seed)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (char)((draw(seed) & 1 ? 'a' : 'A') + draw(seed) % letters);
}

static void compare(size_t n, size_t longest, unsigned letters, uint64_t seed)
{
    struct slice *literals = calloc(n, sizeof literals[0]);
    char *text = malloc(n * longest), line[200];
    struct scan *s = NULL;
    uint64_t *bits = calloc(n / 64 + 1, sizeof bits[0]);

    assert_true(literals != NULL && text != NULL && bits != NULL);
    fill(text, n * longest, letters, &seed);
    for (size_t i = 0; i < n; i++)
        literals[i] = (struct slice){ text + i * longest, 1 + draw(&seed) % longest };
    assert_int_equal(scan_new(&s, literals, n), ERR_OK);
    for (int round = 0; round < 20; round++) {
        struct slice subject = { line, draw(&seed) % sizeof line };
        fill(line, subject.n, letters, &seed);
        if (draw(&seed) & 1 && subject.n > longest)
            memcpy(line, text + draw(&seed) % n * longest, longest);
        memset(bits, 0, (n / 64 + 1) * sizeof bits[0]);
        scan_run(s, subject, bits);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(bits[i / 64] >> (i % 64) & 1, naive(subject, literals[i]));
    }
    scan_free(s);
    free(bits);
    free(text);
    free(literals);
}

static void scan_agrees_with_looking_one_by_one(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++)
        compare(1 + seed * 7, 1 + seed % 9, 1 + (unsigned)(seed % 26), seed);
    compare(3000, 12, 26, 77);
}

static void many_states_take_the_large_table(void **state)
{
    (void)state;
    compare(12000, 20, 26, 5);          /* over 65,536 states */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_are_seen),
        cmocka_unit_test(bits_are_only_added),
        cmocka_unit_test(none_is_fine_and_nonsense_refused),
        cmocka_unit_test(scan_agrees_with_looking_one_by_one),
        cmocka_unit_test(many_states_take_the_large_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
