#include "tests/test.h"

#include <jansson.h>

#include "yagura/verdict_text.h"

/* One event with what a stranger may write in it. */
struct story { const char *log, *value, *groups; bool matched; };

static struct slice pack_fields(msgpack_sbuffer *b, const char *value)
{
    msgpack_packer pk;

    msgpack_packer_init(&pk, b, msgpack_sbuffer_write);
    msgpack_pack_array(&pk, 4);
    msgpack_pack_uint64(&pk, FIELD_SRCIP);
    msgpack_pack_str_with_body(&pk, value, strlen(value));
    msgpack_pack_str_with_body(&pk, "own", 3);
    msgpack_pack_str_with_body(&pk, value, strlen(value));
    return (struct slice){ b->data, b->size };
}

typedef void putter(FILE *out, const struct verdict *v, const struct event *e,
                    const struct alert *a);

static char *put(putter *how, const struct story *s)
{
    msgpack_sbuffer fields;
    char *text = NULL;
    size_t n;

    msgpack_sbuffer_init(&fields);
    struct event e = {
        .full_log = slice_of(s->log), .log_n = strlen(s->log), .flags = EVENT_DECODED,
        .decoder = SLICE("d"), .fields = pack_fields(&fields, s->value),
    };
    struct alert a = { .level = 7, .description = SLICE("it \"happened\""),
                       .groups = slice_of(s->groups) };
    struct verdict v = { .rule = 12, .matched = s->matched, .alerted = s->matched };
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    how(out, &v, &e, &a);
    fclose(out);
    msgpack_sbuffer_destroy(&fields);
    return text;
}

static const struct story stories[] = {
    { "plain",                      "192.0.2.1",   "a,b,",      true },
    { "no rule",                    "192.0.2.1",   "",          false },
    { "a \"quote\" and \\ back",    "\"}",         " a, ,b ,",  true },
    { "\033[2Jclears the screen",   "\033]0;x\007", "a",        true },
    { "no UTF-8: \xff\xfe \xc3",    "\x80",        ",,",        true },
    { "a bell \a and \x7f",         "\xe2\x80\xae", "a,",       true },
};

static void json_reads_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(stories); i++) {
        char *text = put(verdict_put_json, &stories[i]);
        json_error_t why;
        json_t *o = json_loads(text, 0, &why);
        if (o == NULL)
            fail_msg("story %zu: %s: %s", i, why.text, text);
        json_t *rule = json_object_get(o, "rule");
        assert_true(json_is_object(rule) == stories[i].matched);
        assert_true(json_is_true(json_object_get(o, "alert")) == stories[i].matched);
        assert_non_null(json_object_get(json_object_get(o, "fields"), "srcip"));
        assert_non_null(json_object_get(json_object_get(o, "fields"), "own"));
        assert_int_equal(strchr(text, '\n') - text, strlen(text) - 1);
        json_decref(o);
        free(text);
    }
}

static void groups_are_cut_at_commas(void **state)
{
    static const struct { const char *groups; const char *want; } rows[] = {
        { "a,b,", "\"groups\": [\"a\", \"b\"]" },   { "", "\"groups\": []" },
        { " a, ,b ,", "\"groups\": [\"a\", \"b\"]" }, { ",,", "\"groups\": []" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *text = put(verdict_put_json, &(struct story){ "x", "y", rows[i].groups, true });
        if (strstr(text, rows[i].want) == NULL)
            fail_msg("\"%s\": got %s", rows[i].groups, text);
        free(text);
    }
}

static void phases_move_no_cursor(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(stories); i++) {
        char *text = put(verdict_put_phases, &stories[i]);
        for (const char *p = text; *p != '\0'; p++)
            assert_true(*p == '\n' || ((unsigned char)*p >= ' ' && *p != 0x7f));
        assert_null(strstr(text, "\xe2\x80\xae"));
        assert_true((strstr(text, "**Phase 3") != NULL) == stories[i].matched);
        free(text);
    }
}

static void phases_read_as_ossec_logtest_prints_them(void **state)
{
    static const char want[] =
        "\n\n**Phase 1: Completed pre-decoding.\n"
        "       full event: 'plain'\n"
        "       hostname: '(null)'\n"
        "       program_name: '(null)'\n"
        "       log: 'plain'\n"
        "\n**Phase 2: Completed decoding.\n"
        "       srcip: '192.0.2.1'\n"
        "       own: '192.0.2.1'\n"
        "       decoder: 'd'\n"
        "\n**Phase 3: Completed filtering (rules).\n"
        "       Rule id: '12'\n"
        "       Level: '7'\n"
        "       Description: 'it \"happened\"'\n"
        "**Alert to be generated.\n\n\n";

    (void)state;
    char *text = put(verdict_put_phases, &stories[0]);
    assert_string_equal(text, want);
    free(text);
}

static void an_accumulating_decoder_is_told_between_the_phases(void **state)
{
    const struct event e = { .full_log = SLICE_INIT("x"), .log_n = 1, .decoder = SLICE_INIT("d"),
                             .flags = EVENT_DECODED | EVENT_ACCUMULATE };
    const struct alert a = { .level = 1 };
    const struct verdict v = { .rule = 12, .matched = true };
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);

    (void)state;
    assert_non_null(out);
    verdict_put_phases(out, &v, &e, &a);
    fclose(out);
    assert_non_null(strstr(text, "       decoder: 'd'\n\n**ACCUMULATOR: LEVEL UP!!**\n\n\n**Phase 3"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_reads_back),
        cmocka_unit_test(groups_are_cut_at_commas),
        cmocka_unit_test(phases_move_no_cursor),
        cmocka_unit_test(phases_read_as_ossec_logtest_prints_them),
        cmocka_unit_test(an_accumulating_decoder_is_told_between_the_phases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
