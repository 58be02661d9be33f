#include "agent/files.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/stage/log.h"

#define BUCKETS 1024
#define NEWS_MAX 64             /* reads of inotify in one go: who writes faster is not all there is to do */
#define WATCHED (IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB \
                 | IN_DELETE_SELF | IN_MOVE_SELF)

struct location {
    char *text;
    struct format *format;
    bool only_future, known;            /* known: the spool has seen it before */
    bool told;                          /* that nothing is there */
};

struct followed {
    struct tail *tail;
    struct followed *chain;             /* of its bucket */
    int watch;                          /* of its directory, -1: none */
    uint64_t name;                      /* hash of its name there */
    uint64_t seen;                      /* number of the last scan that found it */
    uint64_t back;                      /* of the last scan before its location named it again; 0: did not */
    struct position saved;              /* what the spool has */
    bool dirty, has_row, orphan, told;
    uint64_t used;                      /* for closing the longest unused */
};

struct files {
    struct spool *spool;
    struct sink sink;
    int inotify;
    struct location *locations;
    size_t n_locations;
    struct followed **files;
    size_t n, room;
    size_t next;                        /* whose turn it is */
    struct followed *buckets[BUCKETS];
    uint64_t scan, clock;
    uint64_t scanned_ms, rescan_ms;
    bool scan_wanted, moved;
    struct file_id *gone;               /* rows to drop with the next commit */
    size_t n_gone, gone_room;
    uint64_t lost;
    struct files_counts past;           /* of files no longer followed */
    char room_for_window[FORMAT_WINDOW];
};

struct row_key { char at[1 + sizeof(struct file_id)]; };

static struct slice row_key(struct file_id id, struct row_key *room)
{
    room->at[0] = 'F';
    memcpy(room->at + 1, &id, sizeof id);
    return (struct slice){ room->at, sizeof room->at };
}

enum err files_new(struct files **ret, struct spool *spool, struct sink sink,
                   uint64_t rescan_ms)
{
    struct files *f = calloc(1, sizeof *f);
    if (f == NULL)
        return ERR_NOMEM;

    f->spool = spool;
    f->sink = sink;
    f->rescan_ms = rescan_ms;
    f->scan_wanted = true;
    f->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (f->inotify < 0) {
        files_free(f);
        return ERR_SYS;
    }
    *ret = f;
    return ERR_OK;
}

static void free_followed(struct followed *w)
{
    tail_free(w->tail);
    free(w);
}

void files_free(struct files *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->n; i++)
        free_followed(f->files[i]);
    for (size_t i = 0; i < f->n_locations; i++)
        free(f->locations[i].text);
    if (f->inotify >= 0)
        (void)close(f->inotify);
    free(f->files);
    free(f->locations);
    free(f->gone);
    free(f);
}

static bool is_named_already(const struct files *f, struct slice text)
{
    for (size_t i = 0; i < f->n_locations; i++)
        if (slice_eq(slice_of(f->locations[i].text), text))
            return true;
    return false;
}

enum err files_add(struct files *f, struct slice location, struct format *format, bool only_future)
{
    if (is_named_already(f, location))
        return ERR_OK;
    struct location *l = realloc(f->locations, (f->n_locations + 1) * sizeof *l);
    if (l == NULL)
        return ERR_NOMEM;
    f->locations = l;
    l[f->n_locations] = (struct location){
        .text = strndup(location.p, location.n), .format = format, .only_future = only_future,
    };
    return l[f->n_locations++].text != NULL ? ERR_OK : ERR_NOMEM;
}

int files_fd(const struct files *f)
{
    return f->inotify;
}

/* What is followed, by identity */

static size_t bucket(struct file_id id)
{
    return (size_t)((id.ino ^ id.dev * 31) * 0x9e3779b97f4a7c15u >> 54) % BUCKETS;
}

static struct followed *find(const struct files *f, struct file_id id)
{
    struct followed *w = f->buckets[bucket(id)];

    while (w != NULL && (tail_id(w->tail).ino != id.ino || tail_id(w->tail).dev != id.dev))
        w = w->chain;
    return w;
}

static enum err keep(struct files *f, struct followed *w)
{
    if (f->n == f->room) {
        size_t room = f->room == 0 ? 32 : 2 * f->room;
        struct followed **files = realloc(f->files, room * sizeof *files);
        if (files == NULL)
            return ERR_NOMEM;
        f->files = files;
        f->room = room;
    }
    size_t b = bucket(tail_id(w->tail));
    w->chain = f->buckets[b];
    f->buckets[b] = w;
    f->files[f->n++] = w;
    return ERR_OK;
}

static void unchain(struct files *f, struct followed *w)
{
    struct followed **at = &f->buckets[bucket(tail_id(w->tail))];

    while (*at != w)
        at = &(*at)->chain;
    *at = w->chain;
}

static void add_counts(struct files_counts *c, const struct tail *t)
{
    c->shortened += tail_counts(t)->shortened;
    c->restarts += tail_counts(t)->restarts;
    c->records += tail_counts(t)->records;
}

/* Its row goes with the next commit, so not before its last record. */
static void drop_row(struct files *f, struct file_id id)
{
    if (f->n_gone == f->gone_room) {
        size_t room = f->gone_room == 0 ? 16 : 2 * f->gone_room;
        struct file_id *gone = realloc(f->gone, room * sizeof *gone);
        if (gone == NULL)
            return;             /* the row stays; the next start drops it */
        f->gone = gone;
        f->gone_room = room;
    }
    f->gone[f->n_gone++] = id;
    f->moved = true;
}

static void unfollow(struct files *f, size_t i)
{
    struct followed *w = f->files[i];

    add_counts(&f->past, w->tail);
    drop_row(f, tail_id(w->tail));
    unchain(f, w);
    free_followed(w);
    f->files[i] = f->files[--f->n];
}

/* Directories */

static int watch_directory(struct files *f, const char *dir)
{
    return inotify_add_watch(f->inotify, dir, WATCHED | IN_ONLYDIR);
}

/* Watch the directory in which the file really lies, past symbolic links. */
static void watch_file(struct files *f, struct followed *w)
{
    char *real = realpath(tail_path(w->tail), NULL);

    w->watch = -1;
    if (real == NULL)
        return;
    char *slash = strrchr(real, '/');
    w->name = tail_hash(slice_of(slash + 1));
    *slash = '\0';
    w->watch = watch_directory(f, slash == real ? "/" : real);
    free(real);
}

/* The directory in which a location's first wildcard, or its last name, is looked for. */
static void watch_location(struct files *f, const char *path)
{
    size_t n = strcspn(path, "*?[");
    char *dir;

    while (n > 0 && path[n - 1] != '/')
        n--;
    dir = n > 0 ? strndup(path, n) : strdup(".");
    if (dir != NULL)
        (void)watch_directory(f, dir);  /* absent, or no more watches: the slow look finds it */
    free(dir);
}

/* Beginnings */

static bool is_gone(const struct files *f, struct file_id id)
{
    for (size_t i = 0; i < f->n_gone; i++)
        if (f->gone[i].ino == id.ino && f->gone[i].dev == id.dev)
            return true;
    return false;
}

static bool has_position(struct files *f, struct file_id id, struct position *ret)
{
    struct row_key key;
    struct slice value;

    if (is_gone(f, id))         /* the inode of a finished file, used again */
        return false;
    if (spool_get(f->spool, row_key(id, &key), &value) != ERR_OK || value.n < sizeof *ret)
        return false;
    memcpy(ret, value.p, sizeof *ret);
    return true;
}

struct adoption { struct files *f; const struct tail *tail; struct file_id old; struct position p; };

static bool is_the_same(void *arg, struct slice key, struct slice value)
{
    struct adoption *a = arg;
    struct file_id id;

    if (key.n != sizeof(struct row_key) || value.n < sizeof a->p)
        return true;
    memcpy(&id, key.p + 1, sizeof id);
    if (id.ino != tail_id(a->tail).ino || is_gone(a->f, id)
        || !slice_eq(slice_from(value, sizeof a->p), slice_of(tail_path(a->tail))))
        return true;
    a->old = id;
    memcpy(&a->p, value.p, sizeof a->p);
    return false;
}

/* Device numbers of btrfs, overlays, network disks are others after each boot: a file of the same
 * name and inode goes on where it was; tail_seek() asks whether it begins as it did. */
static bool adopt_position(struct files *f, const struct followed *w, struct position *ret)
{
    struct adoption a = { .f = f, .tail = w->tail };

    if (f->scan != 1 || spool_each(f->spool, SLICE("F"), is_the_same, &a) != ERR_OK || a.old.ino == 0)
        return false;
    *ret = a.p;
    drop_row(f, a.old);
    return true;
}

static enum err begin(struct files *f, struct followed *w, const struct location *l)
{
    struct position p;

    if (has_position(f, tail_id(w->tail), &p)) {
        tail_seek(w->tail, p);
        w->saved = p;
        w->has_row = true;
        return ERR_OK;
    }
    if (adopt_position(f, w, &p)) {
        tail_seek(w->tail, p);
        return ERR_OK;
    }
    if (l->only_future && !l->known)
        return tail_seek_end(w->tail);
    return ERR_OK;
}

static enum err follow(struct files *f, const struct location *l, const char *path,
                       struct file_id id, struct followed **ret)
{
    if (f->n >= FILES_MAX)
        return ERR_LIMIT;
    struct followed *w = calloc(1, sizeof *w);
    if (w == NULL)
        return ERR_NOMEM;

    enum err e = tail_new(&w->tail, path, slice_of(path), l->format, id, (struct position){ 0 });
    if (e == ERR_OK)
        (void)begin(f, w, l);   /* unreadable: told and tried again when it is polled */
    if (e == ERR_OK)
        e = keep(f, w);
    if (e != ERR_OK) {
        free_followed(w);
        return e;
    }
    watch_file(f, w);
    w->dirty = true;
    f->moved |= !w->has_row;
    *ret = w;
    return ERR_OK;
}

/* The file is under `path` now.  One found twice in a scan keeps the name it was found by first. */
static void found_again(struct files *f, struct followed *w, const char *path)
{
    bool first = w->seen != f->scan;

    w->seen = f->scan;
    w->orphan = false;
    w->back = 0;
    if (!first || strcmp(tail_path(w->tail), path) == 0)
        return;
    if (tail_rename(w->tail, path) == ERR_OK)
        watch_file(f, w);
    w->dirty = true;
}

static bool look_at(struct files *f, const struct location *l, const char *path)
{
    struct stat st;
    struct followed *w;

    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    struct file_id id = { st.st_dev, st.st_ino };
    w = find(f, id);
    if (w == NULL && follow(f, l, path, id, &w) != ERR_OK) {
        f->lost++;
        return true;
    }
    found_again(f, w, path);
    return true;
}

static bool look_at_glob(struct files *f, const struct location *l, const char *pattern)
{
    glob_t found;
    bool any = false;

    if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
        return false;
    for (size_t i = 0; i < found.gl_pathc; i++)
        any |= look_at(f, l, found.gl_pathv[i]);
    globfree(&found);
    return any;
}

/* The pattern is the operator's, that is what it is for. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* The location at this time of day: NULL when it does not fit a path. */
static char *name_now(const char *text, int64_t now_s)
{
    char name[PATH_MAX];
    time_t t = (time_t)now_s;
    struct tm tm;

    if (strchr(text, '%') == NULL)
        return strdup(text);
    if (localtime_r(&t, &tm) == NULL || strftime(name, sizeof name, text, &tm) == 0)
        return NULL;
    return strdup(name);
}

#pragma GCC diagnostic pop

static void scan_location(struct files *f, struct location *l, int64_t now_s)
{
    char *path = name_now(l->text, now_s);
    if (path == NULL)
        return;

    bool wild = strpbrk(path, "*?[") != NULL;
    watch_location(f, path);
    bool any = wild ? look_at_glob(f, l, path) : look_at(f, l, path);
    if (!any && !wild && !l->told) {
        log_info("no such file yet, waiting for it path=%s", LOG_TEXT(slice_of(path)));
        l->told = true;
    }
    free(path);
}

/* Renamed while the agent was away */

static const struct location *location_of(const struct files *f, const char *path)
{
    for (size_t i = 0; i < f->n_locations; i++)
        if (strchr(f->locations[i].text, '%') != NULL
            || fnmatch(f->locations[i].text, path, FNM_PATHNAME) == 0)
            return &f->locations[i];
    return NULL;
}

/* The path of the file with this inode in the directory of `path`; NULL: it is not there. */
static char *find_inode(const char *path, struct file_id id)
{
    char *copy = strdup(path), *at = NULL;
    DIR *dir = copy != NULL ? opendir(dirname(copy)) : NULL;
    struct dirent *d;

    while (dir != NULL && at == NULL && (d = readdir(dir)) != NULL) {
        struct stat st;
        if (d->d_ino != id.ino || fstatat(dirfd(dir), d->d_name, &st, 0) != 0
            || st.st_dev != id.dev || st.st_ino != id.ino || !S_ISREG(st.st_mode))
            continue;
        if (asprintf(&at, "%s/%s", copy, d->d_name) < 0)
            at = NULL;
    }
    if (dir != NULL)
        (void)closedir(dir);
    free(copy);
    return at;
}

struct missing { struct file_id id; char *path; struct missing *next; };
struct census { struct files *f; struct missing *list; };

static bool list_missing(void *arg, struct slice key, struct slice value)
{
    struct census *c = arg;
    struct missing *m;
    struct file_id id;

    if (key.n != sizeof(struct row_key) || value.n < sizeof(struct position))
        return true;
    memcpy(&id, key.p + 1, sizeof id);
    if (find(c->f, id) != NULL || is_gone(c->f, id) || (m = calloc(1, sizeof *m)) == NULL)
        return true;
    m->id = id;
    m->path = strndup(value.p + sizeof(struct position), value.n - sizeof(struct position));
    m->next = c->list;
    c->list = m;
    return true;
}

/* In the records that forgetting it is committed with; false: there is no room for it now. */
static bool tell_gone(struct files *f, const char *path)
{
    char *text = NULL;

    int n = asprintf(&text, "yagura: file gone: '%s' went away while the agent was not running;"
                     " what had not been read of it is lost", path);
    bool told = n >= 0 && f->sink.take(f->sink.arg, SLICE("yagura-agent"),
                                       (struct slice){ text, (size_t)n });
    if (n >= 0)
        free(text);
    return told;
}

/* Follow it to its end under its old location, or forget it. */
static void settle_missing(struct files *f, const struct missing *m)
{
    const struct location *l = m->path != NULL ? location_of(f, m->path) : NULL;
    char *now_at = l != NULL ? find_inode(m->path, m->id) : NULL;
    struct followed *w;

    if (now_at == NULL || follow(f, l, m->path, m->id, &w) != ERR_OK
        || tail_rename(w->tail, now_at) != ERR_OK) {
        if (l != NULL)
            log_warn("a file went away while the agent was not running, forgotten path=%s",
                     LOG_TEXT(slice_of(m->path)));
        f->lost += l != NULL;
        if (l == NULL || tell_gone(f, m->path))         /* else the next start tells it */
            drop_row(f, m->id);
    } else {
        watch_file(f, w);
        w->orphan = true;
    }
    free(now_at);
}

static enum err find_missing(struct files *f)
{
    struct census c = { f, NULL };
    enum err e = spool_each(f->spool, SLICE("F"), list_missing, &c);

    while (c.list != NULL) {
        struct missing *m = c.list;
        c.list = m->next;
        settle_missing(f, m);
        free(m->path);
        free(m);
    }
    return e;
}

/* Scans */

struct mark { char at[1 + sizeof(uint64_t)]; };

static struct slice mark_of(const struct location *l, struct mark *room)
{
    uint64_t h = tail_hash(slice_of(l->text));

    room->at[0] = 'L';
    memcpy(room->at + 1, &h, sizeof h);
    return (struct slice){ room->at, sizeof room->at };
}

static void recall_locations(struct files *f)
{
    struct slice value;
    struct mark mark;

    for (size_t i = 0; i < f->n_locations; i++)
        f->locations[i].known =
            spool_get(f->spool, mark_of(&f->locations[i], &mark), &value) == ERR_OK;
}

/* A file that no location finds any more is read to its end, under whatever name it has. */
static void find_orphans(struct files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        struct followed *w = f->files[i];
        if (w->seen != f->scan) {
            w->orphan = true;
            w->dirty = true;
        }
    }
}

enum err files_scan(struct files *f, uint64_t now_ms, int64_t now_s)
{
    enum err e = ERR_OK;
    bool first = f->scan++ == 0;

    if (first)
        recall_locations(f);
    for (size_t i = 0; i < f->n_locations; i++)
        scan_location(f, &f->locations[i], now_s);
    if (first)
        e = find_missing(f);
    find_orphans(f);
    for (size_t i = 0; first && i < f->n_locations; i++) {
        f->moved |= !f->locations[i].known;
        f->locations[i].known = true;
    }
    f->scan_wanted = false;
    f->scanned_ms = now_ms;
    return e;
}

bool files_scan_due(const struct files *f, uint64_t now_ms)
{
    uint64_t since = now_ms - f->scanned_ms;

    if (f->scan == 0)
        return true;
    if (f->scan_wanted && since >= FILES_RESCAN_MS)
        return true;
    return since >= f->rescan_ms;
}

void files_look_at_all(struct files *f)
{
    for (size_t i = 0; i < f->n; i++)
        f->files[i]->dirty = true;
}

/* News */

static void notice_one(struct files *f, const struct inotify_event *ev)
{
    if (ev->mask & IN_Q_OVERFLOW) {
        files_look_at_all(f);
        f->scan_wanted = true;
        return;
    }
    if ((ev->mask & (IN_MODIFY | IN_ATTRIB)) == 0)
        f->scan_wanted = true;
    uint64_t name = tail_hash(slice_of(ev->len > 0 ? ev->name : ""));
    for (size_t i = 0; i < f->n; i++)
        if (f->files[i]->watch == ev->wd && (f->files[i]->name == name || f->files[i]->orphan))
            f->files[i]->dirty = true;
}

void files_notice(struct files *f)
{
    _Alignas(struct inotify_event) char news[4096];
    ssize_t n;

    for (int reads = 0; reads < NEWS_MAX && (n = read(f->inotify, news, sizeof news)) > 0; reads++)
        for (char *p = news; p < news + n; ) {
            const struct inotify_event *ev = (const void *)p;
            notice_one(f, ev);
            p += sizeof *ev + ev->len;
        }
}

/* Reading */

static size_t count_open(const struct files *f)
{
    size_t open = 0;

    for (size_t i = 0; i < f->n; i++)
        open += tail_is_open(f->files[i]->tail);
    return open;
}

static bool is_sooner(const struct followed *a, const struct followed *b)
{
    if (b == NULL || a->orphan != b->orphan)
        return b == NULL || b->orphan;
    return a->orphan ? tail_grown_ms(a->tail) < tail_grown_ms(b->tail) : a->used < b->used;
}

/* Orphans stay open, as their name may lead nowhere, unless only they are left: then the one that
 * was quiet longest is finished. */
static void close_longest_unused(struct files *f)
{
    struct followed *first = NULL;

    if (count_open(f) < FILES_OPEN_MAX)
        return;
    for (size_t i = 0; i < f->n; i++) {
        struct followed *w = f->files[i];
        if (tail_is_open(w->tail) && !(w->orphan && w->dirty) && is_sooner(w, first))
            first = w;
    }
    if (first == NULL || (first->orphan && tail_finish(first->tail, f->room_for_window, &f->sink)
                                               != TAIL_IDLE))
        return;
    tail_close(first->tail);
}

static void tell_unreadable(struct followed *w)
{
    if (!w->told)
        log_warn("cannot read a file, trying again quietly path=%s: %s",
                 LOG_TEXT(slice_of(tail_path(w->tail))), strerror(errno));
    w->told = true;
}

/* A closed file that was renamed meanwhile. */
static void look_for_it(struct files *f, struct followed *w)
{
    char *now_at = find_inode(tail_path(w->tail), tail_id(w->tail));

    if (now_at != NULL && strcmp(now_at, tail_path(w->tail)) != 0
        && tail_rename(w->tail, now_at) == ERR_OK) {
        watch_file(f, w);
        w->dirty = true;
    }
    free(now_at);
    w->orphan = true;
}

/* Its location names it, so it may have been away at the last scan alone: the next one decides. */
static bool is_still_unwanted(struct files *f, struct followed *w)
{
    if (w->back == 0) {
        w->back = f->scan;
        f->scan_wanted = true;
    }
    return f->scan > w->back;
}

/* Nothing came for the grace, and its location names a file again (its successor, or itself when
 * the day of a strftime name has passed) or its last name is gone. */
static bool is_over(struct files *f, struct followed *w, uint64_t now_ms)
{
    struct file_id id = tail_id(w->tail);
    struct stat st;

    if (now_ms - tail_grown_ms(w->tail) < FILES_GRACE_MS)
        return false;
    if (stat(tail_location(w->tail).p, &st) != 0)
        return tail_deleted(w->tail);
    return st.st_dev != id.dev || st.st_ino != id.ino || is_still_unwanted(f, w);
}

static enum tail_state read_one(struct files *f, struct followed *w, uint64_t now_ms)
{
    if (!tail_is_open(w->tail))
        close_longest_unused(f);
    w->used = ++f->clock;
    enum tail_state s = tail_poll(w->tail, f->room_for_window, now_ms, &f->sink);
    w->dirty = s == TAIL_MORE || s == TAIL_FULL;
    if (s == TAIL_UNREADABLE)
        tell_unreadable(w);
    if (s == TAIL_OTHER)
        look_for_it(f, w);
    if (memcmp(tail_position(w->tail), &w->saved, sizeof w->saved) != 0)
        f->moved = true;
    return s;
}

/* Orphans at their end: finished when it is over.  A file whose name leads nowhere and that
 * is not open cannot be read any more. */
static void finish_orphans(struct files *f, uint64_t now_ms)
{
    for (size_t i = f->n; i-- > 0; ) {
        struct followed *w = f->files[i];
        if (!w->orphan || w->dirty)
            continue;
        if (!tail_is_open(w->tail)) {
            unfollow(f, i);
            continue;
        }
        if (is_over(f, w, now_ms)
            && tail_finish(w->tail, f->room_for_window, &f->sink) == TAIL_IDLE)
            unfollow(f, i);
    }
}

/* Rows and turns: the walk begins behind the file that was read last, so no busy file starves
 * the others. */
bool files_gather(struct files *f, uint64_t now_ms)
{
    size_t windows = 0;
    bool more = false, full = false;

    for (size_t k = 0, n = f->n; k < n && windows < FILES_GATHER_MAX && !full; k++) {
        size_t i = (f->next + k) % n;
        if (!f->files[i]->dirty)
            continue;
        enum tail_state s = read_one(f, f->files[i], now_ms);
        full = s == TAIL_FULL;
        if (s == TAIL_MORE) {
            windows++;
            more = true;
        }
        if (full || windows == FILES_GATHER_MAX)
            f->next = i + !full;
    }
    finish_orphans(f, now_ms);
    return more && !full;
}

/* Positions */

static enum err save_one(struct files *f, struct followed *w)
{
    const struct position *p = tail_position(w->tail);
    struct slice location = tail_location(w->tail);
    struct row_key key;
    char value[sizeof *p + PATH_MAX];

    if (w->has_row && memcmp(p, &w->saved, sizeof *p) == 0)
        return ERR_OK;
    size_t n = location.n < PATH_MAX ? location.n : PATH_MAX;
    memcpy(value, p, sizeof *p);
    memcpy(value + sizeof *p, location.p, n);
    return spool_put(f->spool, row_key(tail_id(w->tail), &key),
                     (struct slice){ value, sizeof *p + n });
}

static enum err save_marks(struct files *f)
{
    struct mark mark;
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < f->n_locations; i++)
        if (f->locations[i].known)
            e = spool_put(f->spool, mark_of(&f->locations[i], &mark), SLICE("1"));
    return e;
}

enum err files_save(struct files *f)
{
    struct row_key key;
    enum err e = f->moved ? save_marks(f) : ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < f->n_gone; i++)
        e = spool_drop(f->spool, row_key(f->gone[i], &key));
    for (size_t i = 0; e == ERR_OK && i < f->n; i++)
        e = save_one(f, f->files[i]);
    return e;
}

void files_saved(struct files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        f->files[i]->saved = *tail_position(f->files[i]->tail);
        f->files[i]->has_row = true;
    }
    f->n_gone = 0;
    f->moved = false;
}

bool files_moved(const struct files *f)
{
    return f->moved;
}

void files_counts(const struct files *f, struct files_counts *ret)
{
    *ret = f->past;
    ret->followed = f->n;
    ret->open = count_open(f);
    ret->lost = f->lost;
    for (size_t i = 0; i < f->n; i++) {
        add_counts(ret, f->files[i]->tail);
        ret->unreadable += f->files[i]->told;
    }
}
