/* Records out of bytes: each format's rules, and the ceilings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "agent/format.h"

/* Records come out with '|' behind each; what is left in the file stands behind the last one. */
static const struct {
    const char *story, *format;
    uint32_t lines;
    const char *start;
    enum flush flush;
    const char *bytes, *want;
} rows[] = {
    { "a line is a record",                  "syslog", 0, "", FLUSH_NO, "a\nb\n", "a|b|" },
    { "an unfinished line waits",            "syslog", 0, "", FLUSH_NO, "a\nb", "a|b" },
    { "silence does not finish it",          "syslog", 0, "", FLUSH_LINES, "a\nb", "a|b" },
    { "the end of the file does",            "syslog", 0, "", FLUSH_ALL, "a\nb", "a|b|" },
    { "CR LF is one end",                    "syslog", 0, "", FLUSH_NO, "a\r\nb\r\n", "a|b|" },
    { "a CR inside stays",                   "syslog", 0, "", FLUSH_NO, "a\rb\n", "a\rb|" },
    { "an empty line is an empty record",    "syslog", 0, "", FLUSH_NO, "\n\n", "||" },
    { "any other name means lines",          "apache", 0, "", FLUSH_NO, "a\n", "a|" },
    { "JSON lines are lines",                "json", 0, "", FLUSH_NO, "{\"a\":1}\n", "{\"a\":1}|" },

    { "N lines are joined by spaces",        "multi-line", 2, "", FLUSH_NO, "a\nb\nc\nd\n", "a b|c d|" },
    { "fewer than N wait",                   "multi-line", 3, "", FLUSH_NO, "a\nb\n", "a\nb\n" },
    { "silence does not end them",           "multi-line", 3, "", FLUSH_LINES, "a\nb\n", "a\nb\n" },
    { "the end of the file does",            "multi-line", 3, "", FLUSH_ALL, "a\nb\n", "a b|" },
    { "one line is multi-line:1",            "multi-line", 1, "", FLUSH_NO, "a\nb\n", "a|b|" },

    { "a start ends the one before",         "multi-line-regex", 0, "^\\d", FLUSH_NO,
      "1 a\n at x\n2 b\n", "1 a\n at x|2 b\n" },
    { "silence ends the last",               "multi-line-regex", 0, "^\\d", FLUSH_LINES,
      "1 a\n at x\n2 b\n y\n", "1 a\n at x|2 b\n y|" },
    { "lines before a start are a record",   "multi-line-regex", 0, "^\\d", FLUSH_NO,
      "x\ny\n1 a\n", "x\ny|1 a\n" },
    { "half a line is not judged",           "multi-line-regex", 0, "^\\d", FLUSH_LINES,
      "1 a\n2", "1 a|2" },

    { "indented lines belong to the first",  "multi-line_indented", 0, "", FLUSH_NO,
      "a\n b\n\tc\nd\n", "a  b \tc|d\n" },
    { "an empty line ends it",               "multi-line_indented", 0, "", FLUSH_NO,
      "a\n b\n\nd\n", "a  b||d\n" },

    { "audit lines of one id are joined",    "audit", 0, "", FLUSH_NO,
      "type=A msg=audit(1.1:1): x\ntype=B msg=audit(1.1:1): y\ntype=A msg=audit(1.1:2): z\n",
      "type=A msg=audit(1.1:1): x type=B msg=audit(1.1:1): y|type=A msg=audit(1.1:2): z\n" },
    { "lines without an id stand alone",     "audit", 0, "", FLUSH_NO, "x\ny\nz\n", "x|y|z\n" },

    { "a dated line of MySQL is marked",     "mysql_log", 0, "", FLUSH_NO,
      "070823 21:01:30\t 1 Quit\n", "MySQL log: 070823 21:01:30\t 1 Quit|" },
    { "an undated one has the time before",  "mysql_log", 0, "", FLUSH_NO,
      "070823 21:01:30 a\n\t\t      b\n", "MySQL log: 070823 21:01:30 a|MySQL log: 070823 21:01:30 b|" },
    { "... if there was one",                "mysql_log", 0, "", FLUSH_NO, "\t\t      b\n", "MySQL log: b|" },
    { "what is no log is dropped",           "mysql_log", 0, "", FLUSH_NO,
      "Tcp port: 3306\n\tx\n070823  1:01:30 a\n070823 21:01:30",
      "MySQL log: 070823  1:01:30 a|070823 21:01:30" },

    { "tabbed lines belong to the first",    "postgresql_log", 0, "", FLUSH_NO,
      "[2007-08-31 19:17:32 UTC] a\n\tb\n[2007-08-31 19:17:33 UTC] c\n",
      "[2007-08-31 19:17:32 UTC] a \tb|[2007-08-31 19:17:33 UTC] c\n" },
    { "undated lines belong to the dated",   "mssql_log", 0, "", FLUSH_NO,
      "2007-08-31 19:17:32.10 a\nb\n2007-08-31 19:17:33.10 c\n",
      "2007-08-31 19:17:32.10 a b|2007-08-31 19:17:33.10 c\n" },
    { "a transaction is a record",           "modsec-audit", 0, "", FLUSH_LINES,
      "--1a-A--\nGET\n--1a-Z--\n--2b-A--\nPUT\n", "--1a-A-- GET --1a-Z--|--2b-A-- PUT|" },
};

static void records_are_cut_as_drawn(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct format *f = NULL;
        struct slice data = slice_of(rows[i].bytes);
        struct cut cut;
        char *got = NULL;
        size_t n;
        FILE *out = open_memstream(&got, &n);

        assert_int_equal(format_new(&f, slice_of(rows[i].format), rows[i].lines,
                                    slice_of(rows[i].start)), ERR_OK);
        while (format_cut(f, data, rows[i].flush, &cut)) {
            if (!cut.drop)
                fprintf(out, "%.*s|", SLICE_FMT(cut.text));
            data = slice_from(data, cut.used);
        }
        fprintf(out, "%.*s", SLICE_FMT(data));
        fclose(out);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].story, got, rows[i].want);
        free(got);
        format_free(f);
    }
}

static void a_line_over_the_limit_is_cut_once(void **state)
{
    (void)state;
    const struct { const char *story; size_t n; const char *end; size_t want; bool shortened, skip; } at[] = {
        { "just fits",          RECORD_MAX,     "\n",   RECORD_MAX, false, false },
        { "just fits, CR LF",   RECORD_MAX,     "\r\n", RECORD_MAX, false, false },
        { "one over",           RECORD_MAX + 1, "\n",   RECORD_MAX, true,  false },
        { "two over",           RECORD_MAX + 2, "\n",   RECORD_MAX, true,  true },
        { "far over, no end",   3 * RECORD_MAX, "",     RECORD_MAX, true,  true },
    };
    struct format *f = NULL;
    char *room = malloc(3 * RECORD_MAX + 2);

    assert_int_equal(format_new(&f, SLICE("syslog"), 0, SLICE("")), ERR_OK);
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        struct cut cut;
        memset(room, 'x', at[i].n);
        memcpy(room + at[i].n, at[i].end, strlen(at[i].end));
        struct slice data = { room, at[i].n + strlen(at[i].end) };
        if (!format_cut(f, data, FLUSH_NO, &cut) || cut.text.n != at[i].want
            || cut.shortened != at[i].shortened || cut.skip != at[i].skip)
            fail_msg("%s: %zu bytes shortened=%d skip=%d", at[i].story, cut.text.n, cut.shortened, cut.skip);
    }
    free(room);
    format_free(f);
}

static void what_cannot_work_is_refused(void **state)
{
    (void)state;
    struct format *f = NULL;

    assert_int_equal(format_new(&f, SLICE("multi-line"), 0, SLICE("")), ERR_RANGE);
    assert_int_equal(format_new(&f, SLICE("multi-line"), FORMAT_LINES_MAX + 1, SLICE("")), ERR_RANGE);
    assert_int_equal(format_new(&f, SLICE("multi-line-regex"), 0, SLICE("(")), ERR_SYNTAX);
    assert_null(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_cut_as_drawn),
        cmocka_unit_test(a_line_over_the_limit_is_cut_once),
        cmocka_unit_test(what_cannot_work_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
