#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>
#include <cmocka.h>

#include "common/text/ip.h"

#define N(a) (sizeof(a) / sizeof(a)[0])

static const struct { const char *text, *prints; } addresses[] = {
    { "192.0.2.1",             "192.0.2.1" },
    { "::ffff:192.0.2.1",      "192.0.2.1" },
    { "::FFFF:c000:201",       "192.0.2.1" },
    { "2001:DB8:0:0:0:0:0:1",  "2001:db8::1" },
    { "::",                    "::" },
    { "",                      NULL }, { "192.0.2",       NULL }, { "192.0.2.256", NULL },
    { "192.0.2.1 ",            NULL }, { "192.0.2.01.1",  NULL }, { "host.example", NULL },
    { "2001:db8::1::2",        NULL }, { "fe80::1%eth0",  NULL }, { "192.0.2.1/32", NULL },
    { "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL },
};

static void addresses_parse_and_print(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(addresses); i++) {
        struct ip a;
        char text[IP_TEXT_MAX];
        enum err e = ip_parse(slice_of(addresses[i].text), &a);

        if ((e == ERR_OK) != (addresses[i].prints != NULL))
            fail_msg("%s: %s", addresses[i].text, err_str(e));
        if (e == ERR_OK)
            assert_string_equal(ip_print(&a, text), addresses[i].prints);
    }
    assert_int_equal(ip_parse(SLICE("192.0.2.1\0"), &(struct ip){ { 0 } }), ERR_SYNTAX);
}

static const struct { const char *net, *address; bool want; } nets[] = {
    { "192.0.2.0/24",        "192.0.2.255",      true  },
    { "192.0.2.0/24",        "192.0.3.0",        false },
    { "192.0.2.77/24",       "192.0.2.1",        true  },
    { "192.0.2.0/24",        "::ffff:192.0.2.9", true  },
    { "192.0.2.0/255.255.255.0", "192.0.2.9",    true  },
    { "192.0.2.0/255.255.255.0", "192.0.3.9",    false },
    { "0.0.0.0/0",           "203.0.113.5",      true  },
    { "0.0.0.0/0",           "2001:db8::1",      false },
    { "198.51.100.4/32",     "198.51.100.4",     true  },
    { "198.51.100.4/32",     "198.51.100.5",     false },
    { "198.51.100.4/31",     "198.51.100.5",     true  },
    { "198.51.100.4/31",     "198.51.100.6",     false },
    { "198.51.100.4",        "198.51.100.4",     true  },
    { "128.0.0.0/1",         "255.0.0.1",        true  },
    { "128.0.0.0/1",         "127.0.0.1",        false },
    { "::/0",                "2001:db8::1",      true  },
    { "::/0",                "192.0.2.1",        false },
    { "2001:db8::/32",       "2001:db8:ffff::1", true  },
    { "2001:db8::/32",       "2001:db9::1",      false },
    { "2001:db8::1/128",     "2001:db8::1",      true  },
    { "2001:db8::1/128",     "2001:db8::2",      false },
    { "2001:db8::2/127",     "2001:db8::3",      true  },
    { "::ffff:192.0.2.0/120","192.0.2.9",        true  },
    { "any",                 "192.0.2.1",        true  },
    { " ANY ",               "2001:db8::1",      true  },
};

static void networks_hold_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(nets); i++) {
        struct ip_net net;
        struct ip a;
        assert_int_equal(ip_net_parse(slice_of(nets[i].net), &net), ERR_OK);
        assert_int_equal(ip_parse(slice_of(nets[i].address), &a), ERR_OK);
        if (ip_net_has(&net, &a) != nets[i].want)
            fail_msg("%s in %s", nets[i].address, nets[i].net);
    }
}

static void networks_refuse_nonsense(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "!", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/2 4",
        "192.0.2.0/024x", "192.0.2.0/255.0.255.0", "2001:db8::/129", "2001:db8::/255.0.0.0",
        "anyone", "!!192.0.2.1", "192.0.2.0/24/24", "192.0.2.0/1000",
    };
    for (size_t i = 0; i < N(bad); i++) {
        struct ip_net net = { .bits = 7 };
        if (ip_net_parse(slice_of(bad[i]), &net) != ERR_SYNTAX)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(net.bits, 7);
    }
}

static const struct { const char *story, *entry[3], *address; bool want; } lists[] = {
    { "the first that holds decides",    { "!192.0.2.0/24", "192.0.2.5" }, "192.0.2.5",   false },
    { "order counts",                    { "192.0.2.5", "!192.0.2.0/24" }, "192.0.2.5",   true  },
    { "no hit, last entry plain",        { "!192.0.2.0/24", "192.0.2.5" }, "203.0.113.1", false },
    { "no hit, last entry negated",      { "192.0.2.5", "!192.0.2.0/24" }, "203.0.113.1", true  },
    { "not a, alone",                    { "!192.0.2.1" },                 "203.0.113.1", true  },
    { "not a, and it is a",              { "!192.0.2.1" },                 "192.0.2.1",   false },
    { "a name is in nothing",            { "!192.0.2.1" },                 "host",        false },
    { "a name is in any",                { "192.0.2.1", "any" },           "host",        true  },
    { "but not in not any",              { "!any" },                       "host",        false },
    { "mapped is the same",              { "192.0.2.0/24" },        "::ffff:192.0.2.1",   true  },
    { "an empty list holds nothing",     { NULL },                         "192.0.2.1",   false },
};

static void lists_decide_as_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(lists); i++) {
        struct ip_net net[3];
        size_t n = 0;
        for (; n < 3 && lists[i].entry[n] != NULL; n++)
            assert_int_equal(ip_net_parse(slice_of(lists[i].entry[n]), &net[n]), ERR_OK);
        if (ip_list_has(net, n, slice_of(lists[i].address)) != lists[i].want)
            fail_msg("%s", lists[i].story);
    }
}

static void socket_addresses_are_addresses(void **state)
{
    (void)state;
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201) };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sockaddr local = { .sa_family = AF_UNIX };
    struct ip a;
    char text[IP_TEXT_MAX];

    assert_int_equal(ip_of_sockaddr((struct sockaddr *)&four, &a), ERR_OK);
    assert_string_equal(ip_print(&a, text), "192.0.2.1");
    assert_int_equal(ip_of_sockaddr((struct sockaddr *)&six, &a), ERR_OK);
    assert_string_equal(ip_print(&a, text), "::1");
    assert_int_equal(ip_of_sockaddr(&local, &a), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_parse_and_print),
        cmocka_unit_test(networks_hold_addresses),
        cmocka_unit_test(networks_refuse_nonsense),
        cmocka_unit_test(lists_decide_as_told),
        cmocka_unit_test(socket_addresses_are_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
