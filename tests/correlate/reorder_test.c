#include "tests/test.h"

#include "correlate/reorder.h"

static enum err put(struct reorder *r, uint64_t offset, uint64_t next, size_t n, char peer)
{
    struct peer from = { 1, { peer } };
    zmq_msg_t m;

    if (zmq_msg_init_size(&m, n) != 0)
        abort();
    memset(zmq_msg_data(&m), 'x', n);
    enum err e = reorder_put(r, 7, offset, next, &from, &m);
    zmq_msg_close(&m);
    return e;
}

static const struct { const char *story; uint64_t offset, next; enum err want; } rows[] = {
    { "the next but one waits",         3, 2, ERR_OK },
    { "the last that may wait",         2 + REORDER_RANGES_MAX - 1, 2, ERR_OK },
    { "too far ahead",                  2 + REORDER_RANGES_MAX, 2, ERR_LIMIT },
    { "as far ahead as a number goes",  UINT64_MAX - 1, 2, ERR_LIMIT },
};

static void only_what_is_near_waits(void **state)
{
    struct reorder *r = NULL;

    (void)state;
    assert_int_equal(reorder_new(&r), ERR_OK);
    for (size_t i = 0; i < ROWS(rows); i++)
        if (put(r, rows[i].offset, rows[i].next, 10, 'a') != rows[i].want)
            fail_msg("%s", rows[i].story);
    assert_int_equal(reorder_held(r), 2);
    reorder_free(r);
}

static void a_second_sender_takes_the_first_ones_place(void **state)
{
    struct reorder *r = NULL;
    struct peer from;
    zmq_msg_t m;

    (void)state;
    assert_int_equal(reorder_new(&r), ERR_OK);
    assert_int_equal(put(r, 5, 2, 10, 'a'), ERR_OK);
    assert_int_equal(put(r, 5, 2, 20, 'b'), ERR_OK);
    assert_int_equal(reorder_held(r), 1);
    assert_false(reorder_take(r, 8, 5, &from, &m));
    assert_true(reorder_take(r, 7, 5, &from, &m));
    assert_true(zmq_msg_size(&m) == 20 && from.id[0] == 'b');
    zmq_msg_close(&m);
    assert_false(reorder_take(r, 7, 5, &from, &m));
    reorder_free(r);
}

static void bytes_are_bounded(void **state)
{
    struct reorder *r = NULL;
    uint64_t n = 0;

    (void)state;
    assert_int_equal(reorder_new(&r), ERR_OK);
    while (put(r, 3 + n, 2, 1 << 20, 'a') == ERR_OK)
        n++;
    assert_int_equal(n, REORDER_BYTES_MAX >> 20);
    reorder_drop_below(r, 7, 5);
    assert_int_equal(reorder_held(r), n - 2);
    assert_int_equal(put(r, 3 + n, 2, 1 << 20, 'a'), ERR_OK);
    reorder_clear(r);
    assert_int_equal(reorder_held(r), 0);
    reorder_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_near_waits),
        cmocka_unit_test(a_second_sender_takes_the_first_ones_place),
        cmocka_unit_test(bytes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
