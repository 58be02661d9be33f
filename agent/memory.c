#include "agent/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "common/slice.h"

/* A line of /proc/self/maps: "from-to r--s offset dev inode   path".  Only a shared map has its bytes
 * in the file, all of them. */
static void forget_line(struct slice line, struct slice ending)
{
    unsigned long from, to;
    char mode[5];

    if (line.n < ending.n || !slice_eq(slice_from(line, line.n - ending.n), ending))
        return;
    if (sscanf(line.p, "%lx-%lx %4s", &from, &to, mode) == 3 && strcmp(mode, "r--s") == 0)
        (void)madvise((void *)from, to - from, MADV_DONTNEED);  /* else it stays as it was */
}

void memory_forget(const char *ending)
{
    FILE *in = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    if (in == NULL)
        return;
    while ((n = getline(&line, &room, in)) > 1)         /* each has a newline, which is no part of it */
        forget_line((struct slice){ line, (size_t)n - 1 }, slice_of(ending));
    free(line);
    (void)fclose(in);           /* only read from */
}
