#include "alertd/sinks/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/forms/stamp.h"

#define SAME_DAY_MAX 100                /* dated files of one day */
#define FILE_MODE 0640
#define DIR_MODE 0750

struct file {
    char *dir, *kind, *ext, *path;
    int fd;
    struct file_state state;
    bool torn;                          /* a failed write may have left bytes behind the length */
    file_writer *writer;
};

static enum err err_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_FULL : ERR_SYS;
}

static enum err make_dir(const char *path)
{
    return mkdir(path, DIR_MODE) == 0 || errno == EEXIST ? ERR_OK : err_of_errno();
}

static void sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return;                         /* names are repaired at start where they are lost */
    (void)fsync(fd);
    (void)close(fd);
}

/* DIR/YYYY, DIR/YYYY/Mon or the dated file itself: how much of the path is wanted. */
enum depth { DEPTH_YEAR, DEPTH_MONTH, DEPTH_FILE };

static char *dated(const struct file *f, uint64_t day, enum depth depth, unsigned copy)
{
    unsigned year = (unsigned)(day / 10000), month = (unsigned)(day / 100 % 100);
    char *path = NULL, number[16] = "";
    int n = -1;

    if (copy > 1)
        (void)snprintf(number, sizeof number, ".%u", copy);
    switch (depth) {
    case DEPTH_YEAR:
        n = asprintf(&path, "%s/%04u", f->dir, year);
        break;
    case DEPTH_MONTH:
        n = asprintf(&path, "%s/%04u/%s", f->dir, year, stamp_month(month));
        break;
    case DEPTH_FILE:
        n = asprintf(&path, "%s/%04u/%s/yagura-%s-%02u%s.%s", f->dir, year, stamp_month(month),
                     f->kind, (unsigned)(day % 100), number, f->ext);
        break;
    }
    return n < 0 ? NULL : path;
}

static bool is_taken(const char *path)
{
    struct stat st;
    char *packed = NULL;

    if (lstat(path, &st) == 0)
        return true;
    bool taken = asprintf(&packed, "%s.gz", path) < 0 || lstat(packed, &st) == 0;
    free(packed);
    return taken;
}

/* Rotation was begun and not committed: the file goes back to where it was. */
static void undo_rotation(const struct file *f, const struct file_state *committed)
{
    struct stat st;

    if (committed->day == 0 || (stat(f->path, &st) == 0 && st.st_ino == committed->inode))
        return;
    for (unsigned copy = 1; copy <= SAME_DAY_MAX; copy++) {
        char *path = dated(f, committed->day, DEPTH_FILE, copy);
        bool there = path != NULL && is_taken(path);
        if (there && lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == committed->inode)
            (void)rename(path, f->path);
        free(path);
        if (!there)
            return;
    }
}

static enum err open_path(struct file *f, struct stat *st)
{
    int fd = open(f->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, FILE_MODE);

    if (fd < 0)
        return err_of_errno();
    if (fstat(fd, st) != 0 || !S_ISREG(st->st_mode)) {
        (void)close(fd);
        errno = EINVAL;
        return ERR_SYS;
    }
    sync_dir(f->dir);
    f->fd = fd;
    return ERR_OK;
}

static enum err resume(struct file *f, const struct file_state *committed)
{
    struct stat st;

    undo_rotation(f, committed);
    enum err e = open_path(f, &st);
    if (e != ERR_OK)
        return e;
    f->state = (struct file_state){ (uint64_t)st.st_size, st.st_ino, committed->day };
    if (st.st_ino != committed->inode || (uint64_t)st.st_size <= committed->length)
        return ERR_OK;                  /* somebody's, or cut by somebody: go on at its end */
    if (ftruncate(f->fd, (off_t)committed->length) != 0)
        return ERR_SYS;
    f->state.length = committed->length;
    return ERR_OK;
}

enum err file_open(struct file **ret, const char *log_dir, const char *kind, const char *ext,
                   const struct file_state *committed, file_writer *writer)
{
    static const struct file_state nothing;
    struct file *f = calloc(1, sizeof *f);
    if (f == NULL)
        return ERR_NOMEM;

    f->fd = -1;
    f->writer = writer;
    f->kind = strdup(kind);
    f->ext = strdup(ext);
    enum err e = ERR_NOMEM;
    if (f->kind != NULL && f->ext != NULL && asprintf(&f->dir, "%s/%s", log_dir, kind) >= 0
        && asprintf(&f->path, "%s/%s.%s", f->dir, kind, ext) >= 0)
        e = make_dir(f->dir);
    if (e == ERR_OK)
        e = resume(f, committed != NULL ? committed : &nothing);
    if (e != ERR_OK) {
        file_free(f);
        return e;
    }
    *ret = f;
    return ERR_OK;
}

void file_free(struct file *f)
{
    if (f == NULL)
        return;
    if (f->fd >= 0)
        (void)close(f->fd);
    free(f->dir);
    free(f->kind);
    free(f->ext);
    free(f->path);
    free(f);
}

static enum err reopen(struct file *f)
{
    struct stat st;

    if (f->fd >= 0) {
        (void)fdatasync(f->fd);         /* moved by somebody: what we wrote is in it all the same */
        (void)close(f->fd);
    }
    f->fd = -1;
    f->torn = false;
    enum err e = make_dir(f->dir);
    if (e == ERR_OK)
        e = open_path(f, &st);
    if (e == ERR_OK) {
        f->state.length = (uint64_t)st.st_size;
        f->state.inode = st.st_ino;
    }
    return e;
}

/* Still there, still ours, and as long as we left it? */
static enum err look(struct file *f)
{
    struct stat named, ours;

    if (f->fd < 0 || stat(f->path, &named) != 0 || named.st_ino != f->state.inode)
        return reopen(f);
    if (fstat(f->fd, &ours) != 0)
        return ERR_SYS;
    if (f->torn && (uint64_t)ours.st_size > f->state.length) {
        if (ftruncate(f->fd, (off_t)f->state.length) != 0)
            return err_of_errno();
    } else {
        f->state.length = (uint64_t)ours.st_size;
    }
    f->torn = false;
    return ERR_OK;
}

enum err file_look(struct file *f, bool *changed)
{
    struct file_state before = f->state;
    enum err e = look(f);

    *changed = e == ERR_OK && (before.inode != f->state.inode || before.length != f->state.length);
    return e;
}

static void take_back(struct file *f)
{
    int saved = errno;

    f->torn = ftruncate(f->fd, (off_t)f->state.length) != 0;
    errno = saved;
}

enum err file_append(struct file *f, struct slice bytes)
{
    enum err e = look(f);
    size_t done = 0;

    while (e == ERR_OK && done < bytes.n) {
        ssize_t k = f->writer(f->fd, bytes.p + done, bytes.n - done);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0) {
            e = k == 0 ? ERR_FULL : err_of_errno();
            take_back(f);
            return e;
        }
        done += (size_t)k;
    }
    if (e == ERR_OK)
        f->state.length += done;
    return e;
}

enum err file_sync(struct file *f)
{
    return f->fd < 0 || fdatasync(f->fd) == 0 ? ERR_OK : ERR_SYS;
}

struct file_state file_state(const struct file *f)
{
    return f->state;
}

const char *file_path(const struct file *f)
{
    return f->path;
}

uint64_t file_day(const struct file *f)
{
    return f->state.day;
}

void file_set_day(struct file *f, uint64_t day)
{
    f->state.day = day;
}

static enum err make_dated_dirs(const struct file *f)
{
    enum err e = ERR_OK;

    for (int depth = DEPTH_YEAR; depth <= DEPTH_MONTH && e == ERR_OK; depth++) {
        char *path = dated(f, f->state.day, (enum depth)depth, 0);
        e = path != NULL ? make_dir(path) : ERR_NOMEM;
        free(path);
    }
    return e;
}

static enum err free_name(const struct file *f, char **ret)
{
    for (unsigned copy = 1; copy <= SAME_DAY_MAX; copy++) {
        char *path = dated(f, f->state.day, DEPTH_FILE, copy);
        if (path == NULL)
            return ERR_NOMEM;
        if (!is_taken(path)) {
            *ret = path;
            return ERR_OK;
        }
        free(path);
    }
    errno = EEXIST;
    return ERR_SYS;
}

enum err file_rotate(struct file *f, uint64_t day, char **ret)
{
    char *path = NULL;
    enum err e = look(f);

    if (e == ERR_OK && f->state.length == 0) {          /* an earlier try may have got so far */
        f->state.day = day;
        *ret = NULL;
        return ERR_OK;
    }
    if (e == ERR_OK)
        e = make_dated_dirs(f);
    if (e == ERR_OK)
        e = free_name(f, &path);
    if (e == ERR_OK && rename(f->path, path) != 0)
        e = err_of_errno();
    if (e == ERR_OK)
        e = reopen(f);
    if (e != ERR_OK) {
        free(path);
        return e;
    }
    f->state.day = day;
    *ret = path;
    return ERR_OK;
}
