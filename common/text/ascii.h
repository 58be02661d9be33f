/*
 * ascii - how far a text is printable ASCII, eight bytes at a time
 *
 * Log lines hardly hold anything else: whoever escapes text copies such a run whole and looks
 * closely only at what stands behind it.
 */
#ifndef COMMON_TEXT_ASCII_H
#define COMMON_TEXT_ASCII_H

#include <stdint.h>

#include "common/slice.h"

#define ASCII_EACH(byte) (0x0101010101010101u * (uint64_t)(byte))

static inline bool ascii_is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f;
}

/* True only when all eight are plain: below 0x20 the difference, 0x7f the sum, and above the byte
 * itself has its high bit set. */
static inline bool ascii_are_plain(uint64_t eight)
{
    return ((eight | (eight - ASCII_EACH(0x20)) | (eight + ASCII_EACH(1))) & ASCII_EACH(0x80)) == 0;
}

/* Among plain bytes only. */
static inline bool ascii_have(uint64_t eight, char c)
{
    uint64_t same = eight ^ ASCII_EACH(c);

    return ((same - ASCII_EACH(1)) & ~same & ASCII_EACH(0x80)) != 0;
}

/* The length of the run of plain bytes that s begins with. */
static inline size_t ascii_run(struct slice s)
{
    uint64_t eight;
    size_t n = 0;

    for (; n + sizeof eight <= s.n; n += sizeof eight) {
        memcpy(&eight, s.p + n, sizeof eight);
        if (!ascii_are_plain(eight))
            break;
    }
    while (n < s.n && ascii_is_plain((uint8_t)s.p[n]))
        n++;
    return n;
}

/* The same, ending before a quotation mark or backslash, too. */
static inline size_t ascii_run_unquoted(struct slice s)
{
    uint64_t eight;
    size_t n = 0;

    for (; n + sizeof eight <= s.n; n += sizeof eight) {
        memcpy(&eight, s.p + n, sizeof eight);
        if (!ascii_are_plain(eight) || ascii_have(eight, '"') || ascii_have(eight, '\\'))
            break;
    }
    while (n < s.n && ascii_is_plain((uint8_t)s.p[n]) && s.p[n] != '"' && s.p[n] != '\\')
        n++;
    return n;
}

#endif
