#include "alertd/line.h"

#include "common/forms/forms.h"

static const struct { uint64_t from; struct slice on; } colours[] = {
    { 12, SLICE_INIT("\x1b[1;31m") },   /* bold red */
    { 7,  SLICE_INIT("\x1b[31m") },     /* red */
    { 4,  SLICE_INIT("\x1b[33m") },     /* yellow */
    { 0,  SLICE_INIT("\x1b[36m") },     /* cyan */
};

static struct slice colour_of(uint64_t level)
{
    size_t i = 0;

    while (level < colours[i].from)
        i++;
    return colours[i].on;
}

static void put_padded(struct buffer *b, uint64_t n, size_t width)
{
    size_t digits = 1;

    for (uint64_t rest = n; rest >= 10; rest /= 10)
        digits++;
    for (; digits < width; digits++)
        buffer_byte(b, ' ');
    buffer_number(b, n);
}

static void put_word(struct buffer *b, struct slice text)
{
    if (text.n == 0)
        return;
    buffer_byte(b, ' ');
    form_line_text(b, text);
}

void line_put(struct buffer *b, const struct entry *e, struct stamp *stamp, bool colour)
{
    stamp_set(stamp, e->a.time);
    buffer_put(b, stamp_clock(stamp));
    buffer_byte(b, ' ');
    if (colour)
        buffer_put(b, colour_of(e->a.level));
    put_padded(b, e->a.level, 2);
    buffer_byte(b, ' ');
    put_padded(b, e->a.rule, 5);
    put_word(b, e->a.description);
    if (colour)
        buffer_lit(b, "\x1b[0m");
    buffer_lit(b, " —");
    put_word(b, e->a.location);
    struct slice user = e->d.field[FIELD_DSTUSER];
    put_word(b, e->d.field[FIELD_SRCIP]);
    put_word(b, user.n > 0 ? user : e->d.field[FIELD_SRCUSER]);
    buffer_byte(b, '\n');
}
