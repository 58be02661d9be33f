#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sodium.h>

#include "common/conf/keyline.h"

static struct keyline sample(void)
{
    struct keyline k = { .id = 7, .name = "web-1.example", .address = "192.0.2.0/24",
                         .endpoints = "tcp://198.51.100.1:1514,tcp://[2001:db8::1]:1514" };

    memset(k.seed, 0xa5, sizeof k.seed);
    memset(k.manager, 0x3c, sizeof k.manager);
    return k;
}

static struct keyline_text printed(void)
{
    struct keyline k = sample();
    struct keyline_text t;

    assert_int_equal(keyline_print(&k, &t), ERR_OK);
    return t;
}

static void assert_sample(const struct keyline *got)
{
    struct keyline want = sample();

    assert_int_equal(got->id, want.id);
    assert_string_equal(got->name, want.name);
    assert_string_equal(got->address, want.address);
    assert_string_equal(got->endpoints, want.endpoints);
    assert_memory_equal(got->seed, want.seed, sizeof want.seed);
    assert_memory_equal(got->manager, want.manager, sizeof want.manager);
}

static void what_is_printed_parses_to_the_same(void **state)
{
    (void)state;
    struct keyline_text t = printed();
    struct keyline got;

    assert_int_equal(keyline_parse(slice_of(t.at), &got), ERR_OK);
    assert_sample(&got);
}

static void spaces_and_line_breaks_are_forgiven(void **state)
{
    (void)state;
    struct keyline_text t = printed();
    char text[3 * KEYLINE_TEXT_MAX];
    struct keyline got;
    size_t n = 0;

    text[n++] = '\n';
    for (size_t i = 0; t.at[i] != '\0'; i++) {
        if (t.at[i] == '=')
            continue;
        text[n++] = t.at[i];
        if (i % 7 == 6)
            text[n++] = i % 2 ? '\n' : ' ';
    }
    text[n++] = '\r';
    assert_int_equal(keyline_parse((struct slice){ text, n }, &got), ERR_OK);
    assert_sample(&got);
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    struct keyline_text t = printed();
    struct keyline got;
    size_t end = strlen(t.at);

    while (end > 0 && t.at[end - 1] == '=')
        end--;
    for (size_t n = 0; n < end; n++)
        if (keyline_parse((struct slice){ t.at, n }, &got) == ERR_OK)
            fail_msg("the first %zu of %zu characters passed", n, end);
}

static void every_changed_character_is_refused(void **state)
{
    (void)state;
    struct keyline_text t = printed();
    struct keyline got;

    for (size_t i = 0; t.at[i] != '\0' && t.at[i] != '='; i++) {
        char was = t.at[i];
        t.at[i] = was == 'A' ? 'B' : 'A';
        if (keyline_parse(slice_of(t.at), &got) == ERR_OK)
            fail_msg("character %zu was changed and it passed", i);
        t.at[i] = was;
    }
}

/* Plain text that is packed as a key line, with a true check when `check` says so. */
static const struct { const char *story, *plain; bool check; enum err want; } damage[] = {
    { "nothing",                   "",                            false, ERR_SYNTAX },
    { "another program's text",    "hello there",                 false, ERR_SYNTAX },
    { "only the id",               "007",                         false, ERR_SYNTAX },
    { "an OSSEC key of four parts", "007 web 192.0.2.1 0123abcd", false, ERR_BADMSG },
    { "id zero",                   "000 web any S M tcp://h:1",   true,  ERR_RANGE },
    { "an id too large",           "100000000 web any S M tcp://h:1", true, ERR_RANGE },
    { "a name of one letter",      "007 w any S M tcp://h:1",     true,  ERR_RANGE },
    { "a name that is a path",     "007 ../x any S M tcp://h:1",  true,  ERR_RANGE },
    { "an empty name",             "007  any S M tcp://h:1",      true,  ERR_RANGE },
    { "a name of two dots",        "007 .. any S M tcp://h:1",    true,  ERR_RANGE },
    { "an empty address",          "007 web  S M tcp://h:1",      true,  ERR_RANGE },
    { "a short seed",              "007 web any 00 M tcp://h:1",  true,  ERR_RANGE },
    { "a manager's key that is none", "007 web any S zz tcp://h:1", true, ERR_RANGE },
    { "an ipc endpoint",           "007 web any S M ipc://x",     true,  ERR_RANGE },
    { "an endpoint without port",  "007 web any S M tcp://h",     true,  ERR_RANGE },
    { "an endpoint of port 0",     "007 web any S M tcp://h:0",   true,  ERR_RANGE },
    { "an endpoint of port 65536", "007 web any S M tcp://h:65536", true, ERR_RANGE },
    { "a comma at the end",        "007 web any S M tcp://h:1,",  true,  ERR_RANGE },
    { "a part too many",           "007 web any S M tcp://h:1 x", true,  ERR_SYNTAX },
    { "everything as it should be", "007 web any S M tcp://h:1",  true,  ERR_OK },
};

/* S and M stand for 64 hex digits. */
static size_t expand(const char *plain, char *to)
{
    size_t n = 0;

    for (; *plain != '\0'; plain++) {
        if (*plain == 'S' || *plain == 'M') {
            memset(to + n, '5', 64);
            n += 64;
        } else {
            to[n++] = *plain;
        }
    }
    return n;
}

static void damage_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        char plain[1024], text[2048], hex[9];
        uint8_t hash[crypto_generichash_BYTES];
        struct keyline got;

        size_t n = expand(damage[i].plain, plain);
        crypto_generichash(hash, sizeof hash, (uint8_t *)plain, n, NULL, 0);
        sodium_bin2hex(hex, sizeof hex, hash, 4);
        if (damage[i].check) {
            plain[n++] = ' ';
            memcpy(plain + n, hex, 8);
            n += 8;
        }
        sodium_bin2base64(text, sizeof text, (uint8_t *)plain, n, sodium_base64_VARIANT_ORIGINAL);
        enum err e = keyline_parse(slice_of(text), &got);
        if (e != damage[i].want)
            fail_msg("%s: got \"%s\", want \"%s\"", damage[i].story, err_str(e),
                     err_str(damage[i].want));
        assert_true(strlen(keyline_why(e)) > 0);
    }
}

static void both_sides_make_the_same_keys(void **state)
{
    (void)state;
    struct keyline k = sample(), other = sample();
    uint8_t pub[3][32], sec[3][32], derived[32];

    other.id = 8;
    assert_int_equal(keyline_keypair(&k, pub[0], sec[0]), ERR_OK);
    assert_int_equal(keyline_keypair(&other, pub[1], sec[1]), ERR_OK);
    assert_memory_equal(pub[0], pub[1], 32);
    assert_memory_equal(sec[0], sec[1], 32);
    crypto_scalarmult_base(derived, sec[0]);
    assert_memory_equal(derived, pub[0], 32);
    other.seed[31] ^= 1;
    assert_int_equal(keyline_keypair(&other, pub[2], sec[2]), ERR_OK);
    assert_memory_not_equal(pub[0], pub[2], 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_parses_to_the_same),
        cmocka_unit_test(spaces_and_line_breaks_are_forgiven),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(every_changed_character_is_refused),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(both_sides_make_the_same_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
