#include "common/wire/mp.h"

/* Heads 0xc0 to 0xdf: a big-endian number of `width` bytes follows, then, for
 * MP_OTHER, a payload of `fixed` bytes, or of that number plus `fixed`. */
static const struct { uint8_t what, width, fixed; bool sized; } heads[32] = {
    [0x00] = { MP_NIL, 0, 0, false },
    [0x02] = { MP_BOOL, 0, 0, false },   [0x03] = { MP_BOOL, 0, 1, false },
    [0x04] = { MP_BIN, 1, 0, true },     [0x05] = { MP_BIN, 2, 0, true },
    [0x06] = { MP_BIN, 4, 0, true },     /* 07 to 09: ext, refused */
    [0x0a] = { MP_OTHER, 0, 4, false },  [0x0b] = { MP_OTHER, 0, 8, false },
    [0x0c] = { MP_UINT, 1, 0, false },   [0x0d] = { MP_UINT, 2, 0, false },
    [0x0e] = { MP_UINT, 4, 0, false },   [0x0f] = { MP_UINT, 8, 0, false },
    [0x10] = { MP_OTHER, 0, 1, false },  [0x11] = { MP_OTHER, 0, 2, false },
    [0x12] = { MP_OTHER, 0, 4, false },  [0x13] = { MP_OTHER, 0, 8, false },
    /* 14 to 18: ext, refused */
    [0x19] = { MP_TEXT, 1, 0, true },    [0x1a] = { MP_TEXT, 2, 0, true },
    [0x1b] = { MP_TEXT, 4, 0, true },    [0x1c] = { MP_ARRAY, 2, 0, true },
    [0x1d] = { MP_ARRAY, 4, 0, true },   [0x1e] = { MP_MAP, 2, 0, true },
    [0x1f] = { MP_MAP, 4, 0, true },
};

bool mp_take(struct slice *rest, uint64_t n, struct slice *ret)
{
    if (n > rest->n)
        return false;
    *ret = (struct slice){ rest->p, (size_t)n };
    rest->p += n;
    rest->n -= (size_t)n;
    return true;
}

/* A claim is believed as far as the bytes behind it could keep it. */
static bool plausible(const struct slice *rest, const struct mp_head *h)
{
    switch (h->what) {
    case MP_TEXT: case MP_BIN: case MP_OTHER: case MP_ARRAY:
        return h->n <= rest->n;
    case MP_MAP:
        return h->n <= rest->n / 2;
    case MP_UINT: case MP_NIL: case MP_BOOL:
        return true;
    case MP_BAD:
        return false;
    }
    return false;
}

static uint64_t big_endian(struct slice s)
{
    uint64_t n = 0;

    for (size_t k = 0; k < s.n; k++)
        n = n << 8 | (uint8_t)s.p[k];
    return n;
}

static bool long_head(struct slice *rest, uint8_t i, struct mp_head *ret)
{
    struct slice s;

    if (heads[i].what == MP_BAD || !mp_take(rest, heads[i].width, &s))
        return false;
    *ret = (struct mp_head){ (enum mp_what)heads[i].what, big_endian(s) + heads[i].fixed };
    return plausible(rest, ret);
}

/* Nearly every head is one byte, and every stage reads some fifty of them an event: this chain is the
 * hot path of them all, and gcc would not inline it by itself. */
__attribute__((always_inline)) static inline bool head(struct slice *rest, struct mp_head *ret)
{
    if (rest->n == 0)
        return false;
    uint8_t b = (uint8_t)*rest->p;
    rest->p++;
    rest->n--;

    if (b < 0x80)
        *ret = (struct mp_head){ MP_UINT, b };
    else if (b < 0x90)
        *ret = (struct mp_head){ MP_MAP, b & 0x0f };
    else if (b < 0xa0)
        *ret = (struct mp_head){ MP_ARRAY, b & 0x0f };
    else if (b < 0xc0)
        *ret = (struct mp_head){ MP_TEXT, b & 0x1f };
    else if (b < 0xe0)
        return long_head(rest, b - 0xc0, ret);
    else
        *ret = (struct mp_head){ MP_OTHER, 0 };         /* a small negative number */
    return plausible(rest, ret);
}

bool mp_head(struct slice *rest, struct mp_head *ret)
{
    return head(rest, ret);
}

bool mp_skip(struct slice *rest)
{
    uint64_t todo[MP_DEPTH_MAX + 1] = { 1 };    /* values owed on each level */
    size_t depth = 0;
    struct mp_head h;
    struct slice body;

    for (;;) {
        while (todo[depth] == 0) {
            if (depth == 0)
                return true;
            depth--;
        }
        todo[depth]--;
        if (!head(rest, &h))
            return false;
        switch (h.what) {
        case MP_TEXT: case MP_BIN: case MP_OTHER:
            if (!mp_take(rest, h.n, &body))
                return false;
            break;
        case MP_ARRAY: case MP_MAP:
            if (++depth > MP_DEPTH_MAX)
                return false;
            todo[depth] = h.what == MP_MAP ? 2 * h.n : h.n;
            break;
        case MP_UINT: case MP_NIL: case MP_BOOL: case MP_BAD:
            break;
        }
    }
}

bool mp_uint(struct slice *rest, uint64_t *ret)
{
    struct mp_head h;

    if (!head(rest, &h) || h.what != MP_UINT)
        return false;
    *ret = h.n;
    return true;
}

bool mp_text(struct slice *rest, struct slice *ret)
{
    struct mp_head h;

    return head(rest, &h) && (h.what == MP_TEXT || h.what == MP_BIN)
        && mp_take(rest, h.n, ret);
}

bool mp_array(struct slice *rest, uint64_t *ret)
{
    struct mp_head h;

    if (!head(rest, &h) || h.what != MP_ARRAY)
        return false;
    *ret = h.n;
    return true;
}

bool mp_raw(struct slice *rest, struct slice *ret)
{
    const char *start = rest->p;

    if (!mp_skip(rest))
        return false;
    *ret = (struct slice){ start, (size_t)(rest->p - start) };
    return true;
}
