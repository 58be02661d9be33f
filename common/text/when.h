/*
 * when - the times and weekdays of a rule
 *
 * The time is an argument; the module reads no clock.  Where OSSEC does other than
 * the text says (12 am is noon there, "!monday" does not load), this does what the
 * text says and raises a flag, so that the rule checker can warn.
 */
#ifndef COMMON_TEXT_WHEN_H
#define COMMON_TEXT_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

enum {
    WHEN_WARN_MIDNIGHT    = 1,      /* "12 am": OSSEC takes it for noon */
    WHEN_WARN_NEGATED_DAY = 2,      /* "!monday": OSSEC refuses the rule */
    WHEN_WARN_LOST_NOT    = 4,      /* "! 18:00 - 6:00": the `!` has no effect, here as there */
};

struct when_span {              /* minutes of the day, both ends inside */
    uint16_t from, to;
    bool outside;               /* holds when the time is not in from..to */
};

/* "[!] H[H][:MM] [am|pm] - H[H][:MM] [am|pm]", spaces anywhere.  A span that runs over
 * midnight is kept as OSSEC keeps it: outside the reverse, so neither end minute
 * belongs to it.  *warn collects flags by |=.  ERR_SYNTAX leaves both untouched. */
MUST_USE enum err when_span_parse(struct slice text, struct when_span *ret, unsigned *warn);
bool when_span_has(const struct when_span *s, unsigned minute_of_day);

/* Days as bits, 1 << tm_wday (Sunday is bit 0): full names, first three letters, weekdays,
 * weekends, any case, apart by commas or spaces; a leading `!` means all others. */
MUST_USE enum err when_days_parse(struct slice text, uint8_t *ret, unsigned *warn);
bool when_days_has(uint8_t days, unsigned wday);

#endif
