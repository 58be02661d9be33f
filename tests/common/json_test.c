#include "tests/test.h"

#include <jansson.h>

#include "common/text/json.h"

static void text_is_escaped_as_drawn(void **state)
{
    (void)state;
    static const struct { const char *story; struct slice in; const char *want; } rows[] = {
        { "nothing",               SLICE_INIT(""), "\"\"" },
        { "plain",                 SLICE_INIT("a b"), "\"a b\"" },
        { "quote and backslash",   SLICE_INIT("\"\\"), "\"\\\"\\\\\"" },
        { "newline and tab",       SLICE_INIT("a\nb\tc"), "\"a\\nb\\tc\"" },
        { "NUL",                   SLICE_INIT("a\0b"), "\"a\\u0000b\"" },
        { "DEL and escape",        SLICE_INIT("\x7f\x1b[2J"), "\"\\u007f\\u001b[2J\"" },
        { "letters of UTF-8",      SLICE_INIT("M\xc3\xa4r \xe6\xab\x93"), "\"M\xc3\xa4r \xe6\xab\x93\"" },
        { "a C1 control",          SLICE_INIT("\xc2\x85"), "\"\\u0085\"" },
        { "right-to-left override", SLICE_INIT("\xe2\x80\xae"), "\"\\u202e\"" },
        { "line separator",        SLICE_INIT("\xe2\x80\xa8"), "\"\\u2028\"" },
        { "a stray byte",          SLICE_INIT("\xff" "a"), "\"\\u00ffa\"" },
        { "an overlong slash",     SLICE_INIT("\xc0\xaf"), "\"\\u00c0\\u00af\"" },
        { "a surrogate",           SLICE_INIT("\xed\xa0\x80"), "\"\\u00ed\\u00a0\\u0080\"" },
        { "cut in the middle",     SLICE_INIT("\xe6\xab"), "\"\\u00e6\\u00ab\"" },
        { "beyond the last plane", SLICE_INIT("\xf4\x90\x80\x80"), "\"\\u00f4\\u0090\\u0080\\u0080\"" },
        { "a tag character",       SLICE_INIT("\xf3\xa0\x80\x81"), "\"\\udb40\\udc01\"" },
        { "an emoji",              SLICE_INIT("\xf0\x9f\x8f\xaf"), "\"\xf0\x9f\x8f\xaf\"" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[200];
        size_t n = json_write_text(out, rows[i].in);
        if (n != strlen(rows[i].want) || memcmp(out, rows[i].want, n) != 0)
            fail_msg("%s: got %.*s, want %s", rows[i].story, (int)n, out, rows[i].want);
    }
}

/* Whatever the bytes, a strict parser takes the result, and both writers agree. */
static void every_pair_of_bytes_is_valid_json(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1u << 16; i++) {
        const char in[2] = { (char)(i >> 8), (char)i };
        char out[64], *text = NULL;
        size_t n = json_write_text(out, (struct slice){ in, 2 }), m = 0;
        FILE *f = open_memstream(&text, &m);
        json_put_text(f, (struct slice){ in, 2 });
        fclose(f);
        assert_int_equal(m, n);
        assert_memory_equal(text, out, n);
        free(text);
        json_t *j = json_loadb(out, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        if (j == NULL)
            fail_msg("%04x: not JSON: %.*s", i, (int)n, out);
        json_decref(j);
    }
}

static void long_text_is_not_cut_inside_a_character(void **state)
{
    (void)state;
    char in[300], out[300 * 6 + 2], *text = NULL;
    size_t m = 0;

    for (size_t shift = 0; shift < 4; shift++) {
        memset(in, 'x', shift);
        for (size_t i = shift; i + 2 < sizeof in; i += 3)
            memcpy(in + i, "\xe6\xab\x93", 3);
        struct slice s = { in, shift + (sizeof in - shift) / 3 * 3 };
        size_t n = json_write_text(out, s);
        FILE *f = open_memstream(&text, &m);
        json_put_text(f, s);
        fclose(f);
        assert_int_equal(m, n);
        assert_memory_equal(text, out, n);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped_as_drawn),
        cmocka_unit_test(every_pair_of_bytes_is_valid_json),
        cmocka_unit_test(long_text_is_not_cut_inside_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
