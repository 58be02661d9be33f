/*
 * predecode - take the syslog header off a line
 *
 * Finds by position which of the known headers a line begins with, and what host and
 * program it names.  Timestamps are recognised and dropped: time is the time of
 * receipt.  The forms and their order are OSSEC's (syslog, RFC 3339, syslog-ng,
 * xferlog, snort, suricata, apache, macOS ASL, squid); RFC 5424 and timestamps
 * in UTC ("Z") are known besides.
 *
 * A pure function of the bytes: no byte value is special, the line is not changed.
 */
#ifndef COMMON_RULES_PREDECODE_H
#define COMMON_RULES_PREDECODE_H

#include "common/slice.h"

struct predecoded {
    struct slice hostname;          /* empty when the line names none */
    struct slice program_name;      /* empty when the line names none */
    struct slice log;               /* what decoders and rules look at */
};

/* All three point into full_log and live as long.  log is full_log itself when no header
 * is known, else its rest (for ASL the text of [Message ...]); it may be empty. */
void predecode(struct slice full_log, struct predecoded *ret);

#endif
