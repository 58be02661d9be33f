/*
 * connections - many TCP senders of syslog at once
 *
 * A table of bounded size behind one epoll descriptor.  At the limit the connection that
 * was silent longest makes room.  Each is read a bounded number of bytes a turn; its
 * unfinished message is kept, and given when it closes.
 */
#ifndef INGEST_CONNECTIONS_H
#define INGEST_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "common/text/ip.h"

#define CONNECTIONS_TURN_BYTES ((size_t)2 << 20)        /* of all of them, in one turn */

struct connections;
/* False: of other connections nothing more is read in this turn. */
typedef bool connections_take(void *arg, const struct ip *from, struct slice message, bool cut);

/* ERR_RANGE: limit is 0.  ERR_SYS: epoll.  The caller owns *ret. */
MUST_USE enum err connections_new(struct connections **ret, size_t limit, connections_take *take,
                                  void *arg);
void connections_free(struct connections *c);   /* closes them; NULL is fine */

int connections_fd(const struct connections *c);        /* readable when connections_serve() has work */

/* fd is the table's from now on, also on failure. */
MUST_USE enum err connections_add(struct connections *c, int fd, const struct ip *from);
/* Close the one that was silent longest; false: there is none. */
bool connections_drop_oldest(struct connections *c);

void connections_serve(struct connections *c);

size_t connections_count(const struct connections *c);
uint64_t connections_dropped(const struct connections *c);

#endif
