/*
 * store - one process's durable state: an LMDB environment with named tables
 *
 * One write transaction gathers everything until store_commit() makes it durable at
 * once (one sync).  Reads see what the open transaction has written.  What a read gives
 * is borrowed from the map until the next write, commit or abort: copy to keep.
 *
 * The map's size is the hard cap.  ERR_FULL, from a put or a commit, means that nothing
 * of the open transaction will be kept: abort it, take no more in, make room, try again.
 * After ERR_SYS from a commit (a failed sync) the only safe thing is to exit.
 */
#ifndef COMMON_STORE_STORE_H
#define COMMON_STORE_STORE_H

#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

#define STORE_TABLES_MAX 16
#define STORE_RESERVE ((uint64_t)64 << 20)      /* bytes of the disk kept free, see store_tight() ... */
#define STORE_RESERVE_SHARE 16                  /* ... or this part of it, when that is less */
#define STORE_KEY_MAX 511               /* LMDB's own limit; longer keys: ERR_RANGE */

struct store;

/* Open or make the environment in directory dir (made, mode 0700, when absent; its parent must be
 * there).  tables: n names, from then on numbers 0 to n-1.  durable: sync on commit; false only for
 * tests and for what can be made again.  Another process may have it open (tools, for instance).
 * ERR_SYS: errno tells why.  ERR_BADMSG: dir holds something that is no store. */
MUST_USE enum err store_open(struct store **ret, const char *dir, uint64_t map_bytes,
                             const char *const *tables, size_t n, bool durable);
void store_free(struct store *s);       /* aborts what is open; NULL is fine */

/* Writing opens the transaction when none is open. */
MUST_USE enum err store_put(struct store *s, size_t table, struct slice key, struct slice value);
/* The key must be above every key in the table: twice as fast.  ERR_EXISTS when it is not. */
MUST_USE enum err store_append(struct store *s, size_t table, struct slice key, struct slice value);
/* ERR_ABSENT: no such key. */
MUST_USE enum err store_delete(struct store *s, size_t table, struct slice key);
/* Delete every key below `end`; *n says how many. */
MUST_USE enum err store_delete_below(struct store *s, size_t table, struct slice end, uint64_t *n);

/* ERR_ABSENT: no such key; *ret is then untouched. */
MUST_USE enum err store_get(struct store *s, size_t table, struct slice key, struct slice *ret);
MUST_USE enum err store_first(struct store *s, size_t table, struct slice *key, struct slice *value);
MUST_USE enum err store_last(struct store *s, size_t table, struct slice *key, struct slice *value);

/* Call visit for each entry from key `from` on (empty: from the first) until it returns false.  visit
 * may not write to the store. */
typedef bool store_visitor(void *arg, struct slice key, struct slice value);
MUST_USE enum err store_each(struct store *s, size_t table, struct slice from,
                             store_visitor *visit, void *arg);
uint64_t store_entries(struct store *s, size_t table);

/* Make everything since the last commit durable; nothing open is ERR_OK.  On any error the
 * transaction is gone. */
MUST_USE enum err store_commit(struct store *s);
void store_abort(struct store *s);
bool store_open_write(const struct store *s);   /* is a transaction open? */

/* End the read snapshot that a store_get outside a write transaction keeps, so that old pages can
 * be reused; store_commit and store_abort do it too.  Call at least once a turn. */
void store_release(struct store *s);

/* Is the disk all but full?  Deleting takes room, too: who takes little in while this is true can
 * still delete, and so make room inside the store. */
bool store_tight(const struct store *s);

/* Bytes of the map in use, and the cap. */
void store_usage(struct store *s, uint64_t *used, uint64_t *cap);

/* A number kept under a name.  Getting one that is not there is ERR_OK and leaves *ret as it
 * was; ERR_BADMSG: what is there is no number. */
MUST_USE enum err store_get_u64(struct store *s, size_t table, const char *name, uint64_t *ret);
MUST_USE enum err store_put_u64(struct store *s, size_t table, const char *name, uint64_t n);

/* Numbers as keys: 8 bytes, big-endian, so that order is numeric. */
struct store_key { char at[8]; };
struct store_key store_key_of(uint64_t n);
#define STORE_U64(n) ((struct slice){ (struct store_key[1]){ store_key_of(n) }[0].at, 8 })
uint64_t store_key_u64(struct slice key);       /* 0 when it is not 8 bytes long */

#endif
