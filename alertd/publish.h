/*
 * publish - tell subscribers of every alert, once it is on disk
 *
 * One PUB socket on every endpoint; frames.h says what goes over it.  A subscriber who is
 * too slow loses messages beyond the high-water mark, sees it by the numbers, and asks replay:
 * he never slows an alert down nor makes this process grow.
 */
#ifndef ALERTD_PUBLISH_H
#define ALERTD_PUBLISH_H

#include "alertd/journal.h"

#define PUBLISH_HWM 1024                /* messages waiting for one subscriber */

struct publish;
struct publish_config { bool json, ossec_frames; };

/* Its place in the journal is its own: what was journalled before a crash and not published is
 * published at the next start.  The caller ends *ret with publish_free(). */
MUST_USE enum err publish_new(struct publish **ret, struct journal *j, const struct publish_config *c);
void publish_free(struct publish *p);           /* closes the socket; NULL is fine */

struct gate;
struct config_list;
/* Once.  Errors as gate_bind_public(). */
MUST_USE enum err publish_bind(struct publish *p, struct gate *gate, const struct config_list *at);

/* Publish what is in the journal and was not published; *more: there is still more.  ERR_BADMSG: the
 * journal cannot be read. */
MUST_USE enum err publish_turn(struct publish *p, bool *more);
void publish_beat(struct publish *p);
/* Hand the place to the journal, for its next commit. */
MUST_USE enum err publish_flush(struct publish *p);

uint64_t publish_count(const struct publish *p);        /* alerts since the start */

#endif
