/* narrow_disk - a write() for a disk with room for so many bytes */
#ifndef TESTS_ALERTD_NARROW_DISK_H
#define TESTS_ALERTD_NARROW_DISK_H

#include <errno.h>
#include <unistd.h>

static ssize_t room = -1;               /* negative: no limit; a writer takes no other argument */

static ssize_t narrow_write(int fd, const void *p, size_t n)
{
    if (room == 0) {
        errno = ENOSPC;
        return -1;
    }
    if (room > 0 && (ssize_t)n > room)
        n = (size_t)room;
    ssize_t done = write(fd, p, n);
    if (room > 0 && done > 0)
        room -= done;
    return done;
}

#endif
