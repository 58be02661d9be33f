#include "tests/test.h"

#include <unistd.h>

#include "common/store/store.h"

static const char *const tables[] = { "a", "b" };

static char *new_dir(void)
{
    char *dir = strdup("/tmp/yagura-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static void drop_dir(char *dir)
{
    static const char *const files[] = { "data.mdb", "lock.mdb" };
    for (size_t i = 0; i < ROWS(files); i++) {
        char *path = NULL;
        assert_true(asprintf(&path, "%s/%s", dir, files[i]) > 0);
        (void)unlink(path);
        free(path);
    }
    rmdir(dir);
    free(dir);
}

static struct store *open_store(const char *dir, uint64_t size)
{
    struct store *s = NULL;
    assert_int_equal(store_open(&s, dir, size, tables, 2, false), ERR_OK);
    return s;
}

static void what_is_committed_is_there_again(void **state)
{
    (void)state;
    char *dir = new_dir();
    struct slice got;
    struct store *s = open_store(dir, 1 << 20);

    assert_int_equal(store_put(s, 0, SLICE("k"), SLICE("v")), ERR_OK);
    assert_int_equal(store_get(s, 0, SLICE("k"), &got), ERR_OK);   /* before the commit, too */
    assert_int_equal(store_commit(s), ERR_OK);
    assert_int_equal(store_put(s, 1, SLICE("lost"), SLICE("v")), ERR_OK);
    store_free(s);                                                  /* never committed */

    s = open_store(dir, 1 << 20);
    assert_int_equal(store_get(s, 0, SLICE("k"), &got), ERR_OK);
    assert_true(slice_eq(got, SLICE("v")));
    assert_int_equal(store_get(s, 1, SLICE("lost"), &got), ERR_ABSENT);
    store_free(s);
    drop_dir(dir);
}

static void numbers_keep_their_order(void **state)
{
    (void)state;
    char *dir = new_dir();
    struct store *s = open_store(dir, 1 << 20);
    struct slice key, value;
    uint64_t n;

    for (uint64_t i = 1; i <= 1000; i++)
        assert_int_equal(store_append(s, 0, STORE_U64(i), SLICE("x")), ERR_OK);
    assert_int_equal(store_append(s, 0, STORE_U64(5), SLICE("x")), ERR_EXISTS);
    assert_int_equal(store_delete_below(s, 0, STORE_U64(301), &n), ERR_OK);
    assert_int_equal(n, 300);
    assert_int_equal(store_first(s, 0, &key, &value), ERR_OK);
    assert_int_equal(store_key_u64(key), 301);
    assert_int_equal(store_last(s, 0, &key, &value), ERR_OK);
    assert_int_equal(store_key_u64(key), 1000);
    assert_int_equal(store_entries(s, 0), 700);
    store_free(s);
    drop_dir(dir);
}

/* A full map refuses; what was committed stays; room made by deleting is room. */
static void a_full_store_recovers(void **state)
{
    (void)state;
    char *dir = new_dir(), value[2000] = "";
    struct store *s = open_store(dir, 256 << 10);
    struct slice v = { value, sizeof value }, got;
    enum err e = ERR_OK;
    uint64_t i = 0, kept = 0, n;

    while (e == ERR_OK && i < 1000) {
        e = store_append(s, 0, STORE_U64(++i), v);
        if (e == ERR_OK && (e = store_commit(s)) == ERR_OK)
            kept = i;
    }
    assert_int_equal(e, ERR_FULL);
    assert_true(kept > 10);
    store_abort(s);
    assert_int_equal(store_get(s, 0, STORE_U64(kept), &got), ERR_OK);
    assert_int_equal(store_delete_below(s, 0, STORE_U64(kept), &n), ERR_OK);
    assert_int_equal(store_commit(s), ERR_OK);
    assert_int_equal(store_append(s, 0, STORE_U64(kept + 1), v), ERR_OK);
    assert_int_equal(store_commit(s), ERR_OK);
    store_free(s);
    drop_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_committed_is_there_again),
        cmocka_unit_test(numbers_keep_their_order),
        cmocka_unit_test(a_full_store_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
