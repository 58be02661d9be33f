#include "common/stage/hop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/wire/mp.h"
#include "common/wire/record.h"

#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93       /* of libzmq's draft header; the library has it */
#endif

typedef int attach_socket(void *socket, const char *endpoint);

struct plan { int type, hwm; int64_t frame_max; bool shown, listens; const struct keypair *key; };

static bool is_loopback(const char *endpoint)
{
    static const char *const loopback[] = { "tcp://127.0.0.1:", "tcp://[::1]:" };

    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++)
        if (strncmp(endpoint, loopback[i], strlen(loopback[i])) == 0)
            return true;
    return false;
}

bool hop_needs_key(const char *endpoint)
{
    return strncmp(endpoint, "tcp://", 6) == 0;
}

bool hop_needs_key_public(const char *endpoint)
{
    return hop_needs_key(endpoint) && !is_loopback(endpoint);
}

static bool needs_key(const struct plan *p, const char *endpoint)
{
    return p->shown ? hop_needs_key_public(endpoint) : hop_needs_key(endpoint);
}

static enum err check_endpoint(const struct plan *p, const char *endpoint)
{
    const size_t path_max = sizeof ((struct sockaddr_un *)NULL)->sun_path - 1;

    if (needs_key(p, endpoint))
        return p->key != NULL ? ERR_OK : ERR_RANGE;
    if (strncmp(endpoint, "ipc://", 6) == 0)
        return strlen(endpoint + 6) <= path_max ? ERR_OK : ERR_RANGE;
    return strncmp(endpoint, "inproc://", 9) == 0 || is_loopback(endpoint) ? ERR_OK : ERR_RANGE;
}

static bool set_bytes(void *socket, int option, const void *p, size_t n)
{
    return zmq_setsockopt(socket, option, p, n) == 0;
}

static bool set_server(void *socket, const struct keypair *key)
{
    const int one = 1;

    return set_bytes(socket, ZMQ_CURVE_SERVER, &one, sizeof one)
        && set_bytes(socket, ZMQ_CURVE_SECRETKEY, key->secret, KEYFILE_KEY)
        && set_bytes(socket, ZMQ_ZAP_DOMAIN, HOP_DOMAIN, strlen(HOP_DOMAIN))
        && set_bytes(socket, ZMQ_ZAP_ENFORCE_DOMAIN, &one, sizeof one);
}

static bool set_client(void *socket, const struct keypair *key)
{
    return set_bytes(socket, ZMQ_CURVE_PUBLICKEY, key->public, KEYFILE_KEY)
        && set_bytes(socket, ZMQ_CURVE_SECRETKEY, key->secret, KEYFILE_KEY)
        && set_bytes(socket, ZMQ_CURVE_SERVERKEY, key->public, KEYFILE_KEY);
}

/* libzmq copies the options at each bind and connect, but takes no domain back: a socket that has
 * been far stays so. */
static enum err set_curve(void *socket, const struct plan *p, bool far)
{
    int mechanism = -1;
    size_t n = sizeof mechanism;

    if (far)
        return (p->listens ? set_server : set_client)(socket, p->key) ? ERR_OK : ERR_SYS;
    if (zmq_getsockopt(socket, ZMQ_MECHANISM, &mechanism, &n) != 0)
        return ERR_SYS;
    return mechanism == ZMQ_NULL ? ERR_OK : ERR_RANGE;
}

static enum err set_options(void *socket, const struct plan *p, const char *endpoint)
{
    const bool far = needs_key(p, endpoint);
    const struct { int option, value, only; } rows[] = {
        { ZMQ_LINGER, 0, 0 },              { ZMQ_SNDHWM, p->hwm, 0 },
        { ZMQ_RCVHWM, HOP_HWM, 0 },        { ZMQ_RECONNECT_IVL, 50, 0 },
        { ZMQ_RECONNECT_IVL_MAX, 500, 0 }, { ZMQ_IMMEDIATE, 1, ZMQ_DEALER },
        { ZMQ_ROUTER_MANDATORY, 1, ZMQ_ROUTER },
        { ZMQ_IPV6, strncmp(endpoint, "tcp://[", 7) == 0, 0 },
        { ZMQ_HANDSHAKE_IVL, 10000, 0 },   { ZMQ_HEARTBEAT_IVL, far ? 10000 : 0, 0 },
        { ZMQ_HEARTBEAT_TIMEOUT, 30000, 0 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if ((rows[i].only == 0 || rows[i].only == p->type)
            && !set_bytes(socket, rows[i].option, &rows[i].value, sizeof(int)))
            return ERR_SYS;
    if (!set_bytes(socket, ZMQ_MAXMSGSIZE, &p->frame_max, sizeof p->frame_max))
        return ERR_SYS;
    return set_curve(socket, p, far);
}

static enum err open_hop(void **ret, void *zmq, const struct plan *p, const char *endpoint,
                         attach_socket *attach)
{
    void *socket = *ret;

    enum err e = check_endpoint(p, endpoint);
    if (e != ERR_OK)
        return e;
    if (socket == NULL && (socket = zmq_socket(zmq, p->type)) == NULL)
        return ERR_SYS;
    e = set_options(socket, p, endpoint);
    if (e == ERR_OK && attach(socket, endpoint) != 0)
        e = ERR_SYS;
    if (e == ERR_OK) {
        *ret = socket;
    } else if (*ret == NULL) {
        int saved = errno;
        hop_close(socket);
        errno = saved;
    }
    return e;
}

#define FRAME_ROOM 1024                 /* for what CURVE and people's protocols put around a frame */

enum err hop_bind(void **ret, void *zmq, int type, const char *endpoint, const struct keypair *key)
{
    const struct plan p = { type, HOP_HWM, (int64_t)MP_FRAME_MAX + FRAME_ROOM, false, true, key };

    return open_hop(ret, zmq, &p, endpoint, zmq_bind);
}

enum err hop_connect(void **ret, void *zmq, int type, const char *endpoint, const struct keypair *key)
{
    const struct plan p = { type, HOP_HWM, (int64_t)MP_FRAME_MAX + FRAME_ROOM, false, false, key };

    return open_hop(ret, zmq, &p, endpoint, zmq_connect);
}

enum err hop_bind_public(void **ret, void *zmq, int type, const char *endpoint, int hwm,
                         const struct keypair *key)
{
    const struct plan p = { type, hwm, (int64_t)MP_FRAME_MAX + FRAME_ROOM, true, true, key };

    return open_hop(ret, zmq, &p, endpoint, zmq_bind);
}

/* JSON of what was one frame here: each byte may have become six. */
enum err hop_connect_public(void **ret, void *zmq, int type, const char *endpoint, int hwm,
                            const struct keypair *key)
{
    const struct plan p = { type, hwm, (int64_t)MP_FRAME_MAX * 8 + FRAME_ROOM, true, false, key };

    return open_hop(ret, zmq, &p, endpoint, zmq_connect);
}

void hop_close(void *socket)
{
    if (socket != NULL)
        (void)zmq_close(socket);        /* fails only on what is no socket */
}

static void drop_rest(void *socket, zmq_msg_t *m)
{
    while (zmq_msg_more(m)) {
        zmq_msg_close(m);
        zmq_msg_init(m);
        if (zmq_msg_recv(m, socket, ZMQ_DONTWAIT) < 0)
            break;
    }
    zmq_msg_close(m);
}

enum err hop_recv(void *socket, struct peer *from, zmq_msg_t *ret)
{
    zmq_msg_init(ret);
    if (zmq_msg_recv(ret, socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(ret);
        return errno == EAGAIN ? ERR_AGAIN : ERR_SYS;
    }
    if (from != NULL) {
        if (zmq_msg_size(ret) > HOP_PEER_MAX || !zmq_msg_more(ret)) {
            drop_rest(socket, ret);
            return ERR_BADMSG;
        }
        from->n = (uint8_t)zmq_msg_size(ret);
        memcpy(from->id, zmq_msg_data(ret), from->n);
        zmq_msg_close(ret);
        zmq_msg_init(ret);
        if (zmq_msg_recv(ret, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(ret);
            return ERR_BADMSG;
        }
    }
    if (zmq_msg_more(ret)) {
        drop_rest(socket, ret);
        return ERR_BADMSG;
    }
    return ERR_OK;
}

static enum err why_unsent(void)
{
    switch (errno) {
    case EAGAIN:       return ERR_AGAIN;
    case EHOSTUNREACH: return ERR_ABSENT;
    default:           return ERR_SYS;
    }
}

static enum err send_peer(void *socket, const struct peer *to)
{
    if (to == NULL)
        return ERR_OK;
    if (zmq_send(socket, to->id, to->n, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        return ERR_OK;
    return why_unsent();
}

static enum err send_msg(void *socket, const struct peer *to, zmq_msg_t *m)
{
    enum err e = send_peer(socket, to);

    if (e == ERR_OK && zmq_msg_send(m, socket, ZMQ_DONTWAIT) < 0)
        e = why_unsent();
    if (e != ERR_OK)
        zmq_msg_close(m);
    return e;
}

enum err hop_send(void *socket, const struct peer *to, struct slice frame)
{
    zmq_msg_t m;

    if (zmq_msg_init_size(&m, frame.n) != 0)
        return ERR_NOMEM;
    if (frame.n > 0)
        memcpy(zmq_msg_data(&m), frame.p, frame.n);
    return send_msg(socket, to, &m);
}

static void free_data(void *data, void *hint)
{
    (void)hint;
    free(data);
}

enum err hop_give(void *socket, const struct peer *to, msgpack_sbuffer *buffer)
{
    zmq_msg_t m;
    size_t n = buffer->size;
    char *data = msgpack_sbuffer_release(buffer);

    if (data == NULL)
        return hop_send(socket, to, (struct slice){ NULL, 0 });
    if (zmq_msg_init_data(&m, data, n, free_data, NULL) != 0) {
        free(data);
        return ERR_NOMEM;
    }
    return send_msg(socket, to, &m);
}

enum err hop_send_record(void *socket, const struct peer *to, const struct schema *s,
                         const void *rec)
{
    msgpack_sbuffer b;

    msgpack_sbuffer_init(&b);
    enum err e = record_pack(s, rec, &b);
    if (e == ERR_OK)
        e = hop_give(socket, to, &b);
    msgpack_sbuffer_destroy(&b);
    return e;
}

/* if_none: what an end before the first byte means */
static enum err read_whole(int fd, char *to, size_t n, enum err if_none)
{
    for (size_t got = 0; got < n; ) {
        ssize_t k = read(fd, to + got, n - got);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return ERR_SYS;
        if (k == 0)
            return got == 0 ? if_none : ERR_BADMSG;
        got += (size_t)k;
    }
    return ERR_OK;
}

enum err pipe_read(int fd, struct pipe_frame *frame)
{
    uint8_t head[4];

    enum err e = read_whole(fd, (char *)head, sizeof head, ERR_ABSENT);
    if (e != ERR_OK)
        return e;
    size_t n = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    if (n > MP_FRAME_MAX)
        return ERR_BADMSG;
    if (n > frame->room || frame->p == NULL) {
        char *p = realloc(frame->p, n + 1);
        if (p == NULL)
            return ERR_NOMEM;
        frame->p = p;
        frame->room = n + 1;
    }
    frame->n = n;
    return read_whole(fd, frame->p, n, ERR_BADMSG);
}

static enum err write_whole(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return ERR_SYS;
        p += k;
        n -= (size_t)k;
    }
    return ERR_OK;
}

enum err pipe_write(int fd, struct slice frame)
{
    const char head[4] = {
        (char)(frame.n & 255), (char)(frame.n >> 8 & 255), (char)(frame.n >> 16 & 255),
        (char)(frame.n >> 24 & 255),
    };

    if (frame.n > MP_FRAME_MAX)
        return ERR_RANGE;
    enum err e = write_whole(fd, head, sizeof head);
    return e == ERR_OK ? write_whole(fd, frame.p, frame.n) : e;
}
