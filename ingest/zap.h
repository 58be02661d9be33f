/*
 * zap - who may connect: libzmq asks for each handshake, the registry answers
 *
 * The loop serves this socket like any other.  An answer takes two look-ups in memory and no
 * file, network or clock, so a flood of bad handshakes costs little and blocks nothing.
 */
#ifndef INGEST_ZAP_H
#define INGEST_ZAP_H

#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "ingest/registry.h"

/* Why a handshake was let in or not; what each is called for people. */
#define ZAP_MAP(X)                                                \
    X(ADMITTED,  200, "admitted")                                 \
    X(MALFORMED, 400, "not a request of this protocol")           \
    X(DOMAIN,    400, "another domain")                           \
    X(MECHANISM, 400, "not CURVE")                                \
    X(UNKNOWN,   400, "unknown key")                              \
    X(ADDRESS,   400, "known key, but not from its network")

enum zap_verdict {
#define X(name, code, text) ZAP_##name,
    ZAP_MAP(X)
#undef X
    ZAP_VERDICTS
};

struct zap_question { struct slice domain, address, mechanism, key; };

/* *who: the agent, set just when the verdict is ZAP_ADMITTED. */
enum zap_verdict zap_judge(const struct registry *r, const struct zap_question *q,
                           const struct agent **who);

struct zap;

/* Bind the place where libzmq asks, before the first edge socket is bound.  The registry is borrowed.
 * The caller owns *ret. */
MUST_USE enum err zap_new(struct zap **ret, void *zmq, const struct registry *r);
void zap_free(struct zap *z);           /* NULL is fine */
void *zap_socket(const struct zap *z);

/* Answer what is there, at most LOOP_TURN. */
void zap_serve(struct zap *z);
uint64_t zap_count(const struct zap *z, enum zap_verdict v);

#endif
