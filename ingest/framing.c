#include "ingest/framing.h"

#include <stdlib.h>

void framing_free(struct framing *f)
{
    free(f->held);
    *f = (struct framing){ 0 };
}

static enum err grow(struct framing *f, size_t need)
{
    size_t room = f->room == 0 ? 512 : f->room;

    while (room < need)
        room *= 2;
    if (room == f->room)
        return ERR_OK;
    char *held = realloc(f->held, room);
    if (held == NULL)
        return ERR_NOMEM;
    f->held = held;
    f->room = room;
    return ERR_OK;
}

/* Keep bytes of a message that has not ended; what is above FRAMING_MAX is cut off. */
static enum err hold(struct framing *f, struct slice s)
{
    if (s.n > FRAMING_MAX - f->n) {
        s.n = FRAMING_MAX - f->n;
        f->cut = true;
    }
    if (s.n == 0)
        return ERR_OK;
    enum err e = grow(f, f->n + s.n);
    if (e != ERR_OK)
        return e;
    memcpy(f->held + f->n, s.p, s.n);
    f->n += s.n;
    return ERR_OK;
}

static struct slice clip(struct slice s, bool *cut)
{
    *cut = s.n > FRAMING_MAX;
    return (struct slice){ s.p, *cut ? FRAMING_MAX : s.n };
}

/* The message ends with `last`.  Whole in one piece, it is not copied. */
static enum err end_message(struct framing *f, struct slice last, framing_message *take, void *arg)
{
    bool cut = false;

    if (f->n == 0 && !f->cut) {
        struct slice whole = clip(last, &cut);
        take(arg, whole, cut);
    } else {
        enum err e = hold(f, last);
        if (e != ERR_OK)
            return e;
        take(arg, (struct slice){ f->held, f->n }, f->cut);
    }
    framing_free(f);
    return ERR_OK;
}

static struct slice take_bytes(struct slice *rest, size_t n)
{
    struct slice s = { rest->p, n };

    *rest = slice_from(*rest, n);
    return s;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A first byte of 1 to 9 may begin a length. */
static enum err at_start(struct framing *f, struct slice *rest)
{
    bool may_be_length = rest->p[0] >= '1' && rest->p[0] <= '9';

    f->state = may_be_length ? FRAMING_LENGTH : FRAMING_LINE;
    return may_be_length ? hold(f, take_bytes(rest, 1)) : ERR_OK;
}

static void begin_octets(struct framing *f)
{
    uint64_t left = 0;

    for (size_t i = 0; is_digit(f->held[i]); i++)
        left = left * 10 + (uint64_t)(f->held[i] - '0');
    framing_free(f);
    f->state = FRAMING_OCTETS;
    f->left = left;
}

/* Digits are held; then a space, which is held too; then '<' decides. */
static enum err in_length(struct framing *f, struct slice *rest)
{
    bool spaced = f->held[f->n - 1] == ' ';
    char c = rest->p[0];

    if (spaced && c == '<') {
        begin_octets(f);
        return ERR_OK;
    }
    if (!spaced && ((is_digit(c) && f->n < FRAMING_DIGITS) || c == ' '))
        return hold(f, take_bytes(rest, 1));
    f->state = FRAMING_LINE;
    return ERR_OK;
}

static enum err in_line(struct framing *f, struct slice *rest, framing_message *take, void *arg)
{
    const char *end = memchr(rest->p, '\n', rest->n);

    if (end == NULL)
        return hold(f, take_bytes(rest, rest->n));
    struct slice last = take_bytes(rest, (size_t)(end - rest->p));
    (void)take_bytes(rest, 1);
    return end_message(f, last, take, arg);
}

static enum err in_octets(struct framing *f, struct slice *rest, framing_message *take, void *arg)
{
    if (rest->n < f->left) {
        f->left -= rest->n;
        return hold(f, take_bytes(rest, rest->n));
    }
    return end_message(f, take_bytes(rest, (size_t)f->left), take, arg);
}

static enum err step(struct framing *f, struct slice *rest, framing_message *take, void *arg)
{
    switch (f->state) {
    case FRAMING_START:  return at_start(f, rest);
    case FRAMING_LENGTH: return in_length(f, rest);
    case FRAMING_LINE:   return in_line(f, rest, take, arg);
    case FRAMING_OCTETS: return in_octets(f, rest, take, arg);
    }
    return ERR_OK;
}

enum err framing_feed(struct framing *f, struct slice bytes, framing_message *take, void *arg)
{
    enum err e = ERR_OK;

    while (bytes.n > 0 && e == ERR_OK)
        e = step(f, &bytes, take, arg);
    return e;
}

void framing_end(struct framing *f, framing_message *take, void *arg)
{
    if (f->n > 0)
        take(arg, (struct slice){ f->held, f->n }, f->cut || f->state == FRAMING_OCTETS);
    framing_free(f);
}

struct slice framing_text(struct slice m)
{
    size_t at = 1;

    while (m.n > 0 && (m.p[m.n - 1] == '\0' || m.p[m.n - 1] == '\r' || m.p[m.n - 1] == '\n'))
        m.n--;
    if (m.n < 3 || m.p[0] != '<')
        return m;
    while (at < m.n && at < 4 && is_digit(m.p[at]))
        at++;
    return at > 1 && at < m.n && m.p[at] == '>' ? slice_from(m, at + 1) : m;
}
