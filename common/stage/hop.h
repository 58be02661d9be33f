/*
 * hop - one end of a connection between two processes
 *
 * Inside a host hops are ipc sockets in a directory that only Yagura's users can enter.
 * Between hosts they are tcp with CURVE, always: both ends hold the same key file, and an end
 * with another key is refused.  One function sets every option, so no socket is forgotten.
 *
 * High-water marks bound neither memory nor loss; every protocol here has its own credit.
 */
#ifndef COMMON_STAGE_HOP_H
#define COMMON_STAGE_HOP_H

#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>
#include <zmq.h>

#include "common/conf/keyfile.h"
#include "common/err.h"
#include "common/slice.h"

#define HOP_PEER_MAX 16         /* routing ids that ROUTER makes have 5 bytes */
#define HOP_HWM 4096
#define HOP_DOMAIN "stages"       /* of ZAP, for hops between hosts */

struct peer { uint8_t n; char id[HOP_PEER_MAX]; };      /* of a ROUTER's message */

static inline bool peer_eq(const struct peer *a, const struct peer *b)
{
    return a->n == b->n && memcmp(a->id, b->id, a->n) == 0;
}

/* Make a socket with every option of an inner hop set, and bind or connect it.  type: ZMQ_ROUTER,
 * ZMQ_DEALER, ZMQ_REP, ZMQ_REQ, ZMQ_PUB, ZMQ_SUB.  A stale ipc file is replaced; its directory must be
 * there.  *ret: NULL, or a socket to bind or connect once more, tcp last.  key: the stages' pair, used and
 * needed for tcp; NULL: there is none.  A process that binds tcp serves HOP_DOMAIN (zap.h), or nobody
 * gets in.  ERR_RANGE: the path is longer than a socket address takes (107 bytes), tcp without a
 * key, or anything else after tcp.  ERR_SYS: zmq_errno() tells why.  The caller ends *ret with hop_close(). */
MUST_USE enum err hop_bind(void **ret, void *zmq, int type, const char *endpoint,
                           const struct keypair *key);
MUST_USE enum err hop_connect(void **ret, void *zmq, int type, const char *endpoint,
                              const struct keypair *key);

/* What is served to people: as above, with tcp on a loopback address (127.0.0.1 or [::1]) as well,
 * and that is plain.  hwm: messages waiting for one peer, after which PUB drops and ROUTER refuses. */
MUST_USE enum err hop_bind_public(void **ret, void *zmq, int type, const char *endpoint, int hwm,
                                  const struct keypair *key);
MUST_USE enum err hop_connect_public(void **ret, void *zmq, int type, const char *endpoint, int hwm,
                                     const struct keypair *key);

/* Whether the endpoint is refused without a key. */
bool hop_needs_key(const char *endpoint);
bool hop_needs_key_public(const char *endpoint);
void hop_close(void *socket);                           /* NULL is fine; does not linger */

/* One message, without waiting.  from: NULL unless the socket is a ROUTER.  ERR_AGAIN: none there.
 * ERR_BADMSG: a message of the wrong number of frames was dropped; ask again.  On ERR_OK the
 * caller ends *ret with zmq_msg_close(). */
MUST_USE enum err hop_recv(void *socket, struct peer *from, zmq_msg_t *ret);
static inline struct slice hop_frame(zmq_msg_t *m)
{
    return (struct slice){ zmq_msg_data(m), zmq_msg_size(m) };
}

/* Send without waiting.  to: NULL unless the socket is a ROUTER.  hop_send copies; hop_give hands
 * the buffer's memory over and leaves it empty, also on failure.
 * ERR_AGAIN: the peer's queue is full.  ERR_ABSENT: the peer has gone. */
MUST_USE enum err hop_send(void *socket, const struct peer *to, struct slice frame);
MUST_USE enum err hop_give(void *socket, const struct peer *to, msgpack_sbuffer *buffer);

/* Pack a record (schemas/messages.h) and send it. */
struct schema;
MUST_USE enum err hop_send_record(void *socket, const struct peer *to, const struct schema *s,
                                  const void *rec);

/* Frames on a pipe: 4 bytes of length, little-endian, then the bytes.  ERR_ABSENT: the end.
 * ERR_BADMSG: longer than MP_FRAME_MAX or cut off.  *frame grows as needed; the caller frees ->p. */
struct pipe_frame { char *p; size_t n, room; };
MUST_USE enum err pipe_read(int fd, struct pipe_frame *frame);
MUST_USE enum err pipe_write(int fd, struct slice frame);

#endif
