#include "tests/test.h"
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <zmq.h>

#include "common/conf/keyfile.h"
#include "ingest/admit.h"
#include "ingest/edge.h"
#include "ingest/registry.h"
#include "ingest/seeds.h"
#include "tests/ingest/scratch.h"

static struct registry *open_at(const struct scratch *s)
{
    struct registry *r = NULL;
    char *dir = paths_join(s->at, "r");

    assert_non_null(dir);
    assert_int_equal(registry_open(&r, dir), ERR_OK);
    free(dir);
    return r;
}

static struct agent agent_of(const char *name, const char *address, uint8_t key)
{
    struct agent a = { 0 };

    snprintf(a.name, sizeof a.name, "%s", name);
    snprintf(a.address, sizeof a.address, "%s", address);
    memset(a.key, key, sizeof a.key);
    return a;
}

static const struct { const char *story, *name, *address; uint32_t id; uint8_t key; enum err want; uint32_t got; }
adds[] = {
    { "the first is 1",                "web1", "any", 0, 1, ERR_OK, 1 },
    { "the next is 2",                 "web2", "192.0.2.7", 0, 2, ERR_OK, 2 },
    { "an id may be chosen",           "web3", "192.0.2.0/24", 100, 3, ERR_OK, 100 },
    { "the next follows the highest",  "web4", "2001:db8::/32", 0, 4, ERR_OK, 101 },
    { "a free lower id may be chosen", "web5", "any", 50, 5, ERR_OK, 50 },
    { "a name is taken once",          "web1", "any", 0, 9, ERR_EXISTS, 0 },
    { "an id is taken once",           "webx", "any", 100, 9, ERR_EXISTS, 0 },
    { "a key is taken once",           "webx", "any", 0, 1, ERR_EXISTS, 0 },
    { "an empty name is none",         "", "any", 0, 9, ERR_RANGE, 0 },
    { "nor is one of one letter",      "x", "any", 0, 9, ERR_RANGE, 0 },
    { "nor is a path",                 "../x", "any", 0, 9, ERR_RANGE, 0 },
    { "nor has one spaces",            "a b", "any", 0, 9, ERR_RANGE, 0 },
    { "an empty address is none",      "webx", "", 0, 9, ERR_RANGE, 0 },
    { "a host name is no address",     "webx", "localhost", 0, 9, ERR_RANGE, 0 },
    { "nor is a network of 33 bits",   "webx", "192.0.2.0/33", 0, 9, ERR_RANGE, 0 },
    { "nor one with !",                "webx", "!192.0.2.0/24", 0, 9, ERR_RANGE, 0 },
    { "an id has eight digits",        "webx", "any", KEYLINE_ID_MAX + 1, 9, ERR_RANGE, 0 },
};

static void agents_are_added_as_drawn(void **state)
{
    (void)state;
    struct scratch s = scratch_new();
    struct registry *r = open_at(&s);

    for (size_t i = 0; i < ROWS(adds); i++) {
        struct agent a = agent_of(adds[i].name, adds[i].address, adds[i].key);
        a.id = adds[i].id;
        enum err e = registry_add(r, &a);
        if (e != adds[i].want || (e == ERR_OK && a.id != adds[i].got))
            fail_msg("%s: got \"%s\" and id %u, want \"%s\" and id %u", adds[i].story, err_str(e),
                     a.id, err_str(adds[i].want), adds[i].got);
    }
    assert_int_equal(registry_count(r), 5);
    registry_free(r);
    r = open_at(&s);
    assert_int_equal(registry_count(r), 5);
    assert_string_equal(registry_by_id(r, 100)->name, "web3");
    assert_int_equal(registry_by_name(r, SLICE("web4"))->id, 101);
    assert_null(registry_by_id(r, 3));
    registry_free(r);
    scratch_remove(s.at);
}

static const struct agent *by_user(const struct registry *r, uint64_t serial)
{
    char user[REGISTRY_USER_MAX];
    int n = snprintf(user, sizeof user, "%" PRIu64, serial);

    return registry_by_user(r, (struct slice){ user, (size_t)n });
}

/* A daemon sees what a tool changes, and a removed agent's session is nobody's, also when its id
 * goes to another. */
static void a_removed_agent_is_nobody(void **state)
{
    (void)state;
    struct scratch s = scratch_new();
    struct registry *tool = open_at(&s), *daemon = open_at(&s);
    struct agent first = agent_of("web1", "any", 1), second = agent_of("web2", "any", 2);
    bool changed = true;

    assert_int_equal(registry_refresh(daemon, &changed), ERR_OK);
    assert_false(changed);
    assert_int_equal(registry_add(tool, &first), ERR_OK);
    assert_null(registry_by_key(daemon, first.key));
    assert_int_equal(registry_refresh(daemon, &changed), ERR_OK);
    assert_true(changed);
    assert_string_equal(by_user(daemon, first.serial)->name, "web1");
    assert_non_null(registry_by_key(daemon, first.key));

    assert_int_equal(registry_remove(tool, first.id), ERR_OK);
    assert_int_equal(registry_remove(tool, first.id), ERR_ABSENT);
    second.id = first.id;
    assert_int_equal(registry_add(tool, &second), ERR_OK);
    assert_int_equal(registry_refresh(daemon, &changed), ERR_OK);
    assert_null(by_user(daemon, first.serial));
    assert_null(registry_by_key(daemon, first.key));
    assert_string_equal(by_user(daemon, second.serial)->name, "web2");
    assert_int_equal(second.id, first.id);
    registry_free(tool);
    registry_free(daemon);
    scratch_remove(s.at);
}

static void users_that_are_no_number_are_nobody(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        SLICE_INIT(""), SLICE_INIT("0"), SLICE_INIT("-1"), SLICE_INIT("1x"), SLICE_INIT(" 1"),
        SLICE_INIT("1\0"), SLICE_INIT("18446744073709551617"), SLICE_INIT("000000000000000000000000001"),
    };
    struct scratch s = scratch_new();
    struct registry *r = open_at(&s);
    struct agent a = agent_of("web1", "any", 1);

    assert_int_equal(registry_add(r, &a), ERR_OK);
    assert_int_equal(a.serial, 1);
    assert_non_null(registry_by_user(r, SLICE("1")));
    for (size_t i = 0; i < ROWS(bad); i++)
        if (registry_by_user(r, bad[i]) != NULL)
            fail_msg("\"%.*s\" is somebody", SLICE_FMT(bad[i]));
    registry_free(r);
    scratch_remove(s.at);
}

#define KEY1 "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
#define KEY2 "\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2"
#define KEY9 "\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7"
#define ASK(domain, address, mechanism, key) \
    { SLICE_INIT(domain), SLICE_INIT(address), SLICE_INIT(mechanism), SLICE_INIT(key) }

/* Key 1 may speak from anywhere, key 2 from 192.0.2.0/24. */
static const struct { const char *story; struct zap_question q; enum zap_verdict want; } handshakes[] = {
    { "a known key from anywhere", ASK(EDGE_DOMAIN, "198.51.100.9", "CURVE", KEY1), ZAP_ADMITTED },
    { "from an address of no kind", ASK(EDGE_DOMAIN, "", "CURVE", KEY1), ZAP_ADMITTED },
    { "a known key in its network", ASK(EDGE_DOMAIN, "192.0.2.200", "CURVE", KEY2), ZAP_ADMITTED },
    { "the same, mapped",       ASK(EDGE_DOMAIN, "::ffff:192.0.2.200", "CURVE", KEY2), ZAP_ADMITTED },
    { "outside its network",    ASK(EDGE_DOMAIN, "192.0.3.1", "CURVE", KEY2), ZAP_ADDRESS },
    { "over IPv6",              ASK(EDGE_DOMAIN, "2001:db8::1", "CURVE", KEY2), ZAP_ADDRESS },
    { "link-local",             ASK(EDGE_DOMAIN, "fe80::1%eth0", "CURVE", KEY2), ZAP_ADDRESS },
    { "without address",        ASK(EDGE_DOMAIN, "", "CURVE", KEY2), ZAP_ADDRESS },
    { "an unknown key",         ASK(EDGE_DOMAIN, "192.0.2.1", "CURVE", KEY9), ZAP_UNKNOWN },
    { "an empty key",           ASK(EDGE_DOMAIN, "192.0.2.1", "CURVE", ""), ZAP_MECHANISM },
    { "a short key",            ASK(EDGE_DOMAIN, "192.0.2.1", "CURVE", "\1\1"), ZAP_MECHANISM },
    { "a long key",             ASK(EDGE_DOMAIN, "192.0.2.1", "CURVE", KEY1 "\1"), ZAP_MECHANISM },
    { "another mechanism",      ASK(EDGE_DOMAIN, "192.0.2.1", "NULL", KEY1), ZAP_MECHANISM },
    { "another domain",         ASK("other", "192.0.2.1", "CURVE", KEY1), ZAP_DOMAIN },
    { "no domain",              ASK("", "192.0.2.1", "CURVE", KEY1), ZAP_DOMAIN },
};

static void handshakes_are_judged_as_drawn(void **state)
{
    (void)state;
    struct scratch s = scratch_new();
    struct registry *r = open_at(&s);
    struct agent one = agent_of("web1", "any", 1), two = agent_of("web2", "192.0.2.0/24", 2);
    void *zmq = zmq_ctx_new();
    struct zap *z = NULL;

    assert_int_equal(zap_new(&z, zmq), ERR_OK);
    assert_int_equal(zap_add(z, EDGE_DOMAIN, admit_agent, r), ERR_OK);
    assert_int_equal(zap_add(z, EDGE_DOMAIN, admit_agent, r), ERR_EXISTS);
    assert_int_equal(registry_add(r, &one), ERR_OK);
    assert_int_equal(registry_add(r, &two), ERR_OK);
    for (size_t i = 0; i < ROWS(handshakes); i++) {
        char user[ZAP_USER_MAX] = "";
        enum zap_verdict got = zap_ask(z, &handshakes[i].q, user);
        const struct agent *who = registry_by_user(r, slice_of(user));
        if (got != handshakes[i].want || (who != NULL) != (got == ZAP_ADMITTED))
            fail_msg("%s: got %d, want %d", handshakes[i].story, got, handshakes[i].want);
    }
    assert_int_equal(zap_count(z, EDGE_DOMAIN, ZAP_ADDRESS), 4);
    assert_int_equal(zap_count(z, "other", ZAP_DOMAIN), 2);
    zap_free(z);
    zmq_ctx_term(zmq);
    registry_free(r);
    scratch_remove(s.at);
}

static void the_managers_key_is_made_once(void **state)
{
    (void)state;
    struct scratch s = scratch_new();
    char *path = paths_join(s.at, "manager.key");
    struct keypair a, b;
    struct stat st;

    assert_int_equal(keyfile_load(path, &a), ERR_OK);
    assert_int_equal(keyfile_load(path, &b), ERR_OK);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    free(path);
    scratch_remove(s.at);
}

static const struct { const char *story, *content; mode_t mode; enum err want; } key_files[] = {
    { "one that the group can read is refused",  NULL, 0640, ERR_DENIED },
    { "one that others can read is refused",     NULL, 0604, ERR_DENIED },
    { "one that others can write is refused",    NULL, 0602, ERR_DENIED },
    { "an empty one is none",                    "", 0600, ERR_BADMSG },
    { "a short one is none",                     "00ff\n", 0600, ERR_BADMSG },
    { "one of other letters is none",
      "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\n", 0600, ERR_BADMSG },
};

static void key_files_are_judged_as_drawn(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(key_files); i++) {
        struct scratch s = scratch_new();
        char *path = paths_join(s.at, "manager.key");
        struct keypair id;

        if (key_files[i].content == NULL) {
            assert_int_equal(keyfile_load(path, &id), ERR_OK);
        } else {
            FILE *f = fopen(path, "w");
            assert_non_null(f);
            fputs(key_files[i].content, f);
            fclose(f);
        }
        assert_int_equal(chmod(path, key_files[i].mode), 0);
        enum err e = keyfile_load(path, &id);
        if (e != key_files[i].want)
            fail_msg("%s: got \"%s\", want \"%s\"", key_files[i].story, err_str(e),
                     err_str(key_files[i].want));
        free(path);
        scratch_remove(s.at);
    }
}

static void a_key_file_that_is_a_link_is_refused(void **state)
{
    (void)state;
    struct scratch s = scratch_new();
    char *path = paths_join(s.at, "manager.key"), *other = paths_join(s.at, "other");
    struct keypair id;

    assert_int_equal(keyfile_load(other, &id), ERR_OK);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(keyfile_load(path, &id), ERR_DENIED);
    free(path);
    free(other);
    scratch_remove(s.at);
}

static void a_seed_goes_with_its_definition(void **state)
{
    (void)state;
    struct scratch s = scratch_new();
    char *dir = paths_join(s.at, "seeds");
    uint8_t seed[KEYLINE_SEED], got[KEYLINE_SEED];
    struct seeds *d = NULL;
    struct stat st;

    memset(seed, 7, sizeof seed);
    assert_int_equal(seeds_open(&d, dir), ERR_OK);
    assert_int_equal(seeds_put(d, 4, seed), ERR_OK);
    seeds_free(d);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    assert_int_equal(seeds_open(&d, dir), ERR_OK);
    assert_int_equal(seeds_get(d, 4, got), ERR_OK);
    assert_memory_equal(got, seed, sizeof seed);
    assert_int_equal(seeds_get(d, 5, got), ERR_ABSENT);
    assert_int_equal(seeds_remove(d, 4), ERR_OK);
    assert_int_equal(seeds_get(d, 4, got), ERR_ABSENT);
    seeds_free(d);
    free(dir);
    scratch_remove(s.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agents_are_added_as_drawn),
        cmocka_unit_test(a_removed_agent_is_nobody),
        cmocka_unit_test(users_that_are_no_number_are_nobody),
        cmocka_unit_test(handshakes_are_judged_as_drawn),
        cmocka_unit_test(the_managers_key_is_made_once),
        cmocka_unit_test(key_files_are_judged_as_drawn),
        cmocka_unit_test(a_key_file_that_is_a_link_is_refused),
        cmocka_unit_test(a_seed_goes_with_its_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
