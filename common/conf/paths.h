/*
 * paths - where Yagura's files live: the FHS's places, below one prefix
 *
 * Without a prefix: /etc/yagura, /var/lib/yagura, /var/log/yagura, /run/yagura; with
 * prefix P each of them below P.  P may be relative, and everything stays relative then:
 * a socket's path has room for 107 bytes only, and a relative one is short however
 * deep the directory lies.
 */
#ifndef COMMON_CONF_PATHS_H
#define COMMON_CONF_PATHS_H

#include "common/err.h"

#define PATHS_SOCKET_MAX 107            /* bytes of an ipc path: sun_path less its NUL */

struct paths {
    char *etc, *state, *log, *run;      /* without a slash at the end */
    char *conf;                         /* ETC/ossec.conf */
};

/* prefix NULL, "" or "/" means none.  The caller owns *ret. */
MUST_USE enum err paths_new(struct paths **ret, const char *prefix);
void paths_free(struct paths *p);                       /* NULL is fine */

/* "DIR/NAME", or NAME alone when it is absolute; NULL without memory.  The caller frees it. */
char *paths_join(const char *dir, const char *name);

/* The endpoint of a process's control socket, "ipc://RUN/ctl/NAME".  The caller frees *ret.
 * ERR_SYNTAX: name has other letters than A-Z a-z 0-9 . _ @ -; ERR_RANGE: too long a path. */
MUST_USE enum err paths_control(const struct paths *p, const char *name, char **ret);

#endif
