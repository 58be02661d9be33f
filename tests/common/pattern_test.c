#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/text/pattern.h"

#define N(a) (sizeof(a) / sizeof(a)[0])

/* What the translation must read, byte for byte. */
static const struct { enum pattern_kind kind; const char *text, *pcre2; } translations[] = {
    { PATTERN_REGEX, "(\\S+) (\\S+)",       "([^ ]+?) ([^ ]+)" },
    { PATTERN_REGEX, "user (\\.+) from",    "user ((?s:.)+?) from" },
    { PATTERN_REGEX, "x\\d*",               "x[0-9]*" },
    { PATTERN_REGEX, "\\d++",               "[0-9]+?\\+" },
    { PATTERN_REGEX, "\\S+$",               "[^ ]+?(?!\\n)$" },
    { PATTERN_REGEX, "\\d+|\\w+ x",         "[0-9]+|[A-Za-z0-9@_-]+? x" },
    { PATTERN_REGEX, "(\\d+)|(\\d+)",       "([0-9]+)|([0-9]+)" },
    { PATTERN_REGEX, "((\\d+))",            "(([0-9]+))" },
    { PATTERN_REGEX, "\\D\\W\\s\\t",        "[^0-9][^A-Za-z0-9@_-][ ]\\t" },
    { PATTERN_REGEX, "\\p",                 "[()*+,.:;\\<=>?\\[\\]!\"'#%&$|{}-]" },
    { PATTERN_REGEX, "a.b",                 "a\\.b" },
    { PATTERN_REGEX, "[a]{2}?",             "\\[a\\]\\{2\\}\\?" },
    { PATTERN_REGEX, "a+b*(c)+",            "a\\+b\\*(c)\\+" },
    { PATTERN_REGEX, "\\(\\)\\[\\]\\{\\}\\\\\\$\\|\\<", "\\(\\)\\[\\]\\{\\}\\\\\\$\\|\\<" },
    { PATTERN_REGEX, "\\\\+",               "\\\\+?" },
    { PATTERN_REGEX, "\\(+x",               "\\(+?x" },
    { PATTERN_REGEX, "\\\\a+b",             "\\\\a+?b" },
    { PATTERN_MATCH, "^a.b|c$",             "^a\\.b|c$" },
    { PATTERN_MATCH, "[x]{1}+?*()\\d",      "\\[x\\]\\{1\\}\\+\\?\\*\\(\\)\\\\d" },
    { PATTERN_MATCH, "foo$",                "foo(?!\\n)$" },
    { PATTERN_MATCH, "a^b",                 "a^b" },
    { PATTERN_MATCH, "!foo",                "!foo" },
    { PATTERN_PCRE2, "^a(?:b|c)\\d+$",      "^a(?:b|c)\\d+$" },
};

static void patterns_translate(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(translations); i++) {
        struct pattern *p = NULL;
        assert_int_equal(pattern_new(&p, translations[i].kind, slice_of(translations[i].text), NULL),
                         ERR_OK);
        struct slice got = pattern_pcre2(p);
        if (!slice_eq(got, slice_of(translations[i].pcre2)))
            fail_msg("%s: got %.*s, want %s", translations[i].text, SLICE_FMT(got),
                     translations[i].pcre2);
        assert_true(slice_eq(pattern_text(p), slice_of(translations[i].text)));
        pattern_free(p);
    }
}

/* want: NULL is no match, else the captures joined by ",".  end: -1 is not looked at. */
static const struct {
    enum pattern_kind kind;
    const char *text;
    struct slice subject;
    const char *want;
    int end;
} rows[] = {
    { PATTERN_REGEX, "\\d",            SLICE_INIT("a7"),          "",         2 },
    { PATTERN_REGEX, "^\\D$",          SLICE_INIT("\n"),          "",         1 },
    { PATTERN_REGEX, "^\\w+$",         SLICE_INIT("a@b-c_9"),     "",         7 },
    { PATTERN_REGEX, "\\w",            SLICE_INIT(".:/"),         NULL,      -1 },
    { PATTERN_REGEX, "\\W",            SLICE_INIT("a/"),          "",         2 },
    { PATTERN_REGEX, "\\s",            SLICE_INIT("a\tb"),        NULL,      -1 },
    { PATTERN_REGEX, "^\\S+$",         SLICE_INIT("a\tb\n"),      "",         4 },
    { PATTERN_REGEX, "\\t",            SLICE_INIT("a\tb"),        "",         2 },
    { PATTERN_REGEX, "^\\p+$",         SLICE_INIT("()*+,.:;<=>?[]!\"'#%&$|{}-"), "", -1 },
    { PATTERN_REGEX, "\\p",            SLICE_INIT("/\\@_^~`"),    NULL,      -1 },
    { PATTERN_REGEX, "a\\.b",          SLICE_INIT("a\nb"),        "",         3 },
    { PATTERN_REGEX, "a.b",            SLICE_INIT("axb"),         NULL,      -1 },
    { PATTERN_REGEX, "a.b",            SLICE_INIT("xa.b"),        "",         4 },
    { PATTERN_REGEX, "abc$",           SLICE_INIT("abc\n"),       NULL,      -1 },
    { PATTERN_REGEX, "abc$",           SLICE_INIT("x\nABC"),      "",         5 },
    { PATTERN_REGEX, "^abc",           SLICE_INIT("ABCd"),        "",         3 },
    { PATTERN_REGEX, "^abc",           SLICE_INIT("x\nabc"),      NULL,      -1 },
    { PATTERN_REGEX, "^abc$",          SLICE_INIT("aBc"),         "",         3 },
    { PATTERN_REGEX, "^abc$",          SLICE_INIT("abcd"),        NULL,      -1 },
    { PATTERN_REGEX, "^a|b",           SLICE_INIT("xb"),          "",         2 },
    { PATTERN_REGEX, "a|b$",           SLICE_INIT("ax"),          "",         1 },
    { PATTERN_REGEX, "a|b$",           SLICE_INIT("bx"),          NULL,      -1 },
    { PATTERN_REGEX, "x(a|b)y",        SLICE_INIT("xby"),         "b",        3 },
    { PATTERN_REGEX, "a+",             SLICE_INIT("aaa"),         NULL,      -1 },
    { PATTERN_REGEX, "a+",             SLICE_INIT("aa+"),         "",         3 },
    { PATTERN_REGEX, "(\\\\+)",        SLICE_INIT("\\\\\\"),      "\\",       1 },
    { PATTERN_REGEX, "\\d++",          SLICE_INIT("12+"),         "",         3 },
    { PATTERN_REGEX, "a?",             SLICE_INIT("b"),           NULL,      -1 },
    { PATTERN_REGEX, "[ab]",           SLICE_INIT("a"),           NULL,      -1 },
    { PATTERN_REGEX, "[ab]",           SLICE_INIT("x[AB]"),       "",         5 },
    { PATTERN_REGEX, "!foo",           SLICE_INIT("foo"),         NULL,      -1 },
    { PATTERN_REGEX, "!foo",           SLICE_INIT("a!foo"),       "",         5 },
    { PATTERN_REGEX, "a\\|b",          SLICE_INIT("A|B"),         "",         3 },
    { PATTERN_REGEX, "x\\$",           SLICE_INIT("x"),           NULL,      -1 },
    { PATTERN_REGEX, "x\\$",           SLICE_INIT("x$y"),         "",         2 },
    { PATTERN_REGEX, "(\\S+) (\\S+)",  SLICE_INIT("ab cd ef"),    "ab,cd",    5 },
    { PATTERN_REGEX, "(\\d+)(\\d+)",   SLICE_INIT("1234"),        "1,234",    4 },
    { PATTERN_REGEX, "a(b)|c(d)",      SLICE_INIT("cd"),          "d",        2 },
    { PATTERN_REGEX, "a(\\d*)b(c)",    SLICE_INIT("abc"),         ",c",       3 },
    { PATTERN_REGEX, "((a)(b))c",      SLICE_INIT("abc"),         "ab,a,b",   3 },
    { PATTERN_REGEX, "a|",             SLICE_INIT("zzz"),         "",         0 },
    { PATTERN_REGEX, "x\\.y",          SLICE_INIT("x\xffy"),      "",         3 },
    { PATTERN_REGEX, "(\\S+) b",       SLICE_INIT("\xc3\x28\xff b"), "\xc3\x28\xff", 5 },
    { PATTERN_REGEX, "a\\.b",          SLICE_INIT("a\0b"),        "",         3 },
    { PATTERN_MATCH, "",               SLICE_INIT("anything"),    "",        -1 },
    { PATTERN_MATCH, "",               SLICE_INIT(""),            "",        -1 },
    { PATTERN_MATCH, "foo",            SLICE_INIT("a FOO b"),     "",        -1 },
    { PATTERN_MATCH, "foo",            SLICE_INIT("fo"),          NULL,      -1 },
    { PATTERN_MATCH, "^foo|bar$",      SLICE_INIT("foox"),        "",        -1 },
    { PATTERN_MATCH, "^foo|bar$",      SLICE_INIT("xbar"),        "",        -1 },
    { PATTERN_MATCH, "^foo|bar$",      SLICE_INIT("xfoobarx"),    NULL,      -1 },
    { PATTERN_MATCH, "foo$|bar",       SLICE_INIT("foo\n"),       "",        -1 },
    { PATTERN_MATCH, "foo$",           SLICE_INIT("foo\n"),       NULL,      -1 },
    { PATTERN_MATCH, "foo$",           SLICE_INIT("a FOO"),       "",        -1 },
    { PATTERN_MATCH, "^foo$",          SLICE_INIT("Foo"),         "",        -1 },
    { PATTERN_MATCH, "^foo$",          SLICE_INIT("foo2"),        NULL,      -1 },
    { PATTERN_MATCH, "a^b",            SLICE_INIT("a^b"),         NULL,      -1 },
    { PATTERN_MATCH, "!foo",           SLICE_INIT("foo"),         NULL,      -1 },
    { PATTERN_MATCH, "|foo",           SLICE_INIT("x"),           "",        -1 },
    { PATTERN_MATCH, "foo|",           SLICE_INIT("x"),           "",        -1 },
    { PATTERN_MATCH, "\\d",            SLICE_INIT("7"),           NULL,      -1 },
    { PATTERN_MATCH, "\\d",            SLICE_INIT("a\\d"),        "",        -1 },
    { PATTERN_MATCH, "a.c",            SLICE_INIT("abc"),         NULL,      -1 },
    { PATTERN_MATCH, "(x)[1]{2}?*+.",  SLICE_INIT("(X)[1]{2}?*+."), "",      -1 },
    { PATTERN_PCRE2, "^(\\S+) ran| for (\\S+):", SLICE_INIT("it for me: x"), "me", 10 },
    { PATTERN_PCRE2, "foo$",           SLICE_INIT("FOO\n"),       "",         3 },
    { PATTERN_PCRE2, "^a\\.b",         SLICE_INIT("A.bc"),        "",         3 },
    { PATTERN_PCRE2, "a(x)?(b)",       SLICE_INIT("ab"),          "b",        2 },
    { PATTERN_PCRE2, "(?<=a)b",        SLICE_INIT("ab"),          "",         2 },
    { PATTERN_PCRE2, "a(?-i)b",        SLICE_INIT("AB"),          NULL,      -1 },
};

static void join(const struct captures *c, char *out)
{
    for (size_t i = 0; i < c->n; i++) {
        if (i > 0)
            *out++ = ',';
        if (c->at[i].n > 0)
            memcpy(out, c->at[i].p, c->at[i].n);
        out += c->at[i].n;
    }
    *out = '\0';
}

static void patterns_match_as_written(void **state)
{
    (void)state;
    struct matcher *m = NULL;

    assert_int_equal(matcher_new(&m), ERR_OK);
    for (size_t i = 0; i < N(rows); i++) {
        struct pattern *p = NULL;
        struct captures c = { .n = 0 };
        char got[256] = "";

        assert_int_equal(pattern_new(&p, rows[i].kind, slice_of(rows[i].text), NULL), ERR_OK);
        enum match found = pattern_match(p, m, rows[i].subject, &c);
        assert_int_equal(pattern_match(p, m, rows[i].subject, NULL), found);
        join(&c, got);
        if (found != (rows[i].want != NULL ? MATCH_YES : MATCH_NO))
            fail_msg("%s on %.*s: found %d", rows[i].text, SLICE_FMT(rows[i].subject), found);
        if (rows[i].want != NULL && strcmp(got, rows[i].want) != 0)
            fail_msg("%s on %.*s: got \"%s\", want \"%s\"", rows[i].text,
                     SLICE_FMT(rows[i].subject), got, rows[i].want);
        if (rows[i].end >= 0 && c.end != (size_t)rows[i].end)
            fail_msg("%s: end %zu, want %d", rows[i].text, c.end, rows[i].end);
        pattern_free(p);
    }
    matcher_free(m);
}

static const struct { enum pattern_kind kind; const char *text; } refused[] = {
    { PATTERN_REGEX, "" },      { PATTERN_REGEX, "\\b" },   { PATTERN_REGEX, "\\n" },
    { PATTERN_REGEX, "\\r" },   { PATTERN_REGEX, "\\x41" }, { PATTERN_REGEX, "\\/" },
    { PATTERN_REGEX, "\\-" },   { PATTERN_REGEX, "\\\"" },  { PATTERN_REGEX, "\\:" },
    { PATTERN_REGEX, "\\>" },   { PATTERN_REGEX, "\\+" },   { PATTERN_REGEX, "\\*" },
    { PATTERN_REGEX, "a\\" },   { PATTERN_REGEX, "(a" },    { PATTERN_REGEX, "a)" },
    { PATTERN_PCRE2, "" },      { PATTERN_PCRE2, "a\\Cb" }, { PATTERN_PCRE2, "(*UTF)a" },
    { PATTERN_PCRE2, "(a" },    { PATTERN_PCRE2, "a**" },   { PATTERN_PCRE2, "(((a{999}){999}){999}){999}" },
    { PATTERN_PCRE2, "[" },     { PATTERN_PCRE2, "\\" },
};

static void patterns_refuse_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(refused); i++) {
        struct pattern *p = NULL;
        const char *reason = NULL;
        if (pattern_new(&p, refused[i].kind, slice_of(refused[i].text), &reason) != ERR_SYNTAX)
            fail_msg("%s was taken", refused[i].text);
        assert_null(p);
        assert_non_null(reason);
        assert_true(strlen(reason) > 5);
    }
}

static void patterns_have_a_longest_size(void **state)
{
    (void)state;
    struct pattern *p = NULL;
    struct matcher *m = NULL;
    const size_t n = PATTERN_TEXT_MAX + 1;
    char *text = malloc(n);

    assert_non_null(text);
    memset(text, 'A', n);
    assert_int_equal(pattern_new(&p, PATTERN_MATCH, (struct slice){ text, n }, NULL), ERR_LIMIT);
    assert_int_equal(pattern_new(&p, PATTERN_MATCH, (struct slice){ text, n - 1 }, NULL), ERR_OK);
    assert_int_equal(matcher_new(&m), ERR_OK);
    assert_int_equal(pattern_match(p, m, (struct slice){ text, n }, NULL), MATCH_YES);
    assert_int_equal(pattern_match(p, m, (struct slice){ text, n - 2 }, NULL), MATCH_NO);
    matcher_free(m);
    pattern_free(p);
    for (size_t i = 0; i + 1 < n; i += 2)
        memcpy(text + i, "\\p", 2);             /* what grows most */
    p = NULL;
    enum err e = pattern_new(&p, PATTERN_REGEX, (struct slice){ text, n - 1 }, NULL);
    assert_true((e == ERR_OK) == (p != NULL));
    pattern_free(p);
    free(text);
}

static void matching_has_a_limit(void **state)
{
    (void)state;
    struct pattern *p = NULL;
    struct matcher *m = NULL;

    assert_int_equal(matcher_new(&m), ERR_OK);
    assert_int_equal(pattern_new(&p, PATTERN_PCRE2, SLICE("^(a+)+$"), NULL), ERR_OK);
    assert_int_equal(pattern_match(p, m, SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"), NULL),
                     MATCH_LIMIT);
    assert_int_equal(pattern_match(p, m, SLICE("aaaa"), NULL), MATCH_YES);
    assert_int_equal(pattern_match(p, m, SLICE("aaaaaaaa!"), NULL), MATCH_NO);
    matcher_limit(m, 10);
    assert_int_equal(pattern_match(p, m, SLICE("aaaaaaaa!"), NULL), MATCH_LIMIT);
    pattern_free(p);
    matcher_free(m);
}

static void captures_stop_at_the_most(void **state)
{
    (void)state;
    struct pattern *p = NULL;
    struct matcher *m = NULL;
    struct captures c;
    char text[3 * (PATTERN_CAPTURES_MAX + 6)], subject[PATTERN_CAPTURES_MAX + 6];

    for (size_t i = 0; i < sizeof subject; i++)
        memcpy(text + 3 * i, "(a)", 3);
    memset(subject, 'a', sizeof subject);
    assert_int_equal(matcher_new(&m), ERR_OK);
    assert_int_equal(pattern_new(&p, PATTERN_REGEX, (struct slice){ text, sizeof text }, NULL),
                     ERR_OK);
    assert_int_equal(pattern_match(p, m, (struct slice){ subject, sizeof subject }, &c), MATCH_YES);
    assert_int_equal(c.n, PATTERN_CAPTURES_MAX);
    assert_int_equal(c.end, sizeof subject);
    pattern_free(p);
    matcher_free(m);
}

static const struct { const char *pattern, *text; bool want; } words[] = {
    { "ssh",        "a,sshd,b",  true  },  { "SSH",      "sshd",    true  },
    { "ssh",        "sxsh",      false },  { "a|ssh",    "sshd",    true  },
    { "^sshd",      "sshd,x",    true  },  { "^sshd",    "x,sshd",  false },
    { "q|^x",       "x,sshd",    true  },  { "",         "x",       false },
    { "q|",         "x",         true  },  { "|q",       "x",       true  },
    { "a||b",       "x",         true  },  { "x$",       "x",       false },
    { "x$",         "x$",        true  },  { "longer",   "long",    false },
    { "^",          "",          true  },  { "a",        "",        false },
};

static void words_match(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(words); i++)
        if (wordmatch(slice_of(words[i].pattern), slice_of(words[i].text)) != words[i].want)
            fail_msg("%s in %s", words[i].pattern, words[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_translate),
        cmocka_unit_test(patterns_match_as_written),
        cmocka_unit_test(patterns_refuse_with_a_reason),
        cmocka_unit_test(patterns_have_a_longest_size),
        cmocka_unit_test(matching_has_a_limit),
        cmocka_unit_test(captures_stop_at_the_most),
        cmocka_unit_test(words_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
