/*
 * gate - the doors of a stage: its hops, those to other hosts with the stages' key
 *
 * What is ipc passes as it is.  What is tcp needs STATE/stages.key, read at the first such
 * endpoint; with it the gate answers libzmq's questions who may connect (zap.h) and counts who
 * was refused, also those whose handshake failed before anybody was asked.
 *
 * What fails here is said here, in one line of the log.
 */
#ifndef COMMON_STAGE_GATE_H
#define COMMON_STAGE_GATE_H

#include "common/conf/config.h"
#include "common/err.h"
#include "common/stage/zap.h"

struct gate;
struct run;

/* run is borrowed, with its loop and context.  The caller owns *ret. */
MUST_USE enum err gate_new(struct gate **ret, struct run *run);
void gate_free(struct gate *g);         /* after the stage's sockets; NULL is fine */

/* hop_bind() and its sisters (hop.h), with the key where an endpoint needs one.  *ret is NULL before,
 * and stays so when there is no endpoint. */
MUST_USE enum err gate_bind(struct gate *g, void **ret, int type, const struct config_list *at);
MUST_USE enum err gate_connect(struct gate *g, void **ret, int type, const char *endpoint);
MUST_USE enum err gate_bind_public(struct gate *g, void **ret, int type, const struct config_list *at,
                                   int hwm);

/* One more domain of this process (zap_add()), before its first socket is bound. */
MUST_USE enum err gate_admit(struct gate *g, const char *domain, zap_judge *judge, void *arg);

/* How often a domain's handshakes ended so; and how many at hops to other hosts failed, however. */
uint64_t gate_count(const struct gate *g, const char *domain, enum zap_verdict v);
uint64_t gate_strangers(const struct gate *g);

#endif
