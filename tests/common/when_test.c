#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/text/when.h"

#define N(a) (sizeof(a) / sizeof(a)[0])
#define AT(h, m) ((h) * 60 + (m))

static const struct {
    const char *text;
    unsigned in[3], out[3];         /* minutes of the day */
    unsigned warn;
} spans[] = {
    { "6:00 - 18:30",     { AT(6,0), AT(12,0), AT(18,30) }, { AT(5,59), AT(18,31), 0 }, 0 },
    { "6-18",             { AT(6,0), AT(12,0), AT(18,0) },  { AT(5,59), AT(18,1), 0 },  0 },
    { "6 am - 6 pm",      { AT(6,0), AT(12,0), AT(18,0) },  { AT(5,59), AT(18,1), 0 },  0 },
    { "6am-6:30PM",       { AT(6,0), AT(12,0), AT(18,30) }, { AT(5,59), AT(18,31), 0 }, 0 },
    { " ! 6 : 0", { 0 }, { 0 }, 99 },
    { "!6:00-18:00",      { AT(5,59), AT(18,1), 0 },        { AT(6,0), AT(12,0), AT(18,0) }, 0 },
    { "18:00 - 6:00",     { AT(18,1), 0, AT(5,59) },        { AT(18,0), AT(6,0), AT(12,0) }, 0 },
    { "! 18:00 - 6:00",   { AT(18,1), 0, AT(5,59) },        { AT(18,0), AT(6,0), AT(12,0) },
      WHEN_WARN_LOST_NOT },
    { "22:00 - 06:00",    { AT(3,35), AT(22,1), AT(23,59) }, { AT(6,0), AT(22,0), AT(7,0) }, 0 },
    { "12 am - 6 am",     { AT(0,0), AT(3,35), AT(6,0) },   { AT(6,1), AT(12,0), AT(23,59) },
      WHEN_WARN_MIDNIGHT },
    { "12 pm - 1 pm",     { AT(12,0), AT(12,30), AT(13,0) }, { AT(11,59), AT(13,1), 0 }, 0 },
    { "9-9",              { AT(9,0), AT(9,0), AT(9,0) },    { AT(9,1), AT(8,59), 0 },   0 },
    { "0:00-23:59",       { 0, AT(12,0), AT(23,59) },       { 9999, 9999, 9999 },       0 },
    { "", { 0 }, { 0 }, 99 },          { "6:00", { 0 }, { 0 }, 99 },
    { "24:00-1:00", { 0 }, { 0 }, 99 },{ "6:60-7:00", { 0 }, { 0 }, 99 },
    { "13 pm - 2 pm", { 0 }, { 0 }, 99 }, { "6:00-18:00 x", { 0 }, { 0 }, 99 },
    { "123-4", { 0 }, { 0 }, 99 },     { "6:-7", { 0 }, { 0 }, 99 },
    { "-", { 0 }, { 0 }, 99 },         { "6:00 18:00", { 0 }, { 0 }, 99 },
};

static void spans_hold_their_minutes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(spans); i++) {
        struct when_span s = { 0, 0, false };
        unsigned warn = 0;
        enum err e = when_span_parse(slice_of(spans[i].text), &s, &warn);

        if (e != (spans[i].warn == 99 ? ERR_SYNTAX : ERR_OK))
            fail_msg("\"%s\": %s", spans[i].text, err_str(e));
        if (e != ERR_OK)
            continue;
        assert_int_equal(warn, spans[i].warn);
        for (size_t k = 0; k < 3; k++)
            if (!when_span_has(&s, spans[i].in[k]) || when_span_has(&s, spans[i].out[k]))
                fail_msg("\"%s\" at %u or %u", spans[i].text, spans[i].in[k], spans[i].out[k]);
    }
}

static const struct { const char *text; int days; unsigned warn; } weeks[] = {
    { "sunday",              0x01, 0 }, { "MON",                 0x02, 0 },
    { "monday,tue wed",      0x0e, 0 }, { "weekdays",            0x3e, 0 },
    { "Weekends",            0x41, 0 }, { "weekends, friday",    0x61, 0 },
    { " thursday ",          0x10, 0 }, { "monfri",              0x22, 0 },
    { "!monday",             0x7d, WHEN_WARN_NEGATED_DAY },
    { "! weekends",          0x3e, WHEN_WARN_NEGATED_DAY },
    { "",                      -1, 0 }, { "!",                     -1, 0 },
    { "mondays",               -1, 0 }, { "someday",               -1, 0 },
    { "mo",                    -1, 0 }, { "monday,!tuesday",       -1, 0 },
    { ",",                     -1, 0 },
};

static void weekdays_are_sets(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(weeks); i++) {
        uint8_t days = 0;
        unsigned warn = 0;
        enum err e = when_days_parse(slice_of(weeks[i].text), &days, &warn);

        if (e != (weeks[i].days < 0 ? ERR_SYNTAX : ERR_OK))
            fail_msg("\"%s\": %s", weeks[i].text, err_str(e));
        assert_int_equal(warn, weeks[i].warn);
        if (e == ERR_OK && days != weeks[i].days)
            fail_msg("\"%s\" is %#x", weeks[i].text, days);
    }
    assert_true(when_days_has(0x41, 6));
    assert_false(when_days_has(0x41, 1));
    assert_false(when_days_has(0xff, 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_hold_their_minutes),
        cmocka_unit_test(weekdays_are_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
