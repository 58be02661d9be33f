/*
 * attack - a short attack as a host's logs would tell it
 *
 * Guessed passwords that end in a login, a web scan, abuse of sudo, a new account with the
 * rights of root: a script of log lines with fresh times, for people who want to see what
 * an alert looks like.  All addresses are of the networks kept for documentation.
 */
#ifndef YAGURA_ATTACK_H
#define YAGURA_ATTACK_H

#include <stdio.h>
#include <time.h>

enum attack_log { ATTACK_SYSLOG, ATTACK_ACCESS };

/* Write the lines of one log, the last of which happens at now. */
void attack_write(FILE *out, enum attack_log which, time_t now);

#endif
