/*
 * gather - what the manager itself receives, made into batches for the journal
 *
 * Syslog messages of all senders, and what ingest has to say about itself, are records of
 * agent 0 in one stream.  They wait here, packed, until a commit has taken them: when the
 * journal is full they stay, up to GATHER_BYTES_MAX, and are tried again; above that they are
 * refused, and it is the caller's to count them or to stop reading.
 */
#ifndef INGEST_GATHER_H
#define INGEST_GATHER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "ingest/journal.h"
#include "schemas/messages.h"

#define GATHER_BYTES_MAX ((size_t)8 << 20)

struct gather;

MUST_USE enum err gather_new(struct gather **ret);      /* the caller owns *ret */
void gather_free(struct gather *g);                     /* NULL is fine */

/* ERR_FULL: too much waits already. */
MUST_USE enum err gather_add(struct gather *g, enum raw_kind kind, struct slice location,
                             struct slice log, uint64_t now_us);
/* False above half of it: who can wait should, so that who cannot still finds room. */
bool gather_has_room(const struct gather *g);
bool gather_is_empty(const struct gather *g);

/* Give everything that waits to the journal, as agent 0 called name.  ERR_FULL: it waits on. */
MUST_USE enum err gather_append(struct gather *g, struct journal *j, struct slice name);
/* The journal has committed: what was appended is done with.  Or it has not: all waits again. */
void gather_committed(struct gather *g);
void gather_rolled_back(struct gather *g);

#endif
