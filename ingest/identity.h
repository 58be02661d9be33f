/*
 * identity - the manager's CURVE key pair, in one file that only its owner can read
 *
 * Whoever needs it first, daemon or tool, makes it; two at once end up with the same one.
 */
#ifndef INGEST_IDENTITY_H
#define INGEST_IDENTITY_H

#include <stdint.h>

#include "common/err.h"

#define IDENTITY_KEY 32

struct identity { uint8_t public[IDENTITY_KEY], secret[IDENTITY_KEY]; };

/* Read path, or make it.  ERR_DENIED: group or others can read it, or it is no plain file.
 * ERR_BADMSG: it holds something else.  ERR_SYS: errno tells why. */
MUST_USE enum err identity_load(const char *path, struct identity *ret);
void identity_wipe(struct identity *id);

#endif
