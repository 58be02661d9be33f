#include "yagura/sibling.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* from the directory of the running program */
static const char *const places[] = { "", "../libexec/yagura/", "../lib/yagura/" };

static bool is_plain(const char *name)
{
    return name[0] != '\0' && name[0] != '-'
           && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

enum err sibling_path(char **ret, const char *name)
{
    char self[PATH_MAX];

    if (!is_plain(name))
        return ERR_RANGE;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return ERR_SYS;
    self[n] = '\0';
    *strrchr(self, '/') = '\0';

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%syagura-%s", self, places[i], name) < 0)
            return ERR_NOMEM;
        if (access(path, X_OK) == 0) {
            *ret = path;
            return ERR_OK;
        }
        free(path);
    }
    return ERR_ABSENT;
}
