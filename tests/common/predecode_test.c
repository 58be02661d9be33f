#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "common/rules/predecode.h"

#define N(a) (sizeof(a) / sizeof(a)[0])

/* host and program: "" is none */
static const struct { const char *line, *host, *program, *log; } rows[] = {
    /* the twelve forms */
    { "Dec 29 10:00:01 web sshd[123]: hello",              "web", "sshd", "hello" },
    { "Dec  9 10:00:01 web sshd[123]: hello",              "web", "sshd", "hello" },
    { "2015-04-16 21:51:02,805 web su: hello",             "web", "su",   "hello" },
    { "2007-06-14T15:48:55-04:00 web su: hello",           "web", "su",   "hello" },
    { "2003-10-11T22:14:15.003456+00:00 web su[1]: msg",   "web", "su",   "msg" },
    { "2007-06-14T15:48:55.3-04:00 web su: hello",         "web", "su",   "hello" },
    { "2007-06-14T15:48:55,333-04:00 web su: hello",       "web", "su",   "hello" },
    { "2015 Dec 29 10:00:01 web su: hello",                "web", "su",   "hello" },
    { "2019:11:06-00:08:03 web su: hello",                 "web", "su",   "hello" },
    { "Mon Apr 17 18:27:14 2006 1 192.0.2.1 10 /x",        "",    "",     " 1 192.0.2.1 10 /x" },
    { "01/28-09:13:16.240702  [**] text",                  "",    "",     "[**] text" },
    { "01/28/1979-09:13:16.240702  [**] text",             "",    "",     "[**] text" },
    { "[Fri Feb 11 18:06:35 2004] [error] text",           "",    "",     "[error] text" },
    { "[Time 2006.12.28 15:53:55 UTC] [Facility auth] [Sender sshd] [PID 483] "
      "[Message error: PAM: no [x] for root] [Level 3] [UID -2] [Host mac]",
                                                           "mac", "sshd", "error: PAM: no [x] for root" },
    { "1140804070.368  11623 192.0.2.1 TCP_MISS/200",      "",    "",     "11623 192.0.2.1 TCP_MISS/200" },
    { "1140804070.368 116235 192.0.2.1 TCP_MISS/200",      "",    "",     "116235 192.0.2.1 TCP_MISS/200" },
    { "M\xc3\xa4r 29 10:00:01 web su: hello",              "web", "su",   "hello" },
    /* what OSSEC does not know */
    { "2003-10-11T22:14:15Z web su: msg",                  "web", "su",   "msg" },
    { "2003-10-11T22:14:15.003Z web su[1]: msg",           "web", "su",   "msg" },
    { "2003-10-11T22:14:15.003Z a: msg of four",           "",    "a",    "msg of four" },
    { "2003-10-11T22:14:15.003456789Z web su: msg",        "web", "su",   "msg" },
    { "2003-10-11T22:14:15.003456789+00:00 web su: msg",   "web", "su",   "msg" },
    { "1 2003-10-11T22:14:15.003Z host su - ID47 - msg",   "host","su",   "msg" },
    { "1 2003-10-11T22:14:15+02:00 host su 12 - [a@1 b=\"]\\\"\"][c] msg", "host", "su", "msg" },
    { "1 - - - - - - msg",                                 "",    "",     "msg" },
    { "1 - - - - - -",                                     "",    "",     "" },
    { "1 - host su 1 - - \xef\xbb\xbfmsg",                 "host","su",   "msg" },
    { "1 - host su 1 - [a b=\"c\"",           "", "", "1 - host su 1 - [a b=\"c\"" },
    { "1 - host su 1 - [a]x msg",             "", "", "1 - host su 1 - [a]x msg" },
    { "1 - host su 1 msg",                    "", "", "1 - host su 1 msg" },
    { "1 yesterday host su 1 - - msg",        "", "", "1 yesterday host su 1 - - msg" },
    { "2 - host su 1 - - msg",                "", "", "2 - host su 1 - - msg" },
    /* host and program */
    { "Dec 29 10:00:01  web su: two spaces",               "web", "su",   "two spaces" },
    { "Dec 29 10:00:01 su: Solaris",                       "",    "su",   "Solaris" },
    { "Dec 29 10:00:01 sshd[1]: no host",                  "",    "",     "sshd[1]: no host" },
    { "Dec 29 10:00:01 2001:db8::1 su: text",              "",    "",     "2001:db8::1 su: text" },
    { "Dec 29 10:00:01 a#b su: text",                      "",    "",     "a#b su: text" },
    { "Dec 29 10:00:01 lonely",                            "",    "",     "lonely" },
    { "Dec 29 10:00:01 web sshd[123] text",                "web", "sshd", "text" },
    { "Dec 29 10:00:01 web sshd[123]x text",               "web", "",     "sshd[123]x text" },
    { "Dec 29 10:00:01 web sshd[12a]: text",               "web", "",     "sshd[12a]: text" },
    { "Dec 29 10:00:01 web sshd[]: text",                  "web", "",     "sshd[]: text" },
    { "Dec 29 10:00:01 web no program here",               "web", "",     "no program here" },
    { "Dec 29 10:00:01 web (systemd)[1]: text",            "web", "(systemd)", "text" },
    { "Dec 29 10:00:01 web postfix/smtpd[1]: text",        "web", "postfix/smtpd", "text" },
    { "Dec 29 10:00:01 web kernel: [ 1.0] text",           "web", "kernel", "[ 1.0] text" },
    { "Dec 29 10:00:01 web su:text",                       "web", "",     "su:text" },
    { "Dec 29 10:00:01 web auth|security:info sshd[1]: t", "web", "sshd", "t" },
    { "Dec 29 10:00:01 web auth|security:info t",          "web", "",     "auth|security:info t" },
    { "Dec 29 10:00:01 web auth|1:info sshd[1]: t",        "web", "",     "auth|1:info sshd[1]: t" },
    { "Aug 18 07:30:25 192.0.2.5 sshd[20247]: [ID 800047 auth.notice] Failed none",
                                                           "192.0.2.5", "sshd", "Failed none" },
    { "Aug 18 07:30:25 web [ID 1 auth.notice] Failed",     "web", "",     "Failed" },
    { "Aug 18 07:30:25 web su: [ID 0 auth.notice]",        "web", "su",   "[ID 0 auth.notice]" },
    { "Aug 18 07:30:25 web su: [ID 0 auth.notice] ",       "web", "su",   "" },
    /* nearly */
    { "",                                                  "",    "",     "" },
    { "Dec 29 10:00:01 ",                                  "",    "",     "Dec 29 10:00:01 " },
    { "Dec 29 10:00:01 x",                                 "",    "",     "x" },
    { "Dec 29 10-00:01 web su: hello",                     "",    "",     "Dec 29 10-00:01 web su: hello" },
    { "2007-06-14T15:48:55-04:00 h su:",       "", "", "2007-06-14T15:48:55-04:00 h su:" },
    { "03-17 16:13:38.811  1702  2395 D Window: x", "", "", "03-17 16:13:38.811  1702  2395 D Window: x" },
};

static bool is(struct slice got, const char *want)
{
    return slice_eq(got, slice_of(want));
}

static void headers_come_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct predecoded got;
        predecode(slice_of(rows[i].line), &got);
        if (!is(got.hostname, rows[i].host) || !is(got.program_name, rows[i].program)
            || !is(got.log, rows[i].log))
            fail_msg("%s: host \"%.*s\" program \"%.*s\" log \"%.*s\"", rows[i].line,
                     SLICE_FMT(got.hostname), SLICE_FMT(got.program_name), SLICE_FMT(got.log));
    }
}

static bool lies_in(struct slice part, struct slice whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* The first n bytes of line in a buffer of just that size, byte `at` made `byte`. */
static void try_part(const char *line, size_t n, size_t at, char byte)
{
    struct predecoded got;
    char *copy = malloc(n > 0 ? n : 1);

    assert_non_null(copy);
    memcpy(copy, line, n);
    if (at < n)
        copy[at] = byte;
    struct slice s = { n > 0 ? copy : NULL, n };
    predecode(s, &got);
    assert_true(lies_in(got.hostname, s));
    assert_true(lies_in(got.program_name, s));
    assert_true(lies_in(got.log, s));
    free(copy);
}

static void every_beginning_is_safe(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(rows); i++)
        for (size_t n = 0; n <= strlen(rows[i].line); n++)
            try_part(rows[i].line, n, n, '\0');
}

static void no_byte_is_special(void **state)
{
    (void)state;
    static const char bytes[] = { '\0', '\n', '\x80', '\xff', '[', ']', ':', ' ', '"', '\\' };

    for (size_t i = 0; i < N(rows); i++)
        for (size_t at = 0; at < strlen(rows[i].line); at++)
            for (size_t b = 0; b < N(bytes); b++)
                try_part(rows[i].line, strlen(rows[i].line), at, bytes[b]);
}

static void control_bytes_in_the_text_stay(void **state)
{
    (void)state;
    struct predecoded got;

    predecode(SLICE("Dec 29 10:00:01 web su: a\0b\tc\nd"), &got);
    assert_true(is(got.program_name, "su"));
    assert_true(slice_eq(got.log, SLICE("a\0b\tc\nd")));
}

/* What a running OSSEC named as program for each line of public log collections. */
static void compare_with_ossec(const char *name)
{
    char path[128], want_path[128];
    char *line = NULL, *json = NULL;
    size_t room = 0, json_room = 0, n = 0;

    snprintf(path, sizeof path, "../shared/data/loghub/%s.log", name);
    snprintf(want_path, sizeof want_path, "../shared/data/loghub/%s.want.jsonl", name);
    FILE *f = fopen(path, "r"), *w = fopen(want_path, "r");
    if (f == NULL || w == NULL) {
        print_message("no %s: skipped\n", path);
        if (f != NULL)
            fclose(f);
        if (w != NULL)
            fclose(w);
        skip();
    }
    for (ssize_t got; (got = getline(&line, &room, f)) > 0 && getline(&json, &json_room, w) > 0; n++) {
        struct predecoded p;
        json_t *want = json_loads(json, 0, NULL);
        const char *program = json_string_value(json_object_get(want, "program_name"));

        assert_non_null(want);
        while (got > 0 && (line[got - 1] == '\n' || line[got - 1] == '\r'))
            got--;
        predecode((struct slice){ line, (size_t)got }, &p);
        if (!is(p.program_name, program != NULL ? program : ""))
            fail_msg("%s:%zu: program \"%.*s\", want \"%s\"", path, n + 1,
                     SLICE_FMT(p.program_name), program != NULL ? program : "");
        json_decref(want);
    }
    fclose(f);
    fclose(w);
    free(line);
    free(json);
    assert_int_equal(n, 2000);
}

static void programs_are_ossecs(void **state)
{
    compare_with_ossec(*state);
}

int main(void)
{
    static char openssh[] = "OpenSSH", apache[] = "Apache", hdfs[] = "HDFS", android[] = "Android";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_come_off),
        cmocka_unit_test(every_beginning_is_safe),
        cmocka_unit_test(no_byte_is_special),
        cmocka_unit_test(control_bytes_in_the_text_stay),
        cmocka_unit_test_prestate(programs_are_ossecs, openssh),
        cmocka_unit_test_prestate(programs_are_ossecs, apache),
        cmocka_unit_test_prestate(programs_are_ossecs, hdfs),
        cmocka_unit_test_prestate(programs_are_ossecs, android),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
