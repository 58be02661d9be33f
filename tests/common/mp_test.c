#include "tests/test.h"

#include "common/wire/mp.h"

static void heads_say_what_follows(void **state)
{
    (void)state;
    static const struct { const char *story; struct slice in; enum mp_what what; uint64_t n; } rows[] = {
        { "a small number",     SLICE_INIT("\x07"), MP_UINT, 7 },
        { "64 bits",            SLICE_INIT("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), MP_UINT, UINT64_MAX },
        { "nil",                SLICE_INIT("\xc0"), MP_NIL, 0 },
        { "true",               SLICE_INIT("\xc3"), MP_BOOL, 1 },
        { "short text",         SLICE_INIT("\xa2hi"), MP_TEXT, 2 },
        { "bytes",              SLICE_INIT("\xc4\x01x"), MP_BIN, 1 },
        { "a small array",      SLICE_INIT("\x91\x01"), MP_ARRAY, 1 },
        { "a map",              SLICE_INIT("\x81\x01\x02"), MP_MAP, 1 },
        { "a negative number",  SLICE_INIT("\xff"), MP_OTHER, 0 },
        { "a double",           SLICE_INIT("\xcb\0\0\0\0\0\0\0\0"), MP_OTHER, 8 },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct slice rest = rows[i].in;
        struct mp_head h;
        if (!mp_head(&rest, &h) || h.what != rows[i].what || h.n != rows[i].n)
            fail_msg("%s: read otherwise", rows[i].story);
    }
}

static void claims_beyond_the_bytes_are_refused(void **state)
{
    (void)state;
    static const struct { const char *story; struct slice in; } rows[] = {
        { "nothing",                   SLICE_INIT("") },
        { "a map of 4 billion",        SLICE_INIT("\xdf\xff\xff\xff\xff") },
        { "an array of 4 billion",     SLICE_INIT("\xdd\xff\xff\xff\xff") },
        { "a text longer than there",  SLICE_INIT("\xa3hi") },
        { "bytes longer than there",   SLICE_INIT("\xc6\xff\xff\xff\xffx") },
        { "a number cut short",        SLICE_INIT("\xcf\x01") },
        { "an ext type",               SLICE_INIT("\xd4\x01\x01") },
        { "a sized ext type",          SLICE_INIT("\xc7\x01\x01\x01") },
        { "the byte nobody uses",      SLICE_INIT("\xc1") },
        { "a map with half a pair",    SLICE_INIT("\x81\x01") },
        { "nine arrays in one another", SLICE_INIT("\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01") },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct slice rest = rows[i].in;
        if (mp_skip(&rest))
            fail_msg("%s: accepted", rows[i].story);
    }
}

static void eight_levels_are_fine(void **state)
{
    (void)state;
    struct slice rest = SLICE("\x91\x91\x91\x91\x91\x91\x91\x91\x01");
    assert_true(mp_skip(&rest));
    assert_int_equal(rest.n, 0);
}

/* All 16.8 million inputs of up to three bytes: never past the end, never stuck. */
static void every_short_input_ends(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1u << 24; i++) {
        const char b[3] = { (char)(i >> 16), (char)(i >> 8), (char)i };
        struct slice rest = { b, 3 };
        if (mp_skip(&rest) && (rest.p <= b || rest.p + rest.n != b + 3))
            fail_msg("%06x: the cursor left the input", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_say_what_follows),
        cmocka_unit_test(claims_beyond_the_bytes_are_refused),
        cmocka_unit_test(eight_levels_are_fine),
        cmocka_unit_test(every_short_input_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
