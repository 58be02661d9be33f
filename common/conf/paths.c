#include "common/conf/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *paths_join(const char *dir, const char *name)
{
    char *joined = NULL;

    if (name[0] == '/')
        return strdup(name);
    return asprintf(&joined, "%s/%s", dir, name) < 0 ? NULL : joined;
}

static char *below(const char *prefix, size_t n, const char *dir)
{
    char *path = NULL;

    return asprintf(&path, "%.*s%s", (int)n, prefix, dir) < 0 ? NULL : path;
}

enum err paths_new(struct paths **ret, const char *prefix)
{
    size_t n = prefix != NULL ? strlen(prefix) : 0;
    struct paths *p = calloc(1, sizeof *p);

    if (p == NULL)
        return ERR_NOMEM;
    while (n > 0 && prefix[n - 1] == '/')
        n--;
    p->etc = below(prefix, n, "/etc/yagura");
    p->state = below(prefix, n, "/var/lib/yagura");
    p->log = below(prefix, n, "/var/log/yagura");
    p->run = below(prefix, n, "/run/yagura");
    p->conf = below(prefix, n, "/etc/yagura/ossec.conf");
    if (!p->etc || !p->state || !p->log || !p->run || !p->conf) {
        paths_free(p);
        return ERR_NOMEM;
    }
    *ret = p;
    return ERR_OK;
}

void paths_free(struct paths *p)
{
    if (p == NULL)
        return;
    free(p->etc);
    free(p->state);
    free(p->log);
    free(p->run);
    free(p->conf);
    free(p);
}

enum err paths_control(const struct paths *p, const char *name, char **ret)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" "abcdefghijklmnopqrstuvwxyz"
                                  "0123456789._@-";
    char *endpoint = NULL;

    if (name[0] == '\0' || name[0] == '.' || name[strspn(name, letters)] != '\0')
        return ERR_SYNTAX;
    if (asprintf(&endpoint, "ipc://%s/ctl/%s", p->run, name) < 0)
        return ERR_NOMEM;
    if (strlen(endpoint) - strlen("ipc://") > PATHS_SOCKET_MAX) {
        free(endpoint);
        return ERR_RANGE;
    }
    *ret = endpoint;
    return ERR_OK;
}
