#include "common/store/store.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

struct store {
    MDB_env *env;
    MDB_txn *write, *read;              /* at most one of them in use */
    bool read_idle;                     /* read is reset, to be renewed */
    size_t n_tables;
    MDB_dbi dbi[STORE_TABLES_MAX];
};

static enum err err_of(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:      return ERR_OK;
    case MDB_NOTFOUND:     return ERR_ABSENT;
    case MDB_KEYEXIST:     return ERR_EXISTS;
    case MDB_MAP_FULL:     case MDB_TXN_FULL: case ENOSPC: case EDQUOT: return ERR_FULL;
    case MDB_BAD_VALSIZE:  return ERR_RANGE;
    case MDB_INVALID:      case MDB_VERSION_MISMATCH: case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND: return ERR_BADMSG;
    case ENOMEM:           return ERR_NOMEM;
    default:
        errno = rc > 0 ? rc : EIO;
        return ERR_SYS;
    }
}

static MDB_val val(struct slice s)
{
    return (MDB_val){ s.n, (void *)(uintptr_t)s.p };
}

static struct slice slice_of_val(MDB_val v)
{
    return (struct slice){ v.mv_data, v.mv_size };
}

static int open_tables(struct store *s, const char *const *tables, size_t n)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);

    if (rc != 0)
        return rc;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = mdb_dbi_open(txn, tables[i], MDB_CREATE, &s->dbi[i]);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

static int open_env(struct store *s, const char *dir, uint64_t map_bytes, bool durable)
{
    int dead, rc;
    unsigned flags = MDB_NOTLS | (durable ? 0 : MDB_NOSYNC);

    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return errno;
    if ((rc = mdb_env_create(&s->env)) != 0)
        return rc;
    if ((rc = mdb_env_set_mapsize(s->env, (size_t)map_bytes)) != 0
        || (rc = mdb_env_set_maxdbs(s->env, STORE_TABLES_MAX)) != 0
        || (rc = mdb_env_open(s->env, dir, flags, 0600)) != 0)
        return rc;
    return mdb_reader_check(s->env, &dead);
}

enum err store_open(struct store **ret, const char *dir, uint64_t map_bytes,
                    const char *const *tables, size_t n, bool durable)
{
    if (n > STORE_TABLES_MAX)
        return ERR_RANGE;
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;

    s->n_tables = n;
    int rc = open_env(s, dir, map_bytes, durable);
    if (rc == 0)
        rc = open_tables(s, tables, n);
    if (rc != 0) {
        store_free(s);
        return err_of(rc);
    }
    *ret = s;
    return ERR_OK;
}

void store_free(struct store *s)
{
    if (s == NULL)
        return;
    if (s->write != NULL)
        mdb_txn_abort(s->write);
    if (s->read != NULL)
        mdb_txn_abort(s->read);
    if (s->env != NULL)
        mdb_env_close(s->env);
    free(s);
}

void store_release(struct store *s)
{
    if (s->read != NULL && !s->read_idle) {
        mdb_txn_reset(s->read);
        s->read_idle = true;
    }
}

static enum err for_writing(struct store *s)
{
    if (s->write != NULL)
        return ERR_OK;
    store_release(s);
    return err_of(mdb_txn_begin(s->env, NULL, 0, &s->write));
}

static enum err for_reading(struct store *s, MDB_txn **ret)
{
    int rc = 0;

    if (s->write != NULL) {
        *ret = s->write;
        return ERR_OK;
    }
    if (s->read == NULL)
        rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->read);
    else if (s->read_idle)
        rc = mdb_txn_renew(s->read);
    if (rc != 0)
        return err_of(rc);
    s->read_idle = false;
    *ret = s->read;
    return ERR_OK;
}

static enum err put(struct store *s, size_t table, struct slice key, struct slice value, unsigned flags)
{
    if (key.n > STORE_KEY_MAX || key.n == 0)
        return ERR_RANGE;
    enum err e = for_writing(s);
    if (e != ERR_OK)
        return e;
    MDB_val k = val(key), v = val(value);
    return err_of(mdb_put(s->write, s->dbi[table], &k, &v, flags));
}

enum err store_put(struct store *s, size_t table, struct slice key, struct slice value)
{
    return put(s, table, key, value, 0);
}

enum err store_append(struct store *s, size_t table, struct slice key, struct slice value)
{
    return put(s, table, key, value, MDB_APPEND);
}

enum err store_delete(struct store *s, size_t table, struct slice key)
{
    enum err e = for_writing(s);
    if (e != ERR_OK)
        return e;
    MDB_val k = val(key);
    return err_of(mdb_del(s->write, s->dbi[table], &k, NULL));
}

static bool is_below(struct slice a, struct slice b)
{
    int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return c < 0 || (c == 0 && a.n < b.n);
}

enum err store_delete_below(struct store *s, size_t table, struct slice end, uint64_t *n)
{
    MDB_cursor *c;
    MDB_val k, v;

    *n = 0;
    enum err e = for_writing(s);
    if (e == ERR_OK)
        e = err_of(mdb_cursor_open(s->write, s->dbi[table], &c));
    if (e != ERR_OK)
        return e;
    int rc = mdb_cursor_get(c, &k, &v, MDB_FIRST);
    while (rc == 0 && is_below(slice_of_val(k), end)) {
        if ((rc = mdb_cursor_del(c, 0)) != 0)
            break;
        ++*n;
        rc = mdb_cursor_get(c, &k, &v, MDB_FIRST);
    }
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? ERR_OK : err_of(rc);
}

enum err store_get(struct store *s, size_t table, struct slice key, struct slice *ret)
{
    MDB_txn *txn = NULL;
    MDB_val k = val(key), v;

    if (key.n == 0 || key.n > STORE_KEY_MAX)
        return ERR_ABSENT;
    enum err e = for_reading(s, &txn);
    if (e == ERR_OK)
        e = err_of(mdb_get(txn, s->dbi[table], &k, &v));
    if (e == ERR_OK)
        *ret = slice_of_val(v);
    return e;
}

static enum err at_end(struct store *s, size_t table, MDB_cursor_op op, struct slice *key,
                       struct slice *value)
{
    MDB_txn *txn = NULL;
    MDB_cursor *c;
    MDB_val k, v;

    enum err e = for_reading(s, &txn);
    if (e == ERR_OK)
        e = err_of(mdb_cursor_open(txn, s->dbi[table], &c));
    if (e != ERR_OK)
        return e;
    e = err_of(mdb_cursor_get(c, &k, &v, op));
    mdb_cursor_close(c);
    if (e == ERR_OK) {
        *key = slice_of_val(k);
        *value = slice_of_val(v);
    }
    return e;
}

enum err store_first(struct store *s, size_t table, struct slice *key, struct slice *value)
{
    return at_end(s, table, MDB_FIRST, key, value);
}

enum err store_last(struct store *s, size_t table, struct slice *key, struct slice *value)
{
    return at_end(s, table, MDB_LAST, key, value);
}

enum err store_each(struct store *s, size_t table, struct slice from, store_visitor *visit, void *arg)
{
    MDB_txn *txn = NULL;
    MDB_cursor *c;
    MDB_val k = val(from), v;

    enum err e = for_reading(s, &txn);
    if (e == ERR_OK)
        e = err_of(mdb_cursor_open(txn, s->dbi[table], &c));
    if (e != ERR_OK)
        return e;
    int rc = mdb_cursor_get(c, &k, &v, from.n > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0 && visit(arg, slice_of_val(k), slice_of_val(v)))
        rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? ERR_OK : err_of(rc);
}

uint64_t store_entries(struct store *s, size_t table)
{
    MDB_txn *txn = NULL;
    MDB_stat stat;

    if (for_reading(s, &txn) != ERR_OK || mdb_stat(txn, s->dbi[table], &stat) != 0)
        return 0;
    return stat.ms_entries;
}

bool store_tight(const struct store *s)
{
    mdb_filehandle_t fd;
    struct statvfs disk;

    if (mdb_env_get_fd(s->env, &fd) != 0 || fstatvfs(fd, &disk) != 0)
        return false;
    uint64_t reserve = (uint64_t)disk.f_blocks * disk.f_frsize / STORE_RESERVE_SHARE;
    reserve = reserve < STORE_RESERVE ? reserve : STORE_RESERVE;
    return (uint64_t)disk.f_bavail * disk.f_frsize < reserve;
}

enum err store_commit(struct store *s)
{
    store_release(s);
    if (s->write == NULL)
        return ERR_OK;
    MDB_txn *txn = s->write;
    s->write = NULL;
    int rc = mdb_txn_commit(txn);
    /* LMDB says EIO of a write that was cut short, which is how a disk becomes full. */
    return err_of(rc == EIO && store_tight(s) ? ENOSPC : rc);
}

void store_abort(struct store *s)
{
    store_release(s);
    if (s->write != NULL)
        mdb_txn_abort(s->write);
    s->write = NULL;
}

bool store_open_write(const struct store *s)
{
    return s->write != NULL;
}

void store_usage(struct store *s, uint64_t *used, uint64_t *cap)
{
    MDB_envinfo info;
    MDB_stat stat;

    mdb_env_info(s->env, &info);
    mdb_env_stat(s->env, &stat);
    *used = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
    *cap = info.me_mapsize;
}

struct store_key store_key_of(uint64_t n)
{
    struct store_key k;

    for (int i = 7; i >= 0; i--, n >>= 8)
        k.at[i] = (char)(n & 255);
    return k;
}

uint64_t store_key_u64(struct slice key)
{
    uint64_t n = 0;

    if (key.n != 8)
        return 0;
    for (size_t i = 0; i < 8; i++)
        n = n << 8 | (uint8_t)key.p[i];
    return n;
}

enum err store_get_u64(struct store *s, size_t table, const char *name, uint64_t *ret)
{
    struct slice value;
    enum err e = store_get(s, table, slice_of(name), &value);

    if (e == ERR_OK && value.n != 8)
        return ERR_BADMSG;
    if (e == ERR_OK)
        *ret = store_key_u64(value);
    return e == ERR_ABSENT ? ERR_OK : e;
}

enum err store_put_u64(struct store *s, size_t table, const char *name, uint64_t n)
{
    struct store_key k = store_key_of(n);

    return store_put(s, table, slice_of(name), (struct slice){ k.at, sizeof k.at });
}
