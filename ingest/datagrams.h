/* datagrams - read a UDP socket many messages at a time, and learn what the kernel dropped */
#ifndef INGEST_DATAGRAMS_H
#define INGEST_DATAGRAMS_H

#include <stdint.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/slice.h"

#define DATAGRAMS_TURN  32
#define DATAGRAMS_BYTES ((size_t)64 << 10)

struct datagrams;

/* Its buffers serve any number of sockets, one after the other.  The caller owns *ret. */
MUST_USE enum err datagrams_new(struct datagrams **ret);
void datagrams_free(struct datagrams *d);       /* NULL is fine */

/* Ask the kernel for a large queue.  What it refuses is done without. */
void datagrams_prepare(int fd);

/* What the kernel has dropped of this socket: starts at 0 and only grows (modulo 2^32). */
uint32_t datagrams_dropped(int fd);

typedef void datagrams_take(void *arg, const struct sockaddr *from, struct slice message);

/* Give what is there, at most DATAGRAMS_TURN, to take. */
void datagrams_read(struct datagrams *d, int fd, datagrams_take *take, void *arg);

#endif
