/* From the journal into the files: every alert once, in its day's file, whatever happens. */
#include "tests/alertd/alerts_fixture.h"
#include "tests/alertd/narrow_disk.h"

#include <errno.h>

#include "alertd/sinks/sinks.h"

struct desk { char *dir; struct journal *journal; struct sinks *sinks; uint64_t next, now_ms; };

static void begin(struct desk *d)
{
    char *path = path_in(d->dir, "journal");
    const struct sinks_config c = {
        .log_dir = d->dir, .rotate = true, .compress = false, .writer = narrow_write,
        .on = { [SINK_ALERTS_LOG] = true, [SINK_ALERTS_JSON] = true, [SINK_ARCHIVES_LOG] = true,
                [SINK_ARCHIVES_JSON] = true },
    };
    assert_int_equal(journal_open(&d->journal, path, (uint64_t)64 << 20, false), ERR_OK);
    assert_int_equal(sinks_open(&d->sinks, d->journal, &c), ERR_OK);
    free(path);
}

static void end(struct desk *d)         /* as a crash does: nothing is committed any more */
{
    sinks_free(d->sinks);
    journal_free(d->journal);
}

static void arrive(struct desk *d, uint64_t n, uint64_t at)
{
    msgpack_sbuffer b;

    msgpack_sbuffer_init(&b);
    pack_many(&b, d->next, n, at, ALERT_LOG | ALERT_ARCHIVE);
    d->next += n;
    assert_int_equal(journal_append(d->journal, packed(&b), n, true, "s",
                                    (struct source_cursor){ 1, d->next }), ERR_OK);
    assert_int_equal(journal_commit(d->journal), ERR_OK);
    msgpack_sbuffer_destroy(&b);
}

static void write_all(struct desk *d)
{
    bool more = true;

    for (int i = 0; more && i < 100; i++) {
        d->now_ms += 2000;
        assert_int_equal(sinks_turn(d->sinks, d->now_ms, &more), ERR_OK);
    }
}

static void flush(struct desk *d)
{
    assert_int_equal(sinks_flush(d->sinks), ERR_OK);
    assert_int_equal(journal_commit(d->journal), ERR_OK);
}

/* The numbers in a file of JSON lines are first..last, once each and in order. */
static void holds_numbers(const char *dir, const char *name, uint64_t first, uint64_t last)
{
    char *text = contents(dir, name), *p = text;
    uint64_t want = first;

    while ((p = strstr(p, "\"firedtimes\":")) != NULL) {
        uint64_t got = strtoull(p + 13, &p, 10);
        if (got != want)
            fail_msg("%s: number %d where %d was wanted", name, (int)got, (int)want);
        want++;
    }
    if (want != last + 1)
        fail_msg("%s ends with %d, want %d", name, (int)want - 1, (int)last);
    free(text);
}

#define DAY_SECONDS 86400

static void the_time_of_the_alert_chooses_the_file(void **state)
{
    (void)state;
    struct desk d = { .dir = temp_begin(), .next = 1 };

    begin(&d);
    arrive(&d, 10, SAMPLE_TIME);
    arrive(&d, 5, SAMPLE_TIME + DAY_SECONDS);
    arrive(&d, 5, SAMPLE_TIME);                 /* late: it goes on where we are */
    arrive(&d, 5, SAMPLE_TIME + 40 * DAY_SECONDS);
    write_all(&d);
    holds_numbers(d.dir, "alerts/2026/Nov/yagura-alerts-23.json", 1, 10);
    holds_numbers(d.dir, "alerts/2026/Nov/yagura-alerts-24.json", 11, 20);
    holds_numbers(d.dir, "alerts/alerts.json", 21, 25);
    holds_numbers(d.dir, "archives/2026/Nov/yagura-archives-23.json", 1, 10);
    holds_numbers(d.dir, "archives/archives.json", 21, 25);
    end(&d);
    temp_end(d.dir);
}

static void a_clock_that_was_years_ahead_holds_no_day_back(void **state)
{
    (void)state;
    struct desk d = { .dir = temp_begin(), .next = 1 };

    begin(&d);
    arrive(&d, 5, SAMPLE_TIME + 5000 * (uint64_t)DAY_SECONDS);      /* 2040 Aug 01 */
    arrive(&d, 5, SAMPLE_TIME + 39 * DAY_SECONDS);                  /* 2027 Jan 01 */
    arrive(&d, 5, SAMPLE_TIME + 38 * DAY_SECONDS);                  /* late, over the year's end */
    arrive(&d, 5, SAMPLE_TIME + 40 * DAY_SECONDS);
    write_all(&d);
    holds_numbers(d.dir, "alerts/2040/Aug/yagura-alerts-01.json", 1, 5);
    holds_numbers(d.dir, "alerts/2027/Jan/yagura-alerts-01.json", 6, 15);
    holds_numbers(d.dir, "alerts/alerts.json", 16, 20);
    end(&d);
    temp_end(d.dir);
}

static void a_crash_at_any_turn_doubles_nothing(void **state)
{
    (void)state;
    for (int flush_at = 0; flush_at < 6; flush_at++) {
        struct desk d = { .dir = temp_begin(), .next = 1 };
        for (int turn = 0; turn < 6; turn++) {
            begin(&d);
            arrive(&d, 7, SAMPLE_TIME + (turn >= 3 ? DAY_SECONDS : 0));
            write_all(&d);
            if (turn == flush_at)
                flush(&d);
            end(&d);
        }
        holds_numbers(d.dir, "alerts/2026/Nov/yagura-alerts-23.json", 1, 21);
        holds_numbers(d.dir, "alerts/alerts.json", 22, 42);
        holds_numbers(d.dir, "archives/archives.json", 22, 42);
        temp_end(d.dir);
    }
}

static void a_full_disk_loses_and_doubles_nothing(void **state)
{
    (void)state;
    for (ssize_t limit = 0; limit < 6000; limit += 97) {
        struct desk d = { .dir = temp_begin(), .next = 1 };
        begin(&d);
        arrive(&d, 10, SAMPLE_TIME);
        room = limit;
        write_all(&d);
        assert_true(sinks_status(d.sinks, SINK_ARCHIVES_JSON).stuck);
        flush(&d);
        if (limit % 2 == 0) {                   /* with a crash while it is full, and without */
            end(&d);
            begin(&d);
        }
        arrive(&d, 10, SAMPLE_TIME + DAY_SECONDS);
        room = -1;
        write_all(&d);
        assert_false(sinks_status(d.sinks, SINK_ARCHIVES_JSON).stuck);
        holds_numbers(d.dir, "alerts/2026/Nov/yagura-alerts-23.json", 1, 10);
        holds_numbers(d.dir, "alerts/alerts.json", 11, 20);
        holds_numbers(d.dir, "archives/archives.json", 11, 20);
        end(&d);
        temp_end(d.dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_of_the_alert_chooses_the_file),
        cmocka_unit_test(a_clock_that_was_years_ahead_holds_no_day_back),
        cmocka_unit_test(a_crash_at_any_turn_doubles_nothing),
        cmocka_unit_test(a_full_disk_loses_and_doubles_nothing),
    };
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
