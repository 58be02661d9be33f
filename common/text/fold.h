/* fold - bytes compared without regard to the case of ASCII letters; no locale */
#ifndef COMMON_TEXT_FOLD_H
#define COMMON_TEXT_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/slice.h"

static inline unsigned char fold(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

/* Whether the first low.n bytes at p are low; low is in lower case. */
static inline bool fold_same(const char *p, struct slice low)
{
    for (size_t i = 0; i < low.n; i++)
        if (fold(p[i]) != (unsigned char)low.p[i])
            return false;
    return true;
}

/* How unlikely a byte is in a log line, 1 (an `e`, a space, a colon) to 3. */
unsigned fold_rarity(char c);

/* Where low (in lower case, not empty) first occurs in text; text.n when it does not.
 * rare is the index in low of its least likely byte: fold_rarest(low). */
size_t fold_find(struct slice text, struct slice low, size_t rare);
size_t fold_rarest(struct slice low);

#endif
