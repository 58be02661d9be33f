#include "alertd/sinks/compress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#define BLOCK 65536

struct compressor {
    char *queue[COMPRESS_QUEUE_MAX];
    size_t n;
    pid_t child;                        /* 0: none */
};

enum err compressor_new(struct compressor **ret)
{
    struct compressor *c = calloc(1, sizeof *c);

    if (c == NULL)
        return ERR_NOMEM;
    *ret = c;
    return ERR_OK;
}

void compressor_free(struct compressor *c)
{
    if (c == NULL)
        return;
    if (c->child > 0) {
        (void)kill(c->child, SIGKILL);
        (void)waitpid(c->child, NULL, 0);
    }
    for (size_t i = 0; i < c->n; i++)
        free(c->queue[i]);
    free(c);
}

void compressor_add(struct compressor *c, const char *path)
{
    char *copy = c->n < COMPRESS_QUEUE_MAX ? strdup(path) : NULL;

    if (copy != NULL)
        c->queue[c->n++] = copy;
}

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

static bool is_left_over(const char *name)
{
    return strncmp(name, "yagura-", 7) == 0 && (ends_in(name, ".log") || ends_in(name, ".json"));
}

/* Years and months are directories, dated files stand two levels down. */
static void scan_level(struct compressor *c, const char *dir, int levels)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL) {
        char *path = NULL;
        if (entry->d_name[0] == '.' || asprintf(&path, "%s/%s", dir, entry->d_name) < 0)
            continue;
        if (levels > 0 && entry->d_type == DT_DIR)
            scan_level(c, path, levels - 1);
        else if (levels == 0 && is_left_over(entry->d_name))
            compressor_add(c, path);
        free(path);
    }
    if (d != NULL)
        closedir(d);
}

void compressor_scan(struct compressor *c, const char *dir)
{
    scan_level(c, dir, 2);
}

static bool copy_all(int in, gzFile out)
{
    char block[BLOCK];
    ssize_t n;

    while ((n = read(in, block, sizeof block)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || gzwrite(out, block, (unsigned)n) != n)
            return false;
    }
    return true;
}

static bool write_packed(int in, const char *part)
{
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    int kept = fd >= 0 ? dup(fd) : -1;
    gzFile out = kept >= 0 ? gzdopen(fd, "wb6") : NULL;

    if (out == NULL) {
        if (fd >= 0)
            (void)close(fd);
        if (kept >= 0)
            (void)close(kept);
        return false;
    }
    bool ok = copy_all(in, out);
    ok = gzclose(out) == Z_OK && ok;
    ok = ok && fsync(kept) == 0;
    (void)close(kept);
    return ok;
}

/* A FIFO of that name would keep the child waiting, and every file behind it. */
static bool is_regular(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return false;
    errno = EINVAL;
    return S_ISREG(st.st_mode);
}

enum err compress_file(const char *path)
{
    char *part = NULL, *done = NULL;
    int in = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool ok = in >= 0 && is_regular(in) && asprintf(&part, "%s.gz.part", path) >= 0 && asprintf(&done, "%s.gz", path) >= 0;

    ok = ok && write_packed(in, part) && rename(part, done) == 0 && unlink(path) == 0;
    int saved = errno;
    if (!ok && part != NULL)
        (void)unlink(part);
    if (in >= 0)
        (void)close(in);
    free(part);
    free(done);
    errno = saved;
    return ok ? ERR_OK : ERR_SYS;
}

/* The child owns nothing of its parent's: no socket, no store, and dies with it. */
static void run_child(const char *path)
{
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)close_range(3, ~0U, 0);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpriority(PRIO_PROCESS, 0, 10);
    _exit(compress_file(path) == ERR_OK ? 0 : 1);
}

static bool is_working(struct compressor *c, uint64_t *failed)
{
    int status;

    if (c->child == 0)
        return false;
    pid_t ended = waitpid(c->child, &status, WNOHANG);
    if (ended == 0)
        return true;
    if (ended != c->child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        ++*failed;
    c->child = 0;
    return false;
}

bool compressor_turn(struct compressor *c, uint64_t *failed)
{
    if (is_working(c, failed))
        return true;
    if (c->n == 0)
        return false;

    char *path = c->queue[--c->n];
    pid_t child = fork();
    if (child == 0)
        run_child(path);
    c->child = child > 0 ? child : 0;
    if (child < 0)
        ++*failed;
    free(path);
    return true;
}
