#include "agent/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum shape { NUMBER, WORD, HEX };

/* The file, line by line. */
static const struct row { const char *name; enum shape shape; size_t at, size; } rows[] = {
#define ROW(name, shape) { #name, shape, offsetof(struct identity, name), \
                           sizeof ((struct identity *)NULL)->name }
    ROW(id, NUMBER), ROW(name, WORD), ROW(endpoints, WORD),
    ROW(manager, HEX), ROW(public, HEX), ROW(secret, HEX),
#undef ROW
};
#define N_ROWS (sizeof rows / sizeof rows[0])

/* the longest value, its name and two bytes between, for each row */
#define FILE_MAX (N_ROWS * (KEYLINE_ENDPOINTS_MAX + sizeof "endpoints" + 2))

enum err identity_from(const struct keyline *k, struct identity *ret)
{
    struct identity id = { .id = k->id };

    memcpy(id.name, k->name, sizeof id.name);
    memcpy(id.endpoints, k->endpoints, sizeof id.endpoints);
    memcpy(id.manager, k->manager, sizeof id.manager);
    enum err e = keyline_keypair(k, id.public, id.secret);
    if (e == ERR_OK)
        *ret = id;
    identity_wipe(&id);
    return e;
}

void identity_wipe(struct identity *id)
{
    explicit_bzero(id, sizeof *id);
}

static enum err read_number(void *to, struct slice text)
{
    uint32_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || n > KEYLINE_ID_MAX)
            return ERR_SYNTAX;
        n = 10 * n + (uint32_t)(text.p[i] - '0');
    }
    memcpy(to, &n, sizeof n);
    return n > 0 && n <= KEYLINE_ID_MAX ? ERR_OK : ERR_SYNTAX;
}

static enum err read_value(const struct row *r, struct identity *id, struct slice text)
{
    char *to = (char *)id + r->at;
    size_t n;

    switch (r->shape) {
    case NUMBER:
        return read_number(to, text);
    case WORD:
        if (text.n == 0 || text.n >= r->size || memchr(text.p, '\0', text.n) != NULL)
            return ERR_SYNTAX;
        memcpy(to, text.p, text.n);
        to[text.n] = '\0';
        return ERR_OK;
    case HEX:
        if (sodium_hex2bin((unsigned char *)to, r->size, text.p, text.n, NULL, &n, NULL) != 0)
            return ERR_SYNTAX;
        return n == r->size && text.n == 2 * r->size ? ERR_OK : ERR_SYNTAX;
    }
    return ERR_SYNTAX;
}

static bool next_line(struct slice *rest, struct slice *line)
{
    const char *end = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;

    if (end == NULL)
        return false;
    *line = (struct slice){ rest->p, (size_t)(end - rest->p) };
    *rest = slice_from(*rest, line->n + 1);
    return true;
}

/* Every row, in order, and nothing else. */
static enum err read_rows(struct slice text, struct identity *id)
{
    struct slice line;

    for (size_t i = 0; i < N_ROWS; i++) {
        size_t n = strlen(rows[i].name);
        if (!next_line(&text, &line) || !slice_starts(line, slice_of(rows[i].name))
            || line.n <= n || line.p[n] != ' ')
            return ERR_SYNTAX;
        enum err e = read_value(&rows[i], id, slice_from(line, n + 1));
        if (e != ERR_OK)
            return e;
    }
    return text.n == 0 && keyline_endpoints_ok(slice_of(id->endpoints))
           && keyline_name_ok(slice_of(id->name)) ? ERR_OK : ERR_SYNTAX;
}

static enum err read_file(int fd, struct identity *ret)
{
    struct identity id = { 0 };
    struct stat st;
    char text[FILE_MAX];

    if (fstat(fd, &st) != 0)
        return ERR_SYS;
    if ((st.st_mode & 077) != 0)
        return ERR_DENIED;
    ssize_t n = read(fd, text, sizeof text);
    if (n < 0)
        return ERR_SYS;
    enum err e = read_rows((struct slice){ text, (size_t)n }, &id);
    if (e == ERR_OK)
        *ret = id;
    explicit_bzero(text, sizeof text);
    identity_wipe(&id);
    return e;
}

enum err identity_load(const char *path, struct identity *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return errno == ENOENT ? ERR_ABSENT : ERR_SYS;
    enum err e = read_file(fd, ret);
    int saved = errno;
    (void)close(fd);            /* only read from */
    errno = saved;
    return e;
}

static void write_row(FILE *out, const struct row *r, const struct identity *id)
{
    const char *from = (const char *)id + r->at;
    char hex[2 * KEYLINE_KEY + 1];
    uint32_t n;

    switch (r->shape) {
    case NUMBER:
        memcpy(&n, from, sizeof n);
        fprintf(out, "%s %03u\n", r->name, n);
        break;
    case WORD:
        fprintf(out, "%s %s\n", r->name, from);
        break;
    case HEX:
        sodium_bin2hex(hex, sizeof hex, (const unsigned char *)from, r->size);
        fprintf(out, "%s %s\n", r->name, hex);
        explicit_bzero(hex, sizeof hex);
        break;
    }
}

static enum err write_text(int fd, const struct identity *id)
{
    char text[FILE_MAX];
    FILE *out = fmemopen(text, sizeof text, "w");

    if (out == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < N_ROWS; i++)
        write_row(out, &rows[i], id);
    long n = ftell(out);
    bool whole = fclose(out) == 0 && n > 0;
    whole = whole && write(fd, text, (size_t)n) == n && fsync(fd) == 0;
    explicit_bzero(text, sizeof text);
    return whole ? ERR_OK : ERR_SYS;
}

static enum err save_beside(const char *path, const char *beside, const struct identity *id)
{
    (void)unlink(beside);       /* left by one that was killed */
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return ERR_SYS;
    enum err e = write_text(fd, id);
    if (close(fd) != 0 && e == ERR_OK)
        e = ERR_SYS;
    if (e == ERR_OK && rename(beside, path) != 0)
        e = ERR_SYS;
    if (e != ERR_OK)
        (void)unlink(beside);
    return e;
}

enum err identity_save(const char *path, const struct identity *id)
{
    char *beside = NULL;

    if (asprintf(&beside, "%s.new", path) < 0)
        return ERR_NOMEM;
    enum err e = save_beside(path, beside, id);
    int saved = errno;
    free(beside);
    errno = saved;
    return e;
}
