/*
 * judge - ask decode and correlate what they make of a line
 *
 * Runs `yagura-decode -t` and `yagura-correlate -t`, joined by pipes: lines go in as
 * lease frames, verdicts come out, in the same order.  Nothing is opened but the
 * configuration and the ruleset, and history lives and dies with the two children.
 *
 * Lines are queued without waiting; judge_turn() moves bytes both ways, so neither side
 * can block the other however full the pipes are.
 */
#ifndef YAGURA_JUDGE_H
#define YAGURA_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "schemas/messages.h"

#define JUDGE_BACKLOG_MAX ((size_t)256 << 10)   /* bytes queued before judge_full() */

struct judge;

struct judge_options {
    const char *config, *prefix;        /* NULL: the default */
    bool fresh;                         /* each line meets an empty history */
    bool trace;                         /* verdicts carry the walk */
    bool debug;                         /* what the children log is shown at once */
};

typedef void judge_verdict(void *arg, const struct verdict *v, const struct event *e,
                           const struct alert *a);

/* The caller owns *ret.  on_verdict is called from judge_turn(); what it is given is gone when it
 * returns.  ERR_ABSENT: the programs are not beside this one. */
MUST_USE enum err judge_new(struct judge **ret, const struct judge_options *o,
                            judge_verdict *on_verdict, void *arg);
void judge_free(struct judge *j);       /* NULL is fine; ends the children */

/* Queue one line as received at now_us; what is longer than MP_TEXT_MAX is cut. */
MUST_USE enum err judge_ask(struct judge *j, struct slice line, uint64_t now_us);
bool judge_full(const struct judge *j); /* better wait before asking more */
void judge_end(struct judge *j);        /* no more lines will come */

/* Wait until something can be read or written, and do it.  other_fd: also wake when it is readable
 * (*other is then true); -1 for none.  ERR_ABSENT: the verdicts have ended.  ERR_BADMSG: a child
 * wrote what is no verdict. */
MUST_USE enum err judge_turn(struct judge *j, int other_fd, bool *other);

/* After ERR_ABSENT: did both children end well, and was every line judged?  When not, what they
 * said stands on stderr. */
bool judge_ended_well(struct judge *j);

#endif
