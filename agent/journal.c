#include "agent/journal.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "agent/memory.h"

#define ENTRIES_MAX 256         /* in one gather */

/* What we use of libsystemd: CALL(result, name, arguments) */
#define CALLS(CALL)                                                             \
    CALL(int, open, (sd_journal **, int))                                       \
    CALL(int, open_directory, (sd_journal **, const char *, int))               \
    CALL(void, close, (sd_journal *))                                           \
    CALL(int, add_match, (sd_journal *, const void *, size_t))                  \
    CALL(int, seek_head, (sd_journal *))                                        \
    CALL(int, seek_tail, (sd_journal *))                                        \
    CALL(int, seek_cursor, (sd_journal *, const char *))                        \
    CALL(int, test_cursor, (sd_journal *, const char *))                        \
    CALL(int, next, (sd_journal *))                                             \
    CALL(int, previous, (sd_journal *))                                         \
    CALL(int, get_data, (sd_journal *, const char *, const void **, size_t *))  \
    CALL(int, get_realtime_usec, (sd_journal *, uint64_t *))                    \
    CALL(int, get_cursor, (sd_journal *, char **))                              \
    CALL(int, get_fd, (sd_journal *))                                           \
    CALL(int, process, (sd_journal *))                                          \
    CALL(int, set_data_threshold, (sd_journal *, size_t))

struct calls {
#define CALL(result, name, arguments) result (*name) arguments;
    CALLS(CALL)
#undef CALL
};

struct journal {
    void *library;
    struct calls sd;
    sd_journal *journal;
    struct spool *spool;
    char **wanted;              /* "SYSLOG_IDENTIFIER=...", unless every */
    size_t n_wanted;
    char *cursor;               /* of the last entry taken or passed; NULL: none */
    bool every, moved;
    uint64_t read;              /* entries, since the pages they stand on were forgotten */
    bool held;                  /* the entry we stand on was not taken */
    char room[RECORD_MAX];
};

static const struct { const char *symbol; size_t at; } symbols[] = {
#define CALL(result, name, arguments) { "sd_journal_" #name, offsetof(struct calls, name) },
    CALLS(CALL)
#undef CALL
};

static enum err load_library(struct journal *j)
{
    j->library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    if (j->library == NULL)
        return ERR_ABSENT;
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *found = dlsym(j->library, symbols[i].symbol);
        if (found == NULL)
            return ERR_ABSENT;
        memcpy((char *)&j->sd + symbols[i].at, &found, sizeof found);
    }
    return ERR_OK;
}

static enum err open_journal(struct journal *j, const char *directory)
{
    enum err e = load_library(j);
    int rc;

    if (e != ERR_OK)
        return e;
    if (directory != NULL)
        rc = j->sd.open_directory(&j->journal, directory, 0);
    else
        rc = j->sd.open(&j->journal, SD_JOURNAL_LOCAL_ONLY);
    if (rc < 0) {
        j->journal = NULL;
        return ERR_ABSENT;
    }
    (void)j->sd.set_data_threshold(j->journal, RECORD_MAX);
    return j->sd.get_fd(j->journal) < 0 ? ERR_ABSENT : ERR_OK;
}

enum err journal_new(struct journal **ret, struct spool *spool, const char *directory)
{
    struct journal *j = calloc(1, sizeof *j);
    if (j == NULL)
        return ERR_NOMEM;

    j->spool = spool;
    enum err e = open_journal(j, directory);
    if (e != ERR_OK) {
        journal_free(j);
        return e;
    }
    *ret = j;
    return ERR_OK;
}

void journal_free(struct journal *j)
{
    if (j == NULL)
        return;
    if (j->journal != NULL)
        j->sd.close(j->journal);
    if (j->library != NULL)
        (void)dlclose(j->library);
    for (size_t i = 0; i < j->n_wanted; i++)
        free(j->wanted[i]);
    free(j->wanted);
    free(j->cursor);
    free(j);
}

enum err journal_want(struct journal *j, struct slice location)
{
    char **wanted;

    if (location.n == 0 || location.p[0] == '/' || slice_eq(location, SLICE("all"))) {
        j->every = true;
        return ERR_OK;
    }
    wanted = realloc(j->wanted, (j->n_wanted + 1) * sizeof *wanted);
    if (wanted == NULL)
        return ERR_NOMEM;
    j->wanted = wanted;
    if (asprintf(&wanted[j->n_wanted], "SYSLOG_IDENTIFIER=%.*s", SLICE_FMT(location)) < 0)
        return ERR_NOMEM;
    j->n_wanted++;
    return ERR_OK;
}

static enum err choose(struct journal *j)
{
    for (size_t i = 0; !j->every && i < j->n_wanted; i++)
        if (j->sd.add_match(j->journal, j->wanted[i], 0) < 0)
            return ERR_RANGE;
    return ERR_OK;
}

static const struct slice cursor_key = SLICE_INIT("J");

/* Stand on the entry of the cursor, so that the next is the first not taken.  Where its entry is not
 * wanted or was vacuumed away we stand on the next one there is, which is then not to be passed. */
static enum err go_to(struct journal *j, const char *cursor)
{
    int rc = j->sd.seek_cursor(j->journal, cursor);

    if (rc >= 0)
        rc = j->sd.next(j->journal);
    if (rc > 0)
        j->held = j->sd.test_cursor(j->journal, cursor) == 0;
    return rc < 0 ? ERR_SYS : ERR_OK;
}

/* At once: when journald begins a new file, libsystemd forgets where it stands. */
static void note_place(struct journal *j)
{
    char *cursor;

    if (j->sd.get_cursor(j->journal, &cursor) < 0)
        return;
    free(j->cursor);
    j->cursor = cursor;
    j->moved = true;
}

/* The cursor of the last entry, whether we want it or not: what is wanted may not have come yet. */
static enum err find_end(struct journal *j)
{
    if (j->sd.seek_tail(j->journal) < 0 || j->sd.previous(j->journal) < 0)
        return ERR_SYS;
    note_place(j);              /* an empty journal has none; what comes is all new */
    return ERR_OK;
}

enum err journal_begin(struct journal *j)
{
    struct slice saved;
    enum err e = spool_get(j->spool, cursor_key, &saved);

    if (e == ERR_OK && (j->cursor = strndup(saved.p, saved.n)) == NULL)
        e = ERR_NOMEM;
    if (e == ERR_ABSENT)
        e = find_end(j);
    if (e == ERR_OK)
        e = choose(j);
    if (e != ERR_OK)
        return e;
    if (j->cursor != NULL)
        return go_to(j, j->cursor);
    return j->sd.seek_head(j->journal) < 0 ? ERR_SYS : ERR_OK;
}

int journal_fd(const struct journal *j)
{
    return j->sd.get_fd(j->journal);
}

/* "NAME=value" without its name; false when the entry has no such field. */
static bool get_field(struct journal *j, const char *name, struct slice *ret)
{
    const void *data;
    size_t n, skip = strlen(name) + 1;

    if (j->sd.get_data(j->journal, name, &data, &n) < 0 || n < skip)
        return false;
    *ret = slice_from((struct slice){ data, n }, skip);
    return true;
}

/* The offset as "+02:00": strftime has "+0200". */
static size_t print_time(char *room, size_t size, uint64_t time_us)
{
    time_t s = (time_t)(time_us / 1000000);
    struct tm tm;

    if (localtime_r(&s, &tm) == NULL)
        return 0;
    size_t n = strftime(room, size, "%Y-%m-%dT%H:%M:%S%z", &tm);
    if (n < 5 || n + 1 > size)
        return 0;
    memmove(room + n - 1, room + n - 2, 2);
    room[n - 2] = ':';
    return n + 1;
}

static bool append(char *room, size_t size, size_t *n, struct slice s)
{
    if (s.n > size - *n)
        return false;
    if (s.n > 0)
        memcpy(room + *n, s.p, s.n);
    *n += s.n;
    return true;
}

size_t journal_record(char *room, size_t size, uint64_t time_us, struct slice host,
                      struct slice ident, struct slice message)
{
    size_t n = print_time(room, size, time_us);
    bool fits = n > 0 && append(room, size, &n, SLICE(" ")) && append(room, size, &n, host)
                && append(room, size, &n, SLICE(" ")) && append(room, size, &n, ident)
                && append(room, size, &n, SLICE(": "));

    if (!fits)
        return 0;
    if (message.n > size - n)
        message.n = size - n;
    (void)append(room, size, &n, message);
    return n;
}

/* The entry we stand on.  What get_data gives lives until the next call: it is placed at once. */
static size_t print_entry(struct journal *j)
{
    struct slice field;
    char head[1024];
    uint64_t time_us;
    size_t host_n, ident_n;

    if (j->sd.get_realtime_usec(j->journal, &time_us) < 0
        || !get_field(j, "_HOSTNAME", &field) || field.n > sizeof head / 2)
        return 0;
    memcpy(head, field.p, host_n = field.n);
    if (!get_field(j, "SYSLOG_IDENTIFIER", &field) || field.n > sizeof head / 2)
        return 0;
    memcpy(head + sizeof head / 2, field.p, ident_n = field.n);
    if (!get_field(j, "MESSAGE", &field))
        return 0;
    return journal_record(j->room, sizeof j->room, time_us, (struct slice){ head, host_n },
                          (struct slice){ head + sizeof head / 2, ident_n }, field);
}

static bool read_entries(struct journal *j, const struct sink *sink)
{
    for (int i = 0; i < ENTRIES_MAX; i++) {
        if (!j->held && j->sd.next(j->journal) <= 0) {
            (void)j->sd.process(j->journal);    /* resets the descriptor */
            return j->sd.next(j->journal) > 0 ? (j->held = true) : false;
        }
        j->read++;
        size_t n = print_entry(j);
        j->held = n > 0 && !sink->take(sink->arg, SLICE("journald"), (struct slice){ j->room, n });
        if (j->held)
            return false;
        note_place(j);
    }
    return true;
}

bool journal_gather(struct journal *j, const struct sink *sink)
{
    bool more = read_entries(j, sink);

    if (j->read >= ENTRIES_MAX) {
        memory_forget(".journal");
        j->read = 0;
    }
    return more;
}

bool journal_moved(const struct journal *j)
{
    return j->moved;
}

enum err journal_save(struct journal *j)
{
    if (!j->moved || j->cursor == NULL)
        return ERR_OK;
    return spool_put(j->spool, cursor_key, slice_of(j->cursor));
}

void journal_saved(struct journal *j)
{
    j->moved = false;
}
