/*
 * registry - who may be an agent: name, address, public key
 *
 * A store of its own that the daemon and `yagura agents` share.  Each change raises a
 * generation number, so the daemon sees with one read whether it must look again.  The whole
 * registry is in memory too: authentication reads no file.
 *
 * An agent's public key is all that is kept here; the seed it comes from lies in seeds.h's
 * store, which the daemon never opens.  Each definition has a serial number that no other
 * ever had, so a new agent that got the id of a removed one is not taken for it.
 */
#ifndef INGEST_REGISTRY_H
#define INGEST_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf/keyline.h"
#include "common/err.h"
#include "common/slice.h"
#include "common/text/ip.h"

#define REGISTRY_MAX 100000             /* agents */

/* "SERIAL", what ZAP gives to libzmq as User-Id: digits and a NUL. */
#define REGISTRY_USER_MAX 21

struct agent {
    uint32_t id;                        /* 1 to KEYLINE_ID_MAX */
    uint64_t serial;                    /* of the definition */
    uint64_t created_us;
    uint8_t key[KEYLINE_KEY];           /* public CURVE key */
    struct ip_net net;                  /* address, read */
    char name[KEYLINE_NAME_MAX + 1];
    char address[KEYLINE_ADDRESS_MAX + 1];
};

struct registry;

/* Open or make the registry in directory dir and read it.  The caller owns *ret.  Errors as
 * store_open(). */
MUST_USE enum err registry_open(struct registry **ret, const char *dir);
void registry_free(struct registry *r);                 /* NULL is fine */

/* Read it again if somebody changed it.  On an error the old one stays. */
MUST_USE enum err registry_refresh(struct registry *r, bool *changed);

/* NULL: there is none.  Borrowed until the next refresh, add or remove. */
const struct agent *registry_by_id(const struct registry *r, uint32_t id);
const struct agent *registry_by_key(const struct registry *r, const uint8_t key[KEYLINE_KEY]);
const struct agent *registry_by_name(const struct registry *r, struct slice name);
const struct agent *registry_by_user(const struct registry *r, struct slice user);
size_t registry_count(const struct registry *r);
const struct agent *registry_at(const struct registry *r, size_t i);    /* by rising id */

/* id 0 in *a takes the next one; id and serial are then set.  ERR_EXISTS: the id, the name or the key
 * is there already.  ERR_RANGE: a name, id or address that is none.  ERR_LIMIT: REGISTRY_MAX. */
MUST_USE enum err registry_add(struct registry *r, struct agent *a);
/* ERR_ABSENT: no such id. */
MUST_USE enum err registry_remove(struct registry *r, uint32_t id);

#endif
