/* Any text as decoder and rule files: loading tells errors or gives a ruleset, and a ruleset
 * decodes and walks any line.  Input: decoders, NUL, rules, NUL, line. */
#include "tests/common/rules_fixture.h"

static struct fixture fixture;

static void end(void)
{
    fixture_end(&fixture);
}

static struct slice cut(struct slice *rest)
{
    const char *nul = rest->n == 0 ? NULL : memchr(rest->p, '\0', rest->n);
    struct slice part = { rest->p, nul == NULL ? rest->n : (size_t)(nul - rest->p) };

    *rest = slice_from(*rest, part.n + 1);
    return part;
}

static struct slice behind(struct slice head, struct slice tail, char *ret)
{
    memcpy(ret, head.p, head.n);
    if (tail.n > 0)
        memcpy(ret + head.n, tail.p, tail.n);
    return (struct slice){ ret, head.n + tail.n };
}

static void judge(struct slice line)
{
    static struct decisions list;
    static struct decoded d;
    struct work *w = NULL;

    if (work_new(&w, fixture.rs) != ERR_OK)
        abort();
    d = (struct decoded){ .full_log = line, .location = SLICE("stdin") };
    ruleset_decode(fixture.rs, w, &d, SLICE("host"));
    ruleset_walk(fixture.rs, w, &d, &list);
    for (uint32_t i = 0; i < list.n; i++)
        if (ruleset_rule(fixture.rs, list.at[i].sid) == NULL)
            abort();
    (void)ruleset_matters(fixture.rs, &list);
    work_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slice decoders = SLICE_INIT(
        "<decoder name='t'><program_name>^t</program_name></decoder>");
    static const struct slice rules = SLICE_INIT(
        "<group name='syslog,'><rule id='1' level='0' noalert='1'><category>syslog</category>"
        "</rule></group>");
    struct slice rest = { (const char *)data, size };
    char *text = malloc(2 * size + decoders.n + rules.n);

    if (text == NULL)
        abort();
    if (fixture.dir[0] == '\0') {
        fixture_begin(&fixture);
        (void)atexit(end);
    }
    struct slice d = behind(decoders, cut(&rest), text);
    struct slice r = behind(rules, cut(&rest), text + d.n);
    enum err err = fixture_load(&fixture, d, r, SLICE("a:b\n"));
    if ((err == ERR_OK) != (report_errors(fixture.report) == 0))
        abort();
    if (err == ERR_OK)
        judge(rest);
    free(text);
    return 0;
}
