/*
 * crew - the processes that one supervisor started: their deaths, their words, their end
 *
 * A process that dies is started again after a pause that doubles from RESTART_FIRST_MS to
 * RESTART_MOST_MS and shrinks back when it has lived a minute.  None outlives the supervisor:
 * the kernel ends them with it.  The processes stand in groups of their own, so that a
 * terminal's Ctrl-C reaches the supervisor alone.
 */
#ifndef YAGURA_CREW_H
#define YAGURA_CREW_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

#define CREW_MAX 16
#define CREW_ARGS_MAX 12
#define RESTART_FIRST_MS 250
#define RESTART_MOST_MS 30000

struct crew;

/* A line that a member wrote to its stdout or stderr. */
typedef void crew_line(void *arg, const char *name, bool is_stderr, struct slice line);
/* A member has ended; it will be started again in restart_ms. */
typedef void crew_death(void *arg, const char *name, int wait_status, uint32_t restart_ms);

/* The caller owns *ret. */
MUST_USE enum err crew_new(struct crew **ret, crew_line *on_line, crew_death *on_death, void *arg);
void crew_free(struct crew *c);         /* NULL is fine; ends who is left at once */

/* Start program yagura-PROGRAM with argv (NULL at its end, without the program) under this name.
 * name and the arguments must outlive the crew.  ERR_LIMIT, ERR_RANGE: too many.  ERR_ABSENT: no
 * such program. */
MUST_USE enum err crew_start(struct crew *c, const char *name, const char *program,
                             const char *const *argv);

/* Fill at most room descriptors to be polled for reading; returns how many. */
size_t crew_poll(const struct crew *c, struct pollfd *fds, size_t room);

/* Read what the members said, bury the dead, start whose pause is over. */
void crew_tend(struct crew *c, uint64_t now_ms);

/* SIGTERM to all, SIGKILL to who is there after patience_ms; returns how many were killed. */
size_t crew_stop(struct crew *c, uint32_t patience_ms);

/* The pause before the next start, given the one before and how long the process lived. */
uint32_t crew_pause(uint32_t before_ms, uint64_t lived_ms);

#endif
