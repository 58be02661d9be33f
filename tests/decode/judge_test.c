#include "tests/test.h"

#include "common/wire/mp.h"
#include "decode/judge.h"
#include "tests/common/rules_fixture.h"

static const struct slice decoders = SLICE_INIT(
    "<decoder name=\"app\"><program_name>^app</program_name></decoder>\n"
    "<decoder name=\"app-from\"><parent>app</parent><regex>from (\\S+)</regex><order>srcip</order></decoder>\n"
    "<decoder name=\"other\"><program_name>^other</program_name></decoder>\n");
static const struct slice rules = SLICE_INIT(
    "<group name=\"app,\">\n"
    "<rule id=\"1\" level=\"0\" noalert=\"1\"><category>syslog</category><description>r</description></rule>\n"
    "<rule id=\"100\" level=\"0\"><decoded_as>app</decoded_as><description>all</description></rule>\n"
    "<rule id=\"101\" level=\"5\"><if_sid>100</if_sid><match>bad</match><description>b</description></rule>\n"
    "<rule id=\"102\" level=\"10\" frequency=\"2\" timeframe=\"60\"><if_matched_sid>101</if_matched_sid>\n"
    "<same_source_ip /><description>many</description></rule>\n"
    "<rule id=\"103\" level=\"0\"><decoded_as>other</decoded_as><description>o</description></rule>\n"
    "</group>\n");

struct bench { struct fixture f; struct judge *judge, *all; msgpack_sbuffer body, out; uint64_t count; };

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    fixture_begin(&b->f);
    if (fixture_load(&b->f, decoders, rules, SLICE("")) != ERR_OK) {
        report_print(b->f.report, stderr);
        return -1;
    }
    msgpack_sbuffer_init(&b->body);
    msgpack_sbuffer_init(&b->out);
    *state = b;
    return judge_new(&b->judge, b->f.rs, false, MATCHER_MATCH_LIMIT) == ERR_OK
        && judge_new(&b->all, b->f.rs, true, MATCHER_MATCH_LIMIT) == ERR_OK
         ? 0 : -1;
}

static int tear_down(void **state)
{
    struct bench *b = *state;

    judge_free(b->judge);
    judge_free(b->all);
    msgpack_sbuffer_destroy(&b->body);
    msgpack_sbuffer_destroy(&b->out);
    fixture_end(&b->f);
    free(b);
    return 0;
}

static void add(struct bench *b, struct slice location, struct slice log)
{
    const struct raw r = { .kind = RAW_LOG, .location = location, .time = 5, .log = log };

    assert_int_equal(record_pack(&raw_schema, &r, &b->body), ERR_OK);
    b->count++;
}

static struct lease lease_of(const struct bench *b, uint64_t agent)
{
    return (struct lease){
        .ingest = 7, .offset = 3, .floor = 2, .received = 1700000000000000, .agent = agent,
        .agent_name = SLICE("web"), .agent_addr = SLICE("192.0.2.1"), .stream = 9, .first = 100,
        .count = b->count, .body = { b->body.data, b->body.size },
    };
}

static struct range judged(struct bench *b, struct judge *j, const struct lease *l)
{
    struct range r;

    msgpack_sbuffer_clear(&b->out);
    assert_int_equal(judge_lease(j, l, &b->out), ERR_OK);
    assert_int_equal(record_unpack(&range_schema, &r, (struct slice){ b->out.data, b->out.size }), ERR_OK);
    assert_int_equal(r.ingest, l->ingest);
    assert_int_equal(r.offset, l->offset);
    assert_int_equal(r.floor, l->floor);
    assert_int_equal(r.count, l->count);
    return r;
}

static bool next_event(struct range *r, struct decoded *d, struct slice *decisions)
{
    struct event e;

    if (r->body.n == 0)
        return false;
    assert_int_equal(record_next(&event_schema, &e, &r->body), ERR_OK);
    assert_int_equal(decoded_unpack(d, r, &e, decisions), ERR_OK);
    return true;
}

static void what_matters_goes_on_with_its_decisions(void **state)
{
    struct bench *b = *state;
    struct decoded d;
    struct slice decisions;

    add(b, SLICE("/var/log/a"), SLICE("Nov 23 10:00:00 h app[1]: good from 203.0.113.1"));
    add(b, SLICE("/var/log/a"), SLICE("Nov 23 10:00:00 h app[1]: bad from 203.0.113.1"));
    add(b, SLICE("/var/log/a"), SLICE("Nov 23 10:00:00 h other: bad from 203.0.113.1"));
    const struct lease l = lease_of(b, 4);
    struct range r = judged(b, b->judge, &l);

    assert_true(next_event(&r, &d, &decisions));
    assert_int_equal(d.seq, 101);                       /* its own place, though the first is left out */
    assert_true(slice_eq(d.location, SLICE("(web) 192.0.2.1->/var/log/a")));
    assert_true(slice_eq(d.hostname, d.location));
    assert_true(slice_eq(d.program_name, SLICE("app")));
    assert_true(slice_eq(d.field[FIELD_SRCIP], SLICE("203.0.113.1")));
    const uint64_t want[] = { 1 << 16, 100 << 16 | 1 << 8, 101 << 16 | 2 << 8, 102 << 16 | 3 << 8 };
    uint64_t n, node;
    assert_true(mp_array(&decisions, &n));
    assert_int_equal(n, ROWS(want));
    for (size_t i = 0; i < n; i++) {
        assert_true(mp_uint(&decisions, &node));
        assert_int_equal(node, want[i]);
    }
    assert_false(next_event(&r, &d, &decisions));
    assert_int_equal(judge_counts(b->judge).events, 3);
    assert_int_equal(judge_counts(b->judge).passed, 1);
}

static void archives_and_logtest_get_everything(void **state)
{
    struct bench *b = *state;
    struct decoded d;
    struct slice decisions;
    uint64_t n = 0;

    add(b, SLICE("a"), SLICE("Nov 23 10:00:00 h app[1]: good"));
    add(b, SLICE("a"), SLICE("nothing that anybody knows"));
    add(b, SLICE("a"), SLICE(""));
    const struct lease l = lease_of(b, 0);
    struct range r = judged(b, b->all, &l);
    while (next_event(&r, &d, &decisions)) {
        assert_int_equal(d.seq, 100 + n++);
        assert_true(slice_eq(d.location, SLICE("a")));  /* the manager's own: no agent in front */
    }
    assert_int_equal(n, 3);
}

/* The same bytes give the same range, whatever was judged before. */
static void judging_is_a_function_of_the_bytes(void **state)
{
    struct bench *b = *state;
    msgpack_sbuffer first;

    add(b, SLICE("a"), SLICE("Nov 23 10:00:00 h app[1]: bad from 203.0.113.9"));
    const struct lease l = lease_of(b, 4);
    (void)judged(b, b->judge, &l);
    first = b->out;
    msgpack_sbuffer_init(&b->out);
    add(b, SLICE("b"), SLICE("Nov 23 10:00:00 h app[1]: bad from 203.0.113.10"));
    const struct lease two = lease_of(b, 4);
    (void)judged(b, b->judge, &two);
    const struct lease again = { .ingest = 7, .offset = 3, .floor = 2, .received = l.received,
        .agent = 4, .agent_name = l.agent_name, .agent_addr = l.agent_addr, .stream = 9, .first = 100,
        .count = 1, .body = { b->body.data, l.body.n } };
    (void)judged(b, b->judge, &again);
    assert_int_equal(b->out.size, first.size);
    assert_memory_equal(b->out.data, first.data, first.size);
    msgpack_sbuffer_destroy(&first);
}

static void a_broken_body_ends_its_batch_and_nothing_else(void **state)
{
    struct bench *b = *state;
    struct decoded d;
    struct slice decisions;

    add(b, SLICE("a"), SLICE("Nov 23 10:00:00 h app[1]: bad from 203.0.113.1"));
    msgpack_sbuffer_write(&b->body, "\xdd\xff\xff\xff\xff", 5);
    b->count = 2;
    const struct lease l = lease_of(b, 4);
    struct range r = judged(b, b->judge, &l);
    assert_true(next_event(&r, &d, &decisions));
    assert_false(next_event(&r, &d, &decisions));
    assert_int_equal(judge_counts(b->judge).refused, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_matters_goes_on_with_its_decisions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(archives_and_logtest_get_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(judging_is_a_function_of_the_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_broken_body_ends_its_batch_and_nothing_else, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
