#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/text/pattern.h"

#define N(a) (sizeof(a) / sizeof(a)[0])

/* want: the literals joined by "/", "" is none */
static const struct { enum pattern_kind kind; const char *text, *want; } rows[] = {
    { PATTERN_MATCH, "Failed password",         "failed password" },
    { PATTERN_MATCH, "^sshd|^dropbear$",        "sshd/dropbear" },
    { PATTERN_MATCH, "sshd|",                   "" },
    { PATTERN_MATCH, "",                        "" },
    { PATTERN_MATCH, "a.b[c]",                  "a.b[c]" },
    { PATTERN_MATCH, "x",                       "" },
    { PATTERN_MATCH, ": ",                      "" },
    { PATTERN_REGEX, "user (\\.+) logged in",   " logged in" },
    { PATTERN_REGEX, "\\d+ (\\S+)",             "" },
    { PATTERN_REGEX, "^pam_unix\\S+ |^su: ",    "pam_unix/su: " },
    { PATTERN_REGEX, "port\\(+x",               "port(" },
    { PATTERN_REGEX, "port\\(*quux",            "quux" },
    { PATTERN_PCRE2, "abcd?efg",                "abc" },
    { PATTERN_PCRE2, "abcd*efgh",               "efgh" },
    { PATTERN_PCRE2, "abc+def",                 "abc" },
    { PATTERN_PCRE2, "ab(?:foo|quux)?cd",       "cd" },
    { PATTERN_PCRE2, "(?:foo|quux) bar",        " bar" },
    { PATTERN_PCRE2, "(?:fuzz|quux)a",          "fuzz/quux" },
    { PATTERN_PCRE2, "(?:fuzz|quux){2}",        "fuzz/quux" },
    { PATTERN_PCRE2, "(?:fuzz|quux){0,2}",      "" },
    { PATTERN_PCRE2, "(fuzz|)",                 "" },
    { PATTERN_PCRE2, "(fuzz|\\d)",              "" },
    { PATTERN_PCRE2, "fuzz{0}ing",              "fuz" },
    { PATTERN_PCRE2, "fuzz{2,}ing",             "fuzz" },
    { PATTERN_PCRE2, "fuzz{,3}ing",             "" },
    { PATTERN_PCRE2, "{\"key\"",                "{\"key\"" },
    { PATTERN_PCRE2, "(?=fuzz)quux",            "quux" },
    { PATTERN_PCRE2, "(?!fuzz)\\d",             "" },
    { PATTERN_PCRE2, "(?<!fuzz)(?<=buzz)\\d",   "" },
    { PATTERN_PCRE2, "(?i)FUZZ",                "fuzz" },
    { PATTERN_PCRE2, "(?-i:FUZZ)",              "fuzz" },
    { PATTERN_PCRE2, "(?x) f u z z",            "" },
    { PATTERN_PCRE2, "(?x: f u z z )",          "" },
    { PATTERN_PCRE2, "(?<name>fuzz)\\d",        "fuzz" },
    { PATTERN_PCRE2, "(?P<name>fuzz)(?P=name)", "fuzz" },
    { PATTERN_PCRE2, "(?'name'fuzz)",           "fuzz" },
    { PATTERN_PCRE2, "(fuzz)(?1)x",             "fuzz" },
    { PATTERN_PCRE2, "(?>fuzz)|(?|buzz|quux)",  "fuzz/buzz/quux" },
    { PATTERN_PCRE2, "fuzz(?#note)?",           "" },
    { PATTERN_PCRE2, "(*ACCEPT)fuzz",           "" },
    { PATTERN_PCRE2, "fu(*COMMIT)zz",           "" },
    { PATTERN_PCRE2, "\\Qfu.zz\\E",             "" },
    { PATTERN_PCRE2, "(a)?(?(1)fuzz|buzz)",     "" },
    { PATTERN_PCRE2, "fuzz\\.exe",              "fuzz.exe" },
    { PATTERN_PCRE2, "fuzz[.]exe",              "fuzz.exe" },
    { PATTERN_PCRE2, "fuzz[.x]quux",            "fuzz" },
    { PATTERN_PCRE2, "[]fuzz]quux",             "quux" },
    { PATTERN_PCRE2, "[^]fuzz]quux",            "quux" },
    { PATTERN_PCRE2, "[[:alpha:]fuzz]+quux",    "quux" },
    { PATTERN_PCRE2, "[\\]fuzz]quux",           "quux" },
    { PATTERN_PCRE2, "\\bfuzz\\b",              "fuzz" },
    { PATTERN_PCRE2, "fuzz\\tquux",             "fuzz\tquux" },
    { PATTERN_PCRE2, "\\x41fuzz",               "" },
    { PATTERN_PCRE2, "(fuzz)\\1quuxx",          "quuxx" },
    { PATTERN_PCRE2, "fuzz\\K.*",               "fuzz" },
    { PATTERN_PCRE2, "eeeezzzzzzzzzzzzzzzzeeee", "zzzzzzzzzzzzzzzz" },
};

static void join(const struct slice *s, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *out++ = '/';
        memcpy(out, s[i].p, s[i].n);
        out += s[i].n;
    }
    *out = '\0';
}

static void patterns_name_what_they_need(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct pattern *p = NULL;
        struct slice found[8];
        char got[256];
        const char *reason = "";

        if (pattern_new(&p, rows[i].kind, slice_of(rows[i].text), &reason) != ERR_OK)
            fail_msg("%s: %s", rows[i].text, reason);
        join(found, pattern_literals(p, found, N(found)), got);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].text, got, rows[i].want);
        pattern_free(p);
    }
}

static void too_many_are_none(void **state)
{
    (void)state;
    struct pattern *p = NULL;
    struct slice found[3];
    char text[5 * (PATTERN_LITERALS_MAX + 1)];

    assert_int_equal(pattern_new(&p, PATTERN_MATCH, SLICE("fuzz|buzz|quux"), NULL), ERR_OK);
    assert_int_equal(pattern_literals(p, found, 3), 3);
    assert_int_equal(pattern_literals(p, found, 2), 0);
    pattern_free(p);
    for (size_t i = 0; i < sizeof text; i += 5)
        memcpy(text + i, "fuzz|", 5);
    p = NULL;
    assert_int_equal(pattern_new(&p, PATTERN_MATCH, (struct slice){ text, sizeof text - 1 }, NULL),
                     ERR_OK);
    assert_int_equal(pattern_literals(p, found, 3), 0);
    pattern_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_name_what_they_need),
        cmocka_unit_test(too_many_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
