/* The key file: what is saved is loaded, what is damaged or open to others is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/identity.h"

static char dir[] = "/tmp/yagura-identity-XXXXXX";
static char path[sizeof dir + 8];

static int make_dir(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    stpcpy(stpcpy(path, dir), "/key");
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

static void save(struct identity *id)
{
    const struct keyline k = { .id = 3, .name = "web", .address = "192.0.2.0/24", .seed = { 1 },
                               .manager = { 2 }, .endpoints = "tcp://192.0.2.1:1514" };

    assert_int_equal(identity_from(&k, id), ERR_OK);
    assert_int_equal(identity_save(path, id), ERR_OK);
}

static void what_is_saved_is_loaded(void **state)
{
    (void)state;
    struct identity id, again;
    struct stat st;

    save(&id);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(identity_load(path, &again), ERR_OK);
    assert_int_equal(again.id, 3);
    assert_string_equal(again.name, "web");
    assert_string_equal(again.endpoints, "tcp://192.0.2.1:1514");
    assert_memory_equal(again.manager, id.manager, KEYLINE_KEY);
    assert_memory_equal(again.public, id.public, KEYLINE_KEY);
    assert_memory_equal(again.secret, id.secret, KEYLINE_KEY);
}

static void a_key_that_others_can_read_is_refused(void **state)
{
    (void)state;
    const mode_t modes[] = { 0640, 0604, 0660, 0601 };
    struct identity id;

    save(&id);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(identity_load(path, &id), ERR_DENIED);
    }
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    struct identity id;
    struct stat st;

    save(&id);
    assert_int_equal(stat(path, &st), 0);
    for (off_t n = st.st_size - 1; n >= 0; n--) {
        assert_int_equal(truncate(path, n), 0);
        if (identity_load(path, &id) != ERR_SYNTAX)
            fail_msg("the first %ld bytes were taken", (long)n);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(identity_load(path, &id), ERR_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_saved_is_loaded),
        cmocka_unit_test(a_key_that_others_can_read_is_refused),
        cmocka_unit_test(every_prefix_is_refused),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
