#include "tests/test.h"

#include "decode/held.h"

static struct range_held range(uint64_t ingest, uint64_t offset)
{
    return (struct range_held){ .ingest = ingest, .offset = offset, .p = strdup("x"), .n = 1 };
}

static void a_range_is_held_once_and_until_dropped(void **state)
{
    (void)state;
    struct held *h = calloc(1, sizeof *h);

    assert_int_equal(held_add(h, range(1, 7)), ERR_OK);
    assert_int_equal(held_add(h, range(1, 7)), ERR_EXISTS);
    assert_int_equal(held_add(h, range(2, 7)), ERR_OK);         /* another journal's */
    assert_int_equal(h->n, 2);
    assert_null(held_find(h, 1, 8));
    held_drop(h, held_find(h, 1, 7));
    assert_null(held_find(h, 1, 7));
    assert_non_null(held_find(h, 2, 7));
    held_clear(h);
    assert_int_equal(h->n, 0);
    free(h);
}

static void no_more_than_the_ceiling_is_held(void **state)
{
    (void)state;
    struct held *h = calloc(1, sizeof *h);

    for (uint64_t i = 0; i < HELD_MAX; i++)
        assert_int_equal(held_add(h, range(1, i)), ERR_OK);
    assert_int_equal(held_add(h, range(1, HELD_MAX)), ERR_FULL);
    held_drop(h, held_find(h, 1, 3));
    assert_int_equal(held_add(h, range(1, HELD_MAX)), ERR_OK);
    held_clear(h);
    free(h);
}

static void what_is_not_answered_goes_again(void **state)
{
    (void)state;
    struct held *h = calloc(1, sizeof *h);

    assert_int_equal(held_add(h, range(1, 1)), ERR_OK);
    assert_int_equal(held_add(h, range(1, 2)), ERR_OK);
    assert_int_equal(held_add(h, range(1, 3)), ERR_OK);
    held_find(h, 1, 1)->sent_ms = 1000;
    held_find(h, 1, 2)->sent_ms = 2000;
    held_find(h, 1, 3)->sent_ms = 1000;
    held_find(h, 1, 3)->acked = true;
    assert_int_equal(held_unsend(h, 1500), 1);                  /* what waits too long */
    assert_int_equal(held_find(h, 1, 1)->sent_ms, 0);
    assert_int_equal(held_find(h, 1, 2)->sent_ms, 2000);
    assert_int_equal(held_unsend(h, UINT64_MAX), 1);            /* to a new correlator: everything */
    assert_int_equal(held_find(h, 1, 2)->sent_ms, 0);
    assert_int_equal(held_find(h, 1, 3)->sent_ms, 1000);
    held_clear(h);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_is_held_once_and_until_dropped),
        cmocka_unit_test(no_more_than_the_ceiling_is_held),
        cmocka_unit_test(what_is_not_answered_goes_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
