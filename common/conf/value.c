#include "common/conf/value.h"

#include <stdarg.h>
#include <stdlib.h>

#include "common/text/ip.h"

#define SHOWN_MAX 80            /* bytes of a bad value that an error repeats */
#define SHOWN(s) SLICE_FMT(((struct slice){ (s).p, (s).n < SHOWN_MAX ? (s).n : SHOWN_MAX }))

void place_tell(struct place *p, struct slice name, const char *fmt, ...)
{
    char *reason = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&reason, fmt, ap) < 0)
        reason = NULL;
    va_end(ap);
    const char *slash = p->section[0] != '\0' && name.n > 0 ? "/" : "";
    report_error(p->report, p->file, p->line, "%s%s%.*s: %s", p->section, slash, SHOWN(name),
                 reason != NULL ? reason : "bad value");
    free(reason);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice value_trim(struct slice s)
{
    while (s.n > 0 && is_blank(s.p[0]))
        s = slice_from(s, 1);
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

void *value_room(struct place *p, const void *array, size_t n, size_t size)
{
    if (n > 0 && (n & (n - 1)) != 0)            /* full only at a power of two */
        return (void *)(uintptr_t)array;

    void *more = arena_alloc(p->arena, (n > 0 ? 2 * n : 1) * size);
    if (more == NULL)
        p->nomem = true;
    else if (n > 0)
        memcpy(more, array, n * size);
    return more;
}

static bool keep(struct place *p, struct slice s, struct slice *ret)
{
    const struct slice copy = arena_copy(p->arena, s);

    if (copy.p == NULL) {
        p->nomem = true;
        return false;
    }
    *ret = copy;
    return true;
}

/* Leading digits; *ret_n of them.  False: none, or more than 64 bits hold. */
static bool digits(struct slice s, uint64_t *ret, size_t *ret_n)
{
    uint64_t v = 0;
    size_t i = 0;

    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
        const uint64_t d = (uint64_t)(s.p[i] - '0');
        if (v > (UINT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *ret = v;
    *ret_n = i;
    return i > 0;
}

static bool in_range(struct place *p, const struct option *o, struct slice s, uint64_t v)
{
    if (v >= o->min && v <= o->max)
        return true;
    place_tell(p, slice_of(o->name), "%.*s is not from %llu to %llu", SHOWN(s),
               (unsigned long long)o->min, (unsigned long long)o->max);
    return false;
}

static bool read_number(struct place *p, const struct option *o, struct slice s, uint64_t *ret)
{
    size_t n;

    if (digits(s, ret, &n) && n == s.n)
        return in_range(p, o, s, *ret);
    place_tell(p, slice_of(o->name), "'%.*s' is not a number from %llu to %llu", SHOWN(s),
               (unsigned long long)o->min, (unsigned long long)o->max);
    return false;
}

/* How far a unit shifts; -1: no such unit. */
static int unit_shift(struct slice s)
{
    static const char units[] = "KMGT";

    if (s.n == 0)
        return 0;
    const char *u = memchr(units, s.p[0], sizeof units - 1);
    return s.n == 1 && u != NULL ? 10 * (int)(u - units + 1) : -1;
}

static bool read_bytes(struct place *p, const struct option *o, struct slice s, uint64_t *ret)
{
    uint64_t v = 0;
    size_t n = 0;
    const int shift = digits(s, &v, &n) ? unit_shift(slice_from(s, n)) : -1;

    if (shift < 0) {
        place_tell(p, slice_of(o->name), "'%.*s' is not a number of bytes, such as 512, 64K, 4G",
                   SHOWN(s));
        return false;
    }
    *ret = v <= UINT64_MAX >> shift ? v << shift : UINT64_MAX;
    return in_range(p, o, s, *ret);
}

static bool read_seconds(struct place *p, const struct option *o, struct slice s, uint64_t *ret)
{
    if (slice_eq(s, SLICE("hourly")))
        *ret = 3600;
    else if (slice_eq(s, SLICE("daily")))
        *ret = 86400;
    else
        return read_number(p, o, s, ret);
    return in_range(p, o, s, *ret);
}

static bool read_word(struct place *p, const struct option *o, struct slice s, unsigned *ret)
{
    const size_t i = words_find(o->words, s);
    char *list = NULL;
    size_t n = 0;

    if (i < o->words->n) {
        *ret = (unsigned)i;
        return true;
    }
    FILE *f = open_memstream(&list, &n);
    for (size_t k = 0; f != NULL && k < o->words->n; k++)
        fprintf(f, "%s%s", k > 0 ? ", " : "", o->words->word[k]);
    if (f != NULL)
        fclose(f);
    place_tell(p, slice_of(o->name), "'%.*s' is none of %s", SHOWN(s), list != NULL ? list : "");
    free(list);
    return false;
}

static bool read_bool(struct place *p, const struct option *o, struct slice s, bool *ret)
{
    if (!slice_eq(s, SLICE("yes")) && !slice_eq(s, SLICE("no"))) {
        place_tell(p, slice_of(o->name), "'%.*s' is neither yes nor no", SHOWN(s));
        return false;
    }
    *ret = s.p[0] == 'y';
    return true;
}

static bool fits(struct place *p, const struct option *o, struct slice s)
{
    if (s.n <= o->max)
        return true;
    place_tell(p, slice_of(o->name), "longer than %llu bytes", (unsigned long long)o->max);
    return false;
}

/* The directory a %NAME% at the start of s stands for, and its length; NULL: none. */
static const char *placeholder(const struct place *p, struct slice s, size_t *ret_n)
{
    const struct { struct slice name; const char *dir; } rows[] = {
        { SLICE_INIT("%ETC%"), p->paths->etc },  { SLICE_INIT("%STATE%"), p->paths->state },
        { SLICE_INIT("%LOG%"), p->paths->log },  { SLICE_INIT("%RUN%"), p->paths->run },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (slice_starts(s, rows[i].name)) {
            *ret_n = rows[i].name.n;
            return rows[i].dir;
        }
    return NULL;
}

static bool resolve(struct place *p, struct slice s, struct slice *ret)
{
    char *text = NULL;
    size_t n = 0, skip;
    FILE *f = open_memstream(&text, &n);

    for (size_t at = 0; f != NULL && at < s.n; at += skip) {
        const char *dir = placeholder(p, slice_from(s, at), &skip);
        if (dir != NULL)
            fputs(dir, f);
        else
            fwrite(s.p + at, 1, skip = 1, f);
    }
    const bool written = f != NULL && fclose(f) == 0;
    const bool kept = written && keep(p, (struct slice){ text, n }, ret);
    p->nomem = p->nomem || !written;
    free(text);
    return kept;
}

static bool check_ipc(struct place *p, const struct option *o, struct slice path)
{
    if (path.n == 0 || path.p[0] == '@' || path.p[0] == '*')
        place_tell(p, slice_of(o->name), "ipc:// wants the path of a socket");
    else if (path.n > PATHS_SOCKET_MAX)
        place_tell(p, slice_of(o->name), "the path '%.*s' has %zu bytes, a socket's may have %d: "
                   "use a shorter or a relative prefix", SLICE_FMT(path), path.n, PATHS_SOCKET_MAX);
    else
        return true;
    return false;
}

static bool is_port(struct slice s)
{
    uint64_t v;
    size_t n;

    if (slice_eq(s, SLICE("*")))
        return true;
    return digits(s, &v, &n) && n == s.n && v > 0 && v < 65536;
}

static bool check_tcp(struct place *p, const struct option *o, struct slice host)
{
    const char *colon = memrchr(host.p, ':', host.n);
    const size_t n = colon != NULL ? (size_t)(colon - host.p) : 0;

    if (n == 0 || !is_port(slice_from(host, n + 1)))
        place_tell(p, slice_of(o->name), "tcp://%.*s has no HOST:PORT", SHOWN(host));
    else
        return true;
    return false;
}

static bool check_endpoint(struct place *p, const struct option *o, struct slice *s)
{
    if (slice_starts(*s, SLICE("ipc://")))
        return check_ipc(p, o, slice_from(*s, strlen("ipc://")));
    if (slice_starts(*s, SLICE("tcp://"))) {
        s->n -= s->p[s->n - 1] == '/';          /* OSSEC's habit: tcp://localhost:11111/ */
        return check_tcp(p, o, slice_from(*s, strlen("tcp://")));
    }
    place_tell(p, slice_of(o->name), "'%.*s' is neither ipc://PATH nor tcp://HOST:PORT", SHOWN(*s));
    return false;
}

/* libzmq binds to no name; OSSEC's configurations have this one. */
static bool name_loopback(struct place *p, struct slice *s)
{
    static const char by_name[] = "tcp://localhost:", by_number[] = "tcp://127.0.0.1:";
    const size_t skip = sizeof by_name - 1, put = sizeof by_number - 1;

    if (!slice_starts(*s, SLICE(by_name)))
        return true;
    char *text = arena_alloc(p->arena, put + s->n - skip);
    if (text == NULL) {
        p->nomem = true;
        return false;
    }
    memcpy(text, by_number, put);
    memcpy(text + put, s->p + skip, s->n - skip);
    *s = (struct slice){ text, put + s->n - skip };
    return true;
}

static bool check_net(struct place *p, const struct option *o, struct slice s)
{
    struct ip_net net;

    if (ip_net_parse(s, &net) == ERR_OK)
        return true;
    place_tell(p, slice_of(o->name), "'%.*s' is neither an address nor a network, such as"
               " 192.0.2.1, 192.0.2.0/24, 2001:db8::/32", SHOWN(s));
    return false;
}

static bool check_address(struct place *p, const struct option *o, struct slice s)
{
    struct ip ip;

    if (s.n == 0 || ip_parse(s, &ip) == ERR_OK)
        return true;
    place_tell(p, slice_of(o->name), "'%.*s' is not an address in numbers", SHOWN(s));
    return false;
}

/* One of a list; *s becomes what is kept. */
static bool check_item(struct place *p, const struct option *o, struct slice *s)
{
    if (o->kind == KIND_NETS)
        return check_net(p, o, *s);
    if (o->kind == KIND_LIST)
        return true;
    if (!resolve(p, *s, s) || (o->kind == KIND_LOCALS && !name_loopback(p, s)))
        return false;
    return check_endpoint(p, o, s);
}

static bool add_item(struct place *p, const struct option *o, struct slice s, struct config_list *l)
{
    struct slice *item = value_room(p, l->item, l->n, sizeof l->item[0]);
    struct slice kept = s;

    if (item == NULL)
        return false;
    l->item = item;
    if (!check_item(p, o, &kept))
        return false;
    if (!keep(p, kept, &item[l->n]))
        return false;
    l->n++;
    return true;
}

static bool read_list(struct place *p, const struct option *o, struct slice s,
                      struct config_list *l)
{
    bool good = true;

    while (s.n > 0) {
        const char *comma = memchr(s.p, ',', s.n);
        const size_t n = comma != NULL ? (size_t)(comma - s.p) : s.n;
        const struct slice item = value_trim((struct slice){ s.p, n });
        if (item.n > 0 && fits(p, o, item))
            good = add_item(p, o, item, l) && good;
        else
            good = good && item.n == 0;
        s = slice_from(s, n + 1);
    }
    return good;
}

bool value_read(struct place *p, const struct option *o, struct slice text, void *at)
{
    const struct slice s = value_trim(text);
    uint64_t v = 0;
    bool good = true;

    switch (o->kind) {
    case KIND_BOOL:
        return read_bool(p, o, s, at);
    case KIND_U32:
        if ((good = read_number(p, o, s, &v)))
            *(uint32_t *)at = (uint32_t)v;
        return good;
    case KIND_SECONDS:
        if ((good = read_seconds(p, o, s, &v)))
            *(uint32_t *)at = (uint32_t)v;
        return good;
    case KIND_BYTES:
        return read_bytes(p, o, s, at);
    case KIND_ENUM:
        return read_word(p, o, s, at);
    case KIND_TEXT:
        return fits(p, o, s) && keep(p, s, at);
    case KIND_PATH:
        return fits(p, o, s) && resolve(p, s, at);
    case KIND_ADDRESS:
        return fits(p, o, s) && check_address(p, o, s) && keep(p, s, at);
    case KIND_LIST:
    case KIND_NETS:
    case KIND_ENDPOINTS:
    case KIND_HOPS:
    case KIND_LOCALS:
        return read_list(p, o, s, at);
    case KIND_KNOWN:
        return true;
    }
    return false;
}
