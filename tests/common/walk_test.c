/* What OSSEC's load, decoder tree and rule tree do, as observed and as specified. */
#include "tests/common/rules_fixture.h"
#include "tests/test.h"

#include <time.h>

#define TST                                                          \
    "<decoder name='dummy'><prematch>^zzzzzzzz</prematch></decoder>" \
    "<decoder name='tst'><program_name>^tst</program_name></decoder>"
#define TST1                                                         \
    TST "<decoder name='tst1'><parent>tst</parent>"                  \
    "<regex>^(\\w+) from (\\S+)</regex><order>user,srcip</order></decoder>"
#define ROOT                                                         \
    "<group name='syslog,'><rule id='1' level='0' noalert='1'>"      \
    "<category>syslog</category></rule>"                             \
    "<rule id='4' level='0' noalert='1'><category>web-log</category></rule></group>"
#define GROUP(rules) ROOT "<group name='g1,'>" rules "</group>"
#define RULE_A "<rule id='100001' level='3'><decoded_as>tst</decoded_as></rule>"
#define MOMENT 1700019300000000u        /* Wednesday, 03:35 UTC */
#define BOB "Dec 10 07:07:38 host tst[1]: bob from 192.0.2.1"

static enum err load(struct fixture *f, const char *decoders, const char *rules)
{
    return fixture_load(f, slice_of(decoders), slice_of(rules),
                        SLICE("bob:admin\ncarol:guest ### no admin\n192.0.2.:lab\nno colon\n"));
}

static void say(char *ret, size_t room, const struct decisions *list)
{
    size_t at = 0;

    ret[0] = '\0';
    for (uint32_t i = 0; i < list->n && at + 32 < room; i++)
        at += (size_t)snprintf(ret + at, room - at, "%s%.*s%u%s", i > 0 ? " " : "",
                               (int)list->at[i].depth, "......", list->at[i].sid,
                               list->at[i].flags & DECISION_STORES_ONLY ? "!" : "");
}

static void decode(const struct fixture *f, struct work *w, const char *line, struct decoded *d)
{
    *d = (struct decoded){ .location = SLICE("stdin"), .full_log = slice_of(line),
                           .received = MOMENT };
    ruleset_decode(f->rs, w, d, SLICE("manager"));
}

/* Dots are depth; `!` stands behind a rule that only stores.  A list is cut behind a
 * certain winner. */
static const struct { const char *story, *decoders, *rules, *line, *want; } walks[] = {
    { "V1: a composite stays open above its base rule", TST1,
      GROUP(RULE_A "<rule id='100002' level='10' frequency='1' timeframe='60'>"
                   "<if_matched_group>g1</if_matched_group></rule>"),
      BOB, "1 .100001 ..100002" },
    { "V6: noalert=\"0\" is off", TST1,
      GROUP("<rule id='100001' level='3' noalert='0'><decoded_as>tst</decoded_as></rule>"), BOB,
      "1 .100001" },
    { "a gate that leads nowhere leaves no trace", TST1,
      GROUP("<rule id='100001' level='3' noalert='1'><decoded_as>tst</decoded_as>"
        "</rule>"), BOB, "" },
    { "V8: overwrite takes the new conditions too", TST1,
      GROUP(RULE_A "<rule id='100001' level='7' overwrite='yes'><decoded_as>tst</decoded_as>"
                   "<pcre2>nomatchatall</pcre2></rule>"), BOB, "" },
    { "overwrite keeps the place among its siblings, whatever its level", TST1,
      GROUP("<rule id='100001' level='5'><match>bob</match></rule>"
            "<rule id='100002' level='3'><match>bob</match></rule>"
            "<rule id='100002' level='9' overwrite='yes'><match>bob</match></rule>"),
      BOB, "1 .100001" },
    { "accuracy 0 puts level 0 between 0 and 1", TST1,
      GROUP("<rule id='100001' level='0' accuracy='0'><match>bob</match></rule>"
            "<rule id='100002' level='1'><match>bob</match></rule>"), BOB, "1 .100002" },
    { "if_sid stands before if_level and if_group", TST1,
      GROUP("<rule id='100001' level='3'><match>zzz</match></rule>"
            "<rule id='100002' level='5'><decoded_as>tst</decoded_as></rule>"
            "<rule id='100003' level='7'><if_sid>100001</if_sid><if_level>1</if_level>"
            "<if_group>g1</if_group><match>bob</match></rule>"), BOB, "1 .100002" },
    { "overwrite keeps the place in the tree", TST1,
      GROUP("<rule id='100001' level='3'><decoded_as>tst</decoded_as></rule>"
            "<rule id='100002' level='5'><if_sid>100001</if_sid><match>bob</match></rule>"
            "<rule id='100002' level='9' overwrite='yes'><match>from</match></rule>"),
      BOB, "1 .100001 ..100002" },
    { "V9: a level 0 sibling comes first", TST1,
      GROUP("<rule id='100001' level='12'><decoded_as>tst</decoded_as></rule>"
            "<rule id='100002' level='0'><match>bob</match></rule>"), BOB, "1 .100002" },
    { "V10: a field that no decoder names does not match", TST1,
      GROUP("<rule id='100001' level='3'><field name='foo'>bob</field></rule>"), BOB, "" },
    { "V12: the last entry's polarity decides (a)", TST1,
      GROUP("<rule id='100001' level='3'><srcip>!192.0.2.0/24</srcip><srcip>192.0.2.5</srcip>"
        "</rule>"),
      BOB, "" },
    { "srcip of a network", TST1,
      GROUP("<rule id='100001' level='3'><srcip>192.0.2.0/24</srcip></rule>"), BOB, "1 .100001" },
    { "V14: below if_level stand level 0 rules too", TST1,
      GROUP("<rule id='100001' level='0'><decoded_as>tst</decoded_as></rule>"
            "<rule id='100002' level='5'><if_level>7</if_level><match>bob</match></rule>"),
      BOB, "1 .100001 ..100002" },
    { "V16: repeated texts are joined", TST1,
      GROUP("<rule id='100001' level='3'><match>zzz|</match><match>bob</match></rule>"), BOB,
      "1 .100001" },
    { "V29: program names alone, and decoded_as holds all the same",
      "<decoder name='tst'><program_name>^tst</program_name></decoder>", GROUP(RULE_A), BOB,
      "1 .100001" },
    { "V17: a decoder without program_name never sees a line with one",
      TST "<decoder name='gen'><prematch>^bob</prematch></decoder>",
      GROUP("<rule id='100001' level='3'><decoded_as>gen</decoded_as></rule>"), BOB, "" },
    { "V17: but it sees one without",
      TST "<decoder name='gen'><prematch>^bob</prematch></decoder>",
      GROUP("<rule id='100001' level='3'><decoded_as>gen</decoded_as></rule>"), "bob from nowhere",
      "1 .100001" },
    { "equal siblings stand in order of load", TST1,
      GROUP("<rule id='100001' level='3' noalert='1'><match>bob</match></rule>"
            "<rule id='100002' level='5' noalert='1'><match>bob</match></rule>"
            "<rule id='100003' level='3'><match>bob</match></rule>"
            "<rule id='100004' level='3'><match>bob</match></rule>"), BOB, "1 .100003" },
    { "accuracy 0 stands last", TST1,
      GROUP("<rule id='100001' level='9' accuracy='0'><match>bob</match></rule>"
            "<rule id='100002' level='1'><match>bob</match></rule>"), BOB, "1 .100002" },
    { "behind an open rule the walk goes on", TST1,
      GROUP("<rule id='100001' level='9'><match>bob</match><check_diff /></rule>"
            "<rule id='100002' level='1'><match>bob</match></rule>"), BOB, "1 .100001 .100002" },
    { "a list behind check_diff fails, yet the record is stored", TST1,
      GROUP("<rule id='100001' level='9'><match>bob</match><check_diff />"
            "<list field='srcip'>rules/users</list></rule>"), BOB, "1 .100001!" },
    { "if_fts asks nothing of a decoder without fts", TST1,
      GROUP("<rule id='100001' level='9'><match>bob</match><if_fts /></rule>"), BOB, "" },
    { "if_group is a part of the group's text", TST1,
      GROUP("<rule id='100001' level='3'><decoded_as>tst</decoded_as>"
        "<group>authentication,</group></rule>"
            "<rule id='100002' level='5'><if_group>authen</if_group><match>bob</match></rule>"),
      BOB, "1 .100001 ..100002" },
    { "several parents", TST1,
      GROUP("<rule id='100001' level='1' noalert='1'><match>zzz</match></rule>"
            "<rule id='100002' level='1'><match>bob</match></rule>"
            "<rule id='100003' level='5'><if_sid>100001, 100002</if_sid></rule>"),
      BOB, "1 .100002 ..100003" },
    { "the category of the event chooses the root", TST1,
      GROUP("<rule id='100001' level='3'><category>web-log</category><match>bob</match></rule>"),
      BOB, "" },
    { "the user is dstuser, else srcuser", TST1,
      GROUP("<rule id='100001' level='3'><user>^bob$</user></rule>"), BOB, "1 .100001" },
    { "pcre2 is not asked where regex is", TST1,
      GROUP("<rule id='100001' level='3'><regex>^bob</regex><pcre2>zzz</pcre2></rule>"), BOB,
      "1 .100001" },
    { "url and url_pcre2 are both asked", TST1,
      GROUP("<rule id='100001' level='3'><url>a</url><url_pcre2>b</url_pcre2></rule>"), BOB, "" },
    { "a missing field matches nothing, not even the empty pattern", TST1,
      GROUP("<rule id='100001' level='3'><id></id></rule>"), BOB, "" },
    { "maxsize is a minimum: 18", TST1,
      GROUP("<rule id='100001' level='3' maxsize='18'><match>bob</match></rule>"), BOB, "1"
        " .100001" },
    { "maxsize is a minimum: 19", TST1,
      GROUP("<rule id='100001' level='3' maxsize='19'><match>bob</match></rule>"), BOB, "" },
    { "list: key", TST1,
      GROUP("<rule id='100001' level='3'><list field='user'>rules/users</list></rule>"), BOB,
      "1 .100001" },
    { "list: not key", TST1,
      GROUP("<rule id='100001' level='3'><list field='user' lookup='not_match_key'>rules/users"
            "</list></rule>"), BOB, "" },
    { "list: value", TST1,
      GROUP("<rule id='100001' level='3'><list field='user' lookup='match_key_value'"
            " check_value='^admin$'>rules/users.cdb</list></rule>"), BOB, "1 .100001" },
    { "list: a comment is no value", TST1,
      GROUP("<rule id='100001' level='3'><list field='user' lookup='match_key_value'"
            " check_value='^guest$'>rules/users</list></rule>"),
      "Dec 10 07:07:38 host tst[1]: carol from 192.0.2.1", "1 .100001" },
    { "list: address by its prefix", TST1,
      GROUP("<rule id='100001' level='3'><list field='srcip' lookup='address_match_key_value'"
            " check_value='lab'>rules/users</list></rule>"), BOB, "1 .100001" },
    { "list: an address outside", TST1,
      GROUP("<rule id='100001' level='3'><list field='srcip' lookup='not_address_match_key'>"
            "rules/users</list></rule>"),
      "Dec 10 07:07:38 host tst[1]: bob from 198.51.100.1", "1 .100001" },
    { "list: a field that is not there is neither in nor out", TST1,
      GROUP("<rule id='100001' level='3'><list field='url' lookup='not_match_key'>rules/users"
            "</list></rule>"), BOB, "" },
    { "list: not declared never holds", TST1,
      GROUP("<rule id='100001' level='3'><list field='user'>rules/others</list></rule>"), BOB, "" },
    { "list: two of them are both asked", TST1,
      GROUP("<rule id='100001' level='3'><list field='user'>rules/users</list>"
            "<list field='srcip' lookup='not_address_match_key'>rules/users</list></rule>"), BOB,
      "" },
    { "V13: a span over midnight, at 03:35", TST1,
      GROUP("<rule id='100001' level='3'><time>22:00 - 06:00</time></rule>"), BOB, "1 .100001" },
    { "a span that is over", TST1,
      GROUP("<rule id='100001' level='3'><time>1 am - 3:34 am</time></rule>"), BOB, "" },
    { "a Wednesday", TST1,
      GROUP("<rule id='100001' level='3'><weekday>mon, wednesday</weekday></rule>"), BOB,
      "1 .100001" },
    { "V5: all days but this one, which OSSEC refuses", TST1,
      GROUP("<rule id='100001' level='3'><weekday>!wednesday</weekday></rule>"), BOB, "" },
    { "if_fts of a decoder with fts is left to history",
      TST "<decoder name='t'><parent>tst</parent><regex>^(\\w+)</regex><order>user</order>"
          "<fts>name, user</fts></decoder>",
      GROUP("<rule id='100001' level='9'><match>bob</match><if_fts /></rule>"), BOB, "1 .100001" },
    { "compiled rule", TST1,
      GROUP("<rule id='100001' level='3'><compiled_rule>comp_srcuser_dstuser</compiled_rule>"
        "</rule>"),
      BOB, "1 .100001" },
};

static void walks_as_ossec(void **state)
{
    struct fixture *f = *state;
    struct decisions *list = calloc(1, sizeof *list);
    struct decoded d;
    char got[256];

    for (size_t i = 0; i < ROWS(walks); i++) {
        struct work *w = NULL;
        if (load(f, walks[i].decoders, walks[i].rules) != ERR_OK)
            fail_msg("%s: does not load: %s", walks[i].story, report_line(f->report, 0));
        assert_int_equal(work_new(&w, f->rs), ERR_OK);
        decode(f, w, walks[i].line, &d);
        ruleset_walk(f->rs, w, &d, list);
        say(got, sizeof got, list);
        work_free(w);
        if (strcmp(got, walks[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", walks[i].story, got, walks[i].want);
    }
    free(list);
}

/* decoder/leaf field=value ... */
static const struct { const char *story, *decoders, *line, *want; } decodings[] = {
    { "parent and child", TST1, BOB, "tst/tst1 dstuser=bob srcip=192.0.2.1" },
    { "no child fits: the parent, no fields", TST1, "Dec 10 07:07:38 host tst[1]: ?",
      "tst/tst" },
    { "V18: a child without prematch hides its later siblings",
      TST "<decoder name='c1'><parent>tst</parent><regex>^alice (\\S+)</regex>"
        "<order>user</order></decoder>"
          "<decoder name='c2'><parent>tst</parent><regex>from (\\S+)</regex><order>srcip</order>"
          "</decoder>",
      BOB, "tst/tst" },
    { "V19: not when they share a name",
      TST "<decoder name='c'><parent>tst</parent><regex>^alice (\\S+)</regex><order>user</order>"
        "</decoder>"
          "<decoder name='c'><parent>tst</parent><regex>from (\\S+)</regex><order>srcip</order>"
          "</decoder>",
      BOB, "tst/c srcip=192.0.2.1" },
    { "a group goes on behind its last regex",
      TST "<decoder name='c'><parent>tst</parent><regex>^(\\w+) </regex><order>user</order>"
        "</decoder>"
          "<decoder name='c'><parent>tst</parent><regex offset='after_regex'>^from (\\S+)</regex>"
          "<order>srcip</order></decoder>",
      BOB, "tst/c dstuser=bob srcip=192.0.2.1" },
    { "a failed prematch skips the whole group",
      TST "<decoder name='c'><parent>tst</parent><prematch>^alice</prematch><regex>(\\S+)</regex>"
          "<order>user</order></decoder>"
          "<decoder name='c'><parent>tst</parent><regex>from (\\S+)</regex><order>srcip</order>"
          "</decoder>"
          "<decoder name='e'><parent>tst</parent><prematch>^bob</prematch></decoder>",
      BOB, "tst/e" },
    { "V29: program names alone are enough for a child",
      "<decoder name='tst'><program_name>^tst</program_name></decoder>"
      "<decoder name='c'><parent>tst</parent><prematch>^bob</prematch></decoder>", BOB, "tst/c" },
    { "use_own_name",
      TST "<decoder name='c'><parent>tst</parent><use_own_name>true</use_own_name>"
          "<prematch>^bob</prematch></decoder>", BOB, "c/c" },
    { "behind the prematch `^` holds again",
      TST "<decoder name='c'><parent>tst</parent><prematch>^bob </prematch>"
          "<regex offset='after_prematch'>^from (\\S+)</regex><order>srcip</order></decoder>",
      BOB, "tst/c srcip=192.0.2.1" },
    { "dynamic fields and filename",
      TST "<decoder name='c'><parent>tst</parent><regex>^(\\w+) (\\w+) (\\S+)</regex>"
          "<order>who, myfilename, extra_data</order></decoder>",
      BOB, "tst/c who=bob filename=from extra_data=192.0.2.1" },
    { "a decoder of its own reads behind its prematch",
      "<decoder name='gen'><prematch>^bob </prematch><regex offset='after_prematch'>^from (\\S+)"
      "</regex><order>url</order></decoder>", "bob from nowhere", "gen/gen url=nowhere" },
    { "a firewall's action has one of four names",
      TST "<decoder name='c'><parent>tst</parent><type>firewall</type><regex>^(\\w+) (\\w+)</regex>"
          "<order>action, protocol</order></decoder>",
      BOB, "tst/c action=DROP proto=from" },
    { "pf", "<decoder name='pf'><program_name>^pf$</program_name><plugin_decoder>PF_Decoder"
      "</plugin_decoder></decoder>",
      "Mar 30 15:33:26 fw pf: Mar 30 15:32:33.483712 rule 2/(match) pass in on xl0: "
      "192.0.2.2.514 > 192.0.2.3.1514:  udp 20",
      "pf/pf action=pass srcip=192.0.2.2 srcport=514 dstip=192.0.2.3 dstport=1514 proto=UDP" },
    { "SonicWall", "<decoder name='sonic'><prematch>^id=</prematch><plugin_decoder>"
      "SonicWall_Decoder</plugin_decoder></decoder>",
      "id=firewall sn=0 fw=192.0.2.9 pri=5 c=64 m=36 msg=\"TCP connection dropped\" n=1 "
      "src=192.0.2.1:4507:WAN dst=198.51.100.2:445:LAN rule=0",
      "sonic/sonic status=5 id=36 srcip=192.0.2.1 srcport=4507 dstip=198.51.100.2 dstport=445"
      " action=DROP" },
    { "Symantec", "<decoder name='sws'><prematch>^\\d\\d\\d\\d\\d\\d\\d\\d,</prematch>"
      "<plugin_decoder>SymantecWS_Decoder</plugin_decoder></decoder>",
      "20070717,73613,1=5,11=192.0.2.1,10=alice,3=1,2=1",
      "sws/sws srcip=192.0.2.1 dstuser=alice id=2=1" },
};

static void children_name_their_parent(void **state)
{
    static const struct { const char *child, *line, *parent; } rows[] = {
        { "<prematch>^bob</prematch>", BOB, "tst" },
        { "<use_own_name>true</use_own_name><prematch>^bob</prematch>", BOB, "tst" },
        { "<prematch>^bob</prematch>", "Dec 10 07:07:38 host tst[1]: eve", "" },
        { "<prematch>^bob</prematch>", "no decoder", "" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct work *w = NULL;
        struct decoded d;
        char text[512];
        int n = snprintf(text, sizeof text, TST "<decoder name='c'><parent>tst</parent>%s</decoder>",
                         rows[i].child);
        assert_true(n > 0 && (size_t)n < sizeof text);
        assert_int_equal(load(f, text, ROOT), ERR_OK);
        assert_int_equal(work_new(&w, f->rs), ERR_OK);
        decode(f, w, rows[i].line, &d);
        assert_true(slice_eq(d.decoder_parent, slice_of(rows[i].parent)));
        work_free(w);
    }
}

static void say_decoded(char *ret, size_t room, const struct decoded *d)
{
    size_t at = (size_t)snprintf(ret, room, "%.*s/%.*s", SLICE_FMT(d->decoder),
                                 SLICE_FMT(d->decoder_leaf));

    for (uint32_t i = 0; i < d->n_order && at < room; i++) {
        uint8_t k = d->order[i];
        struct slice name = k < FIELD_COUNT ? slice_of(named_fields[k].logtest)
                                            : d->dynamic[k - FIELD_COUNT].name;
        struct slice value = k < FIELD_COUNT ? d->field[k] : d->dynamic[k - FIELD_COUNT].value;
        at += (size_t)snprintf(ret + at, room - at, " %.*s=%.*s", SLICE_FMT(name),
                               SLICE_FMT(value));
    }
}

static void decodes_as_ossec(void **state)
{
    struct fixture *f = *state;
    struct decoded d;
    char got[512];

    for (size_t i = 0; i < ROWS(decodings); i++) {
        struct work *w = NULL;
        if (load(f, decodings[i].decoders, ROOT) != ERR_OK)
            fail_msg("%s: does not load: %s", decodings[i].story, report_line(f->report, 0));
        assert_int_equal(work_new(&w, f->rs), ERR_OK);
        decode(f, w, decodings[i].line, &d);
        say_decoded(got, sizeof got, &d);
        work_free(w);
        if (strcmp(got, decodings[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", decodings[i].story, got, decodings[i].want);
    }
}

/* The nth line of the report has these words. */
static const struct {
    const char *story, *decoders, *rules;
    size_t line;
    const char *want;
} errors[] = {
    { "an element that no rule has (V11)", TST,
      ROOT "<group name='g,'>\n<rule id='2' level='1'>\n<protocol>tcp</protocol></rule></group>", 0,
      "local_rules.xml:3: rule 2: no such element: <protocol>" },
    { "everything is told: first", TST,
      GROUP("<rule id='100001' level='x'><match>a</match></rule>\n<rule level='1'>"
        "<regex>\\x</regex></rule>"),
      0, "local_rules.xml:1: level=\"x\"" },
    { "everything is told: next", TST,
      GROUP("<rule id='100001' level='x'><match>a</match></rule>\n<rule level='1'>"
        "<regex>\\x</regex></rule>"),
      1, "local_rules.xml:2: <rule> needs an id" },
    { "everything is told: last", TST,
      GROUP("<rule id='100001' level='x'><match>a</match></rule>\n<rule id='4' level='1'>"
        "<regex>\\x</regex></rule>"),
      1, "local_rules.xml:2: <regex>" },
    { "a parent that comes later, so no rule is its own ancestor", TST,
      GROUP("<rule id='100001' level='1'><if_sid>100002</if_sid></rule>\n"
            "<rule id='100002' level='1'><if_sid>100001</if_sid></rule>"), 0,
      "local_rules.xml:1: rule 100001: <if_sid> 100002: no such rule was loaded before" },
    { "its own parent", TST, GROUP("<rule id='100001' level='1'><if_sid>100001</if_sid></rule>"), 0,
      "no such rule was loaded before" },
    { "the same id twice", TST, GROUP(RULE_A "\n" RULE_A), 0,
      "local_rules.xml:2: rule 100001 is already defined at" },
    { "overwrite of nothing", TST,
      GROUP("<rule id='100001' level='1' overwrite='yes'><match>a</match></rule>"), 0,
      "no such rule was loaded before" },
    { "frequency without a history", TST,
      GROUP("<rule id='100001' level='1' frequency='4'><match>a</match></rule>"), 0,
      "need an if_matched_*" },
    { "decoded_as of nobody", TST,
      GROUP("<rule id='100001' level='1'><decoded_as>nobody</decoded_as></rule>"), 0,
      "no such decoder: nobody" },
    { "an unknown attribute", TST,
      GROUP("<rule id='100001' level='1'><match negate='yes'>a</match></rule>"), 0,
      "<match> has no attribute negate" },
    { "a rule without elements", TST, GROUP("<rule id='100001' level='1'></rule>"), 0,
      "rule 100001 has no elements" },
    { "broken XML", TST, ROOT "\n<group name='g,'>\n<rule id='5'", 0, "local_rules.xml:3:" },
    { "an unknown variable", TST,
      ROOT "<var name='A'>abc</var><group name='g,'>\n<rule id='5' level='1'><match>$BBB</match>"
      "</rule></group>", 0, "local_rules.xml:2:" },
    { "a decoder that nothing can choose", "\n<decoder name='x'><type>ids</type>"
      "</decoder>", ROOT, 0,
      "decoder.xml:2: decoder x has neither parent" },
    { "a regex without order", "<decoder name='x'><prematch>x</prematch><regex>(x)</regex>"
      "</decoder>",
      ROOT, 0, "regex and order go together" },
    { "no such parent", "<decoder name='x'><parent>y</parent></decoder>", ROOT, 0,
      "no decoder without a parent is called y" },
    { "grandchildren", TST1 "<decoder name='x'><parent>tst1</parent></decoder>", ROOT, 0,
      "no decoder without a parent is called tst1" },
    { "offset of a decoder without parent",
      "<decoder name='x'><prematch offset='after_parent'>x</prematch></decoder>", ROOT, 0,
      "this offset needs a parent" },
    { "an element that no decoder has", "<decoder name='x'>\n<prematches>x</prematches></decoder>",
      ROOT, 0, "decoder.xml:2: decoder x: no such element: <prematches>" },
};

static void errors_name_file_and_line(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ROWS(errors); i++) {
        assert_int_equal(load(f, errors[i].decoders, errors[i].rules), ERR_SYNTAX);
        const char *got = report_line(f->report, errors[i].line);
        if (got == NULL || strstr(got, errors[i].want) == NULL)
            fail_msg("%s: got \"%s\", want \"%s\"", errors[i].story, got == NULL ? "" : got,
                     errors[i].want);
    }
}

/* V8, told: OSSEC's overwrite keeps some of what ours replaces. */
static void overwrite_warns_where_ossec_differs(void **state)
{
    static const struct { const char *story, *old, *new; size_t warnings; } rows[] = {
        { "nothing of the kind", "<match>a</match>", "<match>b</match>", 0 },
        { "the same once more", "<pcre2>a</pcre2><field name='f'>x</field>",
          "<pcre2>a</pcre2><field name='f'>x</field>", 0 },
        { "a pcre2 more", "<match>a</match>", "<pcre2>a</pcre2>", 1 },
        { "a pcre2 less", "<user_pcre2>a</user_pcre2>", "<user>a</user>", 1 },
        { "another field", "<field name='f'>x</field>", "<field name='g'>x</field>", 1 },
        { "another list", "<list field='user'>rules/users</list>",
          "<list field='srcip'>rules/users</list>", 1 },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[1024];
        int n = snprintf(text, sizeof text, GROUP("<rule id='100001' level='3'>%s</rule>"
                         "<rule id='100001' level='7' overwrite='yes'>%s</rule>"), rows[i].old,
                         rows[i].new);
        assert_true(n > 0 && (size_t)n < sizeof text);
        assert_int_equal(load(f, TST, text), ERR_OK);
        if (report_warnings(f->report) != rows[i].warnings)
            fail_msg("%s: %s", rows[i].story, report_line(f->report, 0));
    }
}

/* V8 as OSSEC has it: what it forgets to copy. */
static void overwrite_can_forget_as_ossec_does(void **state)
{
    static const struct { const char *story, *old, *new, *want; } rows[] = {
        { "a new pcre2 is forgotten", "<decoded_as>tst</decoded_as>",
          "<decoded_as>tst</decoded_as><pcre2>nomatchatall</pcre2>", "1 .100001" },
        { "an old one stays", "<pcre2>nomatchatall</pcre2>", "<match>bob</match>", "" },
        { "... and is not asked where the plain one is", "<pcre2>nomatchatall</pcre2>",
          "<regex>^bob</regex>", "1 .100001" },
        { "a plain one goes", "<regex>^eve</regex>", "<match>bob</match>", "1 .100001" },
        { "a list stays", "<list field='user'>rules/users</list>",
          "<list field='srcport'>rules/users</list>", "1 .100001" },
        { "a field stays", "<field name='f'>x</field>", "<match>bob</match>", "" },
    };
    struct fixture *f = *state;
    struct decisions *list = calloc(1, sizeof *list);

    fixture_write(f, "ossec.conf", SLICE(
        "<ossec_config><global><ossec_overwrite>yes</ossec_overwrite></global><rules>"
        "<decoder>decoder.xml</decoder><include>local_rules.xml</include>"
        "<list>rules/users</list></rules></ossec_config>"));
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct work *w = NULL;
        struct decoded d;
        char text[1024], got[256];
        int n = snprintf(text, sizeof text, GROUP("<rule id='100001' level='3'>%s</rule>"
                         "<rule id='100001' level='7' overwrite='yes'>%s</rule>"), rows[i].old,
                         rows[i].new);
        assert_true(n > 0 && (size_t)n < sizeof text);
        if (load(f, TST1, text) != ERR_OK)
            fail_msg("%s: %s", rows[i].story, report_line(f->report, 0));
        assert_int_equal(report_warnings(f->report), 0);
        assert_int_equal(ruleset_rule(f->rs, 100001)->level, 7);
        assert_int_equal(work_new(&w, f->rs), ERR_OK);
        decode(f, w, BOB, &d);
        ruleset_walk(f->rs, w, &d, list);
        say(got, sizeof got, list);
        work_free(w);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].story, got, rows[i].want);
    }
    fixture_write(f, "ossec.conf", SLICE(
        "<ossec_config><rules><decoder>decoder.xml</decoder><include>local_rules.xml</include>"
        "<list>rules/users</list></rules></ossec_config>"));
    free(list);
}

/* V7: a rule below two parents feeds a group's list twice. */
static void marks_who_keeps_history(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(load(f, TST1, ROOT "<group name='p,'>"
        "<rule id='100001' level='1'><decoded_as>tst</decoded_as></rule>"
        "<rule id='100002' level='1'><match>bob</match></rule></group><group name='g1,'>"
        "<rule id='100003' level='3'><if_sid>100001,100002</if_sid></rule>"
        "<rule id='100004' level='10' frequency='4'><if_matched_group>g1</if_matched_group>"
        "<if_sid>100001</if_sid></rule>"
        "<rule id='100005' level='10'><if_matched_sid>100003</if_matched_sid><same_id /></rule>"
        "<rule id='100006' level='1'><match>later</match></rule></group>"), ERR_OK);
    assert_int_equal(ruleset_group_lists(f->rs), 1);
    assert_int_equal(ruleset_rule(f->rs, 100003)->n_group_lists, 2);
    assert_int_equal(ruleset_rule(f->rs, 100003)->group_lists[0],
                     ruleset_rule(f->rs, 100004)->group_list);
    assert_true(ruleset_rule(f->rs, 100003)->keeps_sid_list);
    assert_int_equal(ruleset_rule(f->rs, 100001)->n_group_lists, 0);
    assert_int_equal(ruleset_rule(f->rs, 100006)->n_group_lists, 0);
    assert_int_equal(ruleset_rule(f->rs, 100005)->context, SAME_ID);
    assert_null(ruleset_rule(f->rs, 4711));
}

static void options_and_levels_decide_log_and_mail(void **state)
{
    static const struct { uint32_t sid; bool log, mail; } rows[] = {
        { 100001, true, false }, { 100002, true, true }, { 100003, false, true },
        { 100004, true, true },  { 100005, false, false },
    };
    struct fixture *f = *state;

    assert_int_equal(load(f, TST, GROUP(
        "<rule id='100001' level='6'><match>a</match></rule>"
        "<rule id='100002' level='7'><match>a</match></rule>"
        "<rule id='100003' level='7'><match>a</match><options>no_log</options></rule>"
        "<rule id='100004' level='1'><match>a</match><options>alert_by_email</options></rule>"
        "<rule id='100005' level='0'><match>a</match></rule>")), ERR_OK);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct rule *r = ruleset_rule(f->rs, rows[i].sid);
        assert_int_equal(r->log, rows[i].log);
        assert_int_equal(r->mail, rows[i].mail);
    }
}

static void revision_follows_the_bytes(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(load(f, TST, GROUP(RULE_A)), ERR_OK);
    uint64_t first = ruleset_revision(f->rs);
    assert_int_equal(load(f, TST, GROUP(RULE_A) "\n"), ERR_OK);
    assert_int_not_equal(ruleset_revision(f->rs), first);
    assert_int_equal(load(f, TST, GROUP(RULE_A)), ERR_OK);
    assert_int_equal(ruleset_revision(f->rs), first);
}

/* 10,000 rules in a row or side by side; a chain that is too deep is refused, not recursed into. */
static void large_rulesets(void **state)
{
    struct fixture *f = *state;
    char *text = NULL;
    size_t n = 0;

    for (unsigned chain = 0; chain < 2; chain++) {
        FILE *out = open_memstream(&text, &n);
        fputs(ROOT "<group name='g,'>", out);
        for (unsigned i = 0; i < 10000; i++)
            fprintf(out, "<rule id='%u' level='1'><if_sid>%u</if_sid><match>w%u</match></rule>\n",
                    1000 + i, chain && i > 0 ? 999 + i : 1, i);
        fputs("</group>", out);
        assert_int_equal(fclose(out), 0);
        assert_int_equal(fixture_load(f, SLICE(TST), (struct slice){ text, n }, SLICE("")),
                         chain ? ERR_SYNTAX : ERR_OK);
        if (!chain)
            assert_int_equal(ruleset_rules(f->rs), 10002);
        free(text);
    }
}

/* Joined texts have an end too. */
static void long_patterns(void **state)
{
    static const struct { size_t n; enum err want; } rows[] = {
        { 1000, ERR_OK },
        { PATTERN_TEXT_MAX / 2 + 1, ERR_SYNTAX },
        { PATTERN_TEXT_MAX, ERR_SYNTAX },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        char *text = NULL, *word = malloc(rows[i].n + 1);
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);

        memset(word, 'a', rows[i].n);
        word[rows[i].n] = '\0';
        fprintf(out, ROOT "<group name='g,'><rule id='100' level='1'>\n<pcre2>%s</pcre2>\n"
                "<pcre2>%s</pcre2></rule></group>", word, word);
        assert_int_equal(fclose(out), 0);
        assert_int_equal(load(f, TST, text), rows[i].want);
        if (rows[i].want != ERR_OK)
            assert_non_null(strstr(report_line(f->report, 0), "local_rules.xml:"));
        free(word);
        free(text);
    }
}

/* Two rules at every level, each below both of the level above: 2^30 ways down, none of which
 * decides.  The walk gives up in bounded time. */
static void a_walk_has_an_end(void **state)
{
    struct fixture *f = *state;
    struct decisions *list = calloc(1, sizeof *list);
    struct work *w = NULL;
    struct decoded d;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    fputs(GROUP("<rule id='100000' level='1' noalert='1'><match>b</match></rule>"
                "<rule id='100001' level='1' noalert='1'><match>b</match></rule>"), out);
    fputs("<group name='g,'>", out);
    for (unsigned i = 100002; i < 100062; i++)
        fprintf(out, "<rule id='%u' level='1' noalert='1'><if_sid>%u,%u</if_sid></rule>", i,
                (i & ~1u) - 2, (i & ~1u) - 1);
    fputs("</group>", out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(load(f, TST, text), ERR_OK);
    assert_int_equal(work_new(&w, f->rs), ERR_OK);
    decode(f, w, BOB, &d);
    ruleset_walk(f->rs, w, &d, list);
    assert_true(list->overflow);
    assert_int_equal(list->n, 0);
    work_free(w);
    free(list);
    free(text);
}

static void watch(void *arg, enum walk_step step, const struct rule *rule)
{
    static const char marks[] = {
        [WALK_TRYING] = '?', [WALK_MATCHED] = '*', [WALK_CHILDREN] = '>',
    };
    FILE *out = arg;
    fprintf(out, "%c%u ", marks[step], rule->sid);
}

static void a_watcher_sees_each_step(void **state)
{
    struct fixture *f = *state;
    struct decisions *list = calloc(1, sizeof *list);
    struct work *w = NULL;
    struct decoded d;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    assert_int_equal(load(f, TST1, GROUP(RULE_A "<rule id='100002' level='5'><match>zzz</match>"
      "</rule>")),
                     ERR_OK);
    assert_int_equal(work_new(&w, f->rs), ERR_OK);
    work_watch(w, watch, out);
    decode(f, w, BOB, &d);
    ruleset_walk(f->rs, w, &d, list);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "?1 *1 >1 ?100002 ?100001 *100001 ");
    assert_true(ruleset_matters(f->rs, list));
    work_free(w);
    free(text);
    free(list);
}

static int set_up(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    if (f == NULL || setenv("TZ", "UTC", 1) != 0)
        return 1;
    tzset();
    fixture_begin(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture_end(*state);
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_as_ossec),
        cmocka_unit_test(decodes_as_ossec),
        cmocka_unit_test(children_name_their_parent),
        cmocka_unit_test(errors_name_file_and_line),
        cmocka_unit_test(overwrite_warns_where_ossec_differs),
        cmocka_unit_test(overwrite_can_forget_as_ossec_does),
        cmocka_unit_test(marks_who_keeps_history),
        cmocka_unit_test(options_and_levels_decide_log_and_mail),
        cmocka_unit_test(revision_follows_the_bytes),
        cmocka_unit_test(large_rulesets),
        cmocka_unit_test(long_patterns),
        cmocka_unit_test(a_walk_has_an_end),
        cmocka_unit_test(a_watcher_sees_each_step),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
