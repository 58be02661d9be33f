/*
 * command - run one of the operator's own commands now and then, and read what it prints
 *
 * The text comes from this host's configuration and from nowhere else; it is given to
 * /bin/sh -c, as OSSEC does.  The child gets /dev/null, a pipe for its output, no other
 * descriptor, and a process group of its own, which is killed when it runs too long.
 * Output cannot be read again, so it is read only as fast as the sink takes it: a full
 * spool makes the child wait on its pipe.
 *
 *     command        ossec: output: 'NAME': LINE        one record a line
 *     full_command   ossec: output: 'NAME':\nOUTPUT     one record a run, empty lines left out
 */
#ifndef AGENT_COMMAND_H
#define AGENT_COMMAND_H

#include <stdint.h>

#include "agent/format.h"
#include "agent/tail.h"
#include "common/err.h"

#define COMMAND_TIMEOUT_MS 60000        /* without being done */

struct command;

/* text and alias are copied; an empty alias stands for the text, and in it `:` becomes `\`, as in OSSEC.
 * The caller owns *ret. */
MUST_USE enum err command_new(struct command **ret, struct slice text, struct slice alias,
                              bool full, uint64_t frequency_ms);
void command_free(struct command *c);           /* kills what runs; NULL is fine */

/* Is it time to run it?  The first time at once. */
bool command_due(const struct command *c, uint64_t now_ms);
/* ERR_SYS: it cannot be started; tried again when it is due again. */
MUST_USE enum err command_start(struct command *c, uint64_t now_ms);
int command_fd(const struct command *c);        /* its output; -1 when it does not run */

/* Read what it printed, a bounded part of it.  ERR_AGAIN: it goes on.  ERR_FULL: the sink has no room, call again.
 * ERR_OK: it is done; command_fd() was closed by this call. */
MUST_USE enum err command_read(struct command *c, const struct sink *sink);
/* True, once, when it ran too long and was killed; go on reading, and calling this. */
bool command_expire(struct command *c, uint64_t now_ms);
/* It was killed and is gone, though somebody still holds its output: command_read() will end it. */
bool command_over(const struct command *c);

struct slice command_name(const struct command *c);

#endif
