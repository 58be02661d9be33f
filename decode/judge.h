/*
 * judge - a batch of raw records becomes a range of decoded, half-decided events
 *
 * A pure function of the bytes and the ruleset: it keeps nothing between two batches, so
 * any decoder gives the same range for the same lease, first time and again.
 *
 * Events that can neither alert nor feed history are counted and left out, unless
 * keep_all is set (archives, logtest).  A record that does not read ends its batch's
 * judging: what follows it cannot be found.  The range is sent all the same, because
 * the correlators' cursors must not have holes.
 */
#ifndef DECODE_JUDGE_H
#define DECODE_JUDGE_H

#include "common/rules/ruleset.h"

struct judge;

struct judge_counts { uint64_t events, decoded, passed, unwalked, refused; };

/* rs is borrowed.  match_limit: of each regular expression on each line.  The caller owns *ret. */
MUST_USE enum err judge_new(struct judge **ret, const struct ruleset *rs, bool keep_all,
                            uint32_t match_limit);
void judge_free(struct judge *j);

/* Append the range message for this lease to out.  ERR_NOMEM, or ERR_SPACE when it would be longer
 * than MP_FRAME_MAX (not with batches that ingest has let in). */
MUST_USE enum err judge_lease(struct judge *j, const struct lease *l, msgpack_sbuffer *out);

/* Judge as ossec-logtest does: see work_keep_actions(). */
void judge_keep_actions(struct judge *j);

struct judge_counts judge_counts(const struct judge *j);

#endif
