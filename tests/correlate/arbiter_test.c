/* Verdicts that a running OSSEC 4.3 gave, and the ones where we differ on purpose. */
#include "tests/test.h"

#include <unistd.h>

#include "tests/common/rules_fixture.h"
#include "tests/correlate/scene.h"

static const struct slice decoders = SLICE_INIT(
    "<decoder name='dummy'><prematch>^zzzzzzzz</prematch></decoder>"
    "<decoder name='tst'><program_name>^tst</program_name></decoder>"
    "<decoder name='tst1'><parent>tst</parent><regex>^(\\w+) from (\\S+)</regex>"
    "<order>user,srcip</order></decoder>"
    "<decoder name='fts'><program_name>^fts</program_name></decoder>"
    "<decoder name='fts1'><parent>fts</parent><regex>^(\\w+) from (\\S+)</regex>"
    "<order>user,srcip</order><fts>name,user</fts></decoder>"
    "<decoder name='acc'><program_name>^acc</program_name></decoder>"
    "<decoder name='acc1'><parent>acc</parent><accumulate />"
    "<regex>^(\\d+) user (\\w+)|^(\\d+) done</regex><order>id,user</order></decoder>");

#define LINE(text) "Dec 10 07:07:38 host tst[1]: " text
#define ROOT "<group name='syslog,'><rule id='1' level='0' noalert='1'>" \
             "<category>syslog</category><description>root</description></rule></group>"
#define RULES(text) ROOT "<group name='g1,'>" text "</group>"
#define A(attributes, more) "<rule id='1000' " attributes "><decoded_as>tst</decoded_as>" more \
             "<description>A</description></rule>"
#define R(id, attributes, more) "<rule id='" id "' " attributes ">" more \
             "<description>another</description></rule>"
#define V1  A("level='3'", "") \
            R("1001", "level='10' frequency='1' timeframe='60'", "<if_matched_group>g1</if_matched_group>")

/* One line at each given second (or at 100, 101, ... where none is given).  The verdicts: A is rule
 * 1000, B 1001 and so on; a small letter did not alert, '.' is none. */
static const struct {
    const char *story, *rules;
    const char *line[10];               /* NULL: bob from 10.0.0.1 */
    uint64_t at[10];
    bool plain;                         /* without shadowing */
    const char *want;
} rows[] = {
    { "a group of two fires on the third, then begins anew", RULES(V1), { 0 }, { 0 }, false,
      "AABAAB" },
    { "a sid list starves the group list", RULES(V1 R("1002",
      "level='9' frequency='50' timeframe='60'", "<if_matched_sid>1000</if_matched_sid>")),
      { 0 }, { 0 }, false, "AAAAAA" },
    { "... unless events feed both", RULES(V1 R("1002",
      "level='9' frequency='50' timeframe='60'", "<if_matched_sid>1000</if_matched_sid>")),
      { 0 }, { 0 }, true, "AABAAB" },
    { "different_srcip wants another address", RULES(A("level='3'", "") R("1001",
      "level='10' frequency='1' timeframe='60'",
      "<if_matched_sid>1000</if_matched_sid><different_srcip />")),
      { [3] = LINE("bob from 10.0.0.2") }, { 0 }, false, "AAABAA" },
    { "not_same_source_ip wants another address", RULES(A("level='3'", "") R("1001",
      "level='10' frequency='1' timeframe='60'",
      "<if_matched_sid>1000</if_matched_sid><not_same_source_ip />")),
      { 0 }, { 0 }, false, "AAAAAA" },
    { "noalert='0' says that it alerts", RULES(A("level='3' noalert='0'", "")), { 0 }, { 0 }, false, "A" },
    { "a rule below two parents counts twice", RULES(R("1010", "level='1'", "<match>bob</match>")
      R("1011", "level='1'", "<match>bob</match>")
      R("1000", "level='3'", "<if_sid>1010,1011</if_sid><group>twice,</group>")
      R("1001", "level='10' frequency='4' timeframe='60'",
        "<if_matched_group>twice</if_matched_group>")),
      { 0 }, { 0 }, false, "AAABAAAB" },
    { "below one parent it counts once", RULES(R("1010", "level='1'", "<match>bob</match>")
      R("1000", "level='3'", "<if_sid>1010</if_sid><group>once,</group>")
      R("1001", "level='10' frequency='4' timeframe='60'",
        "<if_matched_group>once</if_matched_group>")),
      { 0 }, { 0 }, false, "AAAAAB" },
    { "a level 0 sibling comes first", RULES(A("level='12'", "")
      R("1025", "level='0'", "<match>bob</match>")), { 0 }, { 0 }, false, "z" },
    { "a level 0 parent qualifies for if_level", RULES(A("level='0'", "")
      R("1001", "level='5'", "<if_level>7</if_level><match>bob</match>")), { 0 }, { 0 }, false, "B" },
    { "pieces of match are joined", RULES(A("level='3'", "<match>zzz|</match><match>bob</match>")),
      { 0 }, { 0 }, false, "A" },
    { "ignore lets one through in its window", RULES(A("level='3' ignore='600'", "")),
      { 0 }, { 100, 101, 699, 700, 701 }, false, "AaaAa" },
    { "the window of time is inclusive", RULES(A("level='3'", "") R("1001",
      "level='10' frequency='0' timeframe='10'", "<if_matched_sid>1000</if_matched_sid>")),
      { 0 }, { 100, 110, 200, 211 }, false, "ABAA" },
    { "a matched event blocks its level", RULES(A("level='3'", "") R("1001",
      "level='10' frequency='1' timeframe='60'", "<if_matched_sid>1000</if_matched_sid>")),
      { 0 }, { 0 }, false, "AABAABAAB" },
    { "same_source_ip passes others over", RULES(A("level='3'", "") R("1001",
      "level='10' frequency='1' timeframe='60'",
      "<if_matched_sid>1000</if_matched_sid><same_source_ip />")),
      { [1] = LINE("bob from 10.0.0.9"), [2] = LINE("no address") }, { 0 }, false, "AAAAB" },
    { "a child of a composite wins over it, and the count begins anew all the same", RULES(
      A("level='3'", "") R("1001", "level='10' frequency='1' timeframe='60'",
      "<if_matched_sid>1000</if_matched_sid>") R("1002", "level='4'",
      "<if_sid>1001</if_sid><match>eve</match>")),
      { [2] = LINE("eve from 10.0.0.1") }, { 0 }, false, "AACAAB" },
    { "a composite without a frequency needs one before it", RULES(A("level='3'", "") R("1001",
      "level='10'", "<if_matched_sid>1000</if_matched_sid>")), { 0 }, { 0 }, false, "ABAB" },
    { "without a timeframe it looks back 360 seconds", RULES(A("level='3'", "") R("1001",
      "level='10'", "<if_matched_sid>1000</if_matched_sid>")), { 0 }, { 100, 460, 1000, 1361 },
      false, "ABAA" },
    { "events of level 0 are not counted", RULES(A("level='0'", "") R("1001", "level='10'",
      "<if_matched_sid>1000</if_matched_sid>")), { 0 }, { 0 }, false, "aaa" },
    { "same_location is the host's name", RULES(A("level='3'", "") R("1001", "level='10'",
      "<if_matched_sid>1000</if_matched_sid><same_location />")),
      { [1] = "Dec 10 07:07:38 other tst[1]: bob from 10.0.0.1" }, { 0 }, false, "AAB" },
    { "same_user looks at dstuser", RULES(A("level='3'", "") R("1001",
      "level='10' frequency='0' timeframe='60'",
      "<if_matched_group>g1</if_matched_group><same_user />")),
      { [1] = LINE("eve from 10.0.0.1") }, { 0 }, false, "AAB" },
    { "if_matched_regex looks at every event of its decoder's kind", RULES(A("level='3'", "")
      R("1001", "level='10' frequency='1' timeframe='60'",
        "<decoded_as>tst</decoded_as><if_matched_regex>^bob</if_matched_regex>")),
      { [1] = LINE("eve from 10.0.0.1") }, { 0 }, false, "AAABA" },
    { "first time seen, by user", RULES(R("1000", "level='3'",
      "<decoded_as>fts</decoded_as>") R("1001", "level='5'", "<if_sid>1000</if_sid><if_fts />")),
      { "Dec 10 07:07:38 host fts: bob from 10.0.0.1", "Dec 10 07:07:38 host fts: bob from 10.0.0.2",
        "Dec 10 07:07:38 host fts: eve from 10.0.0.1", "Dec 10 07:07:38 host fts: bob from 10.0.0.3" },
      { 0 }, false, "BABA" },
    { "what if_fts stores stays stored when a later sibling wins", RULES(R("1000", "level='3'",
      "<decoded_as>fts</decoded_as>") R("1001", "level='5' noalert='1'",
      "<if_sid>1000</if_sid><if_fts />") R("1002", "level='4'", "<if_sid>1000</if_sid><if_fts />")),
      { "Dec 10 07:07:38 host fts: bob from 10.0.0.1", "Dec 10 07:07:38 host fts: bob from 10.0.0.1" },
      { 0 }, false, "AA" },
    { "check_diff wants another output", RULES(A("level='3'", "") R("1001", "level='7'",
      "<if_sid>1000</if_sid><check_diff />")),
      { LINE("one"), LINE("one"), LINE("two"), LINE("two"), LINE("one") }, { 0 }, false, "AABAB" },
    { "an ignore tuple silences its like", RULES(A("level='3'", "<ignore>user</ignore>")
      R("1001", "level='4'", "<match>eve</match><check_if_ignored>user</check_if_ignored>")),
      { LINE("bob from 10.0.0.1"), LINE("eve from 10.0.0.1") }, { 0 }, false, "AB" },
    { "an ignored tuple stays ignored", RULES(A("level='3'",
      "<ignore>user</ignore><check_if_ignored>user</check_if_ignored>")),
      { [2] = LINE("eve from 10.0.0.1") }, { 0 }, false, "AaAaa" },
    { "accumulated fields reach the rules", RULES(R("1000", "level='3'",
      "<decoded_as>acc</decoded_as>") R("1001", "level='5'", "<if_sid>1000</if_sid><user>bob</user>")),
      { "Dec 10 07:07:38 host acc: 7 done", "Dec 10 07:07:38 host acc: 7 user bob",
        "Dec 10 07:07:38 host acc: 7 done", "Dec 10 07:07:38 host acc: 8 done",
        "Dec 10 07:07:38 host acc: 7 done" }, { 100, 101, 102, 103, 300 }, false, "ABBAA" },
};

static char letter_of(const struct judgement *v)
{
    if (v->rule == NULL)
        return '.';
    return (char)((v->alerts ? 'A' : 'a') + v->rule->sid - 1000);
}

static void verdicts_are_as_drawn(void **state)
{
    struct fixture f;

    (void)state;
    fixture_begin(&f);
    for (size_t i = 0; i < 2 * ROWS(rows); i++) {
        const size_t k = i / 2;         /* once with decode's list, once walking here */
        const struct history_options o = { 100, 128, !rows[k].plain };
        struct scene s;
        struct memory *m = NULL;
        char got[11] = "";

        if (fixture_load(&f, decoders, slice_of(rows[k].rules), SLICE("")) != ERR_OK)
            fail_msg("%s: %s", rows[k].story, report_line(f.report, 0));
        scene_begin(&s, f.rs, false);
        assert_int_equal(memory_new(&m, f.rs, &o), ERR_OK);
        for (size_t n = 0; rows[k].want[n] != '\0'; n++) {
            const char *line = rows[k].line[n] ? rows[k].line[n] : LINE("bob from 10.0.0.1");
            struct judgement v = scene_tell(&s, m, line, rows[k].at[n] ? rows[k].at[n] : 100 + n,
                                            n, i % 2 == 0);
            got[n] = letter_of(&v);
        }
        memory_free(m);
        scene_end(&s);
        if (strcmp(got, rows[k].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[k].story, got, rows[k].want);
    }
    fixture_end(&f);
}

static void logs_that_led_to_a_hit_stand_newest_first(void **state)
{
    struct fixture f;
    struct scene s;
    struct memory *m = NULL;
    const struct history_options o = { 100, 128, true };
    struct judgement v = { 0 };

    (void)state;
    fixture_begin(&f);
    assert_int_equal(fixture_load(&f, decoders, SLICE(RULES(V1)), SLICE("")), ERR_OK);
    scene_begin(&s, f.rs, false);
    assert_int_equal(memory_new(&m, f.rs, &o), ERR_OK);
    v = scene_tell(&s, m, LINE("one from 10.0.0.1"), 1, 1, true);
    v = scene_tell(&s, m, LINE("two from 10.0.0.1"), 2, 2, true);
    assert_int_equal(v.lines.n, 0);
    v = scene_tell(&s, m, LINE("three from 10.0.0.1"), 3, 3, true);
    assert_int_equal(v.rule->sid, 1001);
    assert_int_equal(v.lines.n, 1);
    assert_true(slice_eq(v.lines.at[0], SLICE(LINE("two from 10.0.0.1"))));
    memory_free(m);
    scene_end(&s);
    fixture_end(&f);
}

/* The verdict's own event may push the ones that led to it out of a full history. */
static void logs_that_led_to_a_hit_outlive_their_eviction(void **state)
{
    const struct history_options o = { 1, 128, true };
    struct fixture f;
    struct scene s;
    struct memory *m = NULL;

    (void)state;
    fixture_begin(&f);
    assert_int_equal(fixture_load(&f, decoders, SLICE(RULES(R("1010", "level='1'", "<match>bob</match>")
        R("1011", "level='1'", "<match>bob</match>")
        R("1000", "level='3'", "<if_sid>1010,1011</if_sid><group>twice,</group>")
        R("1001", "level='10' frequency='1' timeframe='60'",
          "<if_matched_group>twice</if_matched_group>"))), SLICE("")), ERR_OK);
    scene_begin(&s, f.rs, false);
    assert_int_equal(memory_new(&m, f.rs, &o), ERR_OK);
    (void)scene_tell(&s, m, LINE("bob from 10.0.0.1"), 1, 1, true);
    struct judgement v = scene_tell(&s, m, LINE("bob from 10.0.0.2"), 2, 2, true);
    assert_int_equal(v.rule->sid, 1001);
    assert_int_equal(history_evicted(memory_history(m)), 1);
    assert_int_equal(v.lines.n, 1);
    assert_true(slice_eq(v.lines.at[0], SLICE(LINE("bob from 10.0.0.1"))));
    memory_free(m);
    scene_end(&s);
    fixture_end(&f);
}

/* V15: ossec-logtest forgets an ignore window that has ended, where the daemon begins the next. */
static void alone_an_ended_window_is_forgotten(void **state)
{
    static const struct { bool alone; const char *want; } modes[] = { { true, "AaaAAa" },
                                                                      { false, "AaaAaa" } };
    static const uint64_t at[] = { 100, 101, 699, 700, 701, 702 };
    const struct history_options o = { 100, 128, true };
    struct fixture f;

    (void)state;
    fixture_begin(&f);
    assert_int_equal(fixture_load(&f, decoders, SLICE(RULES(A("level='3' ignore='600'", ""))),
                                  SLICE("")), ERR_OK);
    for (size_t i = 0; i < ROWS(modes); i++) {
        struct scene s;
        struct memory *m = NULL;
        char got[ROWS(at) + 1] = "";

        scene_begin(&s, f.rs, modes[i].alone);
        assert_int_equal(memory_new(&m, f.rs, &o), ERR_OK);
        for (size_t n = 0; n < ROWS(at); n++) {
            struct judgement v = scene_tell(&s, m, LINE("bob from 10.0.0.1"), at[n], n, true);
            got[n] = letter_of(&v);
        }
        assert_string_equal(got, modes[i].want);
        memory_free(m);
        scene_end(&s);
    }
    fixture_end(&f);
}

/* V25: what a command printed before stands behind the alert. */
static void another_output_brings_the_last_one(void **state)
{
    const struct history_options o = { 100, 128, true };
    struct fixture f;
    struct scene s;
    struct memory *m = NULL;

    (void)state;
    fixture_begin(&f);
    assert_int_equal(fixture_load(&f, decoders, SLICE(RULES(R("1000", "level='7'",
        "<match>ossec: output: 'netstat</match><check_diff />"))), SLICE("")), ERR_OK);
    scene_begin(&s, f.rs, false);
    assert_int_equal(memory_new(&m, f.rs, &o), ERR_OK);
    struct judgement v = scene_tell(&s, m, "ossec: output: 'netstat':\ntcp 1\ntcp 2", 1, 1, true);
    assert_null(v.rule);
    v = scene_tell(&s, m, "ossec: output: 'netstat':\ntcp 1\ntcp 3", 2, 2, true);
    assert_non_null(v.rule);
    assert_int_equal(v.lines.n, 2);
    assert_true(slice_eq(v.lines.at[0], SLICE("Previous output:")));
    assert_true(slice_eq(v.lines.at[1], SLICE("ossec: output: 'netstat':\ntcp 1\ntcp 2")));
    memory_free(m);
    scene_end(&s);
    fixture_end(&f);
}

/* Lists as no decoder of ours makes them: the verdict is some rule or none, and nothing ends. */
static void a_hostile_list_ends_nothing(void **state)
{
    static const struct { const char *story; struct slice list; } lists[] = {
        { "cut off",          SLICE_INIT("\x95\xce\x03") },
        { "no array",         SLICE_INIT("\xa3" "abc") },
        { "an unknown rule",  SLICE_INIT("\x91\xce\x7f\xff\x00\x00") },
        { "a sid of 40 bits", SLICE_INIT("\x91\xcf\xff\xff\xff\xff\xff\xff\x00\x00") },
        { "a leap in depth",  SLICE_INIT("\x92\xce\x00\x01\x00\x00\xce\x03\xe8\x40\x00") },
        { "too deep",         SLICE_INIT("\x91\xce\x03\xe8\xff\x00") },
        { "begins deep",      SLICE_INIT("\x92\xce\x03\xe8\x05\x00\xce\x03\xe9\x01\x00") },
        { "stores only",      SLICE_INIT("\x91\xce\x03\xe8\x00\x01") },
        { "a text inside",    SLICE_INIT("\x91\xa1x") },
    };
    struct fixture f;
    struct scene s;
    struct memory *m = NULL;
    const struct history_options o = { 100, 128, true };

    (void)state;
    fixture_begin(&f);
    assert_int_equal(fixture_load(&f, decoders, SLICE(RULES(V1)), SLICE("")), ERR_OK);
    scene_begin(&s, f.rs, false);
    assert_int_equal(memory_new(&m, f.rs, &o), ERR_OK);
    for (size_t i = 0; i < ROWS(lists); i++) {
        struct judgement v = { 0 };
        (void)scene_decode(&s, LINE("bob from 10.0.0.1"), 100, i);
        if (arbiter_event(s.arbiter, m, &s.d, lists[i].list, true, &v) != ERR_OK)
            fail_msg("%s", lists[i].story);
    }
    memory_free(m);
    scene_end(&s);
    fixture_end(&f);
}

/* OSSEC's own rules, where they are: one address tries unknown users, a second apart. */
static void stock_rules_count_as_ossec_does(void **state)
{
    static const char conf[] = "../shared/data/ossec-4.3/ossec.conf";
    static const char want[] = "AAAAAAABAAAAAAAbAAAA";  /* A: 5710, B: 5712, b: ignored */
    const struct history_options o = { 8192, 128, true };
    struct paths *paths = NULL;
    struct config *config = NULL;
    struct report *report = NULL;
    struct ruleset *rs = NULL;
    struct memory *m = NULL;
    struct scene s;
    char got[sizeof want] = "";

    (void)state;
    if (access(conf, R_OK) != 0) {
        print_message("no %s: skipped\n", conf);
        skip();
    }
    assert_int_equal(report_new(&report), ERR_OK);
    assert_int_equal(paths_new(&paths, NULL), ERR_OK);
    assert_int_equal(config_load(&config, conf, paths, report), ERR_OK);
    assert_int_equal(ruleset_load(&rs, config, report), ERR_OK);
    scene_begin(&s, rs, true);
    assert_int_equal(memory_new(&m, rs, &o), ERR_OK);
    for (size_t n = 0; n + 1 < sizeof want; n++) {
        struct judgement v = scene_tell(&s, m, "Dec 10 07:11:42 host sshd[24224]: Invalid user chen "
                                        "from 192.0.2.208", 100 + n, n, true);
        assert_non_null(v.rule);
        got[n] = (char)((v.alerts ? 'A' : 'a') + (v.rule->sid == 5712));
    }
    assert_string_equal(got, want);
    memory_free(m);
    scene_end(&s);
    ruleset_free(rs);
    config_free(config);
    paths_free(paths);
    report_free(report);
}

static void an_id_depends_on_event_and_rule_alone(void **state)
{
    (void)state;
    uint64_t n = alert_number(1, 2, 3, 4);

    assert_true(n == alert_number(1, 2, 3, 4) && n >> 63 == 0);
    assert_true(n != alert_number(2, 2, 3, 4) && n != alert_number(1, 3, 3, 4));
    assert_true(n != alert_number(1, 2, 4, 4) && n != alert_number(1, 2, 3, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_are_as_drawn),
        cmocka_unit_test(logs_that_led_to_a_hit_stand_newest_first),
        cmocka_unit_test(logs_that_led_to_a_hit_outlive_their_eviction),
        cmocka_unit_test(alone_an_ended_window_is_forgotten),
        cmocka_unit_test(another_output_brings_the_last_one),
        cmocka_unit_test(a_hostile_list_ends_nothing),
        cmocka_unit_test(stock_rules_count_as_ossec_does),
        cmocka_unit_test(an_id_depends_on_event_and_rule_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
