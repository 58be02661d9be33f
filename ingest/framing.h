/*
 * framing - where one syslog message ends and the next begins, in a stream of bytes
 *
 * Senders mix two ways, message by message (RFC 6587): "LENGTH SP message" with a message
 * that begins with '<', or a line that ends in a newline.  Bytes come in any pieces, and
 * however they are cut, the same messages come out.  A message longer than FRAMING_MAX is
 * given cut, and the rest of it is dropped as it comes.  A connection holds at most
 * FRAMING_MAX bytes, and none between two messages.
 */
#ifndef INGEST_FRAMING_H
#define INGEST_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

#define FRAMING_MAX    ((size_t)64 << 10)       /* bytes of one message */
#define FRAMING_DIGITS 7                        /* of a length; more are no length */

struct framing {
    enum framing_state { FRAMING_START, FRAMING_LENGTH, FRAMING_LINE, FRAMING_OCTETS } state;
    char *held;                 /* bytes of a message that has not ended */
    size_t n, room;
    uint64_t left;              /* of FRAMING_OCTETS: bytes to come */
    bool cut;
};

/* An all-zero struct framing is one at its start.  framing_free() makes it one again. */
void framing_free(struct framing *f);

/* Called with each message, as it stood between its frame; borrowed for the call.  cut: its end
 * is missing. */
typedef void framing_message(void *arg, struct slice message, bool cut);

/* ERR_NOMEM: bytes were lost; give the connection up. */
MUST_USE enum err framing_feed(struct framing *f, struct slice bytes, framing_message *take, void *arg);
/* The stream ended: what is held is a message too. */
void framing_end(struct framing *f, framing_message *take, void *arg);

/* A message without "<PRI>" before it and NUL, CR and LF behind it. */
struct slice framing_text(struct slice message);

#endif
