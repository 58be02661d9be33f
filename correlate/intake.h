/*
 * intake - one batch of events goes through the arbiter into the state
 *
 * What the daemon, -t and the tests share: no socket, no commit.  A batch is trusted as
 * far as its bytes read: what does not is counted and left out, and the rest is judged.
 */
#ifndef CORRELATE_INTAKE_H
#define CORRELATE_INTAKE_H

#include "correlate/arbiter.h"
#include "correlate/outbox.h"

struct intake_counts { uint64_t events, alerts, ignored, archived, refused; };

struct intake {
    const struct ruleset *rs;
    struct arbiter *arbiter;
    bool archives;                      /* every event goes on, whatever it is */
    struct intake_counts counts;
    msgpack_sbuffer record;             /* scratch */
};

/* Judge every event of r's body and give the outbox what comes of them.  ERR_NOMEM is the only failure. */
MUST_USE enum err intake_range(struct intake *in, struct memory *m, struct outbox *o,
                               const struct range *r);

#endif
