#include "common/text/fold.h"

#include <string.h>

unsigned fold_rarity(char c)
{
    unsigned char low = fold(c);

    if (c != '\0' && strchr("etaoinsr :;.,=-()[]", low) != NULL)
        return 1;
    return (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9') ? 2 : 3;
}

size_t fold_rarest(struct slice low)
{
    size_t best = 0;

    for (size_t i = 1; i < low.n; i++)
        if (fold_rarity(low.p[i]) > fold_rarity(low.p[best]))
            best = i;
    return best;
}

static const char *next(const char *from, const char *end, int c)
{
    const char *at = from < end ? memchr(from, c, (size_t)(end - from)) : NULL;
    return at != NULL ? at : end;
}

/* Two searches by memchr, one for each case of the rare byte, walked in step: libc's
 * vector code does the work, and only likely places are compared. */
size_t fold_find(struct slice text, struct slice low, size_t rare)
{
    if (low.n > text.n)
        return text.n;

    const char *end = text.p + (text.n - low.n) + rare + 1;
    int lower = (unsigned char)low.p[rare];
    int upper = lower >= 'a' && lower <= 'z' ? lower & ~0x20 : lower;
    const char *a = next(text.p + rare, end, lower);
    const char *b = upper != lower ? next(text.p + rare, end, upper) : end;

    while (a < end || b < end) {
        const char *at = a < b ? a : b;
        if (fold_same(at - rare, low))
            return (size_t)(at - rare - text.p);
        if (a < b)
            a = next(a + 1, end, lower);
        else
            b = next(b + 1, end, upper);
    }
    return text.n;
}
