#include "tests/test.h"

#include "ingest/framing.h"

/* What came out: each message with '|' behind it, '!' when it was cut. */
struct heard { char *text; size_t n; FILE *out; };

static void hear(void *arg, struct slice m, bool cut)
{
    struct heard *h = arg;

    fwrite(m.p, 1, m.n, h->out);
    fputs(cut ? "!|" : "|", h->out);
}

static void start_hearing(struct heard *h)
{
    h->out = open_memstream(&h->text, &h->n);
    assert_non_null(h->out);
}

static void feed(struct framing *f, const char *p, size_t n, struct heard *h)
{
    char *exact = malloc(n > 0 ? n : 1);        /* so that a sanitizer sees a step too far */

    assert_non_null(exact);
    memcpy(exact, p, n);
    assert_int_equal(framing_feed(f, (struct slice){ exact, n }, hear, h), ERR_OK);
    free(exact);
}

#define ROW(story, in, want) { story, SLICE_INIT(in), SLICE_INIT(want) }

static const struct { const char *story; struct slice in, want; } rows[] = {
    ROW("nothing",                              "", ""),
    ROW("a line",                               "<13>a\n", "<13>a|"),
    ROW("two lines",                            "<13>a\n<13>b\n", "<13>a|<13>b|"),
    ROW("a line without end is given at the end", "<13>a", "<13>a|"),
    ROW("an empty line is a message without text", "\n\na\n", "||a|"),
    ROW("a counted message",                    "6 <13>ab", "<13>ab|"),
    ROW("two counted messages",                 "5 <13>a5 <13>b", "<13>a|<13>b|"),
    ROW("a counted message with newlines in it", "9 <13>a\nb\nc5 <13>d", "<13>a\nb\nc|<13>d|"),
    ROW("both ways on one connection",          "5 <13>a<13>b\n5 <13>c", "<13>a|<13>b|<13>c|"),
    ROW("a counted message that breaks off",    "9 <13>a", "<13>a!|"),
    ROW("a year is no length",                  "2026 Nov 23\n", "2026 Nov 23|"),
    ROW("a number alone is a line",             "42\n", "42|"),
    ROW("a number at the end is a message",     "42", "42|"),
    ROW("a length without its space is a line", "5<13>a\n", "5<13>a|"),
    ROW("a length of two spaces is a line",     "5  <13>a\n", "5  <13>a|"),
    ROW("a length that begins with 0 is a line", "05 <13>a\n", "05 <13>a|"),
    ROW("a length of eight digits is a line",   "12345678 <a\n", "12345678 <a|"),
    ROW("a length of one byte",                 "1 <x\n", "<|x|"),
    ROW("NUL and control bytes are kept",       "a\0\1b\n", "a\0\1b|"),
};

static void check(const char *story, size_t cut_at, struct heard *h, struct slice want)
{
    fclose(h->out);
    if (!slice_eq((struct slice){ h->text, h->n }, want))
        fail_msg("%s, cut at %zu: got \"%.*s\", want \"%.*s\"", story, cut_at, (int)h->n, h->text,
                 SLICE_FMT(want));
    free(h->text);
}

static void messages_are_the_same_however_the_stream_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (size_t at = 0; at <= rows[i].in.n; at++) {
            struct framing f = { 0 };
            struct heard h = { 0 };
            start_hearing(&h);
            feed(&f, rows[i].in.p, at, &h);
            feed(&f, rows[i].in.p + at, rows[i].in.n - at, &h);
            framing_end(&f, hear, &h);
            check(rows[i].story, at, &h, rows[i].want);
        }
}

static void messages_are_the_same_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct framing f = { 0 };
        struct heard h = { 0 };
        start_hearing(&h);
        for (size_t k = 0; k < rows[i].in.n; k++)
            feed(&f, rows[i].in.p + k, 1, &h);
        framing_end(&f, hear, &h);
        check(rows[i].story, 1, &h, rows[i].want);
    }
}

struct lengths { size_t n[8], count; bool cut[8]; };

static void measure(void *arg, struct slice m, bool cut)
{
    struct lengths *l = arg;

    assert_true(l->count < 8);
    l->cut[l->count] = cut;
    l->n[l->count++] = m.n;
}

static void a_long_message_is_cut_and_its_rest_dropped(void **state)
{
    (void)state;
    static const struct { const char *head; size_t body; const char *tail; } long_rows[] = {
        { "", FRAMING_MAX, "\nnext\n" }, { "", FRAMING_MAX + 1, "\nnext\n" },
        { "", 3 * FRAMING_MAX, "\nnext\n" }, { "131073 <", 2 * FRAMING_MAX, "next\n" },
    };
    for (size_t i = 0; i < ROWS(long_rows); i++)
        for (size_t piece = 1000; piece < 300000; piece *= 7) {
            struct framing f = { 0 };
            struct lengths l = { .count = 0 };
            size_t head = strlen(long_rows[i].head), tail = strlen(long_rows[i].tail);
            size_t n = head + long_rows[i].body + tail;
            char *all = malloc(n);
            assert_non_null(all);
            memset(all, 'x', n);
            memcpy(all, long_rows[i].head, head);
            memcpy(all + n - tail, long_rows[i].tail, tail);
            for (size_t at = 0; at < n; at += piece) {
                size_t k = n - at < piece ? n - at : piece;
                assert_int_equal(framing_feed(&f, (struct slice){ all + at, k }, measure, &l), ERR_OK);
                assert_true(f.room <= FRAMING_MAX);
            }
            framing_free(&f);
            free(all);
            assert_int_equal(l.count, 2);
            assert_int_equal(l.n[0], FRAMING_MAX);
            assert_int_equal(l.cut[0], i != 0);
            assert_int_equal(l.n[1], 4);
            assert_false(l.cut[1]);
        }
}

static const struct { const char *story; struct slice in, want; } texts[] = {
    ROW("a priority goes",                   "<13>a", "a"),
    ROW("of three digits too",               "<191>a", "a"),
    ROW("four digits are none",              "<1910>a", "<1910>a"),
    ROW("without digits it is none",         "<>a", "<>a"),
    ROW("letters are none",                  "<a>b", "<a>b"),
    ROW("not ended it is none",              "<13", "<13"),
    ROW("a priority alone leaves nothing",   "<13>", ""),
    ROW("NUL, CR and LF at the end go",      "<13>a\r\n\0", "a"),
    ROW("and stay inside",                   "<13>a\0b\r\nc", "a\0b\r\nc"),
    ROW("only one priority goes",            "<1><2>a", "<2>a"),
};

static void text_is_what_stands_behind_the_priority(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct slice got = framing_text(texts[i].in);
        if (!slice_eq(got, texts[i].want))
            fail_msg("%s: got \"%.*s\", want \"%.*s\"", texts[i].story, SLICE_FMT(got),
                     SLICE_FMT(texts[i].want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_the_same_however_the_stream_is_cut),
        cmocka_unit_test(messages_are_the_same_byte_by_byte),
        cmocka_unit_test(a_long_message_is_cut_and_its_rest_dropped),
        cmocka_unit_test(text_is_what_stands_behind_the_priority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
