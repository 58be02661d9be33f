#include "ingest/edge.h"

#include <errno.h>
#include <stdint.h>

#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93       /* of libzmq's draft header; the library has it */
#endif

enum width { INT, INT64, TEXT };

struct row {
    const char *name;
    int option;
    enum width width;
    int64_t value;
    const char *text;
    bool write_only;                    /* libzmq has no getter for it */
};

/* A handshake of CURVE takes two round trips; a silent peer is gone after 30 seconds; the queues
 * of one peer hold a few frames, and the rest waits in its kernel. */
static const struct row rows[] = {
    { "CURVE_SERVER",       ZMQ_CURVE_SERVER,       INT,   1, NULL, false },
    { "ZAP_DOMAIN",         ZMQ_ZAP_DOMAIN,         TEXT,  0, EDGE_DOMAIN, false },
    { "ZAP_ENFORCE_DOMAIN", ZMQ_ZAP_ENFORCE_DOMAIN, INT,   1, NULL, false },
    { "MAXMSGSIZE",         ZMQ_MAXMSGSIZE,         INT64, (int64_t)EDGE_FRAME_MAX, NULL, false },
    { "HANDSHAKE_IVL",      ZMQ_HANDSHAKE_IVL,      INT,   10000, NULL, false },
    { "HEARTBEAT_IVL",      ZMQ_HEARTBEAT_IVL,      INT,   10000, NULL, false },
    { "HEARTBEAT_TIMEOUT",  ZMQ_HEARTBEAT_TIMEOUT,  INT,   30000, NULL, false },
    { "HEARTBEAT_TTL",      ZMQ_HEARTBEAT_TTL,      INT,   60000, NULL, false },
    { "ROUTER_MANDATORY",   ZMQ_ROUTER_MANDATORY,   INT,   1, NULL, true },
    { "ROUTER_HANDOVER",    ZMQ_ROUTER_HANDOVER,    INT,   0, NULL, true },
    { "SNDHWM",             ZMQ_SNDHWM,             INT,   256, NULL, false },
    { "RCVHWM",             ZMQ_RCVHWM,             INT,   64, NULL, false },
    { "BACKLOG",            ZMQ_BACKLOG,            INT,   1024, NULL, false },
    { "LINGER",             ZMQ_LINGER,             INT,   0, NULL, false },
    { "TCP_KEEPALIVE",      ZMQ_TCP_KEEPALIVE,      INT,   1, NULL, false },
    { "TCP_KEEPALIVE_IDLE", ZMQ_TCP_KEEPALIVE_IDLE, INT,   120, NULL, false },
    { "TCP_KEEPALIVE_INTVL", ZMQ_TCP_KEEPALIVE_INTVL, INT, 30, NULL, false },
    { "TCP_KEEPALIVE_CNT",  ZMQ_TCP_KEEPALIVE_CNT,  INT,   4, NULL, false },
    { "IPV6",               ZMQ_IPV6,               INT,   1, NULL, false },
};

static int set_row(void *socket, const struct row *r)
{
    int narrow = (int)r->value;

    switch (r->width) {
    case INT:   return zmq_setsockopt(socket, r->option, &narrow, sizeof narrow);
    case INT64: return zmq_setsockopt(socket, r->option, &r->value, sizeof r->value);
    case TEXT:  return zmq_setsockopt(socket, r->option, r->text, strlen(r->text));
    }
    return -1;
}

static bool text_is(void *socket, const struct row *r)
{
    char text[256];
    size_t n = sizeof text;

    return zmq_getsockopt(socket, r->option, text, &n) == 0 && n == strlen(r->text) + 1
        && memcmp(text, r->text, n) == 0;
}

static bool row_is(void *socket, const struct row *r)
{
    int narrow;
    int64_t wide;
    size_t narrow_n = sizeof narrow, wide_n = sizeof wide;

    if (r->write_only)
        return true;
    switch (r->width) {
    case INT:
        return zmq_getsockopt(socket, r->option, &narrow, &narrow_n) == 0 && narrow == r->value;
    case INT64:
        return zmq_getsockopt(socket, r->option, &wide, &wide_n) == 0 && wide == r->value;
    case TEXT:
        return text_is(socket, r);
    }
    return false;
}

static enum err set_all(void *socket, const uint8_t secret[32])
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (set_row(socket, &rows[i]) != 0)
            return ERR_SYS;
    return zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, 32) == 0 ? ERR_OK : ERR_SYS;
}

enum err edge_new(void **ret, void *zmq, const uint8_t secret[32])
{
    void *socket = zmq_socket(zmq, ZMQ_ROUTER);
    if (socket == NULL)
        return ERR_SYS;
    enum err e = set_all(socket, secret);
    if (e != ERR_OK) {
        int saved = errno;
        hop_close(socket);
        errno = saved;
        return e;
    }
    *ret = socket;
    return ERR_OK;
}

enum err edge_check(void *socket, const char **ret_which)
{
    int mechanism = -1;
    size_t n = sizeof mechanism;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!row_is(socket, &rows[i])) {
            *ret_which = rows[i].name;
            return ERR_RANGE;
        }
    if (zmq_getsockopt(socket, ZMQ_MECHANISM, &mechanism, &n) != 0 || mechanism != ZMQ_CURVE) {
        *ret_which = "MECHANISM";
        return ERR_RANGE;
    }
    return ERR_OK;
}

enum err edge_recv(void *socket, struct peer *from, zmq_msg_t *ret, struct slice *user)
{
    enum err e = hop_recv(socket, from, ret);
    if (e != ERR_OK)
        return e;
    const char *name = zmq_msg_gets(ret, "User-Id");
    if (name == NULL || name[0] == '\0') {
        zmq_msg_close(ret);
        return ERR_DENIED;
    }
    *user = slice_of(name);
    return ERR_OK;
}
