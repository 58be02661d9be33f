/* The journal counts without holes, keeps what somebody needs, and survives what is not committed. */
#include "tests/alertd/alerts_fixture.h"

#include "alertd/fetcher.h"
#include "alertd/frames.h"
#include "alertd/replay.h"

#define MAP ((uint64_t)1 << 20)

static struct journal *open_in(const char *dir)
{
    char *path = path_in(dir, "journal");
    struct journal *j = NULL;

    assert_int_equal(journal_open(&j, path, MAP, false), ERR_OK);
    free(path);
    return j;
}

static enum err append(struct journal *j, uint64_t first, uint64_t n, uint64_t flags)
{
    msgpack_sbuffer b;

    msgpack_sbuffer_init(&b);
    pack_many(&b, first, n, SAMPLE_TIME, flags);
    enum err e = journal_append(j, packed(&b), n, true, "source", (struct source_cursor){ 7, first + n });
    msgpack_sbuffer_destroy(&b);
    return e;
}

struct seen { uint64_t n, first_seq, last_seq, first, last, last_topic_seq, most; };

static bool see(void *arg, const struct entry *e)
{
    struct seen *s = arg;

    if (s->n++ == 0) {
        s->first_seq = e->seq;
        s->first = e->a.firedtimes;
    } else {
        assert_int_equal(e->seq, s->last_seq + 1);
    }
    s->last_seq = e->seq;
    s->last = e->a.firedtimes;
    s->last_topic_seq = e->topic_seq;
    return s->most == 0 || s->n < s->most;
}

static struct seen read_from(struct journal *j, enum journal_stream s, uint64_t from)
{
    struct seen seen = { 0 };

    assert_int_equal(journal_read(j, s, from, see, &seen), ERR_OK);
    return seen;
}

static void numbers_go_on_over_a_restart(void **state)
{
    (void)state;
    char *dir = temp_begin();
    struct journal *j = open_in(dir);
    uint64_t epoch = journal_epoch(j);

    assert_int_equal(append(j, 1, 10, ALERT_LOG), ERR_OK);
    assert_int_equal(append(j, 11, 5, ALERT_LOG), ERR_OK);
    assert_int_equal(journal_commit(j), ERR_OK);
    assert_int_equal(append(j, 16, 5, ALERT_LOG), ERR_OK);      /* and a crash before its commit */
    journal_free(j);

    j = open_in(dir);
    assert_int_equal(journal_epoch(j), epoch);
    assert_int_equal(journal_next(j, JOURNAL_ALERTS), 16);
    assert_int_equal(journal_source(j, "source").next, 16);
    assert_int_equal(journal_source(j, "source").epoch, 7);
    assert_int_equal(journal_source(j, "other").next, 0);
    assert_int_equal(append(j, 16, 5, ALERT_LOG), ERR_OK);
    assert_int_equal(journal_commit(j), ERR_OK);
    struct seen s = read_from(j, JOURNAL_ALERTS, 9);
    assert_int_equal(s.first_seq, 9);
    assert_int_equal(s.first, 9);
    assert_int_equal(s.last_seq, 20);
    assert_int_equal(s.last, 20);
    assert_int_equal(s.last_topic_seq, 20);
    journal_free(j);
    temp_end(dir);
}

static void archives_have_numbers_of_their_own(void **state)
{
    (void)state;
    char *dir = temp_begin();
    struct journal *j = open_in(dir);
    msgpack_sbuffer b;
    size_t sink;

    assert_int_equal(journal_sink(j, "archives", JOURNAL_ARCHIVE, &sink), ERR_OK);
    msgpack_sbuffer_init(&b);
    for (uint64_t i = 1; i <= 9; i++) {         /* every third one has a rule, none of them first */
        struct alert a = sample();
        a.rule = i % 3 == 0 ? 5716 : 0;
        a.firedtimes = i;
        a.flags = i % 3 == 0 ? ALERT_LOG | (i == 9 ? ALERT_ARCHIVE : 0) : ALERT_ARCHIVE;
        assert_int_equal(record_pack(&alert_schema, &a, &b), ERR_OK);
    }
    assert_int_equal(journal_append(j, packed(&b), 9, true, "s", (struct source_cursor){ 1, 10 }), ERR_OK);
    assert_int_equal(journal_commit(j), ERR_OK);
    struct seen alerts = read_from(j, JOURNAL_ALERTS, 1), archive = read_from(j, JOURNAL_ARCHIVE, 1);
    assert_int_equal(alerts.n, 3);
    assert_int_equal(alerts.first, 3);
    assert_int_equal(alerts.last_topic_seq, 3);
    assert_int_equal(archive.n, 7);
    assert_int_equal(archive.last, 9);
    msgpack_sbuffer_destroy(&b);
    journal_free(j);
    temp_end(dir);
}

static void what_a_sink_needs_is_never_trimmed(void **state)
{
    (void)state;
    char *dir = temp_begin();
    struct journal *j = open_in(dir);
    uint64_t at = 1;
    size_t sink;

    assert_int_equal(journal_sink(j, "slow", JOURNAL_ALERTS, &sink), ERR_OK);
    enum err e = ERR_OK;
    while (e == ERR_OK && !journal_is_full(j)) {
        e = append(j, at, 20, ALERT_LOG);
        if (e == ERR_OK)
            e = journal_commit(j);
        at += e == ERR_OK ? 20 : 0;
    }
    assert_int_equal(journal_first(j, JOURNAL_ALERTS), 1);
    assert_int_equal(journal_next(j, JOURNAL_ALERTS), at);
    assert_true(at > 1000);

    assert_int_equal(journal_set_sink(j, sink, at, SLICE("a length")), ERR_OK);
    assert_int_equal(journal_commit(j), ERR_OK);        /* from here on it may go */
    assert_int_equal(journal_commit(j), ERR_OK);
    assert_false(journal_is_full(j));
    assert_true(journal_first(j, JOURNAL_ALERTS) > 1);
    assert_int_equal(read_from(j, JOURNAL_ALERTS, 1).first_seq, journal_first(j, JOURNAL_ALERTS));
    for (int i = 0; i < 200; i++) {             /* and so on for ever */
        assert_int_equal(append(j, at, 20, ALERT_LOG), ERR_OK);
        at += 20;
        assert_int_equal(journal_set_sink(j, sink, at, SLICE("a length")), ERR_OK);
        assert_int_equal(journal_commit(j), ERR_OK);
    }
    journal_free(j);
    j = open_in(dir);
    assert_int_equal(journal_sink(j, "slow", JOURNAL_ALERTS, &sink), ERR_OK);
    assert_int_equal(journal_cursor(j, sink), at);
    assert_true(slice_eq(journal_sink_state(j, sink), SLICE("a length")));
    journal_free(j);
    temp_end(dir);
}

static void a_full_store_loses_nothing_it_had(void **state)
{
    (void)state;
    char *dir = temp_begin();
    struct journal *j = open_in(dir);
    uint64_t at = 1;
    size_t sink;

    assert_int_equal(journal_sink(j, "stuck", JOURNAL_ALERTS, &sink), ERR_OK);
    enum err e = ERR_OK;
    while (e == ERR_OK) {                       /* beyond what journal_is_full() allows */
        e = append(j, at, 20, ALERT_LOG);
        if (e == ERR_OK)
            e = journal_commit(j);
        at += e == ERR_OK ? 20 : 0;
    }
    assert_int_equal(e, ERR_FULL);
    assert_int_equal(journal_next(j, JOURNAL_ALERTS), at);
    assert_int_equal(journal_source(j, "source").next, at);
    struct seen s = read_from(j, JOURNAL_ALERTS, 1);
    assert_int_equal(s.n, at - 1);
    assert_int_equal(s.last_topic_seq, at - 1);
    journal_free(j);
    temp_end(dir);
}

/* Answers of an outbox: [epoch, first, count, records in the body, what next is wanted]. */
static const struct {
    const char *story;
    uint64_t epoch, first, count, records;
    enum err want;
    uint64_t next, alerts;              /* journal's next afterwards */
} answers[] = {
    { "the first ones",               5, 1,  10, 10, ERR_OK,     11, 11 },
    { "the same again",               5, 1,  10, 10, ERR_OK,     11, 11 },
    { "half known, half new",         5, 6,  10, 10, ERR_OK,     16, 16 },
    { "nothing",                      5, 16, 0,  0,  ERR_OK,     16, 16 },
    { "fewer than it says",           5, 16, 3,  2,  ERR_BADMSG, 16, 16 },
    { "more than it says",            5, 16, 3,  4,  ERR_BADMSG, 16, 16 },
    { "no epoch",                     0, 16, 1,  1,  ERR_BADMSG, 16, 16 },
    { "number 0",                     5, 0,  1,  1,  ERR_BADMSG, 16, 16 },
    { "numbers that run over",        5, UINT64_MAX, 1, 1, ERR_BADMSG, 16, 16 },
    { "some that are gone for ever",  5, 20, 1,  1,  ERR_OK,     21, 17 },
    { "a new outbox",                 6, 1,  2,  2,  ERR_OK,     3,  19 },
    { "a late answer of the old one", 5, 21, 2,  2,  ERR_OK,     3,  19 },
    { "and the new one goes on",      6, 3,  2,  2,  ERR_OK,     5,  21 },
};

static void each_alert_is_taken_over_once(void **state)
{
    (void)state;
    char *dir = temp_begin();
    struct journal *j = open_in(dir);
    struct fetcher *f;
    struct fetch q;

    assert_int_equal(fetcher_new(&f, j, "ipc://outbox", false), ERR_OK);
    for (size_t i = 0; i < ROWS(answers); i++) {
        msgpack_sbuffer body, frame;
        msgpack_sbuffer_init(&body);
        msgpack_sbuffer_init(&frame);
        pack_many(&body, 1, answers[i].records, SAMPLE_TIME, ALERT_LOG);
        const struct alerts a = { answers[i].epoch, answers[i].first, answers[i].count, packed(&body) };
        assert_int_equal(record_pack(&alerts_schema, &a, &frame), ERR_OK);
        enum err got = fetcher_take(f, packed(&frame));
        assert_int_equal(journal_commit(j), ERR_OK);
        assert_true(fetcher_question(f, FETCH_AGAIN_MS * (i + 1), &q));
        if (got != answers[i].want || q.from != answers[i].next
            || journal_next(j, JOURNAL_ALERTS) != answers[i].alerts)
            fail_msg("%s: got %s, next %d, journal %d", answers[i].story, err_str(got), (int)q.from,
                     (int)journal_next(j, JOURNAL_ALERTS));
        fetcher_asked(f, FETCH_AGAIN_MS * i);
        for (size_t n = 0; n < frame.size; n++)
            assert_int_equal(fetcher_take(f, (struct slice){ frame.data, n }), ERR_BADMSG);
        msgpack_sbuffer_destroy(&body);
        msgpack_sbuffer_destroy(&frame);
    }
    assert_int_equal(fetcher_counts(f).missing, 4);
    assert_int_equal(fetcher_counts(f).repeated, 15);
    fetcher_free(f);
    journal_free(j);
    temp_end(dir);
}

static void a_question_is_repeated_only_when_due(void **state)
{
    (void)state;
    char *dir = temp_begin();
    struct journal *j = open_in(dir);
    struct fetcher *f;
    struct fetch q;

    assert_int_equal(fetcher_new(&f, j, "ipc://outbox", false), ERR_OK);
    assert_true(fetcher_question(f, 100, &q));
    assert_int_equal(q.from, 0);
    fetcher_asked(f, 100);
    assert_false(fetcher_question(f, 100 + FETCH_AGAIN_MS - 1, &q));
    assert_true(fetcher_question(f, 100 + FETCH_AGAIN_MS, &q));
    fetcher_free(f);
    journal_free(j);
    temp_end(dir);
}

static const struct {
    const char *story;
    struct replay ask;
    uint64_t oldest, next, from, count;
} ranges[] = {
    { "all of a few",            { 1, 0, 0 },    1,  11, 1,  10 },
    { "from the oldest",         { 0, 0, 0 },    5,  11, 5,  6 },
    { "older than the oldest",   { 2, 0, 0 },    5,  11, 5,  6 },
    { "a range, both ends in",   { 6, 8, 0 },    1,  11, 6,  3 },
    { "a count",                 { 6, 0, 2 },    1,  11, 6,  2 },
    { "the smaller of both",     { 6, 8, 2 },    1,  11, 6,  2 },
    { "beyond the end",          { 6, 99, 0 },   1,  11, 6,  5 },
    { "in the future",           { 50, 99, 0 },  1,  11, 11, 0 },
    { "backwards",               { 8, 6, 0 },    1,  11, 8,  0 },
    { "gone already",            { 1, 3, 0 },    5,  11, 5,  0 },
    { "the largest numbers",     { 1, UINT64_MAX, UINT64_MAX }, 1, 11, 1, 10 },
    { "an empty journal",        { 0, 0, 0 },    1,  1,  1,  0 },
    { "more than one answer",    { 1, 0, 0 },    1,  9999, 1, REPLAY_ALERTS },
};

static void replay_gives_what_was_asked(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(ranges); i++) {
        uint64_t from, n;
        replay_range(&ranges[i].ask, ranges[i].oldest, ranges[i].next, &from, &n);
        if (from != ranges[i].from || n != ranges[i].count)
            fail_msg("%s: got %d from %d", ranges[i].story, (int)n, (int)from);
    }
}

static void the_header_names_the_alert(void **state)
{
    (void)state;
    struct entry e = entry_of(sample(), NULL);
    struct frames f = { .json = true };

    e.seq = 12;
    e.topic_seq = 3;
    assert_true(frames_alert(&f, 99, &e));
    assert_true(slice_eq(f.part[0], SLICE("alert/5/5716")));
    assert_true(slice_eq(f.part[1], SLICE("[99,12,3,\"1795404805.2\"]")));
    assert_true(slice_starts(f.part[2], SLICE("{\"rule\":{\"level\":5")));
    assert_true(frames_beat(&f, 99, 12, 1));
    assert_true(slice_eq(f.part[0], SLICE("beat")));
    assert_true(slice_eq(f.part[1], SLICE("[99,12,1]")));
    f.json = false;
    e.a.level = 12;
    assert_true(frames_alert(&f, 99, &e));
    assert_true(slice_eq(f.part[0], SLICE("alert/12/5716")));
    assert_memory_equal(f.part[1].p, "\x94", 1);
    frames_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_go_on_over_a_restart),
        cmocka_unit_test(archives_have_numbers_of_their_own),
        cmocka_unit_test(what_a_sink_needs_is_never_trimmed),
        cmocka_unit_test(a_full_store_loses_nothing_it_had),
        cmocka_unit_test(each_alert_is_taken_over_once),
        cmocka_unit_test(a_question_is_repeated_only_when_due),
        cmocka_unit_test(replay_gives_what_was_asked),
        cmocka_unit_test(the_header_names_the_alert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
