/* scratch - a directory for one test, gone after it */
#ifndef TESTS_INGEST_SCRATCH_H
#define TESTS_INGEST_SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf/paths.h"

#define SCRATCH_FORM "/tmp/yagura-test-XXXXXX"

struct scratch { char at[sizeof SCRATCH_FORM]; };

static inline struct scratch scratch_new(void)
{
    struct scratch s = { SCRATCH_FORM };

    if (mkdtemp(s.at) == NULL)
        abort();
    return s;
}

static inline void scratch_remove(const char *path)
{
    DIR *d = opendir(path);

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL; ) {
        char *inner = paths_join(path, e->d_name);
        if (inner != NULL && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0
            && unlink(inner) != 0)
            scratch_remove(inner);
        free(inner);
    }
    if (d != NULL)
        closedir(d);
    (void)rmdir(path);
}

#endif
