/*
 * session - one agent's stream: what was received, and what may be acknowledged
 *
 * HELLO opens the stream and is told where to go on; EVENTS carry on from there without a
 * hole; an ACK says that everything up to a number is on disk, and is sent only after the
 * commit.  A batch that leaves a hole or overlaps what is known is refused, one that was
 * received before is acknowledged again.  Records that an agent can no longer send are
 * counted and become an event.
 *
 * Who speaks is an argument, taken from what CURVE proved; nothing in a message is believed
 * about that.  The bytes of a body are walked, record by record, before they are taken.  The
 * module knows no socket and no clock.
 */
#ifndef INGEST_SESSION_H
#define INGEST_SESSION_H

#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "common/stage/hop.h"
#include "ingest/gather.h"
#include "ingest/journal.h"

#define SESSIONS_MAX           65536
#define SESSIONS_PER_AGENT_MAX 4        /* streams one agent may have open */

/* Who speaks, as the registry has it. */
struct speaker { uint64_t id; struct slice name, address; };

/* Why messages were refused, or were worth a count. */
#define SESSION_COUNT_MAP(X)                                                          \
    X(messages,   "messages received from agents")                                    \
    X(events,     "records taken into the journal")                                   \
    X(malformed,  "messages that do not read")                                        \
    X(unopened,   "events before hello")                                              \
    X(gaps,       "batches that left a hole or overlapped")                           \
    X(duplicates, "batches received before")                                          \
    X(overruns,   "batches above the credit")                                         \
    X(forks,      "hellos that knew less than the journal: a clone or an old snapshot")               \
    X(lost,       "records that an agent could not send any more")                    \
    X(unsent,     "answers that could not be sent")

struct session_counts {
#define X(name, doc) uint64_t name;
    SESSION_COUNT_MAP(X)
#undef X
};

struct sessions;

/* Send one answer; ERR_ABSENT or ERR_AGAIN when the peer cannot take it. */
typedef enum err session_send(void *arg, const struct peer *to, const struct schema *s, const void *rec);

/* journal and gather are borrowed.  credit: EVENTS messages an agent may have unacknowledged.
 * The caller owns *ret. */
MUST_USE enum err sessions_new(struct sessions **ret, struct journal *j, struct gather *g,
                               uint32_t credit, session_send *send, void *send_arg);
void sessions_free(struct sessions *s); /* NULL is fine */

/* One message of one agent.  Never fails: what is wrong is counted and, where that helps, answered. */
void sessions_take(struct sessions *s, const struct speaker *who, const struct peer *from,
                   struct slice frame, uint64_t now_us);

/* The journal has committed everything so far: acknowledge it. */
void sessions_committed(struct sessions *s);
/* It has not: go back to what is on disk, and tell the agents where that is. */
void sessions_rolled_back(struct sessions *s);

/* Whether agents may send.  A change is told to all of them. */
void sessions_open_credit(struct sessions *s, bool open);

/* Close what has been silent since before; the streams' numbers are in the journal.  How many. */
size_t sessions_sweep(struct sessions *s, uint64_t before_us);

const struct session_counts *sessions_counts(const struct sessions *s);
size_t sessions_count(const struct sessions *s);

#endif
