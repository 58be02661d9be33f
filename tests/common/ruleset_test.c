/* OSSEC's own ruleset, and what OSSEC 4.3 was observed to say of lines: decoder and fields of
 * every line, rule and level where history has no part in it.  Skipped without the data. */
#include <jansson.h>

#include "common/rules/tree.h"
#include "tests/test.h"

#define DATA "../shared/data/"

struct stock {
    struct paths *paths;
    struct config *config;
    struct report *report;
    struct ruleset *rs;
    struct work *work, *naive;          /* naive tries every pattern; both must agree */
    struct decoded d;
    struct decisions list;
};

struct score { unsigned lines, decoder, fields, with_fields, closed, rule, reachable; };

static bool have_data(void)
{
    FILE *f = fopen(DATA "ossec-4.3/ossec.conf", "re");

    if (f != NULL)
        (void)fclose(f);
    else
        print_message("%s: not here, skipped\n", DATA);
    return f != NULL;
}

static void run(struct stock *s, struct slice line)
{
    static struct decoded plain;
    static struct decisions list;

    plain = (struct decoded){ .location = SLICE("stdin"), .full_log = line };
    s->d = plain;
    ruleset_decode(s->rs, s->work, &s->d, SLICE("manager"));
    ruleset_walk(s->rs, s->work, &s->d, &s->list);

    ruleset_decode(s->rs, s->naive, &plain, SLICE("manager"));
    ruleset_walk(s->rs, s->naive, &plain, &list);
    assert_true(slice_eq(s->d.decoder_leaf, plain.decoder_leaf));
    assert_int_equal(s->list.n, list.n);
    assert_memory_equal(s->list.at, list.at, list.n * sizeof list.at[0]);
}

static bool same_text(json_t *want, struct slice got)
{
    struct slice w = { json_string_value(want), json_string_length(want) };
    return slice_eq(w, got);
}

static struct slice field_named(const struct decoded *d, const char *name)
{
    for (size_t f = 0; f < FIELD_COUNT; f++)
        if (strcmp(named_fields[f].logtest, name) == 0)
            return d->field[f];
    const struct slice *s = decoded_dynamic(d, slice_of(name));
    return s != NULL ? *s : (struct slice){ 0 };
}


static bool same_fields(json_t *want, const struct decoded *d)
{
    const char *name;
    json_t *value;

    if (json_object_size(want) != d->n_order)
        return false;
    json_object_foreach(want, name, value)
        if (!same_text(value, field_named(d, name)))
            return false;
    return true;
}

static bool asks_history(const struct rule *r)
{
    return r->if_matched_sid != 0 || r->has_if_matched_group || r->has_if_matched_regex
        || (r->context & (IF_FTS | CHECK_DIFF)) != 0;
}

/* The rule the list ends in when no rule of it asks history; *closed says whether none does. */
static uint32_t certain(const struct stock *s, bool *closed)
{
    *closed = true;
    for (uint32_t i = 0; i < s->list.n; i++)
        *closed = *closed && !asks_history(ruleset_rule(s->rs, s->list.at[i].sid));
    return s->list.n == 0 ? 0 : s->list.at[s->list.n - 1].sid;
}

static bool reaches(const struct stock *s, uint32_t sid)
{
    bool found = sid == 0;

    for (uint32_t i = 0; i < s->list.n; i++)
        found = found || s->list.at[i].sid == sid;
    return found;
}

static void judge(struct stock *s, struct slice line, json_t *want, struct score *score)
{
    uint32_t sid = (uint32_t)json_integer_value(json_object_get(want, "rule"));
    json_t *fields = json_object_get(want, "fields");
    bool closed, decoder;

    run(s, line);
    decoder = same_text(json_object_get(want, "decoder"), s->d.decoder);
    score->lines++;
    score->decoder += decoder;
    score->with_fields += fields != NULL;
    score->fields += fields != NULL && same_fields(fields, &s->d);
    score->reachable += reaches(s, sid);
    uint32_t got = certain(s, &closed);
    const struct rule *r = ruleset_rule(s->rs, got);
    bool level = got == 0 || r->level == json_integer_value(json_object_get(want, "level"));
    score->closed += closed;
    score->rule += closed && got == sid && level;
    if (!decoder || !reaches(s, sid) || (closed && got != sid))
        print_message("  %.*s\n    got %.*s, rule %u; want %s, rule %u\n", SLICE_FMT(line),
                      SLICE_FMT(s->d.decoder), got,
                      json_string_value(json_object_get(want, "decoder")), sid);
}

static void print_score(const char *name, const struct score *s)
{
    print_message("%-8s %u lines: decoder %u, fields %u of %u given, rule reachable %u, "
                  "rule and level %u of %u without history\n", name, s->lines, s->decoder,
                  s->fields, s->with_fields, s->reachable, s->rule, s->closed);
}

static void stock_ruleset_loads(void **state)
{
    struct stock *s = *state;

    if (s->rs == NULL)
        skip();
    assert_int_equal(report_errors(s->report), 0);
    /* 1,309 and 343 less those in policy_rules.xml, which is not loaded, and in comments */
    assert_int_equal(ruleset_rules(s->rs), 1304);
    assert_int_equal(ruleset_decoders(s->rs), 335);
    assert_string_equal(ruleset_rule(s->rs, 5712)->description.p,
                        "SSHD brute force trying to get access to the system.");
    assert_int_equal(ruleset_rule(s->rs, 5712)->if_matched_sid, 5710);
    assert_true(ruleset_rule(s->rs, 5710)->keeps_sid_list);
    assert_int_equal(ruleset_rule(s->rs, 5712)->context, SAME_SRCIP);
}

static void cases_are_judged_as_by_ossec(void **state)
{
    struct stock *s = *state;
    struct score score = { 0 };
    char *text = NULL;
    size_t room = 0;

    if (s->rs == NULL)
        skip();
    FILE *f = fopen(DATA "ossec-4.3/cases.jsonl", "re");
    assert_non_null(f);
    while (getline(&text, &room, f) > 0) {
        json_t *c = json_loads(text, 0, NULL), *log = json_object_get(c, "log");
        struct slice line = { json_string_value(log), json_string_length(log) };
        if (slice_starts(line, SLICE("%%")))    /* the suite's files write %% for % */
            line = slice_from(line, 1);
        judge(s, line, json_object_get(c, "got"), &score);
        json_decref(c);
    }
    (void)fclose(f);
    free(text);
    print_score("cases", &score);
    assert_int_equal(score.lines, 151);
    assert_int_equal(score.decoder, score.lines);
    assert_int_equal(score.reachable, score.lines);
    assert_int_equal(score.rule, score.closed);
}

static void judge_file(struct stock *s, const char *name)
{
    char log_path[128], want_path[128], *line = NULL, *text = NULL;
    size_t line_room = 0, text_room = 0;
    struct score score = { 0 };
    unsigned n = 0;

    (void)snprintf(log_path, sizeof log_path, DATA "loghub/%s.log", name);
    (void)snprintf(want_path, sizeof want_path, DATA "loghub/%s.want.jsonl", name);
    FILE *log = fopen(log_path, "re"), *want = fopen(want_path, "re");
    assert_non_null(log);
    assert_non_null(want);
    while (getline(&text, &text_room, want) > 0) {
        json_t *w = json_loads(text, 0, NULL);
        ssize_t got = -1;
        for (; n < json_integer_value(json_object_get(w, "n")); n++)
            got = getline(&line, &line_room, log);
        assert_true(got > 0);
        judge(s, (struct slice){ line, (size_t)got - (line[got - 1] == '\n') }, w, &score);
        json_decref(w);
    }
    (void)fclose(log);
    (void)fclose(want);
    free(line);
    free(text);
    print_score(name, &score);
    assert_int_equal(score.decoder, score.lines);
    assert_int_equal(score.with_fields, score.lines);
    assert_int_equal(score.fields, score.with_fields);
    assert_int_equal(score.reachable, score.lines);
    assert_int_equal(score.rule, score.closed);
}

static void loghub_is_judged_as_by_ossec(void **state)
{
    static const char *const names[] = { "OpenSSH", "Apache", "HDFS", "Android" };
    struct stock *s = *state;

    if (s->rs == NULL)
        skip();
    for (size_t i = 0; i < ROWS(names); i++)
        judge_file(s, names[i]);
}

static int set_up(void **state)
{
    struct stock *s = calloc(1, sizeof *s);

    *state = s;
    if (s == NULL || !have_data())
        return s == NULL;
    if (report_new(&s->report) != ERR_OK || paths_new(&s->paths, NULL) != ERR_OK
        || config_load(&s->config, DATA "ossec-4.3/ossec.conf", s->paths, s->report) != ERR_OK
        || ruleset_load(&s->rs, s->config, s->report) != ERR_OK
        || work_new(&s->work, s->rs) != ERR_OK || work_new(&s->naive, s->rs) != ERR_OK) {
        report_print(s->report, stdout);
        return 1;
    }
    s->naive->naive = true;
    return 0;
}

static int tear_down(void **state)
{
    struct stock *s = *state;

    work_free(s->work);
    work_free(s->naive);
    ruleset_free(s->rs);
    config_free(s->config);
    report_free(s->report);
    paths_free(s->paths);
    free(s);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stock_ruleset_loads),
        cmocka_unit_test(cases_are_judged_as_by_ossec),
        cmocka_unit_test(loghub_is_judged_as_by_ossec),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
