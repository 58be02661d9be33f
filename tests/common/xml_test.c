#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <dirent.h>

#include "common/text/xml.h"

/* The tree as xml_print() writes it, then the report: what a row wants to see. */
static char *told(struct slice text, bool substitute)
{
    struct report *r = NULL;
    struct xml *x = NULL;
    char *got = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&got, &n);

    assert_non_null(out);
    assert_int_equal(report_new(&r), ERR_OK);
    enum err e = xml_parse(&x, "f", text, r);
    if (e == ERR_OK && substitute)
        e = xml_substitute(x, r);
    if (e == ERR_OK)
        xml_print(xml_root(x), out);
    report_print(r, out);
    assert_int_equal(e != ERR_OK, report_errors(r) > 0);
    fclose(out);
    xml_free(x);
    report_free(r);
    return got;
}

struct row { const char *story; struct slice text; const char *want; };

#define ROW(story, text, want) { story, SLICE_INIT(text), want }

static void check_rows(const struct row *row, size_t n, bool substitute)
{
    for (size_t i = 0; i < n; i++) {
        /* exactly its bytes, so that a sanitizer sees a step too far */
        char *text = malloc(row[i].text.n + 1);
        assert_non_null(text);
        memcpy(text, row[i].text.p, row[i].text.n);
        text = realloc(text, row[i].text.n > 0 ? row[i].text.n : 1);
        char *got = told((struct slice){ text, row[i].text.n }, substitute);
        if (strcmp(got, row[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", row[i].story, got, row[i].want);
        free(got);
        free(text);
    }
}

static const struct row dialect[] = {
    ROW("an empty file has no elements",      "", ""),
    ROW("a file may have several roots",      "<a>1</a>\n<b>2</b>", "<a>1</a><b>2</b>"),
    ROW("content is kept untrimmed",          "<a>\n x \t</a>", "<a>\n x \t</a>"),
    ROW("carriage returns are content too",   "<a>x\r\ny\r</a>", "<a>x\r\ny\r</a>"),
    ROW("any byte above 0x7f is kept",        "<a b='\xc3\xa9'>\xff\x80\xe4</a>",
        "<a b=\"\xc3\xa9\">\xff\x80\xe4</a>"),
    ROW("an escaped < keeps its backslash",   "<a>x\\<y></a>", "<a>x\\<y></a>"),
    ROW("a backslash protects the next byte only", "<a>\\d</a>", "<a>\\d</a>"),
    ROW("two backslashes protect as well",    "<a>\\\\<b</a>", "<a>\\\\<b</a>"),
    ROW("an escaped comment is text",         "<a>\\<!-- x --></a>", "<a>\\<!-- x --></a>"),
    ROW("a bare & is an ampersand",           "<a>x && y &</a>", "<a>x && y &</a>"),
    ROW("no entity is decoded",               "<a b='&lt;'>&lt;&#65;&x;</a>",
        "<a b=\"&lt;\">&lt;&#65;&x;</a>"),
    ROW("]]> is text",                        "<a>[[x]]></a>", "<a>[[x]]></a>"),
    ROW("<!-- --> is a comment, -- in it too", "<!-- a -- b - --><a>1</a>", "<a>1</a>"),
    ROW("<! !> is a comment",                 "<a>1</a><! old > <b> !>", "<a>1</a>"),
    ROW("either end ends a comment",          "<!-- x !><a>1</a><! y --><b>2</b>",
        "<a>1</a><b>2</b>"),
    ROW("the shortest comments",              "<!!><!--><!---->", ""),
    ROW("a comment leaves no gap in content", "<a>x<!-- \n\n -->y</a>", "<a>xy</a>"),
    ROW("a comment may hold control bytes",   "<!-- \x01\x0c --><a>1</a>", "<a>1</a>"),
    ROW("a BOM and a prolog are skipped",     "\xef\xbb\xbf<?xml version='1.0'\n?><a>1</a>",
        "<a>1</a>"),
    ROW("the prolog's encoding is not believed", "<?xml version='1.0' encoding='UTF-16'?><a>1</a>",
        "<a>1</a>"),
    ROW("attributes in either quote",         "<a b='1' c=\"2\"/>", "<a b=\"1\" c=\"2\"></a>"),
    ROW("the other quote inside a value",     "<a b='\"' c=\"'\"/>", "<a b='\"' c=\"'\"></a>"),
    ROW("<, > and newline inside a value",    "<a b='<\n\t\r>'/>", "<a b=\"<\n\t\r>\"></a>"),
    ROW("space after =",                      "<a b= '1'></a>", "<a b=\"1\"></a>"),
    ROW("only text after the last child stays", "<a>x<b>1</b>y<c>2</c>z</a>",
        "<a><b>1</b><c>2</c>z</a>"),
    ROW("a self-closed element is empty",     "<a/>", "<a></a>"),
    ROW("an empty value is a value",          "<a b=''/>", "<a b=\"\"></a>"),
    ROW("names with - and _",                 "<server-ip>1</server-ip><a_b/>",
        "<server-ip>1</server-ip><a_b></a_b>"),
    ROW("stray text is ignored aloud, once",  "<a/>\nhello <b/> you",
        "<a></a><b></b>f:2: warning: text outside any element: ignored\n"),
};

static const struct row refused[] = {
    ROW("a tag that never closes",       "<a>\n<b",
        "f:2: a tag opens here and is never closed by '>'\n"),
    ROW("a single <",                    "\n<",
        "f:2: a tag opens here and is never closed by '>'\n"),
    ROW("an element that never closes",  "\n<a>\n\n<b/>\n", "f:2: <a> is never closed\n"),
    ROW("a value that never closes",     "<a b='\n\n>",
        "f:1: an attribute value opens here and is never closed\n"),
    ROW("a comment that never closes",   "<a/>\n<!-- \n\n",
        "f:2: a comment opens here and is never closed\n"),
    ROW("a bare <!",                     "<!", "f:1: a comment opens here and is never closed\n"),
    ROW("a prolog that never closes",    "<?xml ", "f:1: the <?xml prolog is never closed\n"),
    ROW("a wrong closing tag",           "<a>\n<b>\n</a>",
        "f:3: the closing tag does not match <b> of line 2\n"),
    ROW("a closing tag too many",        "<a/>\n</a>",
        "f:2: a closing tag without an opening one\n"),
    ROW("the wrapper cannot be closed",  "<a/></r><r><b/>",
        "f:1: a closing tag without an opening one\n"),
    ROW("an attribute twice",            "<a\nb='1' b='2'/>", "f:2: duplicate attribute\n"),
    ROW("an attribute without quotes",   "<a b=1/>", "f:1: not well-formed (invalid token)\n"),
    ROW("a tag inside a tag",            "<a <b>", "f:1: '<' inside a tag\n"),
    ROW("a NUL",                         "<a>\nx\0y</a>",
        "f:2: NUL byte; is this a text file in UTF-8?\n"),
    ROW("a NUL in a comment",            "<!-- \0 -->",
        "f:1: NUL byte; is this a text file in UTF-8?\n"),
    ROW("a control byte",                "<a>\n\x1b</a>", "f:2: control byte 0x1b\n"),
    ROW("a control byte in a value",     "<a b='\x01'/>", "f:1: control byte 0x01\n"),
    ROW("a control byte in a tag",       "<a\x0c/>", "f:1: control byte 0x0c\n"),
    ROW("UTF-16, big end first",         "\xfe\xff\0<\0a\0/\0>",
        "f:1: UTF-16; write the file in UTF-8\n"),
    ROW("UTF-16, little end first",      "\xff\xfe<\0a\0/\0>\0",
        "f:1: UTF-16; write the file in UTF-8\n"),
    ROW("UTF-16 without its mark",       "<\0a\0/\0>\0",
        "f:1: NUL byte; is this a text file in UTF-8?\n"),
    ROW("a DOCTYPE with entities",       "<!DOCTYPE a [\n<!ENTITY x 'y'>]><a>&x;</a>",
        "f:1: DOCTYPE, entities and CDATA are not part of this dialect\n"),
    ROW("CDATA",                         "<a>\n<![CDATA[ x ]]></a>",
        "f:2: DOCTYPE, entities and CDATA are not part of this dialect\n"),
    ROW("a processing instruction",      "<a/>\n<?php ?>",
        "f:2: processing instructions are not part of this dialect\n"),
    ROW("a prolog that comes late",      " <?xml version='1.0'?>",
        "f:1: processing instructions are not part of this dialect\n"),
    ROW("lines are counted in comments, prologs and values",
        "<?xml\n?><!-- \n --><a b='\n' c='\n'>\n</b>",
        "f:6: the closing tag does not match <a> of line 3\n"),
};

static const struct row variables[] = {
    ROW("a variable in content and attribute", "<var name='X'>8</var><a b='$X'>x$X</a>",
        "<a b=\"8\">x8</a>"),
    ROW("its name ignores case",               "<var name='Freq'>8</var><a>is $FREQ</a>",
        "<a>is 8</a>"),
    ROW("$ . | , and space end a name",        "<var name='X'>8</var><a>$X$X.$X|$X,$X $</a>",
        "<a>88.8|8,8 $</a>"),
    ROW("a $ without a name stays",            "<var name='X'>8</var><a>a$|b$</a>", "<a>a$|b$</a>"),
    ROW("one or two bytes are left alone",     "<var name='X'>8</var><a>$X</a>", "<a>$X</a>"),
    ROW("without variables $ is a $",          "<a>^$foo$</a>", "<a>^$foo$</a>"),
    ROW("a variable may use an earlier one",
        "<var name='X'>8</var><var name='Y'>$X,$X</var><a> $Y</a>",
        "<a> 8,8</a>"),
    ROW("what a value brings in is not read again", "<var name='X'>$$</var><a>a$X</a>",
        "<a>a$$</a>"),
    ROW("variables stand at any depth",        "<g><var name='X'>8</var><a>is $X</a></g>",
        "<g><a>is 8</a></g>"),
    ROW("an unknown variable is told, each",   "<var name='X'>8</var>\n<a>is $Y</a>\n<a b='$Z'/>",
        "f:2: variable 'Y' is not defined above\nf:3: variable 'Z' is not defined above\n"),
    ROW("so is one used too early",            "<a>is $X</a><var name='X'>8</var>",
        "f:1: variable 'X' is not defined above\n"),
    ROW("the first definition holds",          "<var name='X'>8</var>\n<var name='x'>9</var>"
        "<a>is $X</a>",
        "<a>is 8</a>f:2: warning: variable 'x' is defined above: that value is used\n"),
    ROW("a variable needs a name",             "<var>8</var>",
        "f:1: variable '' needs a name of 1 to 255 bytes\n"),
};

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

static void the_dialect_reads_as_told(void **state)
{
    (void)state;
    check_rows(dialect, COUNT(dialect), false);
}

static void what_is_not_the_dialect_is_refused_by_line(void **state)
{
    (void)state;
    check_rows(refused, COUNT(refused), false);
}

static void variables_are_put_in(void **state)
{
    (void)state;
    check_rows(variables, COUNT(variables), true);
}

/* Hostile files: so many times `part` between head and tail. */
static const struct {
    const char *story, *head, *part;
    size_t times;
    const char *tail, *want;            /* want: how the answer begins, or NULL for success */
} floods[] = {
    { "a million elements deep",      "",       "<a>",      1000000, "",
      "f:1: elements nest deeper than 64" },
    { "64 deep is deep enough",       "",       "<a>",      64,      NULL,     NULL },
    { "65 is not",                    "",       "<a>",      65,      NULL,
      "f:1: elements nest deeper than 64" },
    { "a million siblings",           "<a>",    "<b/>",     1000000, "</a>",   NULL },
    { "a million <>",                 "",       "<>",       1000000, "",
      "f:1: not well-formed" },
    { "a million equal attributes",   "<a",     " b='1'",   1000000, "/>",
      "f:1: duplicate attribute" },
    { "a million comments",           "",       "<!!>",     1000000, "",       NULL },
    { "a million open comments",      "",       "<!",       1000000, "",
      "f:1: a comment opens here" },
    { "a million quotes",             "<a",     " '",       1000000, "/>",
      "f:1: not well-formed" },
    { "content of 64 KiB",            "<a>",    "x",        65536,   "</a>",   NULL },
    { "and one byte more",            "<a>",    "x",        65537,   "</a>",
      "f:1: the content is longer" },
    { "content of 1 MiB",             "<a>\n",  "\xff",     1048576, "</a>",
      "f:1: the content is longer" },
    { "long text that is dropped",    "<a>",    " ",        100000,  "<b/></a>", NULL },
    { "a value of 64 KiB of two-byte letters", "<a b='", "\xc3\xa9", 32768, "'/>", NULL },
    { "a value of 1 MiB",             "<a b='", "x",        1048576, "'/>",
      "f:1: a name or value is longer" },
    { "a name of 1 MiB",              "<",      "a",        1048576, "/>",
      "f:1: a name or value is longer" },
    { "a file of 9 MiB",              "",       "\n",       9437184, "",       "f: larger than" },
    { "a variable that grows",        "<var name='A'>", "x", 60000, "</var><a>$A $A</a>",
      "f:1: longer than 65536 bytes with its variables" },
    { "a file that grows",
      "<var name='A'>1234567890123456789012345678901234567890</var>",
      "<b>$A $A $A $A $A $A $A $A $A $A</b>", 200000, "",
      "f:1: the variables of this file take too much" },
};

static struct slice flood(size_t row)
{
    char *p = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&p, &n);

    assert_non_null(f);
    fputs(floods[row].head, f);
    for (size_t i = 0; i < floods[row].times; i++)
        fputs(floods[row].part, f);
    for (size_t i = 0; floods[row].tail == NULL && i < floods[row].times; i++)
        fputs("</a>", f);
    fputs(floods[row].tail != NULL ? floods[row].tail : "", f);
    fclose(f);
    return (struct slice){ p, n };
}

static void floods_end_in_an_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(floods); i++) {
        struct slice text = flood(i);
        struct report *r = NULL;
        struct xml *x = NULL;

        assert_int_equal(report_new(&r), ERR_OK);
        enum err e = xml_parse(&x, "f", text, r);
        if (e == ERR_OK)
            e = xml_substitute(x, r);
        const char *got = report_line(r, 0);
        if (floods[i].want == NULL ? e != ERR_OK || got != NULL
                                   : e == ERR_OK || got == NULL ||
                                     strncmp(got, floods[i].want, strlen(floods[i].want)) != 0)
            fail_msg("%s: got \"%s\"", floods[i].story, got != NULL ? got : "success");
        report_free(r);
        xml_free(x);
        free((void *)(uintptr_t)text.p);
    }
}

static void a_million_different_attributes_are_read(void **state)
{
    char *p = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&p, &n);
    struct report *r = NULL;
    struct xml *x = NULL;
    struct slice got;

    (void)state;
    assert_non_null(f);
    fputs("<a", f);
    for (unsigned i = 0; i < 700000; i++)
        fprintf(f, " %c%x=''", 'g' + i % 8, i / 8);
    fputs("/>", f);
    fclose(f);
    assert_int_equal(report_new(&r), ERR_OK);
    assert_int_equal(xml_parse(&x, "f", (struct slice){ p, n }, r), ERR_OK);
    assert_int_equal(xml_root(x)->first->n_attr, 700000);
    assert_true(xml_attr(xml_root(x)->first, "g100", &got));
    assert_false(xml_attr(xml_root(x)->first, "a1", &got));
    report_free(r);
    xml_free(x);
    free(p);
}

static void every_prefix_of_a_file_is_answered(void **state)
{
    static const char whole[] = "\xef\xbb\xbf<?xml version='1.0'?>\n<!-- c -- !>"
        "<var name='X'>8</var>\n"
                                "<g n=\"a'\"><r id='$X'>\\<&x$X.</r><s/>\r\n</g><! d !>";

    (void)state;
    for (size_t n = 0; n < sizeof whole; n++) {
        char *text = malloc(n > 0 ? n : 1);
        assert_non_null(text);
        memcpy(text, whole, n);
        free(told((struct slice){ text, n }, true));
        free(text);
    }
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    struct report *r = NULL;
    struct xml *x = NULL;

    (void)state;
    assert_int_equal(report_new(&r), ERR_OK);
    assert_int_equal(xml_load(&x, "no/such/file.xml", r), ERR_SYS);
    assert_int_equal(xml_load(&x, "tests", r), ERR_SYS);
    assert_int_equal(xml_load(&x, "/dev/zero", r), ERR_SYS);
    assert_null(x);
    assert_string_equal(report_line(r, 0), "no/such/file.xml: No such file or directory");
    assert_string_equal(report_line(r, 1), "tests: Is a directory");
    report_free(r);
}

static void the_shared_rules_and_decoders_parse(void **state)
{
    static const char dir[] = "../shared/data/ossec-4.3/rules";
    struct report *r = NULL;
    size_t files = 0;
    DIR *d = opendir(dir);

    (void)state;
    if (d == NULL) {
        print_message("skipped: no %s here\n", dir);
        skip();
    }
    assert_int_equal(report_new(&r), ERR_OK);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct xml *x = NULL;
        char *path = NULL;
        if (e->d_name[0] == '.')
            continue;
        assert_true(asprintf(&path, "%s/%s", dir, e->d_name) > 0);
        if (xml_load(&x, path, r) != ERR_OK || xml_substitute(x, r) != ERR_OK)
            fail_msg("%s", report_line(r, 0));
        assert_non_null(xml_root(x)->first);
        files++;
        xml_free(x);
        free(path);
    }
    closedir(d);
    struct xml *x = NULL;
    assert_int_equal(xml_load(&x, "../shared/data/ossec-4.3/decoder.xml", r), ERR_OK);
    size_t decoders = 0;
    for (const struct xml_node *n = xml_root(x)->first; n != NULL; n = n->next)
        decoders += slice_eq(n->name, SLICE("decoder"));
    assert_int_equal(decoders, 335);      /* and 8 more in comments */
    assert_true(files >= 85);
    xml_free(x);
    report_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dialect_reads_as_told),
        cmocka_unit_test(what_is_not_the_dialect_is_refused_by_line),
        cmocka_unit_test(variables_are_put_in),
        cmocka_unit_test(floods_end_in_an_answer),
        cmocka_unit_test(a_million_different_attributes_are_read),
        cmocka_unit_test(every_prefix_of_a_file_is_answered),
        cmocka_unit_test(a_file_that_cannot_be_read_is_named),
        cmocka_unit_test(the_shared_rules_and_decoders_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
