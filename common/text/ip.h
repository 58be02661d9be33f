/*
 * ip - addresses, networks, and OSSEC's lists of them
 *
 * Every address is 16 bytes; IPv4 is kept as ::ffff:a.b.c.d, so the mapped form and
 * the plain one are the same address.  An IPv4 address is in no IPv6 network (nor is
 * it in ::/0).
 */
#ifndef COMMON_TEXT_IP_H
#define COMMON_TEXT_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/slice.h"

#define IP_TEXT_MAX 46          /* with the NUL; INET6_ADDRSTRLEN */

struct ip { uint8_t at[16]; };

struct ip_net {
    struct ip base;
    uint8_t bits;               /* leading bits that count, of the 16 bytes: /24 is 120 */
    bool any;                   /* every address, and whatever else stands in its place */
    bool negated;               /* written with `!` */
};

/* ERR_SYNTAX: not an address in numbers (names are never looked up). */
MUST_USE enum err ip_parse(struct slice text, struct ip *ret);
/* ERR_RANGE: neither AF_INET nor AF_INET6. */
MUST_USE enum err ip_of_sockaddr(const struct sockaddr *from, struct ip *ret);
/* IPv4 prints as IPv4.  text has room for IP_TEXT_MAX bytes; returns text. */
char *ip_print(const struct ip *a, char *text);
bool ip_is_v4(const struct ip *a);

/* "[!]any", "[!]ADDRESS", "[!]ADDRESS/BITS", "[!]a.b.c.d/255.255.255.0"; spaces around
 * are dropped.  Bits of the address behind the prefix are ignored. */
MUST_USE enum err ip_net_parse(struct slice text, struct ip_net *ret);
/* Whether a lies in the network; negated is not looked at. */
bool ip_net_has(const struct ip_net *net, const struct ip *a);

/* OSSEC's list: the first entry that holds the address decides, yes or (when negated) no;
 * if none does, the answer is yes just when the last entry is negated.  Text that
 * is no address is in no entry but `any`, and never passes by default.  An empty
 * list holds nothing. */
bool ip_list_has(const struct ip_net *list, size_t n, struct slice address);
bool ip_list_has_ip(const struct ip_net *list, size_t n, const struct ip *a);

#endif
