/*
 * identity - who this agent is and whom it believes: the file agent.key
 *
 * Lines of "name value", written by `yagura import`, readable by its owner alone.  A file that
 * others may read is refused: whoever could have read the key may speak as this host.
 */
#ifndef AGENT_IDENTITY_H
#define AGENT_IDENTITY_H

#include "common/conf/keyline.h"
#include "common/err.h"

struct identity {
    uint32_t id;
    char name[KEYLINE_NAME_MAX + 1];
    char endpoints[KEYLINE_ENDPOINTS_MAX + 1];
    uint8_t manager[KEYLINE_KEY];       /* the manager's public key */
    uint8_t public[KEYLINE_KEY], secret[KEYLINE_KEY];
};

/* The agent that a key line makes of this host.  ERR_SYS: libsodium does not start. */
MUST_USE enum err identity_from(const struct keyline *k, struct identity *ret);

/* ERR_ABSENT: no such file.  ERR_DENIED: others than its owner may read it.  ERR_SYNTAX: damaged.
 * ERR_SYS: errno tells why. */
MUST_USE enum err identity_load(const char *path, struct identity *ret);
/* Written whole beside it, mode 0600, synced, then renamed onto it.  ERR_SYS: errno tells why. */
MUST_USE enum err identity_save(const char *path, const struct identity *id);

void identity_wipe(struct identity *id);

#endif
