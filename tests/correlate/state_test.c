/* A state that is closed and opened between any two events makes the alerts of one that is not. */
#include "tests/test.h"

#include <unistd.h>

#include "tests/common/rules_fixture.h"
#include "tests/correlate/scene.h"
#include "correlate/intake.h"
#include "correlate/state.h"

#define MAP_BYTES ((uint64_t)64 << 20)
#define EVENTS 60

static const struct slice decoders = SLICE_INIT(
    "<decoder name='dummy'><prematch>^zzzzzzzz</prematch></decoder>"
    "<decoder name='tst'><program_name>^tst</program_name></decoder>"
    "<decoder name='tst1'><parent>tst</parent><regex>^(\\w+) from (\\S+)</regex>"
    "<order>user,srcip</order><fts>name,user</fts></decoder>");

static const struct slice rules = SLICE_INIT(
    "<group name='syslog,'><rule id='1' level='0' noalert='1'><category>syslog</category>"
    "<description>root</description></rule></group><group name='g1,'>"
    "<rule id='1000' level='3'><decoded_as>tst</decoded_as><description>A</description></rule>"
    "<rule id='1001' level='10' frequency='2' timeframe='60' ignore='3'>"
    "<if_matched_sid>1000</if_matched_sid><same_source_ip /><description>B</description></rule>"
    "<rule id='1002' level='11' frequency='1' timeframe='60'>"
    "<if_matched_group>g1</if_matched_group><same_user /><match>eve</match>"
    "<description>C</description></rule>"
    "<rule id='1003' level='5'><if_sid>1000</if_sid><if_fts /><description>D</description></rule>"
    "<rule id='1004' level='6'><if_sid>1000</if_sid><match>output</match><check_diff />"
    "<description>E</description></rule>"
    "<rule id='1005' level='6'><if_sid>1000</if_sid><match>mallory</match>"
    "<ignore>user</ignore><check_if_ignored>user</check_if_ignored>"
    "<description>F</description></rule></group>");

static const char *const lines[] = {
    "Dec 10 07:07:38 host tst[1]: bob from 192.0.2.1", "Dec 10 07:07:38 host tst[1]: eve from 192.0.2.1",
    "Dec 10 07:07:38 host tst[1]: bob from 192.0.2.2", "Dec 10 07:07:38 host tst[1]: output one",
    "Dec 10 07:07:38 host tst[1]: mallory from 192.0.2.9", "Dec 10 07:07:38 host tst[1]: output two",
    "Dec 10 07:07:38 host tst[1]: carol from 192.0.2.2",
};

struct world {
    struct fixture f;
    struct scene s;
    struct state *state;
    struct intake intake;
    char dir[64];
};

static const struct history_options options = { 16, 8, false };

static void open_world(struct world *w)
{
    assert_int_equal(state_open(&w->state, w->dir, MAP_BYTES, false, w->f.rs, &options), ERR_OK);
}

static void begin(struct world *w)
{
    *w = (struct world){ 0 };
    fixture_begin(&w->f);
    assert_int_equal(fixture_load(&w->f, decoders, rules, SLICE("")), ERR_OK);
    scene_begin(&w->s, w->f.rs, false);
    fixture_path(&w->f, "state", w->dir, sizeof w->dir);
    w->intake = (struct intake){ .rs = w->f.rs, .arbiter = w->s.arbiter };
    msgpack_sbuffer_init(&w->intake.record);
    open_world(w);
}

static void end(struct world *w)
{
    static const char *const files[] = { "state/data.mdb", "state/lock.mdb", "state" };

    state_free(w->state);
    msgpack_sbuffer_destroy(&w->intake.record);
    scene_end(&w->s);
    for (size_t i = 0; i < ROWS(files); i++) {
        char path[64];
        fixture_path(&w->f, files[i], path, sizeof path);
        (void)remove(path);
    }
    fixture_end(&w->f);
}

static void take(struct world *w, uint64_t n)
{
    msgpack_sbuffer body;
    struct slice list = scene_decode(&w->s, lines[n * n % ROWS(lines)], 1000 + n / 2, n);

    msgpack_sbuffer_init(&body);
    assert_int_equal(decoded_pack(&w->s.d, 0, list, &w->intake.record, &body), ERR_OK);
    const struct range r = { .ingest = 5, .offset = n, .floor = 1, .received = w->s.d.received,
                             .agent = 1, .stream = 2, .first = n, .count = 1,
                             .revision = ruleset_revision(w->f.rs),
                             .body = { body.data, body.size } };
    assert_int_equal(intake_range(&w->intake, state_memory(w->state), state_outbox(w->state), &r),
                     ERR_OK);
    assert_int_equal(state_advance(w->state, 5, n + 1), ERR_OK);
    msgpack_sbuffer_destroy(&body);
}

static void fetch(struct world *w, struct alerts *a, msgpack_sbuffer *body)
{
    msgpack_sbuffer_clear(body);
    assert_int_equal(outbox_fetch(state_outbox(w->state), 0, 1 << 20, a, body), ERR_OK);
}

static void a_restart_between_any_two_events_changes_nothing(void **state)
{
    msgpack_sbuffer want, got;
    struct alerts a, b;
    struct world w;

    (void)state;
    msgpack_sbuffer_init(&want);
    msgpack_sbuffer_init(&got);
    begin(&w);
    for (uint64_t n = 1; n <= EVENTS; n++)
        take(&w, n);
    assert_int_equal(state_commit(w.state, 0), ERR_OK);
    fetch(&w, &a, &want);
    end(&w);
    assert_true(a.count > 30);

    for (unsigned every = 1; every <= 3; every++) {
        begin(&w);
        for (uint64_t n = 1; n <= EVENTS; n++) {
            assert_true(state_next(w.state, 5) == (n == 1 ? 0 : n));
            take(&w, n);
            if (n % every != 0)
                continue;
            assert_int_equal(state_commit(w.state, 0), ERR_OK);
            state_free(w.state);
            open_world(&w);
        }
        assert_int_equal(state_commit(w.state, 0), ERR_OK);
        fetch(&w, &b, &got);
        if (b.count != a.count || got.size != want.size || memcmp(got.data, want.data, want.size))
            fail_msg("restarts each %u events: %llu alerts, want %llu", every,
                     (unsigned long long)b.count, (unsigned long long)a.count);
        end(&w);
    }
    msgpack_sbuffer_destroy(&want);
    msgpack_sbuffer_destroy(&got);
}

static void what_was_not_committed_comes_again_alike(void **state)
{
    msgpack_sbuffer want, got;
    struct alerts a, b;
    struct world w;

    (void)state;
    msgpack_sbuffer_init(&want);
    msgpack_sbuffer_init(&got);
    begin(&w);
    for (uint64_t n = 1; n <= EVENTS; n++)
        take(&w, n);
    assert_int_equal(state_commit(w.state, 0), ERR_OK);
    fetch(&w, &a, &want);
    end(&w);

    begin(&w);
    for (uint64_t n = 1; n <= EVENTS; n += 3) {
        for (uint64_t k = n; k < n + 3; k++)
            take(&w, k);
        assert_int_equal(state_rollback(w.state), ERR_OK);
        for (uint64_t k = n; k < n + 3; k++)
            take(&w, k);
        assert_int_equal(state_commit(w.state, 0), ERR_OK);
    }
    fetch(&w, &b, &got);
    end(&w);
    assert_true(a.count == b.count && got.size == want.size);
    assert_memory_equal(got.data, want.data, want.size);
    msgpack_sbuffer_destroy(&want);
    msgpack_sbuffer_destroy(&got);
}

static void an_outbox_gives_what_was_asked_and_forgets_what_is_had(void **state)
{
    msgpack_sbuffer body;
    struct alerts a;
    struct world w;

    (void)state;
    msgpack_sbuffer_init(&body);
    begin(&w);
    uint64_t epoch = outbox_counts(state_outbox(w.state)).epoch;
    for (uint64_t n = 1; n <= EVENTS; n++) {
        take(&w, n);
        if (n % 7 == 0)
            assert_int_equal(state_commit(w.state, 0), ERR_OK);
    }
    assert_int_equal(state_commit(w.state, 0), ERR_OK);
    uint64_t next = outbox_counts(state_outbox(w.state)).next, at = 1;
    while (at < next) {                 /* one at a time, from the middle of values too */
        msgpack_sbuffer_clear(&body);
        assert_int_equal(outbox_fetch(state_outbox(w.state), at, 1, &a, &body), ERR_OK);
        assert_true(a.first == at && a.count == 1 && a.epoch == epoch);
        at += a.count;
    }
    assert_int_equal(outbox_fetch(state_outbox(w.state), at, 1000, &a, &body), ERR_OK);
    assert_true(a.count == 0);
    assert_int_equal(state_commit(w.state, 20), ERR_OK);
    struct outbox_counts n = outbox_counts(state_outbox(w.state));
    assert_true(n.first > 1 && n.first <= 20 && n.next == next);
    assert_int_equal(state_commit(w.state, next), ERR_OK);
    state_free(w.state);
    open_world(&w);
    n = outbox_counts(state_outbox(w.state));
    assert_true(n.first == next && n.next == next && n.bytes == 0 && n.epoch == epoch);
    msgpack_sbuffer_destroy(&body);
    end(&w);
}

static void a_full_store_keeps_what_was_committed(void **state)
{
    enum { SMALL = 1 << 20 };
    struct world w;
    uint64_t committed = 0;
    enum err e = ERR_OK;

    (void)state;
    begin(&w);
    state_free(w.state);
    assert_int_equal(state_open(&w.state, w.dir, SMALL, false, w.f.rs, &options), ERR_OK);
    for (uint64_t n = 1; n <= 20000 && e == ERR_OK; n++) {
        take(&w, n);
        if (n % 20 != 0)
            continue;
        e = state_commit(w.state, 0);
        committed = e == ERR_OK ? n : committed;
    }
    assert_int_equal(e, ERR_FULL);
    assert_true(committed > 0 && state_next(w.state, 5) == committed + 1);
    assert_int_equal(state_commit(w.state, outbox_counts(state_outbox(w.state)).next), ERR_OK);
    for (uint64_t n = committed + 1; n <= committed + 20; n++)  /* alertd made room: on it goes */
        take(&w, n);
    assert_int_equal(state_commit(w.state, 0), ERR_OK);
    assert_true(state_next(w.state, 5) == committed + 21);
    end(&w);
}

/* Any byte of a batch may be anything: the rest is judged and nothing ends. */
static void a_hostile_batch_ends_nothing(void **state)
{
    msgpack_sbuffer body;
    struct world w;

    (void)state;
    begin(&w);
    msgpack_sbuffer_init(&body);
    for (uint64_t n = 0; n < 3; n++) {
        struct slice list = scene_decode(&w.s, lines[n], 1000, n);
        assert_int_equal(decoded_pack(&w.s.d, n, list, &w.intake.record, &body), ERR_OK);
    }
    struct range r = { .ingest = 5, .received = 1000000000, .count = 3,
                       .revision = ruleset_revision(w.f.rs), .body = { body.data, body.size } };
    for (size_t at = 0; at < body.size; at++)
        for (unsigned with = 1; with < 256; with *= 2) {
            body.data[at] ^= (char)with;
            r.body.n = with == 1 ? at : body.size;
            assert_int_equal(intake_range(&w.intake, state_memory(w.state), state_outbox(w.state),
                                          &r), ERR_OK);
            body.data[at] ^= (char)with;
        }
    assert_true(w.intake.counts.refused > body.size);
    assert_int_equal(state_commit(w.state, 0), ERR_OK);
    msgpack_sbuffer_destroy(&body);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_between_any_two_events_changes_nothing),
        cmocka_unit_test(what_was_not_committed_comes_again_alike),
        cmocka_unit_test(an_outbox_gives_what_was_asked_and_forgets_what_is_had),
        cmocka_unit_test(a_full_store_keeps_what_was_committed),
        cmocka_unit_test(a_hostile_batch_ends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
