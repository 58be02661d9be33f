/*
 * stamp - a time of receipt as people write it, in the local time zone
 *
 * Alerts come in thousands within one second, so the last answer is kept.
 */
#ifndef ALERTD_FORMS_STAMP_H
#define ALERTD_FORMS_STAMP_H

#include <stdint.h>

#include "common/slice.h"

#define STAMP_TEXT 20                   /* "2026 Nov 23 03:33:25" */

struct stamp {
    uint64_t second;                    /* since the epoch; the one the rest is made of */
    uint32_t day;                       /* local date as YYYYMMDD; 0 before the first use */
    char text[48];                      /* longer than STAMP_TEXT for years above 9999 */
    uint8_t n;
};

/* Make *s be of this time (microseconds since the epoch). */
void stamp_set(struct stamp *s, uint64_t time_us);

static inline struct slice stamp_text(const struct stamp *s)
{
    return (struct slice){ s->text, s->n };
}
static inline struct slice stamp_clock(const struct stamp *s)   /* HH:MM:SS */
{
    return s->n < 8 ? stamp_text(s) : (struct slice){ s->text + s->n - 8, 8 };
}

/* The three letters of a month, 1 to 12. */
const char *stamp_month(unsigned month);

#endif
