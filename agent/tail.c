#include "agent/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct tail {
    struct file_id id;
    struct position at;
    struct format *format;
    char *path;
    char *location;
    size_t location_n;
    int fd;
    bool settled;               /* all of seen_size was looked at */
    uint64_t seen_size, seen_mtime;
    uint64_t grown_ms;
    struct tail_counts counts;
};

uint64_t tail_hash(struct slice s)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.p[i]) * 0x100000001b3u;
    return h;
}

enum err tail_new(struct tail **ret, const char *path, struct slice location,
                  struct format *format, struct file_id id, struct position from)
{
    struct tail *t = calloc(1, sizeof *t);
    if (t == NULL)
        return ERR_NOMEM;

    t->fd = -1;
    t->id = id;
    t->at = from;
    t->format = format;
    t->path = strdup(path);
    t->location = strndup(location.p, location.n);
    t->location_n = location.n;
    if (t->path == NULL || t->location == NULL) {
        tail_free(t);
        return ERR_NOMEM;
    }
    *ret = t;
    return ERR_OK;
}

void tail_free(struct tail *t)
{
    if (t == NULL)
        return;
    tail_close(t);
    free(t->path);
    free(t->location);
    free(t);
}

void tail_close(struct tail *t)
{
    if (t->fd >= 0)
        (void)close(t->fd);     /* only read from */
    t->fd = -1;
}

/* O_NONBLOCK: a FIFO that took the file's place does not stop us. */
static enum tail_state open_file(struct tail *t)
{
    struct stat st;

    if (t->fd >= 0)
        return TAIL_IDLE;
    t->fd = open(t->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (t->fd < 0)
        return errno == ENOENT ? TAIL_OTHER : TAIL_UNREADABLE;
    if (fstat(t->fd, &st) == 0 && st.st_dev == t->id.dev && st.st_ino == t->id.ino
        && S_ISREG(st.st_mode))
        return TAIL_IDLE;
    tail_close(t);
    return TAIL_OTHER;
}

/* How many of the first bytes are there, and their hash. */
static uint32_t read_print(const struct tail *t, uint32_t most, uint64_t *hash)
{
    char first[TAIL_PRINT_BYTES];
    ssize_t n = pread(t->fd, first, most, 0);

    *hash = tail_hash((struct slice){ first, n > 0 ? (size_t)n : 0 });
    return n > 0 ? (uint32_t)n : 0;
}

static bool is_same_file(const struct tail *t, uint64_t size)
{
    uint64_t hash;

    if (size < t->at.offset)
        return false;
    if (t->at.print_n == 0)
        return true;
    return read_print(t, t->at.print_n, &hash) == t->at.print_n && hash == t->at.print;
}

static void restart(struct tail *t)
{
    t->at = (struct position){ 0 };
    t->counts.restarts++;
}

static void widen_print(struct tail *t)
{
    if (t->at.print_n < TAIL_PRINT_BYTES)
        t->at.print_n = read_print(t, TAIL_PRINT_BYTES, &t->at.print);
}

/* Drop the rest of an over-long line from the front of *data.  False: it goes on. */
static bool skip_line(struct tail *t, struct slice *data)
{
    const char *end = memchr(data->p, '\n', data->n);
    size_t n = end != NULL ? (size_t)(end - data->p) + 1 : data->n;

    t->at.offset += n;
    t->at.skipping = end == NULL;
    *data = slice_from(*data, n);
    return end != NULL;
}

static bool hand_over(struct tail *t, const struct cut *cut, const struct sink *sink)
{
    if (!cut->drop && !sink->take(sink->arg, tail_location(t), cut->text))
        return false;
    t->at.offset += cut->used;
    t->at.skipping = cut->skip;
    t->counts.records += !cut->drop;
    t->counts.shortened += cut->shortened;
    return true;
}

/* Every whole record of data.  TAIL_IDLE: what is left is no whole record. */
static enum tail_state cut_all(struct tail *t, struct slice data, enum flush flush,
                               const struct sink *sink)
{
    struct cut cut;

    while (data.n > 0) {
        if (t->at.skipping && !skip_line(t, &data))
            break;
        if (!format_cut(t->format, data, flush, &cut))
            break;
        if (!hand_over(t, &cut, sink))
            return TAIL_FULL;
        data = slice_from(data, cut.used);
    }
    return TAIL_IDLE;
}

static enum tail_state read_window(struct tail *t, char *room, enum flush flush,
                                   const struct sink *sink)
{
    uint64_t before = t->at.offset;
    ssize_t n = pread(t->fd, room, FORMAT_WINDOW, (off_t)before);

    if (n < 0)
        return TAIL_UNREADABLE;
    struct slice data = { room, (size_t)n };
    enum tail_state s = cut_all(t, data, flush, sink);
    if (s != TAIL_IDLE || data.n < FORMAT_WINDOW)
        return s;
    if (t->at.offset == before)         /* a window without an end of record: end it here */
        s = cut_all(t, data, FLUSH_LINES, sink);
    return s == TAIL_IDLE ? TAIL_MORE : s;
}

static uint64_t mtime_ns(const struct stat *st)
{
    return (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
}

/* True when the file is not as the last poll saw it. */
static bool has_changed(struct tail *t, const struct stat *st, uint64_t now_ms)
{
    uint64_t size = (uint64_t)st->st_size, mtime = mtime_ns(st);

    if (size == t->seen_size && mtime == t->seen_mtime)
        return false;
    t->seen_size = size;
    t->seen_mtime = mtime;
    t->grown_ms = now_ms;
    return true;
}

/* Is a record held back only because more lines might belong to it? */
static enum flush flush_of(const struct tail *t, uint64_t now_ms)
{
    bool due = format_waits(t->format) && t->at.offset < t->seen_size
               && now_ms - t->grown_ms >= TAIL_FLUSH_MS;

    return due ? FLUSH_LINES : FLUSH_NO;
}

static enum tail_state poll_file(struct tail *t, char *room, enum flush flush,
                                 const struct sink *sink)
{
    if (!is_same_file(t, t->seen_size))
        restart(t);
    widen_print(t);
    enum tail_state s = read_window(t, room, flush, sink);
    t->settled = s == TAIL_IDLE;
    return s;
}

enum tail_state tail_poll(struct tail *t, char *room, uint64_t now_ms, const struct sink *sink)
{
    struct stat st;
    enum tail_state s = open_file(t);

    if (s != TAIL_IDLE)
        return s;
    if (fstat(t->fd, &st) != 0)
        return TAIL_UNREADABLE;
    bool changed = has_changed(t, &st, now_ms);
    enum flush flush = flush_of(t, now_ms);
    if (!changed && t->settled && flush == FLUSH_NO)
        return TAIL_IDLE;
    return poll_file(t, room, flush, sink);
}

enum tail_state tail_finish(struct tail *t, char *room, const struct sink *sink)
{
    struct stat st;
    enum tail_state s = open_file(t);

    if (s != TAIL_IDLE)
        return s;
    if (fstat(t->fd, &st) != 0)
        return TAIL_UNREADABLE;
    (void)has_changed(t, &st, t->grown_ms);
    return poll_file(t, room, FLUSH_ALL, sink);
}

/* The offset behind the last newline below size, looking back at most one record. */
static uint64_t last_line_end(const struct tail *t, uint64_t size)
{
    char block[4096];

    for (uint64_t end = size; end > 0 && size - end < RECORD_MAX; ) {
        size_t want = end < sizeof block ? (size_t)end : sizeof block;
        ssize_t n = pread(t->fd, block, want, (off_t)(end - want));
        if (n != (ssize_t)want)
            return size;
        const char *nl = memrchr(block, '\n', want);
        if (nl != NULL)
            return end - want + (uint64_t)(nl - block) + 1;
        end -= want;
        if (end == 0)
            return 0;
    }
    return size;
}

enum err tail_seek_end(struct tail *t)
{
    struct stat st;

    switch (open_file(t)) {
    case TAIL_OTHER:      return ERR_ABSENT;
    case TAIL_UNREADABLE: return ERR_SYS;
    case TAIL_IDLE: case TAIL_MORE: case TAIL_FULL: break;
    }
    if (fstat(t->fd, &st) != 0)
        return ERR_SYS;
    t->at = (struct position){ .offset = last_line_end(t, (uint64_t)st.st_size) };
    t->at.print_n = read_print(t, TAIL_PRINT_BYTES, &t->at.print);
    return ERR_OK;
}

void tail_seek(struct tail *t, struct position p)
{
    t->at = p;
    t->settled = false;
}

const struct position *tail_position(const struct tail *t)  { return &t->at; }
struct file_id tail_id(const struct tail *t)                { return t->id; }
const char *tail_path(const struct tail *t)                 { return t->path; }
bool tail_is_open(const struct tail *t)                     { return t->fd >= 0; }
uint64_t tail_grown_ms(const struct tail *t)                { return t->grown_ms; }
const struct tail_counts *tail_counts(const struct tail *t) { return &t->counts; }

struct slice tail_location(const struct tail *t)
{
    return (struct slice){ t->location, t->location_n };
}

enum err tail_rename(struct tail *t, const char *path)
{
    char *copy = strdup(path);

    if (copy == NULL)
        return ERR_NOMEM;
    free(t->path);
    t->path = copy;
    return ERR_OK;
}

bool tail_deleted(const struct tail *t)
{
    struct stat st;

    return t->fd >= 0 && fstat(t->fd, &st) == 0 && st.st_nlink == 0;
}
