/* Literals apart by newlines, an empty line, the subject: seen must be what strncasecmp sees. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text/scan.h"

#define LITERALS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool naive(struct slice text, struct slice literal)
{
    for (size_t at = 0; at + literal.n <= text.n; at++) {
        size_t k = 0;
        while (k < literal.n && slice_eq_nocase((struct slice){ text.p + at + k, 1 },
                                                (struct slice){ literal.p + k, 1 }))
            k++;
        if (k == literal.n)
            return true;
    }
    return false;
}

static size_t read_literals(struct slice *rest, struct slice *literals)
{
    size_t n = 0;

    while (n < LITERALS && rest->n > 0) {
        const char *line_end = memchr(rest->p, '\n', rest->n);
        size_t len = line_end != NULL ? (size_t)(line_end - rest->p) : rest->n;
        struct slice literal = { rest->p, len };
        *rest = slice_from(*rest, len + 1);
        if (len == 0)
            break;
        literals[n++] = literal;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct slice rest = { (const char *)data, n }, literals[LITERALS];
    size_t count = read_literals(&rest, literals);
    struct scan *s = NULL;
    uint64_t bits = 0;

    if (scan_new(&s, literals, count) != ERR_OK)
        abort();
    scan_run(s, rest, &bits);
    for (size_t i = 0; i < count; i++)
        if ((bits >> i & 1) != naive(rest, literals[i]))
            abort();
    scan_free(s);
    return 0;
}
