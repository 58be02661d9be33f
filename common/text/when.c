#include "common/text/when.h"

#include <stddef.h>

#define NOON  (12 * 60)
#define DAY_ALL 0x7f

static const struct { struct slice name; uint8_t days; } day_names[] = {
    /* a name before its own beginning: the first that fits is taken */
    { SLICE_INIT("sunday"),    1 << 0 }, { SLICE_INIT("sun"), 1 << 0 },
    { SLICE_INIT("monday"),    1 << 1 }, { SLICE_INIT("mon"), 1 << 1 },
    { SLICE_INIT("tuesday"),   1 << 2 }, { SLICE_INIT("tue"), 1 << 2 },
    { SLICE_INIT("wednesday"), 1 << 3 }, { SLICE_INIT("wed"), 1 << 3 },
    { SLICE_INIT("thursday"),  1 << 4 }, { SLICE_INIT("thu"), 1 << 4 },
    { SLICE_INIT("friday"),    1 << 5 }, { SLICE_INIT("fri"), 1 << 5 },
    { SLICE_INIT("saturday"),  1 << 6 }, { SLICE_INIT("sat"), 1 << 6 },
    { SLICE_INIT("weekdays"),  0x3e },   { SLICE_INIT("weekends"), 0x41 },
};

static void skip_spaces(struct slice *s)
{
    while (s->n > 0 && (s->p[0] == ' ' || s->p[0] == '\t' || s->p[0] == '\n' || s->p[0] == '\r'))
        *s = slice_from(*s, 1);
}

static bool take(struct slice *s, struct slice word)    /* any case */
{
    if (s->n < word.n || !slice_eq_nocase((struct slice){ s->p, word.n }, word))
        return false;
    *s = slice_from(*s, word.n);
    return true;
}

/* One or two digits. */
static bool take_number(struct slice *s, unsigned *ret)
{
    unsigned n = 0;
    size_t i = 0;

    for (; i < 2 && i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++)
        n = n * 10 + (unsigned)(s->p[i] - '0');
    *s = slice_from(*s, i);
    *ret = n;
    return i > 0;
}

static bool take_time(struct slice *s, uint16_t *ret, unsigned *warn)
{
    unsigned hour = 0, minute = 0;

    skip_spaces(s);
    if (!take_number(s, &hour))
        return false;
    if (take(s, SLICE(":")) && !take_number(s, &minute))
        return false;
    skip_spaces(s);
    bool am = take(s, SLICE("am"));
    bool pm = !am && take(s, SLICE("pm"));
    if (minute > 59 || hour > ((am || pm) ? 12 : 23))
        return false;
    if (am && hour == 12)
        *warn |= WHEN_WARN_MIDNIGHT;
    if (am || pm)
        hour %= 12;
    *ret = (uint16_t)(hour * 60 + minute + (pm ? NOON : 0));
    skip_spaces(s);
    return true;
}

enum err when_span_parse(struct slice text, struct when_span *ret, unsigned *warn)
{
    struct when_span span = { 0, 0, false };
    unsigned found = 0;

    skip_spaces(&text);
    span.outside = take(&text, SLICE("!"));
    if (!take_time(&text, &span.from, &found) || !take(&text, SLICE("-"))
        || !take_time(&text, &span.to, &found) || text.n > 0)
        return ERR_SYNTAX;
    if (span.from > span.to) {
        if (span.outside)
            found |= WHEN_WARN_LOST_NOT;
        span = (struct when_span){ span.to, span.from, true };
    }
    *ret = span;
    *warn |= found;
    return ERR_OK;
}

bool when_span_has(const struct when_span *s, unsigned minute_of_day)
{
    bool inside = minute_of_day >= s->from && minute_of_day <= s->to;
    return inside != s->outside;
}

static void skip_commas(struct slice *s)
{
    do
        skip_spaces(s);
    while (take(s, SLICE(",")));
}

static uint8_t take_days(struct slice *s)
{
    for (size_t i = 0; i < sizeof day_names / sizeof day_names[0]; i++)
        if (take(s, day_names[i].name))
            return day_names[i].days;
    return 0;
}

enum err when_days_parse(struct slice text, uint8_t *ret, unsigned *warn)
{
    uint8_t days = 0;

    skip_spaces(&text);
    bool negated = take(&text, SLICE("!"));
    for (skip_commas(&text); text.n > 0; skip_commas(&text)) {
        uint8_t some = take_days(&text);
        if (some == 0)
            return ERR_SYNTAX;
        days |= some;
    }
    if (days == 0)
        return ERR_SYNTAX;
    if (negated)
        *warn |= WHEN_WARN_NEGATED_DAY;
    *ret = negated ? (uint8_t)(~days & DAY_ALL) : days;
    return ERR_OK;
}

bool when_days_has(uint8_t days, unsigned wday)
{
    return wday < 7 && (days >> wday & 1) != 0;
}
