#include "tests/test.h"

#include "schemas/messages.h"

/* A record of every schema whose fields are all set: numbers to their key, slices to a text
 * (a packed one for RAW). */
static void fill(const struct schema *s, char *rec)
{
    static const struct slice text = SLICE_INIT("no \"entry\"\n"), raw = SLICE_INIT("\x92\x01\xa1x");

    for (size_t i = 0; i < s->n; i++) {
        uint64_t n = i + 200;
        if (s->fields[i].kind == KIND_U64)
            memcpy(rec + s->fields[i].at, &n, sizeof n);
        else
            memcpy(rec + s->fields[i].at, s->fields[i].kind == KIND_RAW ? &raw : &text, sizeof text);
    }
}

static void rows_are_in_the_order_of_their_keys(void **state)
{
    (void)state;
    for (size_t i = 0; all_schemas[i] != NULL; i++)
        for (size_t k = 0; k < all_schemas[i]->n; k++)
            if (all_schemas[i]->fields[k].key != k)
                fail_msg("%s.%s: key %u in place %zu", all_schemas[i]->name,
                         all_schemas[i]->fields[k].name, all_schemas[i]->fields[k].key, k);
}

static void types_are_one_each(void **state)
{
    (void)state;
    for (size_t i = 0; all_schemas[i] != NULL; i++)
        for (size_t k = 0; k < i; k++)
            if (all_schemas[i]->type != 0 && all_schemas[i]->type == all_schemas[k]->type)
                fail_msg("%s and %s share a type", all_schemas[i]->name, all_schemas[k]->name);
}

static bool same_record(const struct schema *s, const char *a, const char *b)
{
    for (size_t i = 0; i < s->n; i++) {
        struct slice x, y;
        if (s->fields[i].kind == KIND_U64) {
            if (memcmp(a + s->fields[i].at, b + s->fields[i].at, 8) != 0)
                return false;
            continue;
        }
        memcpy(&x, a + s->fields[i].at, sizeof x);
        memcpy(&y, b + s->fields[i].at, sizeof y);
        if (!slice_eq(x, y))
            return false;
    }
    return true;
}

static void check_prefixes(const struct schema *s, struct slice wire)
{
    char *got = calloc(1, s->size);

    for (size_t n = 0; n < wire.n; n++) {
        char *exact = malloc(n + 1);            /* so that a sanitizer sees the end */
        memcpy(exact, wire.p, n);
        if (record_unpack(s, got, (struct slice){ exact, n }) == ERR_OK)
            fail_msg("%s: a prefix of %zu bytes was accepted", s->name, n);
        free(exact);
    }
    free(got);
}

static void every_message_survives_the_wire(void **state)
{
    (void)state;
    for (size_t i = 0; all_schemas[i] != NULL; i++) {
        const struct schema *s = all_schemas[i];
        char *sent = calloc(1, s->size), *got = calloc(1, s->size);
        msgpack_sbuffer wire;

        fill(s, sent);
        msgpack_sbuffer_init(&wire);
        assert_int_equal(record_pack(s, sent, &wire), ERR_OK);
        struct slice frame = { wire.data, wire.size };
        if (record_unpack(s, got, frame) != ERR_OK || !same_record(s, sent, got))
            fail_msg("%s: came back otherwise", s->name);
        assert_int_equal(record_type(frame), s->type != 0 ? s->type : 200 * (s->fields[0].kind == KIND_U64));
        check_prefixes(s, frame);
        msgpack_sbuffer_destroy(&wire);
        free(sent);
        free(got);
    }
}

static char *printed(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    print(f);
    (void)fclose(f);
    return text;
}

static void print_ack(FILE *out)
{
    record_json(&ack_schema, &(struct ack){ .stream = 7, .credit = 9 }, out);
}

static void print_raw(FILE *out)
{
    record_json(&raw_schema, &(struct raw){ .kind = 1, .log = SLICE("a\"\n") }, out);
}

static void print_ack_doc(FILE *out)
{
    record_doc(&ack_schema, out);
}

static void tables_print_themselves(void **state)
{
    (void)state;
    static const struct { void (*print)(FILE *out); const char *want; } rows[] = {
        { print_ack, "{\"stream\":7,\"credit\":9}" },
        { print_raw, "{\"kind\":1,\"log\":\"a\\\"\\n\"}" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *text = printed(rows[i].print);
        assert_string_equal(text, rows[i].want);
        free(text);
    }
    char *doc = printed(print_ack_doc);
    assert_non_null(strstr(doc, "| 0 | type | unsigned | always 4 |\n"));
    assert_non_null(strstr(doc, "\n| 2 | upto | unsigned | highest sequence number that is durable |\n"));
    free(doc);
}

static void strangers_frames_are_refused(void **state)
{
    (void)state;
    static const struct { const char *story; struct slice frame; } rows[] = {
        { "text where a number belongs", SLICE_INIT("\x93\x04\xa1x\x01") },
        { "another message's type",      SLICE_INIT("\x93\x05\x01\x01") },
        { "no type",                     SLICE_INIT("\x90") },
        { "a map",                       SLICE_INIT("\x81\x04\x01") },
        { "bytes behind the message",    SLICE_INIT("\x92\x04\x01\x00") },
        { "an ext type in the tail",     SLICE_INIT("\x95\x04\x01\x01\x01\xd4\x01\x01") },
        { "a size no frame can hold",    SLICE_INIT("\xdd\xff\xff\xff\xff") },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ack a;
        if (record_unpack(&ack_schema, &a, rows[i].frame) != ERR_BADMSG)
            fail_msg("accepted: %s", rows[i].story);
    }
}

static void old_and_new_senders_are_understood(void **state)
{
    (void)state;
    struct ack a;

    assert_int_equal(record_unpack(&ack_schema, &a, SLICE("\x93\x04\x07\x08")), ERR_OK);
    assert_int_equal(a.stream, 7);
    assert_int_equal(a.upto, 8);
    assert_int_equal(a.credit, 0);                      /* an older sender did not know it */
    assert_int_equal(record_unpack(&ack_schema, &a, SLICE("\x96\x04\x07\x08\x09\x91\x01\xa1x")), ERR_OK);
    assert_int_equal(a.credit, 9);                      /* a newer one knows more */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_in_the_order_of_their_keys),
        cmocka_unit_test(types_are_one_each),
        cmocka_unit_test(every_message_survives_the_wire),
        cmocka_unit_test(tables_print_themselves),
        cmocka_unit_test(strangers_frames_are_refused),
        cmocka_unit_test(old_and_new_senders_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
