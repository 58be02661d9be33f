/*
 * pipeline - ask decode and correlate what they make of a line
 *
 * Runs `yagura-decode -t` and `yagura-correlate -t`, joined by pipes: lines go in as
 * lease frames, verdicts come out, in the same order.  Nothing is opened but the
 * configuration and the ruleset, and history lives and dies with the two children.
 *
 * Lines are queued without waiting; pipeline_turn() moves bytes both ways, so neither side
 * can block the other however full the pipes are.
 */
#ifndef YAGURA_PIPELINE_H
#define YAGURA_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "schemas/messages.h"

#define PIPELINE_BACKLOG_MAX ((size_t)256 << 10)   /* bytes queued before pipeline_full() */

struct pipeline;

struct pipeline_options {
    const char *config, *prefix;        /* NULL: the default */
    bool fresh;                         /* each line meets an empty history */
    bool trace;                         /* verdicts carry the walk */
    bool debug;                         /* what the children log is shown at once */
};

typedef void pipeline_verdict(void *arg, const struct verdict *v, const struct event *e,
                              const struct alert *a);

/* The caller owns *ret.  on_verdict is called from pipeline_turn(); what it is given is gone when
 * it returns.  ERR_ABSENT: the programs are not beside this one. */
MUST_USE enum err pipeline_new(struct pipeline **ret, const struct pipeline_options *o,
                               pipeline_verdict *on_verdict, void *arg);
void pipeline_free(struct pipeline *p);       /* NULL is fine; ends the children */

/* Queue one line as received at now_us; what is longer than MP_TEXT_MAX is cut. */
MUST_USE enum err pipeline_ask(struct pipeline *p, struct slice line, uint64_t now_us);
bool pipeline_full(const struct pipeline *p); /* better wait before asking more */
void pipeline_end(struct pipeline *p);        /* no more lines will come */

/* Wait until something can be read or written, and do it.  other_fd: also wake when it is readable
 * (*other is then true); -1 for none.  ERR_ABSENT: the verdicts have ended.  ERR_BADMSG: a child
 * wrote what is no verdict. */
MUST_USE enum err pipeline_turn(struct pipeline *p, int other_fd, bool *other);

/* After ERR_ABSENT: did both children end well, and was every line judged?  When not, what they
 * said stands on stderr. */
bool pipeline_ended_well(struct pipeline *p);

#endif
