#include "common/forms/buffer.h"

#include <stdlib.h>

#include "common/text/json.h"

#define ROOM_FIRST 4096

void buffer_free(struct buffer *b)
{
    free(b->p);
    *b = (struct buffer){ NULL, 0, 0, false };
}

void buffer_reset(struct buffer *b)
{
    b->n = 0;
    b->failed = false;
}

char *buffer_grow(struct buffer *b, size_t n)
{
    size_t room = b->room < ROOM_FIRST ? ROOM_FIRST : b->room;
    while (room - b->n < n)
        room *= 2;
    char *p = realloc(b->p, room);
    if (p == NULL) {
        b->failed = true;
        return NULL;
    }
    b->p = p;
    b->room = room;
    return p + b->n;
}

void buffer_put(struct buffer *b, struct slice s)
{
    char *to = buffer_reserve(b, s.n);

    if (to == NULL || s.n == 0)
        return;
    memcpy(to, s.p, s.n);
    b->n += s.n;
}

void buffer_byte(struct buffer *b, char c)
{
    char *to = buffer_reserve(b, 1);

    if (to == NULL)
        return;
    *to = c;
    b->n++;
}

void buffer_number(struct buffer *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    buffer_put(b, (struct slice){ digits + at, sizeof digits - at });
}

void buffer_json(struct buffer *b, struct slice s)
{
    char *to = buffer_reserve(b, 6 * s.n + 2);

    if (to != NULL)
        b->n += json_write_text(to, s);
}

void buffer_shrink(struct buffer *b, size_t most)
{
    if (b->room > most && b->n == 0)
        buffer_free(b);
}
