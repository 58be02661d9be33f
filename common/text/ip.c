#include "common/text/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define V4_BITS_BEFORE 96       /* of ::ffff:0:0, in front of the 32 of IPv4 */

static const uint8_t v4_head[12] = { [10] = 0xff, [11] = 0xff };

static struct slice trim(struct slice s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_from(s, 1);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static void set_v4(struct ip *ret, const void *four)
{
    memcpy(ret->at, v4_head, sizeof v4_head);
    memcpy(ret->at + sizeof v4_head, four, 4);
}

enum err ip_parse(struct slice text, struct ip *ret)
{
    char copy[IP_TEXT_MAX];
    struct in6_addr six;
    struct in_addr four;

    if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n) != NULL)
        return ERR_SYNTAX;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (inet_pton(AF_INET, copy, &four) == 1)
        set_v4(ret, &four);
    else if (inet_pton(AF_INET6, copy, &six) == 1)
        memcpy(ret->at, &six, sizeof ret->at);
    else
        return ERR_SYNTAX;
    return ERR_OK;
}

enum err ip_of_sockaddr(const struct sockaddr *from, struct ip *ret)
{
    if (from->sa_family == AF_INET)
        set_v4(ret, &((const struct sockaddr_in *)(const void *)from)->sin_addr);
    else if (from->sa_family == AF_INET6)
        memcpy(ret->at, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr,
               sizeof ret->at);
    else
        return ERR_RANGE;
    return ERR_OK;
}

bool ip_is_v4(const struct ip *a)
{
    return memcmp(a->at, v4_head, sizeof v4_head) == 0;
}

char *ip_print(const struct ip *a, char *text)
{
    const char *done = ip_is_v4(a)
        ? inet_ntop(AF_INET, a->at + sizeof v4_head, text, IP_TEXT_MAX)
        : inet_ntop(AF_INET6, a->at, text, IP_TEXT_MAX);

    if (done == NULL)
        text[0] = '\0';
    return text;
}

/* "24"; at most three digits */
static bool parse_count(struct slice s, unsigned *ret)
{
    unsigned n = 0;

    if (s.n == 0 || s.n > 3)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        n = n * 10 + (unsigned)(s.p[i] - '0');
    }
    *ret = n;
    return true;
}

/* "255.255.255.0": ones, then zeros */
static bool parse_mask(struct slice s, unsigned *ret)
{
    struct ip mask;

    if (ip_parse(s, &mask) != ERR_OK || !ip_is_v4(&mask))
        return false;
    uint32_t m = (uint32_t)mask.at[12] << 24 | (uint32_t)mask.at[13] << 16
               | (uint32_t)mask.at[14] << 8 | mask.at[15];
    uint32_t zeros = ~m;
    if ((zeros & (zeros + 1)) != 0)
        return false;
    unsigned n = 0;
    for (; m != 0; m <<= 1)
        n++;
    *ret = n;
    return true;
}

/* A mapped network (::ffff:192.0.2.0/120) counts all 128 bits, as its text does. */
static bool parse_prefix(struct slice s, bool dotted, unsigned *bits)
{
    unsigned n = 0;

    if (dotted) {
        if ((!parse_count(s, &n) || n > 32) && (s.n <= 3 || !parse_mask(s, &n)))
            return false;
        n += V4_BITS_BEFORE;
    } else if (!parse_count(s, &n) || n > 128) {
        return false;
    }
    *bits = n;
    return true;
}

enum err ip_net_parse(struct slice text, struct ip_net *ret)
{
    struct ip_net net = { .bits = 128 };
    struct slice s = trim(text);
    unsigned bits = 128;

    if (s.n > 0 && s.p[0] == '!') {
        net.negated = true;
        s = trim(slice_from(s, 1));
    }
    if (slice_eq_nocase(s, SLICE("any"))) {
        net.any = true;
        net.bits = 0;
        *ret = net;
        return ERR_OK;
    }
    const char *slash = s.n > 0 ? memchr(s.p, '/', s.n) : NULL;
    struct slice address = { s.p, slash != NULL ? (size_t)(slash - s.p) : s.n };
    if (ip_parse(address, &net.base) != ERR_OK)
        return ERR_SYNTAX;
    bool dotted = memchr(address.p, ':', address.n) == NULL;
    if (slash != NULL && !parse_prefix(slice_from(s, address.n + 1), dotted, &bits))
        return ERR_SYNTAX;
    net.bits = (uint8_t)bits;
    *ret = net;
    return ERR_OK;
}

bool ip_net_has(const struct ip_net *net, const struct ip *a)
{
    size_t whole = net->bits / 8;
    unsigned rest = net->bits % 8;

    if (net->any)
        return true;
    if (net->bits < V4_BITS_BEFORE && ip_is_v4(a))
        return false;
    if (memcmp(net->base.at, a->at, whole) != 0)
        return false;
    return rest == 0 || (net->base.at[whole] ^ a->at[whole]) >> (8 - rest) == 0;
}

/* a NULL: text that is no address */
static bool decide(const struct ip_net *list, size_t n, const struct ip *a)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].any || (a != NULL && ip_net_has(&list[i], a)))
            return !list[i].negated;
    return a != NULL && n > 0 && list[n - 1].negated;
}

bool ip_list_has_ip(const struct ip_net *list, size_t n, const struct ip *a)
{
    return decide(list, n, a);
}

bool ip_list_has(const struct ip_net *list, size_t n, struct slice address)
{
    struct ip a;
    return decide(list, n, ip_parse(address, &a) == ERR_OK ? &a : NULL);
}
