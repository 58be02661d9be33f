#include "common/forms/stamp.h"

#include <stdio.h>
#include <time.h>

#define SECOND_MAX 253402300799U        /* the end of year 9999 */

const char *stamp_month(unsigned month)
{
    static const char *const names[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    };
    return names[(month + 11) % 12];
}

void stamp_set(struct stamp *s, uint64_t time_us)
{
    uint64_t second = time_us / 1000000;
    struct tm tm;

    if (second > SECOND_MAX)
        second = SECOND_MAX;
    if (second == s->second && s->day != 0)
        return;
    time_t t = (time_t)second;
    if (localtime_r(&t, &tm) == NULL)
        return;
    s->second = second;
    s->day = (uint32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
    int n = snprintf(s->text, sizeof s->text, "%04d %s %02d %02d:%02d:%02d", tm.tm_year + 1900,
                     stamp_month((unsigned)tm.tm_mon + 1), tm.tm_mday, tm.tm_hour, tm.tm_min,
                     tm.tm_sec);
    s->n = (uint8_t)(n < 0 ? 0 : n);
}
