/*
 * edge - the socket that strangers reach
 *
 * One function sets every option of it, from a table, and another reads each back.  CURVE and
 * ZAP decide who gets in; identity is what they say ("User-Id"), never a routing id, which a
 * peer may choose, nor anything in a message.
 */
#ifndef INGEST_EDGE_H
#define INGEST_EDGE_H

#include <zmq.h>

#include "common/err.h"
#include "common/slice.h"
#include "common/stage/hop.h"

#define EDGE_DOMAIN    "yagura-agents"
#define EDGE_FRAME_MAX ((size_t)1 << 20)        /* bytes of one message; longer ones end the connection */

/* A ROUTER with every option set, not bound yet.  secret: the manager's CURVE key.  ERR_SYS: an option
 * was refused, zmq_errno() tells why.  The caller ends *ret with hop_close(). */
MUST_USE enum err edge_new(void **ret, void *zmq, const uint8_t secret[32]);

/* Read every option back.  ERR_RANGE: *ret_which is the name of one that is not as it should be. */
MUST_USE enum err edge_check(void *socket, const char **ret_which);

/* One message: as hop_recv(), and who sent it, as ZAP named it; *user is borrowed from *ret.
 * ERR_DENIED: a message without a name was dropped. */
MUST_USE enum err edge_recv(void *socket, struct peer *from, zmq_msg_t *ret, struct slice *user);

#endif
