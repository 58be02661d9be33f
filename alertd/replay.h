/*
 * replay - give subscribers what they missed, by sequence numbers
 *
 * A ROUTER socket.  The question is one frame, the record of schemas/replay.def (an array
 * [22, from, to, count]); a REQ socket's empty frame before it is given back.  The answer is one
 * message: the record of schemas/replay_reply.def, then for each alert the three frames that PUB
 * sent (frames.h).  It ends at REPLAY_ALERTS or REPLAY_BYTES; its `next` tells where to ask on.
 *
 * A question that does not read is dropped and counted.  Whoever asks and does not listen is
 * refused once REPLAY_HWM answers wait for him.
 */
#ifndef ALERTD_REPLAY_H
#define ALERTD_REPLAY_H

#include "alertd/journal.h"
#include "schemas/messages.h"

#define REPLAY_ALERTS 512
#define REPLAY_BYTES ((size_t)512 << 10)
#define REPLAY_HWM 8

struct replay_server;
struct replay_counts { uint64_t asked, refused, sent; };

MUST_USE enum err replay_new(struct replay_server **ret, struct journal *j, bool json);
void replay_free(struct replay_server *r);      /* closes the socket; NULL is fine */

struct gate;
struct config_list;
/* Once.  Errors as gate_bind_public(). */
MUST_USE enum err replay_bind(struct replay_server *r, struct gate *gate, const struct config_list *at);
void *replay_socket(const struct replay_server *r);     /* for the loop; NULL before a bind */

/* Answer some of the questions that wait. */
void replay_serve(struct replay_server *r);

/* Which alerts a question asks for: 0 < *from, and *count of them at most from there. */
void replay_range(const struct replay *q, uint64_t oldest, uint64_t next, uint64_t *from, uint64_t *count);

struct replay_counts replay_counts(const struct replay_server *r);

#endif
