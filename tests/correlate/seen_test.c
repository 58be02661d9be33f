#include "tests/test.h"

#include "correlate/seen.h"

static struct digest key_of(unsigned n)
{
    struct slice part = { (const char *)&n, sizeof n };

    return digest_of(&part, 1);
}

/* Each row draws its story: a letter is put, then which letters are there of "abcd", newest first. */
static const struct { const char *story; size_t entries, bytes; const char *puts, *there; } rows[] = {
    { "all fit",                              4, 100, "abc",   "cba" },
    { "the oldest goes",                      2, 100, "abc",   "cb" },
    { "putting again makes it the newest",    2, 100, "abac",  "ca" },
    { "values count in bytes",                9, 2,   "abc",   "cb" },
    { "a value may take the place of itself", 1, 1,   "aaa",   "a" },
};

static bool add_letter(void *arg, struct slice value)
{
    strncat(arg, value.p, value.n);
    return true;
}

static void the_oldest_goes_as_drawn(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct seen *s = NULL;
        char got[8] = "";

        assert_int_equal(seen_new(&s, rows[i].entries, rows[i].bytes), ERR_OK);
        for (const char *p = rows[i].puts; *p != '\0'; p++) {
            struct digest k = key_of((unsigned)*p);
            assert_int_equal(seen_put(s, &k, (struct slice){ p, 1 }), ERR_OK);
        }
        seen_newest(s, add_letter, got);
        for (char c = 'a'; c <= 'd'; c++) {
            struct digest k = key_of((unsigned)c);
            assert_true(seen_get(s, &k, NULL) == (strchr(got, c) != NULL));
        }
        assert_int_equal(seen_entries(s), strlen(got));
        seen_free(s);
        if (strcmp(got, rows[i].there) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].story, got, rows[i].there);
    }
}

static enum err copy_change(void *arg, const struct digest *key, bool there, uint64_t order,
                            struct slice value)
{
    return there && !seen_get(arg, key, NULL) ? seen_restore(arg, key, order, value) : ERR_OK;
}

static void a_restored_map_forgets_in_the_same_order(void **state)
{
    enum { MANY = 1000, ROOM = 600 };
    struct seen *a = NULL, *b = NULL;
    char one[ROOM + 1] = "", two[ROOM + 1] = "";

    (void)state;
    assert_int_equal(seen_new(&a, ROOM, 1 << 20), ERR_OK);
    assert_int_equal(seen_new(&b, ROOM, 1 << 20), ERR_OK);
    for (unsigned n = 0; n < MANY; n++) {
        struct digest k = key_of(n * 7919 % 800);
        char letter = (char)('a' + n % 26);
        assert_int_equal(seen_put(a, &k, (struct slice){ &letter, 1 }), ERR_OK);
    }
    assert_int_equal(seen_changes(a, copy_change, b), ERR_OK);
    assert_int_equal(seen_restored(b), ERR_OK);
    seen_newest(a, add_letter, one);
    seen_newest(b, add_letter, two);
    assert_string_equal(one, two);
    assert_int_equal(strlen(one), ROOM);
    assert_true(seen_evicted(a) > 0);
    seen_settle(a);
    struct digest k = key_of(1);
    assert_int_equal(seen_restore(b, &k, 1, SLICE("x")), ERR_EXISTS);
    seen_free(a);
    seen_free(b);
}

static void parts_keep_their_borders(void **state)
{
    static const struct slice part[][2] = {
        { SLICE_INIT("ab"), SLICE_INIT("c") }, { SLICE_INIT("a"), SLICE_INIT("bc") },
        { SLICE_INIT(""), SLICE_INIT("abc") }, { { NULL, 0 }, SLICE_INIT("abc") },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(part); i++)
        for (size_t k = 0; k < ROWS(part); k++) {
            struct digest x = digest_of(part[i], 2), y = digest_of(part[k], 2);
            assert_true((memcmp(x.at, y.at, sizeof x.at) == 0) == (i == k));
        }
}

static void ceilings_are_checked(void **state)
{
    struct seen *s = NULL;
    struct digest k = key_of(1);

    (void)state;
    assert_int_equal(seen_new(&s, 0, 1), ERR_RANGE);
    assert_int_equal(seen_new(&s, 1, 3), ERR_OK);
    assert_int_equal(seen_put(s, &k, SLICE("four")), ERR_RANGE);
    seen_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_goes_as_drawn),
        cmocka_unit_test(a_restored_map_forgets_in_the_same_order),
        cmocka_unit_test(parts_keep_their_borders),
        cmocka_unit_test(ceilings_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
