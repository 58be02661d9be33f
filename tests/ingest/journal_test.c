#include "tests/test.h"

#include "ingest/gather.h"
#include "ingest/journal.h"
#include "schemas/messages.h"
#include "tests/ingest/scratch.h"

static const struct journal_limits roomy = {
    .bytes = (uint64_t)16 << 20, .recent_bytes = (uint64_t)1 << 20, .durable = false,
};

static struct journal *open_at(const struct scratch *s, const struct journal_limits *limits)
{
    struct journal *j = NULL;
    char *dir = paths_join(s->at, "j");

    assert_non_null(dir);
    assert_int_equal(journal_open(&j, dir, limits), ERR_OK);
    free(dir);
    return j;
}

static struct batch batch_of(uint64_t agent, uint64_t stream, uint64_t first, uint64_t count,
                             struct slice body)
{
    return (struct batch){ .agent = agent, .agent_name = SLICE("web"), .agent_addr = SLICE("any"),
                           .stream = stream, .first = first, .count = count, .received_us = 77,
                           .body = body };
}

static void append(struct journal *j, uint64_t agent, uint64_t first, uint64_t count)
{
    struct batch b = batch_of(agent, 5, first, count, SLICE("body"));

    assert_int_equal(journal_append(j, &b), ERR_OK);
}

static uint64_t upto(struct journal *j, uint64_t agent, uint64_t stream)
{
    uint64_t n = 99;

    assert_int_equal(journal_upto(j, agent, stream, &n), ERR_OK);
    return n;
}

static void assert_batch(struct journal *j, uint64_t offset, uint64_t agent, uint64_t first)
{
    struct slice packed;
    struct lease l;

    assert_int_equal(journal_read(j, offset, &packed), ERR_OK);
    assert_int_equal(record_unpack(&lease_schema, &l, packed), ERR_OK);
    assert_int_equal(l.ingest, journal_id(j));
    assert_int_equal(l.offset, offset);
    assert_int_equal(l.agent, agent);
    assert_int_equal(l.first, first);
    assert_int_equal(l.received, 77);
    assert_true(slice_eq(l.body, SLICE("body")));
}

static void what_is_committed_is_there_after_a_restart(void **state)
{
    (void)state;
    struct scratch s = scratch_new();
    struct journal *j = open_at(&s, &roomy);
    uint64_t id = journal_id(j);

    assert_int_not_equal(id, 0);
    append(j, 1, 1, 10);
    append(j, 2, 1, 3);
    assert_int_equal(journal_commit(j), ERR_OK);
    append(j, 1, 11, 10);               /* not committed: the process dies here */
    journal_free(j);

    j = open_at(&s, &roomy);
    assert_int_equal(journal_id(j), id);
    assert_int_equal(journal_floor(j), 1);
    assert_int_equal(journal_next(j), 3);
    assert_int_equal(upto(j, 1, 5), 10);
    assert_int_equal(upto(j, 2, 5), 3);
    assert_int_equal(upto(j, 2, 6), 0);
    assert_batch(j, 1, 1, 1);
    assert_batch(j, 2, 2, 1);
    journal_free(j);
    scratch_remove(s.at);
}

static void nothing_is_read_before_its_commit(void **state)
{
    (void)state;
    struct scratch s = scratch_new();
    struct journal *j = open_at(&s, &roomy);
    struct slice packed;

    append(j, 1, 1, 10);
    assert_int_equal(journal_pending(j), 1);
    assert_int_equal(journal_read(j, 1, &packed), ERR_ABSENT);
    assert_int_equal(upto(j, 1, 5), 10);
    assert_int_equal(journal_commit(j), ERR_OK);
    assert_int_equal(journal_pending(j), 0);
    assert_batch(j, 1, 1, 1);
    journal_handed(j, 1);
    assert_batch(j, 1, 1, 1);           /* now from the store */
    journal_free(j);
    scratch_remove(s.at);
}

static void offsets_go_on_when_all_was_trimmed(void **state)
{
    (void)state;
    struct scratch s = scratch_new();
    struct journal *j = open_at(&s, &roomy);
    struct slice packed;

    append(j, 1, 1, 10);
    append(j, 1, 11, 10);
    assert_int_equal(journal_commit(j), ERR_OK);
    assert_true(journal_bytes(j) > 0);
    journal_trim(j, 3);
    journal_trim_now(j);
    assert_int_equal(journal_commit(j), ERR_OK);
    assert_int_equal(journal_floor(j), 3);
    assert_int_equal(journal_bytes(j), 0);
    assert_int_equal(journal_read(j, 2, &packed), ERR_ABSENT);
    journal_free(j);

    j = open_at(&s, &roomy);
    assert_int_equal(journal_floor(j), 3);
    assert_int_equal(journal_next(j), 3);
    assert_int_equal(upto(j, 1, 5), 20);
    append(j, 1, 21, 1);
    assert_int_equal(journal_commit(j), ERR_OK);
    assert_batch(j, 3, 1, 21);
    journal_free(j);
    scratch_remove(s.at);
}

static void a_full_journal_takes_no_more_until_it_is_trimmed(void **state)
{
    (void)state;
    static const struct journal_limits small = { .bytes = 64 << 10, .recent_bytes = 4096 };
    struct scratch s = scratch_new();
    struct journal *j = open_at(&s, &small);
    struct batch b = batch_of(1, 5, 1, 1, SLICE("body"));
    uint64_t n = 0;

    while (journal_append(j, &b) == ERR_OK) {
        b.first++;
        assert_true(++n < 1000);
        assert_int_equal(journal_commit(j), ERR_OK);
    }
    assert_false(journal_has_room(j));
    assert_int_equal(journal_append(j, &b), ERR_FULL);
    assert_int_equal(journal_commit(j), ERR_OK);
    assert_int_equal(upto(j, 1, 5), n);
    journal_trim(j, journal_next(j));
    journal_trim_now(j);
    assert_int_equal(journal_commit(j), ERR_OK);
    assert_true(journal_is_roomy(j));
    assert_int_equal(journal_append(j, &b), ERR_OK);
    assert_int_equal(journal_commit(j), ERR_OK);
    assert_batch(j, n + 1, 1, n + 1);
    journal_free(j);
    scratch_remove(s.at);
}

/* The store itself is full before the limit is reached: as a full disk is. */
static void a_full_store_loses_only_what_was_not_committed(void **state)
{
    (void)state;
    static const struct journal_limits tight = { .bytes = (uint64_t)1 << 30, .map_bytes = 512 << 10 };
    static char body[20000];
    struct scratch s = scratch_new();
    struct journal *j = open_at(&s, &tight);
    struct batch b = batch_of(1, 5, 1, 1, (struct slice){ body, sizeof body });
    uint64_t n = 0;
    enum err e;

    do {
        e = journal_append(j, &b);
        enum err c = journal_commit(j);
        assert_int_equal(e == ERR_OK && c != ERR_OK ? ERR_FULL : e, c);
        if (c != ERR_OK)
            break;
        b.first++;
        assert_true(++n < 1000);
    } while (true);
    assert_int_equal(journal_next(j), n + 1);
    assert_int_equal(upto(j, 1, 5), n);
    assert_int_equal(journal_append(j, &b), ERR_FULL);
    journal_trim(j, n);
    assert_int_equal(journal_commit(j), ERR_FULL);      /* what was appended is lost, the trimming is done */
    assert_int_equal(journal_floor(j), n);
    assert_int_equal(journal_append(j, &b), ERR_OK);
    assert_int_equal(journal_commit(j), ERR_OK);
    assert_int_equal(upto(j, 1, 5), n + 1);
    journal_free(j);
    scratch_remove(s.at);
}

static void an_agent_is_remembered_by_its_last_streams(void **state)
{
    (void)state;
    struct scratch s = scratch_new();
    struct journal *j = open_at(&s, &roomy);

    for (uint64_t stream = 1; stream <= JOURNAL_STREAMS_MAX + 3; stream++) {
        struct batch b = batch_of(1, stream, 1, 7, SLICE("body"));
        assert_int_equal(journal_append(j, &b), ERR_OK);
    }
    append(j, 2, 1, 1);
    assert_int_equal(journal_commit(j), ERR_OK);
    for (uint64_t stream = 1; stream <= JOURNAL_STREAMS_MAX + 3; stream++)
        assert_int_equal(upto(j, 1, stream), stream <= 3 ? 0 : 7);
    assert_int_equal(upto(j, 2, 5), 1);
    journal_free(j);
    scratch_remove(s.at);
}

static void numbers_at_the_end_of_their_range_are_kept(void **state)
{
    (void)state;
    static const uint64_t edges[] = {
        (uint64_t)1 << 31, (uint64_t)1 << 32, (uint64_t)1 << 53, (uint64_t)1 << 63, UINT64_MAX - 10,
    };
    struct scratch s = scratch_new();
    struct journal *j = open_at(&s, &roomy);

    for (size_t i = 0; i < ROWS(edges); i++) {
        struct batch b = batch_of(1, i, edges[i] - 2, 10, SLICE("body"));
        assert_int_equal(journal_append(j, &b), ERR_OK);
        assert_int_equal(journal_commit(j), ERR_OK);
        assert_true(upto(j, 1, i) == edges[i] + 7);
    }
    journal_free(j);
    scratch_remove(s.at);
}

static void what_is_gathered_goes_in_once(void **state)
{
    (void)state;
    struct scratch s = scratch_new();
    struct journal *j = open_at(&s, &roomy);
    struct gather *g = NULL;
    const struct slice from = SLICE("192.0.2.1"), log = SLICE("hello"), name = SLICE("ingest");

    assert_int_equal(gather_new(&g), ERR_OK);
    for (int i = 0; i < BATCH_EVENTS + 2; i++)
        assert_int_equal(gather_add(g, RAW_SYSLOG, from, log, 1), ERR_OK);
    assert_int_equal(gather_append(g, j, name), ERR_OK);
    assert_int_equal(gather_add(g, RAW_SYSLOG, from, log, 2), ERR_OK);  /* after, before the commit */
    assert_int_equal(journal_pending(j), 2);
    assert_int_equal(gather_append(g, j, name), ERR_OK);
    assert_int_equal(gather_add(g, RAW_SYSLOG, from, log, 2), ERR_OK);
    assert_int_equal(journal_commit(j), ERR_OK);
    gather_committed(g);
    assert_int_equal(upto(j, 0, journal_id(j)), BATCH_EVENTS + 3);
    assert_false(gather_is_empty(g));
    assert_int_equal(gather_append(g, j, name), ERR_OK);
    gather_rolled_back(g);              /* as if the commit had failed: it is appended again */
    journal_free(j);
    j = open_at(&s, &roomy);
    assert_int_equal(gather_append(g, j, name), ERR_OK);
    assert_int_equal(journal_commit(j), ERR_OK);
    gather_committed(g);
    assert_true(gather_is_empty(g));
    assert_int_equal(upto(j, 0, journal_id(j)), BATCH_EVENTS + 4);
    gather_free(g);
    journal_free(j);
    scratch_remove(s.at);
}

static void gathering_is_bounded(void **state)
{
    (void)state;
    static char log[60000];
    struct gather *g = NULL;
    size_t n = 0, roomy_until = 0;

    assert_int_equal(gather_new(&g), ERR_OK);
    while (gather_add(g, RAW_SYSLOG, SLICE("192.0.2.1"), (struct slice){ log, sizeof log }, 1) == ERR_OK) {
        roomy_until += gather_has_room(g);
        assert_true(++n < 1000);
    }
    assert_true(n * sizeof log <= GATHER_BYTES_MAX + sizeof log);
    assert_true(roomy_until < n);
    gather_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_committed_is_there_after_a_restart),
        cmocka_unit_test(nothing_is_read_before_its_commit),
        cmocka_unit_test(offsets_go_on_when_all_was_trimmed),
        cmocka_unit_test(a_full_journal_takes_no_more_until_it_is_trimmed),
        cmocka_unit_test(a_full_store_loses_only_what_was_not_committed),
        cmocka_unit_test(an_agent_is_remembered_by_its_last_streams),
        cmocka_unit_test(numbers_at_the_end_of_their_range_are_kept),
        cmocka_unit_test(what_is_gathered_goes_in_once),
        cmocka_unit_test(gathering_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
