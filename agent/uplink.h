/*
 * uplink - the agent's one connection to the manager
 *
 * A DEALER over CURVE.  hello names the stream and what can still be sent; welcome says from where; then
 * EVENTS as the credit allows, each a frame of the spool; every ack moves the spool on.  Anything
 * that goes wrong ends in the same place: say hello again, and send again from where the
 * manager says.  Several endpoints are tried in turn, with pauses that grow and differ
 * from host to host, so that a fleet does not return as one.
 *
 * It trusts nothing but the manager's public key.  What arrives is bounded in size by the
 * socket and read by record_unpack(); numbers that make no sense are ignored.
 */
#ifndef AGENT_UPLINK_H
#define AGENT_UPLINK_H

#include <stdint.h>

#include "agent/identity.h"
#include "agent/spool.h"
#include "common/err.h"

#define UPLINK_TICK_MS    250           /* while something waits for its acknowledgement */
#define UPLINK_BEAT_MS    10000         /* a sign of life when there is nothing to say */
#define UPLINK_URGE_MS    2000          /* ... and when an acknowledgement is overdue */
#define UPLINK_SILENT_MS  15000         /* no answer: the manager has gone, try the next endpoint */
#define UPLINK_ANSWER_MS  5000          /* ... and to a hello */
#define UPLINK_MESSAGE_MAX (64 << 10)   /* bytes of a message that the manager may send us */
#define UPLINK_PAUSE_MAX_MS 30000       /* longest pause between two attempts */

struct uplink;

/* What HELLO says of this host. */
struct host { const char *version, *name, *os, *fingerprint; };

/* identity, spool and host are borrowed and outlive the uplink.  zmq: a context.  ERR_RANGE: an endpoint
 * that ZeroMQ does not take.  The caller owns *ret. */
MUST_USE enum err uplink_new(struct uplink **ret, void *zmq, const struct identity *identity,
                             struct spool *spool, const struct host *host, uint64_t now_ms);
void uplink_free(struct uplink *u);     /* NULL is fine */

/* The socket to wait for.  It changes when another endpoint is tried: *generation tells. */
void *uplink_socket(const struct uplink *u, uint32_t *generation);

/* Serve what has arrived, at most LOOP_TURN messages.  ERR_SYS, ERR_FULL: the spool failed. */
MUST_USE enum err uplink_receive(struct uplink *u, uint64_t now_ms);
/* Send what the credit allows. */
MUST_USE enum err uplink_send(struct uplink *u);
/* Time has passed: say hello, beat, or give the endpoint up.  Call again in uplink_pause_ms(). */
MUST_USE enum err uplink_tick(struct uplink *u, uint64_t now_ms);
uint64_t uplink_pause_ms(const struct uplink *u, uint64_t now_ms);
bool uplink_idle(const struct uplink *u);       /* connected, and nothing waits for an answer */

struct uplink_state {
    bool connected;
    const char *endpoint;
    uint64_t credit, in_flight;         /* EVENTS messages */
    uint64_t sent, acked;               /* highest sequence numbers */
    uint64_t arrived;                   /* records acknowledged to this process */
    uint64_t hellos, nacks, refused;
    uint64_t clock_offset_us;           /* the manager's clock minus ours at the last welcome, two's complement */
    char name[KEYLINE_NAME_MAX + 1];    /* as the manager calls us */
};
void uplink_state(const struct uplink *u, struct uplink_state *ret);

/* Every option of the socket, for the uplink and for the test that reads each back. */
MUST_USE enum err uplink_options(void *socket, const struct identity *identity);

#endif
