/* The search with its lists and buckets, beside one that looks at everything. */
#include "tests/test.h"

#include "correlate/history.h"

#define RECORDS 40
#define SID_LIST 8
#define EVENTS 20000

static const uint32_t first_list[] = { 0, 1 }, twice[] = { 0, 0, 1 };

/* 0 to 2: what a line makes.  3 to 6: composites, asked in this order. */
static const struct rule rules[] = {
    { .sid = 100, .level = 3, .index = 0, .keeps_sid_list = true },
    { .sid = 101, .level = 3, .index = 1, .group_lists = first_list, .n_group_lists = 2 },
    { .sid = 102, .level = 5, .index = 2, .group_lists = twice, .n_group_lists = 3 },
    { .sid = 103, .level = 10, .index = 3, .if_matched_sid = 100, .frequency = 2, .timeframe = 20,
      .context = SAME_SRCIP, .group_lists = first_list, .n_group_lists = 2 },
    { .sid = 104, .level = 12, .index = 4, .has_if_matched_group = true, .group_list = 0,
      .frequency = 3, .timeframe = 30, .context = SAME_SRCIP | SAME_USER },
    { .sid = 105, .level = 8, .index = 5, .has_if_matched_group = true, .group_list = 1,
      .frequency = 5, .timeframe = 15, .context = DIFFERENT_URL },
    { .sid = 106, .level = 11, .index = 6, .has_if_matched_regex = true, .frequency = 4,
      .timeframe = 12, .context = SAME_ID },
};

/* The reference: every event ever, newest last. */
struct plain {
    uint64_t time;
    uint32_t matched, category;
    const struct rule *rule;
    struct slice srcip, dstuser, id, url;
};

struct plains { size_t n; struct plain at[EVENTS]; };

static bool same(struct slice a, struct slice b)
{
    return a.p != NULL && b.p != NULL && slice_eq(a, b);
}

static bool fits(const struct rule *r, const struct plain *now, const struct plain *then)
{
    return (!(r->context & SAME_SRCIP) || same(now->srcip, then->srcip))
        && (!(r->context & SAME_USER) || same(now->dstuser, then->dstuser))
        && (!(r->context & SAME_ID) || same(now->id, then->id))
        && (!(r->context & DIFFERENT_URL) || (now->url.p != NULL && then->url.p != NULL
                                              && !slice_eq(now->url, then->url)));
}

/* How often does an event stand in the list that r asks? */
static unsigned entries(const struct rule *r, const struct rule *of)
{
    unsigned n = 0;

    if (r->if_matched_sid != 0)
        return of->sid == r->if_matched_sid;
    if (r->has_if_matched_regex)
        return 1;
    for (uint32_t i = 0; i < of->n_group_lists; i++)
        n += of->group_lists[i] == r->group_list;
    return n;
}

static bool plain_search(struct plains *p, const struct rule *r, struct plain *now)
{
    size_t oldest = p->n > RECORDS ? p->n - RECORDS : 0, newest = SIZE_MAX;
    uint32_t counted = 0, seen = 0;

    for (size_t i = p->n; i > oldest; i--) {
        struct plain *then = &p->at[i - 1];
        for (unsigned k = entries(r, then->rule); k > 0; k--) {
            newest = newest == SIZE_MAX ? i - 1 : newest;
            if (r->if_matched_sid != 0 && ++seen > SID_LIST)
                return false;
            if (now->time - then->time > r->timeframe || then->matched >= r->level)
                return false;
            if ((r->has_if_matched_regex && then->category != now->category)
                || !fits(r, now, then))
                continue;
            if (counted++ < r->frequency)
                continue;
            now->matched = then->matched = p->at[newest].matched = r->level;
            return true;
        }
    }
    return false;
}

static uint32_t dice(uint64_t *state, uint32_t sides)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % sides;
}

static struct slice pick(uint64_t *state, const char *const *from, uint32_t n)
{
    return slice_of(from[dice(state, n)]);      /* NULL: not set */
}

static void clever_and_plain_find_the_same(void **state)
{
    static const char *const ips[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3", NULL };
    static const char *const users[] = { "root", "bob", NULL }, *const urls[] = { "/", "/a", NULL };
    static struct plains p;
    const struct history_options o = { RECORDS, SID_LIST, false };
    struct history *h = NULL;
    struct lines lines;
    uint64_t seed = 7, now = 1000;
    size_t hits[ROWS(rules)] = { 0 };

    (void)state;
    assert_int_equal(history_new(&h, &o, ROWS(rules), 2), ERR_OK);
    for (size_t i = 0; i < ROWS(rules); i++)
        history_own_list(h, &rules[i]);
    for (p.n = 0; p.n < EVENTS; p.n++) {
        now += dice(&seed, 3) == 0 ? dice(&seed, 9) : 0;
        struct plain e = { .time = now, .rule = &rules[dice(&seed, 3)], .category = 1 + dice(&seed, 2),
                           .srcip = pick(&seed, ips, 4), .dstuser = pick(&seed, users, 3),
                           .id = pick(&seed, users, 3), .url = pick(&seed, urls, 3) };
        struct decoded d = { .full_log = SLICE("log"), .log = SLICE("log"), .category = e.category };
        d.field[FIELD_SRCIP] = e.srcip;
        d.field[FIELD_DSTUSER] = e.dstuser;
        d.field[FIELD_ID] = e.id;
        d.field[FIELD_URL] = e.url;

        history_begin(h, &d, now);
        const struct rule *final = e.rule;
        for (size_t r = 3; r < ROWS(rules) && final == e.rule; r++) {
            bool want = plain_search(&p, &rules[r], &e);
            if (history_search(h, &rules[r], &rules[0], NULL, &lines) != want)
                fail_msg("event %zu, rule %u: want %d", p.n, rules[r].sid, want);
            if (want) {
                final = &rules[r];
                hits[r]++;
            }
        }
        e.rule = final;
        p.at[p.n] = e;
        assert_int_equal(history_push(h, final), ERR_OK);
    }
    for (size_t r = 3; r < ROWS(rules); r++)
        if (hits[r] < 20)
            fail_msg("rule %u hit %zu times: the streams show little", rules[r].sid, hits[r]);
    assert_int_equal(history_records(h), RECORDS);
    assert_true(history_evicted(h) == EVENTS - RECORDS);
    history_free(h);
}

static void options_have_ceilings(void **state)
{
    static const struct history_options rows[] = {
        { 0, 128, true }, { HISTORY_RECORDS_MAX + 1, 128, true }, { 100, 0, true },
        { 100, HISTORY_SIDS_MAX + 1, true },
    };
    struct history *h = NULL;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_int_equal(history_new(&h, &rows[i], 1, 0), ERR_RANGE);
    assert_null(h);
}

static void time_never_runs_backwards(void **state)
{
    const struct history_options o = { 10, 10, true };
    static const struct rule base = { .sid = 1, .level = 3, .keeps_sid_list = true };
    static const struct rule pair = { .sid = 2, .level = 9, .index = 1, .if_matched_sid = 1,
                                      .timeframe = 5 };
    struct decoded d = { .full_log = SLICE("x"), .log = SLICE("x") };
    struct history *h = NULL;
    struct lines lines;

    (void)state;
    assert_int_equal(history_new(&h, &o, 2, 0), ERR_OK);
    history_begin(h, &d, 1000);
    assert_int_equal(history_push(h, &base), ERR_OK);
    history_begin(h, &d, 3);            /* counts as 1000 */
    assert_true(history_search(h, &pair, &base, NULL, &lines));
    assert_int_equal(history_push(h, &base), ERR_OK);
    history_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clever_and_plain_find_the_same),
        cmocka_unit_test(options_have_ceilings),
        cmocka_unit_test(time_never_runs_backwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
