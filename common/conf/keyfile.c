#include "common/conf/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX (2 * KEYFILE_KEY)

void keyfile_wipe(struct keypair *pair)
{
    sodium_memzero(pair, sizeof *pair);
}

static enum err read_file(int fd, struct keypair *ret)
{
    char hex[HEX + 1];                  /* and the newline */
    struct stat st;
    size_t n = 0;

    if (fstat(fd, &st) != 0)
        return ERR_SYS;
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
        return ERR_DENIED;
    ssize_t got = read(fd, hex, sizeof hex);
    bool ok = got == (ssize_t)sizeof hex && hex[HEX] == '\n'
           && sodium_hex2bin(ret->secret, KEYFILE_KEY, hex, HEX, NULL, &n, NULL) == 0
           && n == KEYFILE_KEY;
    sodium_memzero(hex, sizeof hex);
    if (got < 0)
        return ERR_SYS;
    if (!ok)
        return ERR_BADMSG;
    crypto_scalarmult_base(ret->public, ret->secret);
    return ERR_OK;
}

enum err keyfile_read(const char *path, struct keypair *ret)
{
    struct keypair pair;

    if (sodium_init() < 0)
        return ERR_SYS;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? ERR_ABSENT : errno == ELOOP ? ERR_DENIED : ERR_SYS;
    enum err e = read_file(fd, &pair);
    (void)close(fd);
    if (e == ERR_OK)
        *ret = pair;
    keyfile_wipe(&pair);
    return e;
}

static enum err write_fresh(int fd)
{
    uint8_t public[KEYFILE_KEY], secret[KEYFILE_KEY];
    char hex[HEX + 1];

    crypto_box_keypair(public, secret);
    sodium_bin2hex(hex, sizeof hex, secret, sizeof secret);
    hex[HEX] = '\n';
    bool ok = write(fd, hex, sizeof hex) == (ssize_t)sizeof hex && fsync(fd) == 0;
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(hex, sizeof hex);
    return ok ? ERR_OK : ERR_SYS;
}

/* Written whole under another name, then linked: nobody ever sees half a key, and of two makers
 * the second finds the first one's. */
enum err keyfile_make(const char *path)
{
    char *draft = NULL;

    if (sodium_init() < 0)
        return ERR_SYS;
    if (asprintf(&draft, "%s.XXXXXX", path) < 0)
        return ERR_NOMEM;
    int fd = mkostemp(draft, O_CLOEXEC);        /* 0600 */
    enum err e = fd < 0 ? ERR_SYS : write_fresh(fd);
    if (e == ERR_OK && link(draft, path) != 0)
        e = errno == EEXIST ? ERR_EXISTS : ERR_SYS;
    if (fd >= 0) {
        int saved = errno;
        (void)close(fd);
        (void)unlink(draft);
        errno = saved;
    }
    free(draft);
    return e;
}

enum err keyfile_load(const char *path, struct keypair *ret)
{
    enum err e = keyfile_read(path, ret);

    if (e != ERR_ABSENT)
        return e;
    e = keyfile_make(path);
    return e == ERR_OK || e == ERR_EXISTS ? keyfile_read(path, ret) : e;
}

const char *keyfile_why(enum err e)
{
    switch (e) {
    case ERR_ABSENT: return "there is no such file";
    case ERR_DENIED: return "group or others can read it; chmod 600, and think who may have read it";
    case ERR_BADMSG: return "it holds no key";
    case ERR_SYS:    return strerror(errno);
    default:         return err_str(e);
    }
}
