/*
 * outbox - alerts on their way to alertd, numbered from 1, on disk until alertd has them
 *
 * Each commit's alerts are one value in the store, ready to be forwarded; its key is the
 * number of the first.  An outbox has an epoch, drawn at random when it was made, so that
 * alertd can tell a new one from one that goes on.
 *
 * outbox_add() only gathers; outbox_flush() writes into the store's open transaction, and
 * whoever commits it calls outbox_settle(), or outbox_load() when the commit failed.
 */
#ifndef CORRELATE_OUTBOX_H
#define CORRELATE_OUTBOX_H

#include <msgpack.h>

#include "common/store/store.h"
#include "schemas/messages.h"

#define OUTBOX_VALUE_MAX ((size_t)256 << 10)    /* bytes in one value, unless one alert is longer */

struct outbox;

/* alerts, meta: tables of the store, which must live as long.  The caller owns *ret.  Then load. */
MUST_USE enum err outbox_new(struct outbox **ret, struct store *s, size_t alerts, size_t meta);
void outbox_free(struct outbox *o);     /* NULL is fine */

/* Read what the store has; what was gathered is forgotten.  A store without an outbox gets one,
 * durable with the next commit.  ERR_BADMSG: the store's is damaged. */
MUST_USE enum err outbox_load(struct outbox *o);

MUST_USE enum err outbox_add(struct outbox *o, struct slice record);
MUST_USE enum err outbox_trim(struct outbox *o, uint64_t below);        /* alertd has these */
MUST_USE enum err outbox_flush(struct outbox *o);
void outbox_settle(struct outbox *o);

/* Alerts from `from` on (0, or one that is gone: the oldest), at most max bytes of them, but at least
 * one; copied to body, to which ret->body points.  ret->count is 0 when there are none.  Call it
 * between commits only. */
MUST_USE enum err outbox_fetch(struct outbox *o, uint64_t from, uint64_t max, struct alerts *ret,
                               msgpack_sbuffer *body);

struct outbox_counts { uint64_t epoch, first, next, bytes; };   /* held: numbers first .. next-1 */
struct outbox_counts outbox_counts(const struct outbox *o);

#endif
