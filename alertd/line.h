/*
 * line - one alert as one line for people
 *
 *     03:33:25  5  5716 SSHD authentication failed. — (web1) 192.0.2.5->/var/log/auth.log 198.51.100.7 root
 *
 * Time, level, rule, description, location, source address, account.  Whatever the record holds,
 * it is one line, and the terminal is told nothing but the colour of its level.
 */
#ifndef ALERTD_LINE_H
#define ALERTD_LINE_H

#include "common/forms/buffer.h"
#include "common/forms/entry.h"
#include "common/forms/stamp.h"

void line_put(struct buffer *b, const struct entry *e, struct stamp *stamp, bool colour);

#endif
