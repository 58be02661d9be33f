#include "ingest/syslog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/stage/log.h"
#include "common/text/ip.h"
#include "ingest/connections.h"
#include "ingest/datagrams.h"
#include "ingest/framing.h"

#define PORT_USUAL   514
#define ACCEPT_TURN  64
#define BACKLOG      1024
#define FDS_RESERVED 64                 /* for everything that is no sender's connection */

struct listener {
    struct syslog *syslog;
    const struct config_remote *config;
    int fd;
    struct ip_net *allowed, *denied;
    size_t n_allowed, n_denied;
    uint32_t kernel_drops;
};

struct syslog {
    struct run *run;
    struct gather *gather;
    struct datagrams *datagrams;
    struct connections *connections;
    struct syslog_counts counts;
    uint64_t dropped_reported;
    bool held;
    struct log_limit denied_limit;
    size_t n;
    struct listener listeners[];
};

/* -- what comes --------------------------------------------------------------------------- */

static void take_text(struct syslog *s, const struct ip *from, struct slice message, bool cut)
{
    char address[IP_TEXT_MAX];
    struct slice text = framing_text(message);

    if (text.n == 0) {
        s->counts.syslog_empty++;
        return;
    }
    s->counts.syslog_cut += cut;
    enum err e = gather_add(s->gather, RAW_SYSLOG, slice_of(ip_print(from, address)), text,
                            run_now_us(s->run));
    *(e == ERR_OK ? &s->counts.syslog : &s->counts.syslog_dropped) += 1;
}

/* A sender's short lines take more room here than they took on the wire: what is read in one turn
 * is bounded by the room, not by bytes alone. */
static bool take_streamed(void *arg, const struct ip *from, struct slice message, bool cut)
{
    struct syslog *s = arg;

    take_text(s, from, message, cut);
    return gather_has_room(s->gather);
}

static bool admits(struct listener *l, const struct ip *from)
{
    char address[IP_TEXT_MAX];
    uint64_t held;

    if (!ip_list_has_ip(l->denied, l->n_denied, from)
        && ip_list_has_ip(l->allowed, l->n_allowed, from))
        return true;
    l->syslog->counts.syslog_denied++;
    if (log_allowed(&l->syslog->denied_limit, loop_now_ms(), &held))
        log_warn("syslog: refused, the address is not allowed from=%s more=%" PRIu64,
                 ip_print(from, address), held);
    return false;
}

static void take_datagram(void *arg, const struct sockaddr *from, struct slice message)
{
    struct listener *l = arg;
    struct syslog *s = l->syslog;
    struct ip ip;

    if (ip_of_sockaddr(from, &ip) != ERR_OK || !admits(l, &ip))
        return;
    if (s->held || !gather_has_room(s->gather))
        s->counts.syslog_dropped++;
    else
        take_text(s, &ip, message, false);
}

static void on_datagrams(void *arg)
{
    struct listener *l = arg;

    datagrams_read(l->syslog->datagrams, l->fd, take_datagram, l);
}

static void on_connections(void *arg)
{
    struct syslog *s = arg;

    connections_serve(s->connections);
}

/* Out of descriptors, the connection that was silent longest makes room. */
static int accept_one(struct listener *l, struct sockaddr_storage *from)
{
    socklen_t n = sizeof *from;
    int fd = accept4(l->fd, (struct sockaddr *)from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE)
        && connections_drop_oldest(l->syslog->connections)) {
        n = sizeof *from;
        fd = accept4(l->fd, (struct sockaddr *)from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
    return fd;
}

/* What is short comes back with time and no sooner for asking: the next syslog_report() goes on. */
static void rest_if_short(const struct listener *l)
{
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        loop_pause_fd(l->syslog->run->loop, l->fd, true);
}

static void on_accept(void *arg)
{
    struct listener *l = arg;

    for (int i = 0; i < ACCEPT_TURN; i++) {
        struct sockaddr_storage from;
        struct ip ip;
        int fd = accept_one(l, &from);

        if (fd < 0) {
            rest_if_short(l);
            return;
        }
        if (ip_of_sockaddr((struct sockaddr *)&from, &ip) != ERR_OK || !admits(l, &ip))
            (void)close(fd);
        else if (connections_add(l->syslog->connections, fd, &ip) != ERR_OK)
            return;
    }
}

/* -- listening ---------------------------------------------------------------------------- */

static enum err read_nets(const struct config_list *from, struct ip_net **ret, size_t *ret_n)
{
    struct ip_net *nets = calloc(from->n + 1, sizeof *nets);

    if (nets == NULL)
        return ERR_NOMEM;
    *ret = nets;
    for (size_t i = 0; i < from->n; i++)
        if (ip_net_parse(from->item[i], &nets[i]) != ERR_OK)
            return ERR_SYNTAX;
    *ret_n = from->n;
    return ERR_OK;
}

static enum err address_of(const struct config_remote *c, struct sockaddr_storage *ret, socklen_t *ret_n)
{
    struct sockaddr_in *four = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
    uint16_t port = htons((uint16_t)(c->port != 0 ? c->port : PORT_USUAL));
    struct ip ip = { { 0 } };

    if (c->local_ip.n > 0 && ip_parse(c->local_ip, &ip) != ERR_OK)
        return ERR_SYNTAX;
    *ret = (struct sockaddr_storage){ 0 };
    if (c->local_ip.n > 0 ? !ip_is_v4(&ip) : c->ipv6) {
        *six = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
        memcpy(&six->sin6_addr, ip.at, sizeof ip.at);
        *ret_n = sizeof *six;
    } else {
        *four = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port };
        memcpy(&four->sin_addr, ip.at + 12, 4);
        *ret_n = sizeof *four;
    }
    return ERR_OK;
}

static enum err bind_listener(struct listener *l)
{
    bool tcp = l->config->protocol == PROTOCOL_TCP;
    const int one = 1, zero = 0;
    struct sockaddr_storage at;
    socklen_t n;

    enum err e = address_of(l->config, &at, &n);
    if (e != ERR_OK)
        return e;
    l->fd = socket(at.ss_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return ERR_SYS;
    if (at.ss_family == AF_INET6)
        (void)setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (tcp)
        (void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    else
        datagrams_prepare(l->fd);
    return bind(l->fd, (struct sockaddr *)&at, n) == 0 && (!tcp || listen(l->fd, BACKLOG) == 0)
               ? ERR_OK : ERR_SYS;
}

static enum err open_listener(struct listener *l, struct syslog *s, const struct config_remote *c)
{
    l->syslog = s;
    l->config = c;
    if (c->allowed_ips.n == 0)
        return ERR_ABSENT;
    enum err e = read_nets(&c->allowed_ips, &l->allowed, &l->n_allowed);
    if (e == ERR_OK)
        e = read_nets(&c->denied_ips, &l->denied, &l->n_denied);
    if (e == ERR_OK)
        e = bind_listener(l);
    if (e == ERR_OK)
        e = loop_add_fd(s->run->loop, l->fd, c->protocol == PROTOCOL_TCP ? on_accept : on_datagrams, l);
    return e;
}

/* As many connections as configured, and as the process may have descriptors. */
static size_t connection_limit(uint32_t wanted)
{
    struct rlimit fds;

    if (getrlimit(RLIMIT_NOFILE, &fds) != 0)
        return wanted;
    fds.rlim_cur = fds.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &fds);
    if (fds.rlim_cur <= 2 * FDS_RESERVED)
        return 1;
    return wanted < fds.rlim_cur - FDS_RESERVED ? wanted : (size_t)(fds.rlim_cur - FDS_RESERVED);
}

static enum err open_tables(struct syslog *s)
{
    enum err e = datagrams_new(&s->datagrams);

    if (e == ERR_OK)
        e = connections_new(&s->connections, connection_limit(s->run->config->ingest.senders),
                            take_streamed, s);
    if (e == ERR_OK)
        e = loop_add_fd(s->run->loop, connections_fd(s->connections), on_connections, s);
    return e;
}

enum err syslog_new(struct syslog **ret, struct run *run, struct gather *g, uint32_t *ret_line)
{
    const struct config *c = run->config;
    struct syslog *s = calloc(1, sizeof *s + c->n_remote * sizeof s->listeners[0]);
    if (s == NULL)
        return ERR_NOMEM;

    s->run = run;
    s->gather = g;
    *ret_line = 0;
    enum err e = open_tables(s);
    for (size_t i = 0; i < c->n_remote && e == ERR_OK; i++) {
        if (c->remote[i].connection != CONNECTION_SYSLOG)
            continue;
        struct listener *l = &s->listeners[s->n++];
        l->fd = -1;
        *ret_line = c->remote[i].line;
        e = open_listener(l, s, &c->remote[i]);
    }
    if (e != ERR_OK) {
        int saved = errno;
        syslog_free(s);
        errno = saved;
        return e;
    }
    *ret = s;
    return ERR_OK;
}

void syslog_free(struct syslog *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++) {
        struct listener *l = &s->listeners[i];
        if (l->fd >= 0) {
            loop_remove_fd(s->run->loop, l->fd);
            (void)close(l->fd);
        }
        free(l->allowed);
        free(l->denied);
    }
    if (s->connections != NULL)
        loop_remove_fd(s->run->loop, connections_fd(s->connections));
    connections_free(s->connections);
    datagrams_free(s->datagrams);
    free(s);
}

void syslog_hold(struct syslog *s, bool held)
{
    if (s->held == held)
        return;
    s->held = held;
    loop_pause_fd(s->run->loop, connections_fd(s->connections), held);
}

static void go_on_listening(struct syslog *s)
{
    for (size_t i = 0; i < s->n; i++)
        loop_pause_fd(s->run->loop, s->listeners[i].fd, false);
}

static void count_kernel_drops(struct syslog *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct listener *l = &s->listeners[i];
        if (l->config->protocol == PROTOCOL_TCP)
            continue;
        uint32_t drops = datagrams_dropped(l->fd);
        s->counts.syslog_dropped += (uint32_t)(drops - l->kernel_drops);
        l->kernel_drops = drops;
    }
}

void syslog_report(struct syslog *s)
{
    static const char form[] = "yagura: events dropped: %" PRIu64 " syslog messages, no room for them";
    char text[sizeof form + 20];

    go_on_listening(s);
    count_kernel_drops(s);
    uint64_t fresh = s->counts.syslog_dropped - s->dropped_reported;
    if (fresh == 0)
        return;
    int n = snprintf(text, sizeof text, form, fresh);
    if (gather_add(s->gather, RAW_AGENT, SLICE("yagura-ingest"), (struct slice){ text, (size_t)n },
                   run_now_us(s->run)) == ERR_OK)
        s->dropped_reported += fresh;
}

const struct syslog_counts *syslog_counts(const struct syslog *s)
{
    return &s->counts;
}

size_t syslog_connections(const struct syslog *s)
{
    return connections_count(s->connections);
}

uint64_t syslog_closed(const struct syslog *s)
{
    return connections_dropped(s->connections);
}
