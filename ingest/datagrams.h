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

/* Ask the kernel for a large queue and for its count of drops.  What it refuses is done without. */
void datagrams_prepare(int fd);

typedef void datagrams_take(void *arg, const struct sockaddr *from, struct slice message);

/* Give what is there, at most DATAGRAMS_TURN, to take.  *kernel_drops: raised to the kernel's count
 * of this socket, which starts at 0 and only grows (modulo 2^32). */
void datagrams_read(struct datagrams *d, int fd, datagrams_take *take, void *arg,
                    uint32_t *kernel_drops);

#endif
