/*
 * zap - who may connect: libzmq asks for each handshake, the judge of its domain answers
 *
 * There is one place in a process where libzmq asks, and the loop serves it like any other
 * socket.  A judge looks into memory and waits for nothing, so a flood of bad handshakes costs
 * little and blocks nobody.  A domain without a judge is refused.
 */
#ifndef COMMON_STAGE_ZAP_H
#define COMMON_STAGE_ZAP_H

#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

#define ZAP_KEY         32
#define ZAP_USER_MAX    32
#define ZAP_DOMAINS_MAX 4

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

/* Asked for CURVE alone, with a key of ZAP_KEY bytes.  user: what the peer shall be called; "" before. */
typedef enum zap_verdict zap_judge(void *arg, const struct zap_question *q, char user[ZAP_USER_MAX]);

struct zap;

/* Bind the place where libzmq asks, before the first socket with a domain is bound.  The caller
 * owns *ret. */
MUST_USE enum err zap_new(struct zap **ret, void *zmq);
void zap_free(struct zap *z);           /* NULL is fine */
void *zap_socket(const struct zap *z);

/* domain is borrowed.  ERR_EXISTS: it has a judge already.  ERR_LIMIT: ZAP_DOMAINS_MAX have one. */
MUST_USE enum err zap_add(struct zap *z, const char *domain, zap_judge *judge, void *arg);

/* Answer what is there, at most LOOP_TURN. */
void zap_serve(struct zap *z);

/* One question's verdict, counted. */
enum zap_verdict zap_ask(struct zap *z, const struct zap_question *q, char user[ZAP_USER_MAX]);
/* How often; of a domain without a judge: of all questions that had none. */
uint64_t zap_count(struct zap *z, const char *domain, enum zap_verdict v);

#endif
