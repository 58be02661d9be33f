#include "tests/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/connections.h"
#include "ingest/datagrams.h"

struct heard { char *text; size_t n; FILE *out; bool full; };

static void start(struct heard *h)
{
    h->out = open_memstream(&h->text, &h->n);
    assert_non_null(h->out);
}

static void assert_heard(struct heard *h, const char *want)
{
    fclose(h->out);
    assert_string_equal(h->text, want);
    free(h->text);
    *h = (struct heard){ 0 };
    start(h);
}

static bool hear(void *arg, const struct ip *from, struct slice m, bool cut)
{
    struct heard *h = arg;

    fprintf(h->out, "%d:%.*s%s ", from->at[15], SLICE_FMT(m), cut ? "!" : "");
    return !h->full;
}

static int sender(struct connections *c, uint8_t number)
{
    struct ip from = { { [15] = number } };
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(connections_add(c, ends[1], &from), ERR_OK);
    return ends[0];
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void each_sender_has_its_own_half_lines(void **state)
{
    (void)state;
    struct connections *c = NULL;
    struct heard h = { 0 };

    start(&h);
    assert_int_equal(connections_new(&c, 8, hear, &h), ERR_OK);
    int one = sender(c, 1), two = sender(c, 2);
    say(one, "hel");
    connections_serve(c);
    say(two, "good");
    connections_serve(c);
    say(one, "lo\nagain\nand");
    connections_serve(c);
    assert_heard(&h, "1:hello 1:again ");
    say(two, " bye\n");
    connections_serve(c);
    assert_heard(&h, "2:good bye ");
    close(one);
    connections_serve(c);
    assert_heard(&h, "1:and ");
    assert_int_equal(connections_count(c), 1);
    close(two);
    connections_free(c);
    fclose(h.out);
    free(h.text);
}

static void at_the_limit_the_silent_one_goes(void **state)
{
    (void)state;
    struct connections *c = NULL;
    struct heard h = { 0 };
    char byte;

    start(&h);
    assert_int_equal(connections_new(&c, 2, hear, &h), ERR_OK);
    int one = sender(c, 1), two = sender(c, 2);
    say(two, "unfinished");
    connections_serve(c);
    say(one, "x\n");
    connections_serve(c);
    int three = sender(c, 3);
    assert_heard(&h, "1:x 2:unfinished ");
    assert_int_equal(connections_count(c), 2);
    assert_int_equal(connections_dropped(c), 1);
    assert_int_equal(read(two, &byte, 1), 0);
    say(one, "y\n");
    say(three, "z\n");
    connections_serve(c);
    connections_serve(c);
    fflush(h.out);
    assert_non_null(strstr(h.text, "1:y"));
    assert_non_null(strstr(h.text, "3:z"));
    close(one);
    close(two);
    close(three);
    connections_free(c);
    fclose(h.out);
    free(h.text);
}

static void many_senders_are_served(void **state)
{
    (void)state;
    enum { SENDERS = 400 };
    struct connections *c = NULL;
    struct heard h = { 0 };
    int fds[SENDERS];

    start(&h);
    assert_int_equal(connections_new(&c, SENDERS, hear, &h), ERR_OK);
    for (int i = 0; i < SENDERS; i++) {
        fds[i] = sender(c, 1);
        say(fds[i], "m\n");
    }
    for (int turn = 0; turn < SENDERS; turn++)
        connections_serve(c);
    fflush(h.out);
    assert_int_equal(h.n, SENDERS * strlen("1:m "));
    assert_int_equal(connections_count(c), SENDERS);
    for (int i = 0; i < SENDERS; i++)
        close(fds[i]);
    connections_free(c);
    fclose(h.out);
    free(h.text);
}

static void who_takes_no_more_hears_them_in_turn(void **state)
{
    (void)state;
    struct connections *c = NULL;
    struct heard h = { 0 };

    start(&h);
    h.full = true;
    assert_int_equal(connections_new(&c, 8, hear, &h), ERR_OK);
    int one = sender(c, 1), two = sender(c, 2);
    say(one, "a\nb\n");
    say(two, "c\n");
    connections_serve(c);               /* all that one read brought, and no other read */
    say(one, "d\n");
    fflush(h.out);
    assert_string_equal(h.text, "1:a 1:b ");
    connections_serve(c);
    connections_serve(c);
    fflush(h.out);
    assert_string_equal(h.text, "1:a 1:b 2:c 1:d ");
    close(one);
    close(two);
    connections_free(c);
    fclose(h.out);
    free(h.text);
}

static void hear_datagram(void *arg, const struct sockaddr *from, struct slice m)
{
    struct heard *h = arg;
    struct ip ip;
    char text[IP_TEXT_MAX];

    assert_int_equal(ip_of_sockaddr(from, &ip), ERR_OK);
    fprintf(h->out, "%s:%zu ", ip_print(&ip, text), m.n);
}

static void datagrams_come_whole_with_their_sender(void **state)
{
    (void)state;
    static char large[65507];
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    struct datagrams *d = NULL;
    struct heard h = { 0 };
    int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);

    start(&h);
    assert_int_equal(datagrams_new(&d), ERR_OK);
    assert_int_equal(bind(in, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(in, (struct sockaddr *)&at, &n), 0);
    assert_int_equal(connect(out, (struct sockaddr *)&at, sizeof at), 0);
    datagrams_prepare(in);
    assert_int_equal(send(out, "a\0b", 3, 0), 3);
    assert_int_equal(send(out, "", 0, 0), 0);
    assert_int_equal(send(out, large, sizeof large, 0), sizeof large);
    datagrams_read(d, in, hear_datagram, &h);
    assert_heard(&h, "127.0.0.1:3 127.0.0.1:0 127.0.0.1:65507 ");
    assert_int_equal(datagrams_dropped(in), 0);
    close(in);
    close(out);
    datagrams_free(d);
    fclose(h.out);
    free(h.text);
}

static void count_datagram(void *arg, const struct sockaddr *from, struct slice m)
{
    (void)from;
    (void)m;
    ++*(uint32_t *)arg;
}

static void what_the_kernel_drops_is_known_at_once(void **state)
{
    (void)state;
    static const char text[1000];
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    struct datagrams *d = NULL;
    const int small = 4096;
    uint32_t sent = 100, taken = 0, before = 1;
    int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);

    assert_int_equal(datagrams_new(&d), ERR_OK);
    assert_int_equal(setsockopt(in, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(bind(in, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(in, (struct sockaddr *)&at, &n), 0);
    assert_int_equal(connect(out, (struct sockaddr *)&at, sizeof at), 0);
    for (uint32_t i = 0; i < sent; i++)
        assert_int_equal(send(out, text, sizeof text, 0), sizeof text);
    uint32_t dropped = datagrams_dropped(in);
    while (taken != before) {
        before = taken;
        datagrams_read(d, in, count_datagram, &taken);
    }
    assert_in_range(taken, 1, sent - 1);
    assert_int_equal(taken + dropped, sent);
    close(in);
    close(out);
    datagrams_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sender_has_its_own_half_lines),
        cmocka_unit_test(at_the_limit_the_silent_one_goes),
        cmocka_unit_test(many_senders_are_served),
        cmocka_unit_test(who_takes_no_more_hears_them_in_turn),
        cmocka_unit_test(datagrams_come_whole_with_their_sender),
        cmocka_unit_test(what_the_kernel_drops_is_known_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
