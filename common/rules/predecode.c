#include "common/rules/predecode.h"

#include <stdbool.h>
#include <stdint.h>

/* Every test below goes through at(): behind the end there is a byte that is in no header. */
static char at(struct slice s, size_t i)
{
    return i < s.n ? s.p[i] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Bytes of a host name, and of a program name. */
static bool is_name(char c)
{
    return is_letter(c) || is_digit(c) || (c != '\0' && strchr("()-./@_", c) != NULL);
}

static bool is_digits(struct slice s, size_t from, size_t n)
{
    for (size_t i = from; i < from + n; i++)
        if (!is_digit(at(s, i)))
            return false;
    return true;
}

static struct slice part(struct slice s, size_t from, size_t to)
{
    return (struct slice){ s.p + from, to - from };
}

/* ---- timestamps by position, as OSSEC tells them ---- */

enum follows { FOLLOWS_HOST, FOLLOWS_LOG };
enum guard { GUARD_NONE, GUARD_DIGIT };

struct place { uint8_t index; char byte; };

/* A header is a few bytes at fixed places in a line of some length.  A place with byte
 * '\0' ends the list. */
static const struct header {
    struct place place[8];
    uint8_t length;                 /* the line has at least so many bytes */
    uint8_t skip;                   /* bytes of it that are header */
    enum guard first;               /* the very first byte is a digit */
    enum follows follows;
} headers[] = {
    /* Dec 29 10:00:01 host */
    { { { 3, ' ' }, { 6, ' ' }, { 9, ':' }, { 12, ':' }, { 15, ' ' } },
      17, 16, GUARD_NONE, FOLLOWS_HOST },
    /* 2015-04-16 21:51:02,805 host */
    { { { 4, '-' }, { 7, '-' }, { 10, ' ' }, { 13, ':' }, { 16, ':' }, { 19, ',' } },
      24, 23, GUARD_NONE, FOLLOWS_HOST },
    /* 2007-06-14T15:48:55-04:00 host */
    { { { 4, '-' }, { 7, '-' }, { 10, 'T' }, { 13, ':' }, { 16, ':' }, { 22, ':' }, { 25, ' ' } },
      33, 26, GUARD_NONE, FOLLOWS_HOST },
    /* (the same with a fraction: fraction_header) */
    /* 2015 Dec 29 10:00:01 host */
    { { { 4, ' ' }, { 8, ' ' }, { 11, ' ' }, { 14, ':' }, { 17, ':' }, { 20, ' ' } },
      21, 21, GUARD_DIGIT, FOLLOWS_HOST },
    /* 2019:11:06-00:08:03 host */
    { { { 4, ':' }, { 7, ':' }, { 10, '-' }, { 13, ':' }, { 16, ':' } },
      20, 20, GUARD_DIGIT, FOLLOWS_HOST },
    /* Mon Apr 17 18:27:14 2006 1 host: xferlog */
    { { { 3, ' ' }, { 7, ' ' }, { 10, ' ' }, { 13, ':' }, { 16, ':' }, { 19, ' ' }, { 24, ' ' },
        { 26, ' ' } },
      28, 24, GUARD_NONE, FOLLOWS_LOG },
    /* 01/28-09:13:16.240702  text: snort */
    { { { 2, '/' }, { 5, '-' }, { 8, ':' }, { 11, ':' }, { 14, '.' }, { 21, ' ' } },
      23, 23, GUARD_NONE, FOLLOWS_LOG },
    /* 01/28/1979-09:13:16.240702  text: suricata */
    { { { 2, '/' }, { 5, '/' }, { 10, '-' }, { 13, ':' }, { 16, ':' }, { 19, '.' }, { 26, ' ' } },
      28, 28, GUARD_NONE, FOLLOWS_LOG },
    /* [Fri Feb 11 18:06:35 2004] text: apache */
    { { { 0, '[' }, { 4, ' ' }, { 8, ' ' }, { 11, ' ' }, { 14, ':' }, { 17, ':' }, { 20, ' ' },
        { 25, ']' } },
      27, 27, GUARD_NONE, FOLLOWS_LOG },
};

static bool has_header(const struct header *h, struct slice s)
{
    const size_t places = sizeof h->place / sizeof h->place[0];

    if (s.n < h->length || (h->first == GUARD_DIGIT && !is_digit(s.p[0])))
        return false;
    for (size_t i = 0; i < places && h->place[i].byte != '\0'; i++)
        if (at(s, h->place[i].index) != h->place[i].byte)
            return false;
    return true;
}

/* 2007-06-14T15:48:55.123-04:00 host: the second colon tells how long the fraction is. */
static size_t fraction_header(struct slice s)
{
    static const struct header front = {
        { { 4, '-' }, { 7, '-' }, { 10, 'T' }, { 13, ':' }, { 16, ':' } },
        33, 0, GUARD_NONE, FOLLOWS_HOST,
    };

    if (!has_header(&front, s) || (at(s, 19) != '.' && at(s, 19) != ','))
        return 0;
    for (size_t colon = 24; colon <= 29; colon++)
        if (at(s, colon) == ':')
            return colon + 3;
    return 0;
}

/* ---- RFC 3339, strictly; 0 or the length ---- */

static size_t rfc3339_zone(struct slice s, size_t i)
{
    char c = at(s, i);

    if (c == 'Z' || c == 'z')
        return i + 1;
    bool offset = (c == '+' || c == '-') && is_digits(s, i + 1, 2) && at(s, i + 3) == ':'
               && is_digits(s, i + 4, 2);
    return offset ? i + 6 : 0;
}

static size_t rfc3339(struct slice s)
{
    bool dated = is_digits(s, 0, 4) && at(s, 4) == '-' && is_digits(s, 5, 2) && at(s, 7) == '-'
              && is_digits(s, 8, 2) && (at(s, 10) == 'T' || at(s, 10) == 't');
    bool timed = is_digits(s, 11, 2) && at(s, 13) == ':' && is_digits(s, 14, 2)
              && at(s, 16) == ':' && is_digits(s, 17, 2);
    size_t i = 19;

    if (!dated || !timed)
        return 0;
    if ((at(s, i) == '.' || at(s, i) == ',') && is_digit(at(s, i + 1)))
        for (i++; is_digit(at(s, i)); i++)
            continue;
    return rfc3339_zone(s, i);
}

/* What OSSEC has no test for: UTC, and fractions finer than microseconds. */
static size_t newer_header(struct slice s)
{
    size_t n = rfc3339(s);

    if (n == 0 || at(s, n) != ' ')
        return 0;
    bool utc = at(s, n - 1) == 'Z' || at(s, n - 1) == 'z';
    return utc || n > sizeof "2007-06-14T15:48:55.123456-04:00" - 1 ? n + 1 : 0;
}

/* ---- host and program ---- */

static size_t name_end(struct slice s, size_t i)
{
    while (is_name(at(s, i)) && i < s.n)
        i++;
    return i;
}

/* Behind a program's name at i, "[123]: ", "[123] " or ": "; 0 or where the log begins. */
static size_t after_program(struct slice s, size_t i)
{
    if (at(s, i) == '[' && is_digit(at(s, i + 1))) {
        for (i++; is_digit(at(s, i)); i++)
            continue;
        if (at(s, i) != ']')
            return 0;
        if (at(s, i + 1) == ' ')
            return i + 2;
        i++;
    }
    return at(s, i) == ':' && at(s, i + 1) == ' ' ? i + 2 : 0;
}

/* AIX writes "auth|security:info " before the program: its end, or i when there is none. */
static size_t after_facility(struct slice s, size_t i)
{
    size_t from = i;

    i = name_end(s, i);
    if (at(s, i) != '|' || !is_letter(at(s, i + 1)))
        return from;
    for (i++; is_letter(at(s, i)); i++)
        continue;
    if (at(s, i) != ':' || !is_letter(at(s, i + 1)))
        return from;
    for (i++; is_letter(at(s, i)); i++)
        continue;
    return at(s, i) == ' ' ? i + 1 : from;
}

static void take_program(struct slice s, struct predecoded *ret)
{
    size_t from = after_facility(s, 0);
    size_t end = name_end(s, from);
    size_t log = after_program(s, end);

    ret->log = s;
    if (log == 0)
        return;
    ret->program_name = part(s, from, end);
    ret->log = slice_from(s, log);
}

/* Solaris puts "[ID 702911 auth.notice] " before the text. */
static struct slice without_id(struct slice s)
{
    if (!slice_starts(s, SLICE("[ID ")))
        return s;
    for (size_t i = 4; i + 1 < s.n; i++)
        if (s.p[i] == ']' && s.p[i + 1] == ' ')
            return slice_from(s, i + 2);
    return s;
}

static void take_host(struct slice s, struct predecoded *ret)
{
    if (at(s, 0) == ' ')
        s = slice_from(s, 1);

    size_t end = name_end(s, 0);
    ret->log = s;
    if (at(s, end) == ':' && at(s, end + 1) == ' ') {       /* Solaris: no host */
        ret->program_name = part(s, 0, end);
        ret->log = slice_from(s, end + 2);
    } else if (at(s, end) == ' ') {
        ret->hostname = part(s, 0, end);
        take_program(slice_from(s, end + 1), ret);
    }
    ret->log = without_id(ret->log);
}

/* ---- RFC 5424: 1 TIME HOST APP PROCID MSGID DATA [MESSAGE] ---- */

/* A field of printable ASCII and the space behind it; "-" is an empty one. */
static bool take_field(struct slice *s, struct slice *ret)
{
    size_t i = 0;

    while (at(*s, i) > ' ' && at(*s, i) < 0x7f)
        i++;
    if (i == 0 || at(*s, i) != ' ')
        return false;
    *ret = part(*s, 0, i);
    if (slice_eq(*ret, SLICE("-")))
        ret->n = 0;
    *s = slice_from(*s, i + 1);
    return true;
}

static size_t element_end(struct slice s, size_t i)     /* i is behind "["; 0: no end */
{
    bool quoted = false;

    for (; i < s.n; i++) {
        if (quoted && s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
        else if (!quoted && s.p[i] == ']')
            return i + 1;
    }
    return 0;
}

static bool take_data(struct slice *s)
{
    size_t i = at(*s, 0) == '-' ? 1 : 0;

    while ((i == 0 || s->p[i - 1] == ']') && at(*s, i) == '[')
        if ((i = element_end(*s, i + 1)) == 0)
            return false;
    if (i == 0 || (i < s->n && s->p[i] != ' '))
        return false;
    *s = slice_from(*s, i + 1);
    return true;
}

static bool predecode_5424(struct slice s, struct predecoded *ret)
{
    struct slice time, host, program, procid, msgid;

    if (!slice_starts(s, SLICE("1 ")))
        return false;
    s = slice_from(s, 2);
    struct slice rest = s;
    if (!take_field(&s, &time) || (time.n > 0 && rfc3339(rest) != time.n))
        return false;
    if (!take_field(&s, &host) || !take_field(&s, &program) || !take_field(&s, &procid)
        || !take_field(&s, &msgid) || !take_data(&s))
        return false;
    if (slice_starts(s, SLICE("\xef\xbb\xbf")))
        s = slice_from(s, 3);
    *ret = (struct predecoded){ host, program, s };
    return true;
}

/* ---- macOS: [Time 2006.12.28 15:53:55 UTC] [Facility x] [Sender x] [Message x] [Host x] ---- */

/* The text behind mark, up to the "]" that ends the line or has "[" follow. */
static bool asl_value(struct slice s, struct slice mark, struct slice *ret)
{
    const char *found = memmem(s.p, s.n, mark.p, mark.n);

    if (found == NULL)
        return false;
    struct slice value = slice_from(s, (size_t)(found - s.p) + mark.n);
    const char *next = memmem(value.p, value.n, "] [", 3);
    if (next != NULL)
        value.n = (size_t)(next - value.p);
    else if (value.n > 0 && value.p[value.n - 1] == ']')
        value.n--;
    *ret = value;
    return true;
}

static bool predecode_asl(struct slice s, struct predecoded *ret)
{
    static const struct header asl = {
        { { 0, '[' }, { 1, 'T' }, { 5, ' ' }, { 10, '.' }, { 13, '.' }, { 16, ' ' }, { 19, ':' } },
        20, 0, GUARD_NONE, FOLLOWS_LOG,
    };

    if (!has_header(&asl, s))
        return false;
    (void)asl_value(s, SLICE("[Sender "), &ret->program_name);
    (void)asl_value(s, SLICE("[Host "), &ret->hostname);
    (void)asl_value(s, SLICE("[Message "), &ret->log);
    return true;
}

/* ---- squid: 1140804070.368  11623 192.0.2.1 ... ---- */

static size_t squid_header(struct slice s)
{
    if (s.n < 32 || s.p[0] != '1' || !is_digits(s, 1, 3) || s.p[10] != '.' || !is_digit(s.p[13])
        || s.p[14] != ' ' || (s.p[21] != ' ' && s.p[22] != ' '))
        return 0;
    size_t i = 14;
    while (at(s, i) == ' ')
        i++;
    return i;
}

/* ---- all of it ---- */

/* A German "M\xc3\xa4r" is a byte longer than "Mar"; without its first byte the other
 * bytes are in their places. */
static struct slice without_umlaut(struct slice s)
{
    return slice_starts(s, SLICE("M\xc3\xa4r")) ? slice_from(s, 1) : s;
}

static bool predecode_table(struct slice s, struct predecoded *ret)
{
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        if (!has_header(&headers[i], s))
            continue;
        struct slice rest = slice_from(s, headers[i].skip);
        ret->log = rest;
        if (headers[i].follows == FOLLOWS_HOST)
            take_host(rest, ret);
        return true;
    }
    return false;
}

void predecode(struct slice full_log, struct predecoded *ret)
{
    struct slice s = without_umlaut(full_log);
    size_t n = newer_header(s);

    if (n == 0)
        n = fraction_header(s);
    *ret = (struct predecoded){ .log = full_log };
    if (n > 0)
        take_host(slice_from(s, n), ret);
    else if (!predecode_table(s, ret) && !predecode_asl(s, ret) && !predecode_5424(s, ret)
             && (n = squid_header(s)) > 0)
        ret->log = slice_from(s, n);
}
