/* Numbers that stay, batches that are bounded, a stream that begins anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "agent/spool.h"

static char dir[] = "/tmp/yagura-spool-XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
    char path[sizeof dir + 16];

    (void)state;
    const char *names[] = { "data.mdb", "lock.mdb" };
    for (size_t i = 0; i < 2; i++) {
        stpcpy(stpcpy(stpcpy(path, dir), "/"), names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

#define BATCH 128
static const struct spool_options options = { BATCH, 32 << 10, 1 << 20, false };

static struct spool *open_spool(void)
{
    struct spool *s = NULL;

    assert_int_equal(spool_open(&s, dir, &options), ERR_OK);
    return s;
}

static void add(struct spool *s, const char *text, size_t times)
{
    const struct raw r = { RAW_LOG, SLICE("/var/log/x"), 7, slice_of(text) };

    for (size_t i = 0; i < times; i++)
        assert_int_equal(spool_add(s, &r), ERR_OK);
}

static void commit(struct spool *s)
{
    assert_int_equal(spool_commit(s, NULL, NULL), ERR_OK);
}

/* first and count of the frame at or behind `from` */
static struct events frame_at(struct spool *s, uint64_t from, uint64_t *next)
{
    struct events ev;
    struct slice frame;

    assert_int_equal(spool_frame(s, from, &frame, next), ERR_OK);
    assert_int_equal(record_unpack(&events_schema, &ev, frame), ERR_OK);
    return ev;
}

static void numbers_and_bytes_outlive_the_process(void **state)
{
    (void)state;
    struct spool *s = open_spool();
    uint64_t stream = spool_stream(s), next;

    assert_true(spool_is_new(s));
    assert_int_equal(spool_last(s), 0);
    add(s, "a", 3);
    commit(s);
    add(s, "lost", 2);          /* never committed: never sent, read again by its source */
    assert_int_equal(spool_last(s), 3);
    spool_free(s);

    s = open_spool();
    assert_false(spool_is_new(s));
    assert_true(spool_stream(s) == stream);
    assert_int_equal(spool_last(s), 3);
    struct events ev = frame_at(s, 1, &next);
    assert_int_equal(ev.first, 1);
    assert_int_equal(ev.count, 3);
    assert_int_equal(next, 4);
    add(s, "b", 1);
    commit(s);
    assert_int_equal(frame_at(s, 4, &next).first, 4);
    spool_free(s);
}

static void a_batch_ends_at_its_ceilings(void **state)
{
    (void)state;
    struct spool *s = open_spool();
    char big[20001];
    uint64_t next;

    add(s, "a", BATCH + 1);
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    add(s, big, 2);
    add(s, "z", 1);
    commit(s);
    assert_int_equal(frame_at(s, 1, &next).count, BATCH);
    assert_int_equal(frame_at(s, next, &next).count, 3);
    assert_int_equal(frame_at(s, next, &next).count, 1);
    spool_free(s);
}

static void what_is_acknowledged_is_forgotten(void **state)
{
    (void)state;
    struct spool *s = open_spool();
    struct slice frame;
    uint64_t next;

    for (int i = 0; i < 4; i++) {
        add(s, "a", 10);
        commit(s);
    }
    spool_acknowledge(s, 25);   /* in the middle of the third batch */
    assert_int_equal(spool_first(s), 21);
    assert_int_equal(spool_waiting(s), 20);
    spool_acknowledge(s, UINT64_MAX);
    assert_int_equal(spool_first(s), 41);
    assert_int_equal(spool_waiting(s), 0);
    assert_int_equal(spool_frame(s, 1, &frame, &next), ERR_ABSENT);
    add(s, "b", 1);
    commit(s);
    spool_free(s);

    s = open_spool();
    assert_int_equal(spool_first(s), 41);
    assert_int_equal(spool_last(s), 41);
    spool_free(s);
}

static void rereadable_sources_stop_first(void **state)
{
    (void)state;
    struct spool *s = open_spool();

    while (spool_room(s, SPOOL_REREADABLE)) {
        add(s, "a", BATCH);
        commit(s);
        spool_relax(s);
    }
    assert_true(spool_waiting(s) >= BATCH);
    assert_true(spool_room(s, SPOOL_ONCE));
    spool_acknowledge(s, BATCH);
    assert_true(spool_room(s, SPOOL_REREADABLE));
    spool_free(s);
}

static void sources_of_once_stop_at_their_option(void **state)
{
    (void)state;
    struct spool *s = open_spool();
    char big[1001];
    uint64_t n = 0;

    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    for (; spool_room(s, SPOOL_ONCE); n += 16) {
        add(s, big, 16);
        commit(s);
        spool_relax(s);
    }
    assert_in_range(n * (sizeof big - 1), options.once_bytes, options.once_bytes + SPOOL_READ_AHEAD);
    assert_false(spool_room(s, SPOOL_REREADABLE));
    spool_free(s);
}

static void a_new_stream_brings_what_waits(void **state)
{
    (void)state;
    struct spool *s = open_spool();
    uint64_t stream = spool_stream(s), next;

    for (int i = 0; i < 3; i++) {
        add(s, "a", 10);
        commit(s);
    }
    spool_acknowledge(s, 10);
    assert_int_equal(spool_renew(s), ERR_OK);
    assert_true(spool_stream(s) != stream);
    assert_int_equal(spool_first(s), 1);
    assert_int_equal(spool_last(s), 20);
    stream = spool_stream(s);
    spool_free(s);

    s = open_spool();
    assert_true(spool_stream(s) == stream);
    struct events ev = frame_at(s, 11, &next);
    assert_int_equal(ev.first, 11);
    assert_true(ev.stream == stream);
    assert_int_equal(next, 21);
    add(s, "b", 1);
    commit(s);
    assert_int_equal(frame_at(s, 21, &next).first, 21);
    spool_free(s);
}

static enum err save_position(void *arg)
{
    return spool_put(arg, SLICE("Fx"), SLICE("behind a"));
}

static enum err save_badly(void *arg)
{
    if (spool_put(arg, SLICE("Fx"), SLICE("too far")) != ERR_OK)
        return ERR_SYS;
    return ERR_FULL;
}

/* A commit that fails keeps its records, and not the positions behind them. */
static void records_and_positions_are_one(void **state)
{
    (void)state;
    struct spool *s = open_spool();
    struct slice value;
    uint64_t next;

    add(s, "a", 1);
    assert_int_equal(spool_commit(s, save_position, s), ERR_OK);
    add(s, "b", 1);
    assert_int_equal(spool_commit(s, save_badly, s), ERR_FULL);
    assert_int_equal(spool_last(s), 1);
    assert_true(spool_pending(s));
    assert_int_equal(spool_get(s, SLICE("Fx"), &value), ERR_OK);
    assert_true(slice_eq(value, SLICE("behind a")));
    commit(s);
    assert_int_equal(spool_last(s), 2);
    assert_int_equal(frame_at(s, 2, &next).count, 1);
    spool_free(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_and_bytes_outlive_the_process),
        TEST(a_batch_ends_at_its_ceilings),
        TEST(what_is_acknowledged_is_forgotten),
        TEST(rereadable_sources_stop_first),
        TEST(sources_of_once_stop_at_their_option),
        TEST(a_new_stream_brings_what_waits),
        TEST(records_and_positions_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
