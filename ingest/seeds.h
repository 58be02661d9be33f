/*
 * seeds - the secret halves of the key lines, so that one can be printed again
 *
 * A store of its own, mode 0700, that the tool opens and the daemon never does.
 */
#ifndef INGEST_SEEDS_H
#define INGEST_SEEDS_H

#include <stdint.h>

#include "common/conf/keyline.h"
#include "common/err.h"

struct seeds;

/* Open or make it in directory dir.  The caller owns *ret.  Errors as store_open(). */
MUST_USE enum err seeds_open(struct seeds **ret, const char *dir);
void seeds_free(struct seeds *s);       /* NULL is fine */

/* serial: of the agent's definition, so that a seed never outlives it under another's id. */
MUST_USE enum err seeds_put(struct seeds *s, uint64_t serial, const uint8_t seed[KEYLINE_SEED]);
MUST_USE enum err seeds_get(struct seeds *s, uint64_t serial, uint8_t ret[KEYLINE_SEED]);
MUST_USE enum err seeds_remove(struct seeds *s, uint64_t serial);

#endif
