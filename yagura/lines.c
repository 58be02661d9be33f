#include "yagura/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROOM = 2 * LINES_MAX };

struct lines {
    int fd;
    bool ended, skipping;               /* skipping: the rest of a line that was cut */
    uint64_t cut;
    size_t at, n;                       /* at..n is not yet given out */
    char buf[ROOM];
};

enum err lines_new(struct lines **ret, int fd)
{
    struct lines *l = malloc(sizeof *l);
    if (l == NULL)
        return ERR_NOMEM;

    l->fd = fd;
    l->ended = l->skipping = false;
    l->cut = l->at = l->n = 0;
    *ret = l;
    return ERR_OK;
}

void lines_free(struct lines *l)
{
    free(l);
}

enum err lines_read(struct lines *l)
{
    memmove(l->buf, l->buf + l->at, l->n - l->at);
    l->n -= l->at;
    l->at = 0;
    if (l->n == ROOM)                   /* not all given out yet */
        return ERR_OK;
    ssize_t k = read(l->fd, l->buf + l->n, ROOM - l->n);
    if (k < 0)
        return errno == EINTR || errno == EAGAIN ? ERR_OK : ERR_SYS;
    if (k == 0) {
        l->ended = true;
        return ERR_ABSENT;
    }
    l->n += (size_t)k;
    return ERR_OK;
}

/* The end of a line that was cut is let go by. */
static bool skip(struct lines *l)
{
    char *end = memchr(l->buf + l->at, '\n', l->n - l->at);

    l->at = end != NULL ? (size_t)(end - l->buf) + 1 : l->n;
    l->skipping = end == NULL;
    return !l->skipping;
}

bool lines_next(struct lines *l, struct slice *ret)
{
    if (l->skipping && !skip(l))
        return false;

    size_t have = l->n - l->at;
    const char *p = l->buf + l->at;
    const char *end = memchr(p, '\n', have);
    size_t n = end != NULL ? (size_t)(end - p) : have;

    if (end == NULL && have <= LINES_MAX && !(l->ended && have > 0))
        return false;
    bool whole = end != NULL || have <= LINES_MAX;
    *ret = (struct slice){ p, n < LINES_MAX ? n : LINES_MAX };
    l->cut += n > LINES_MAX;
    l->skipping = !whole;
    l->at += whole ? n + (end != NULL) : have;
    return true;
}

bool lines_ended(const struct lines *l)
{
    return l->ended && l->at == l->n;
}

uint64_t lines_cut(const struct lines *l)
{
    return l->cut;
}
