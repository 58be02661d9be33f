#include "alertd/sinks/sinks.h"

#include <errno.h>
#include <stdlib.h>

#include "common/forms/forms.h"
#include "alertd/sinks/compress.h"
#include "common/stage/log.h"

#define TURN_BYTES ((size_t)1 << 20)    /* one write of one sink */
#define RETRY_MS 1000                   /* between two tries on a full disk */
#define LATE_DAYS_MAX 31                /* what is older than the file by more is not late: the clock was wrong */

static const struct row {
    const char *name, *kind, *ext;
    enum journal_stream stream;
    form *form;
} rows[SINK_COUNT] = {
    [SINK_ALERTS_LOG]    = { "alerts_log", "alerts", "log", JOURNAL_ALERTS, form_alert_log },
    [SINK_ALERTS_JSON]   = { "alerts_json", "alerts", "json", JOURNAL_ALERTS, form_alert_json },
    [SINK_ARCHIVES_LOG]  = { "archives_log", "archives", "log", JOURNAL_ARCHIVE, form_archive_log },
    [SINK_ARCHIVES_JSON] = { "archives_json", "archives", "json", JOURNAL_ARCHIVE, form_archive_json },
};

struct sink {
    const struct row *row;
    struct file *file;                  /* NULL: this sink is off */
    size_t place;                       /* its number in the journal */
    uint64_t next;                      /* written up to here, synced or not */
    uint64_t written;                   /* records since the start */
    uint64_t retry_ms;
    bool unsynced, stuck;
};

struct sinks {
    struct journal *journal;
    struct sink sink[SINK_COUNT];
    struct compressor *compressor;
    struct buffer buffer;
    struct stamp stamp;
    bool rotate, compress;
    bool broken;                        /* a sync failed: what is on disk is not known any more */
};

static enum err commit_place(struct sinks *s, struct sink *k)
{
    struct file_state state = file_state(k->file);

    if (!k->unsynced)
        return ERR_OK;
    enum err e = file_sync(k->file);
    if (e != ERR_OK) {
        log_error("%s: sync failed: %s", file_path(k->file), strerror(errno));
        s->broken = true;
        return ERR_SYS;
    }
    k->unsynced = false;
    return journal_set_sink(s->journal, k->place, k->next, (struct slice){ (char *)&state, sizeof state });
}

static enum err open_sink(struct sinks *s, const struct row *row, const struct sinks_config *c)
{
    struct sink *k = &s->sink[row - rows];
    struct file_state state = { 0, 0, 0 };

    k->row = row;
    if (!c->on[row - rows])
        return ERR_OK;
    enum err e = journal_sink(s->journal, row->name, row->stream, &k->place);
    if (e != ERR_OK) {
        log_error("journal: sink %s: %s", row->name, err_str(e));
        return e;
    }
    k->next = journal_cursor(s->journal, k->place);
    struct slice kept = journal_sink_state(s->journal, k->place);
    if (kept.n == sizeof state)
        memcpy(&state, kept.p, sizeof state);
    e = file_open(&k->file, c->log_dir, row->kind, row->ext, &state, c->writer);
    if (e != ERR_OK)
        log_error("%s/%s/%s.%s: %s", c->log_dir, row->kind, row->kind, row->ext,
                  e == ERR_NOMEM ? err_str(e) : strerror(errno));
    k->unsynced = true;
    return e == ERR_OK ? commit_place(s, k) : e;
}

static void scan(struct sinks *s, const char *log_dir)
{
    static const char *const kinds[] = { "alerts", "archives" };
    char *dir = NULL;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (asprintf(&dir, "%s/%s", log_dir, kinds[i]) < 0)
            return;
        compressor_scan(s->compressor, dir);
        free(dir);
    }
}

enum err sinks_open(struct sinks **ret, struct journal *j, const struct sinks_config *c)
{
    struct sinks *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;

    s->journal = j;
    s->rotate = c->rotate;
    s->compress = c->compress;
    enum err e = compressor_new(&s->compressor);
    for (size_t i = 0; i < SINK_COUNT && e == ERR_OK; i++)
        e = open_sink(s, &rows[i], c);
    if (e == ERR_OK && (e = journal_commit(j)) != ERR_OK)
        log_error("alert journal: %s", err_str(e));
    if (e != ERR_OK) {
        sinks_free(s);
        return e;
    }
    if (s->compress)
        scan(s, c->log_dir);
    *ret = s;
    return ERR_OK;
}

void sinks_free(struct sinks *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < SINK_COUNT; i++)
        file_free(s->sink[i].file);
    compressor_free(s->compressor);
    buffer_free(&s->buffer);
    free(s);
}

/* One sink's turn: what the visitor gathers before the write. */
struct gathering { struct sinks *s; struct sink *k; uint64_t next, n, new_day; };

/* Days for comparing: every month has 31. */
static uint64_t ordinal(uint64_t day)
{
    return (day / 10000 * 12 + day / 100 % 100) * 31 + day % 100;
}

/* Late ones go on where we are.  But a clock that once stood years ahead must not hold back every
 * new day until then. */
static bool begins_day(uint64_t day, uint64_t file_day)
{
    return day > file_day || ordinal(day) + LATE_DAYS_MAX < ordinal(file_day);
}

static bool gather(void *arg, const struct entry *e)
{
    struct gathering *g = arg;

    if (g->s->buffer.n >= TURN_BYTES)
        return false;
    stamp_set(&g->s->stamp, e->a.time);
    if (file_day(g->k->file) == 0)
        file_set_day(g->k->file, g->s->stamp.day);
    if (g->s->rotate && begins_day(g->s->stamp.day, file_day(g->k->file))) {
        g->new_day = g->s->stamp.day;
        return false;
    }
    if (g->k->row->stream == JOURNAL_ARCHIVE || (e->a.flags & ALERT_LOG) != 0) {
        g->k->row->form(&g->s->buffer, e, &g->s->stamp);
        g->n++;
    }
    g->next = e->seq + 1;
    return true;
}

/* Two commits about the rename: a start in between finds the file by its number and puts it
 * back (file_open). */
static enum err begin_new_day(struct sinks *s, struct sink *k, uint64_t day)
{
    char *old = NULL;

    enum err e = commit_place(s, k);
    if (e == ERR_OK)
        e = journal_commit(s->journal);
    if (e == ERR_OK && (e = file_rotate(k->file, day, &old)) == ERR_SYS) {
        log_warn("%s: going on without rotation: %s", file_path(k->file), strerror(errno));
        file_set_day(k->file, day);
        e = ERR_OK;
    }
    k->unsynced = true;
    if (e == ERR_OK)
        e = commit_place(s, k);
    if (e == ERR_OK)
        e = journal_commit(s->journal);
    if (e == ERR_OK && old != NULL && s->compress)
        compressor_add(s->compressor, old);
    free(old);
    return e;
}

/* Somebody has moved or cut the file: what is ours in it begins anew, and is on record before
 * anything is written. */
static enum err look(struct sinks *s, struct sink *k)
{
    bool changed;
    enum err e = file_look(k->file, &changed);

    if (e != ERR_OK || !changed)
        return e;
    log_warn("%s is not as it was left: going on with what is there", file_path(k->file));
    k->unsynced = true;
    e = commit_place(s, k);
    return e == ERR_OK ? journal_commit(s->journal) : e;
}

static enum err write_gathered(struct sinks *s, struct gathering *g)
{
    if (!buffer_ok(&s->buffer))
        return ERR_NOMEM;
    enum err e = look(s, g->k);
    if (e == ERR_OK && s->buffer.n > 0)
        e = file_append(g->k->file, buffer_slice(&s->buffer));
    if (e != ERR_OK)
        return e;
    g->k->unsynced |= g->next != g->k->next;
    g->k->next = g->next;
    g->k->written += g->n;
    return ERR_OK;
}

static enum err turn(struct sinks *s, struct sink *k)
{
    struct gathering g = { .s = s, .k = k, .next = k->next };

    buffer_reset(&s->buffer);
    enum err e = journal_read(s->journal, k->row->stream, k->next, gather, &g);
    if (e == ERR_OK)
        e = write_gathered(s, &g);
    if (e == ERR_OK && g.new_day != 0)
        e = begin_new_day(s, k, g.new_day);
    s->buffer.n = 0;
    buffer_shrink(&s->buffer, 4 * TURN_BYTES);
    return e;
}

static void tell(struct sink *k, enum err e, uint64_t now_ms)
{
    bool stuck = e != ERR_OK;

    if (stuck && !k->stuck)
        log_error("%s: %s: writing stops here and is tried again each second; nothing is lost",
                  file_path(k->file), e == ERR_FULL ? strerror(ENOSPC) : e == ERR_SYS ? strerror(errno) : err_str(e));
    if (!stuck && k->stuck)
        log_info("%s: writing goes on", file_path(k->file));
    k->stuck = stuck;
    k->retry_ms = now_ms + RETRY_MS;
}

static bool is_due(const struct sinks *s, const struct sink *k, uint64_t now_ms)
{
    return k->file != NULL && k->next < journal_next(s->journal, k->row->stream)
        && (!k->stuck || now_ms >= k->retry_ms);
}

enum err sinks_turn(struct sinks *s, uint64_t now_ms, bool *more)
{
    *more = false;
    for (size_t i = 0; i < SINK_COUNT; i++) {
        struct sink *k = &s->sink[i];
        if (!is_due(s, k, now_ms))
            continue;
        enum err e = turn(s, k);
        if (e == ERR_BADMSG || s->broken)       /* BADMSG: the journal itself cannot be read */
            return s->broken ? ERR_SYS : e;
        if (e != ERR_OK || k->stuck)
            tell(k, e, now_ms);
        *more |= is_due(s, k, now_ms);
    }
    return ERR_OK;
}

enum err sinks_flush(struct sinks *s)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < SINK_COUNT && e == ERR_OK; i++)
        if (s->sink[i].file != NULL)
            e = commit_place(s, &s->sink[i]);
    return e;
}

void sinks_tidy(struct sinks *s)
{
    uint64_t failed = 0;

    (void)compressor_turn(s->compressor, &failed);
    if (failed > 0)
        log_warn("a file of a past day could not be compressed and is left as it is");
}

bool sinks_wants_archives(const struct sinks *s)
{
    return s->sink[SINK_ARCHIVES_LOG].file != NULL || s->sink[SINK_ARCHIVES_JSON].file != NULL;
}

struct sink_status sinks_status(const struct sinks *s, enum sink_id id)
{
    const struct sink *k = &s->sink[id];

    return (struct sink_status){ rows[id].name, k->file != NULL, k->stuck, k->next, k->written };
}
