#include "common/text/json.h"

#include <stdint.h>

#include "common/text/ascii.h"

/* RFC 3629, section 4: what may follow each first byte. */
static const struct { uint8_t from, to, n, low, high; } leads[] = {
    { 0x00, 0x7f, 1, 0, 0 },
    { 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf }, { 0xe1, 0xec, 3, 0x80, 0xbf },
    { 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf }, { 0xf0, 0xf0, 4, 0x90, 0xbf },
    { 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

size_t utf8_length(struct slice s)
{
    if (s.n == 0)
        return 0;
    const uint8_t *b = (const uint8_t *)s.p;
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        if (b[0] < leads[i].from || b[0] > leads[i].to)
            continue;
        if (leads[i].n > s.n)
            return 0;
        if (leads[i].n > 1 && (b[1] < leads[i].low || b[1] > leads[i].high))
            return 0;
        for (size_t k = 2; k < leads[i].n; k++)
            if (b[k] < 0x80 || b[k] > 0xbf)
                return 0;
        return leads[i].n;
    }
    return 0;
}

static uint32_t code_point(struct slice c)
{
    const uint8_t *b = (const uint8_t *)c.p;
    uint32_t u = c.n == 1 ? b[0] : b[0] & (0x7fu >> c.n);

    for (size_t k = 1; k < c.n; k++)
        u = u << 6 | (b[k] & 0x3fu);
    return u;
}

/* Characters that change how what stands around them is read. */
static const struct { uint32_t from, to; } hidden[] = {
    { 0x00, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c }, { 0x180e, 0x180e },
    { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
    { 0xfff0, 0xfffb }, { 0xfffe, 0xffff }, { 0xe0000, 0xe0fff }, { 0xf0000, 0x10ffff },
};

bool utf8_printable(struct slice c)
{
    uint32_t u = code_point(c);

    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        if (u >= hidden[i].from && u <= hidden[i].to)
            return false;
    return true;
}

static char *put_unit(char *o, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";

    *o++ = '\\';
    *o++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4)
        *o++ = hex[unit >> shift & 15];
    return o;
}

static char *put_escape(char *o, uint32_t u)
{
    static const char *const named = "\bb\tt\nn\ff\rr\"\"\\\\";

    for (const char *p = named; *p != '\0'; p += 2)
        if (u == (uint8_t)*p) {
            *o++ = '\\';
            *o++ = p[1];
            return o;
        }
    if (u < 0x10000)
        return put_unit(o, u);
    o = put_unit(o, 0xd800 + ((u - 0x10000) >> 10));
    return put_unit(o, 0xdc00 + ((u - 0x10000) & 0x3ff));
}

size_t json_write_text(char *out, struct slice s)
{
    char *o = out;

    *o++ = '"';
    while (s.n > 0) {
        size_t n = ascii_run_unquoted(s);
        memcpy(o, s.p, n);
        o += n;
        s = slice_from(s, n);
        if (s.n == 0)
            break;
        struct slice c = { s.p, utf8_length(s) };
        if (c.n > 1 && utf8_printable(c)) {
            memcpy(o, c.p, c.n);
            o += c.n;
        } else {
            o = put_escape(o, c.n == 0 ? (uint8_t)s.p[0] : code_point(c));
        }
        s = slice_from(s, c.n == 0 ? 1 : c.n);
    }
    *o++ = '"';
    return (size_t)(o - out);
}

void json_put_text(FILE *out, struct slice s)
{
    char piece[64 * 6 + 2];
    struct slice part;

    putc('"', out);
    while (s.n > 0) {
        part = (struct slice){ s.p, s.n < 64 ? s.n : 64 };
        while (part.n < s.n && part.n > 60 && ((uint8_t)s.p[part.n] & 0xc0) == 0x80)
            part.n--;                   /* do not cut a character in two */
        fwrite(piece + 1, 1, json_write_text(piece, part) - 2, out);
        s = slice_from(s, part.n);
    }
    putc('"', out);
}
