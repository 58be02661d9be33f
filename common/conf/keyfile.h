/*
 * keyfile - a CURVE key pair in one file that only its owner can read
 *
 * Two of them: the manager's, which agents know (STATE/manager.key; whoever needs it first makes
 * it), and the stages', which lets stages on several machines know each other (STATE/stages.key;
 * `yagura stages-key` makes it, and a person carries it to every machine).
 */
#ifndef COMMON_CONF_KEYFILE_H
#define COMMON_CONF_KEYFILE_H

#include <stdint.h>

#include "common/err.h"

#define KEYFILE_KEY    32
#define KEYFILE_STAGES "stages.key"     /* below STATE */

struct keypair { uint8_t public[KEYFILE_KEY], secret[KEYFILE_KEY]; };

/* ERR_ABSENT: there is none.  ERR_DENIED: group or others can read it, or it is no plain file.
 * ERR_BADMSG: it holds something else.  ERR_SYS: errno tells why. */
MUST_USE enum err keyfile_read(const char *path, struct keypair *ret);

/* A fresh pair.  ERR_EXISTS: there is a file already, and it is left alone. */
MUST_USE enum err keyfile_make(const char *path);

/* Read it, made first when there is none; two makers at once end up with the same one. */
MUST_USE enum err keyfile_load(const char *path, struct keypair *ret);

/* The sentence for a person; of ERR_SYS errno's, so ask at once. */
const char *keyfile_why(enum err e);
void keyfile_wipe(struct keypair *pair);

#endif
