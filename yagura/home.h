/*
 * home - what a run in the foreground needs before its first process: a place of its own
 *
 * Below one directory: the configuration (made when there is none, and then left
 * alone), links to the ruleset, the sample logs, and the key of the local agent.
 * Nothing outside of the directory is written.
 */
#ifndef YAGURA_HOME_H
#define YAGURA_HOME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf/paths.h"
#include "common/err.h"

struct home {
    char *dir, *deploy;                 /* as given; where rules/ and decoder.xml lie */
    struct paths *paths;
    char *sample, *sample_access;       /* logs for the attack that is shown; absolute */
};

/* Names only; nothing is made.  deploy NULL: beside the running program's tree, or installed.
 * ERR_ABSENT: there is none.  The caller ends *ret with home_end(). */
MUST_USE enum err home_begin(struct home *ret, const char *dir, const char *deploy);
void home_end(struct home *h);

/* Make what is missing.  ERR_SYS: errno tells why, and *what says of which file; it is borrowed
 * from h or static. */
MUST_USE enum err home_prepare(const struct home *h, uint16_t port, const char **what);

/* Append the attack to the sample logs. */
MUST_USE enum err home_attack(const struct home *h);

/* Is there a journal that could be read? */
bool home_has_journal(void);

/* Can tcp 127.0.0.1:port be listened on now? */
bool home_port_free(uint16_t port);

#endif
