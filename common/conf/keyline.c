#include "common/conf/keyline.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

enum part { ID, NAME, ADDRESS, SEED, MANAGER, ENDPOINTS, CHECK, PARTS };

static bool all_of(struct slice s, bool (*ok)(char))
{
    for (size_t i = 0; i < s.n; i++)
        if (!ok(s.p[i]))
            return false;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_char(char c)
{
    return is_alnum(c) || c == '_' || c == '.' || c == '-';
}

static bool is_address_char(char c)
{
    return is_alnum(c) || c == '.' || c == ':' || c == '/' || c == '!';
}

static bool is_endpoint_char(char c)
{
    return is_name_char(c) || c == ':' || c == '[' || c == ']';
}

bool keyline_name_ok(struct slice name)
{
    return name.n >= KEYLINE_NAME_MIN && name.n <= KEYLINE_NAME_MAX && all_of(name, is_name_char)
        && !slice_eq(name, SLICE(".."));
}

static bool port_ok(struct slice s)
{
    uint32_t port = 0;

    if (s.n == 0 || s.n > 5 || !all_of(s, is_digit))
        return false;
    for (size_t i = 0; i < s.n; i++)
        port = port * 10 + (uint32_t)(s.p[i] - '0');
    return port > 0 && port < 65536;
}

static bool endpoint_ok(struct slice s)
{
    if (!slice_starts(s, SLICE("tcp://")))
        return false;
    s = slice_from(s, 6);
    const char *colon = s.n > 0 ? memrchr(s.p, ':', s.n) : NULL;
    if (colon == NULL || colon == s.p)
        return false;
    size_t at = (size_t)(colon - s.p);
    return all_of((struct slice){ s.p, at }, is_endpoint_char) && port_ok(slice_from(s, at + 1));
}

/* The part of *rest before the first `sep`, which is then behind it; all of it when there is none. */
static struct slice cut(struct slice *rest, char sep)
{
    const char *at = rest->n > 0 ? memchr(rest->p, sep, rest->n) : NULL;
    struct slice part = { rest->p, at != NULL ? (size_t)(at - rest->p) : rest->n };

    *rest = slice_from(*rest, part.n + (at != NULL));
    return part;
}

bool keyline_endpoints_ok(struct slice endpoints)
{
    if (endpoints.n == 0 || endpoints.n > KEYLINE_ENDPOINTS_MAX
        || endpoints.p[endpoints.n - 1] == ',')
        return false;
    while (endpoints.n > 0)
        if (!endpoint_ok(cut(&endpoints, ',')))
            return false;
    return true;
}

static bool address_ok(struct slice s)
{
    return s.n > 0 && s.n <= KEYLINE_ADDRESS_MAX && all_of(s, is_address_char);
}

static bool read_id(struct slice s, uint32_t *ret)
{
    uint32_t id = 0;

    if (s.n == 0 || s.n > 8 || !all_of(s, is_digit))
        return false;
    for (size_t i = 0; i < s.n; i++)
        id = id * 10 + (uint32_t)(s.p[i] - '0');
    *ret = id;
    return id > 0;
}

static bool read_hex(struct slice s, uint8_t *ret, size_t n)
{
    size_t got = 0;

    return s.n == 2 * n && sodium_hex2bin(ret, n, s.p, s.n, NULL, &got, NULL) == 0 && got == n;
}

static void copy_text(char *to, struct slice s)
{
    memcpy(to, s.p, s.n);
    to[s.n] = '\0';
}

static void check_of(struct slice plain, uint8_t check[KEYLINE_CHECK])
{
    uint8_t hash[crypto_generichash_BYTES];

    crypto_generichash(hash, sizeof hash, (const uint8_t *)plain.p, plain.n, NULL, 0);
    memcpy(check, hash, KEYLINE_CHECK);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Decode what is not white space; *n is the length of what came out. */
static bool decode(struct slice text, char plain[KEYLINE_PLAIN_MAX], size_t *n)
{
    char packed[KEYLINE_TEXT_MAX];
    size_t k = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (is_space(text.p[i]))
            continue;
        if (k == sizeof packed)
            return false;
        packed[k++] = text.p[i];
    }
    while (k > 0 && packed[k - 1] == '=')
        k--;
    bool ok = sodium_base642bin((uint8_t *)plain, KEYLINE_PLAIN_MAX, packed, k, NULL, n, NULL,
                                sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0;
    sodium_memzero(packed, sizeof packed);
    return ok;
}

static enum err take_values(const struct slice part[PARTS], struct keyline *k)
{
    if (!read_id(part[ID], &k->id) || !keyline_name_ok(part[NAME]) || !address_ok(part[ADDRESS])
        || !read_hex(part[SEED], k->seed, sizeof k->seed)
        || !read_hex(part[MANAGER], k->manager, sizeof k->manager)
        || !keyline_endpoints_ok(part[ENDPOINTS]))
        return ERR_RANGE;
    copy_text(k->name, part[NAME]);
    copy_text(k->address, part[ADDRESS]);
    copy_text(k->endpoints, part[ENDPOINTS]);
    return ERR_OK;
}

static enum err read_plain(struct slice plain, struct keyline *k)
{
    struct slice part[PARTS], rest = plain;
    uint8_t said[KEYLINE_CHECK], is[KEYLINE_CHECK];
    size_t n = 0;

    while (n < PARTS && rest.n > 0)
        part[n++] = cut(&rest, ' ');
    if (n < 2 || rest.n > 0 || !all_of(part[ID], is_digit))
        return ERR_SYNTAX;
    if (n < PARTS || !read_hex(part[CHECK], said, sizeof said))
        return ERR_BADMSG;              /* it begins like one, and its end is gone */
    check_of((struct slice){ plain.p, (size_t)(part[CHECK].p - plain.p) - 1 }, is);
    if (sodium_memcmp(said, is, sizeof is) != 0)
        return ERR_BADMSG;
    return take_values(part, k);
}

enum err keyline_parse(struct slice text, struct keyline *ret)
{
    char plain[KEYLINE_PLAIN_MAX];
    struct keyline k = { 0 };
    size_t n = 0;

    if (sodium_init() < 0)
        return ERR_SYS;
    enum err e = decode(text, plain, &n) ? read_plain((struct slice){ plain, n }, &k) : ERR_SYNTAX;
    if (e == ERR_OK)
        *ret = k;
    keyline_wipe(&k);
    sodium_memzero(plain, sizeof plain);
    return e;
}

const char *keyline_why(enum err e)
{
    static const struct { enum err e; const char *why; } rows[] = {
        { ERR_OK,     "the key line is whole" },
        { ERR_SYNTAX, "this is no key line; copy what `yagura agents extract` printed, all of it" },
        { ERR_BADMSG, "the key line was damaged or cut off on its way; copy it again, whole" },
        { ERR_RANGE,  "the key line is whole, but holds a value that this version does not take" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].e == e)
            return rows[i].why;
    return err_str(e);
}

static bool values_ok(const struct keyline *k)
{
    return k->id > 0 && k->id <= KEYLINE_ID_MAX && keyline_name_ok(slice_of(k->name))
        && address_ok(slice_of(k->address)) && keyline_endpoints_ok(slice_of(k->endpoints));
}

enum err keyline_print(const struct keyline *k, struct keyline_text *ret)
{
    char plain[KEYLINE_PLAIN_MAX], seed[2 * KEYLINE_SEED + 1], manager[2 * KEYLINE_KEY + 1],
         hex[2 * KEYLINE_CHECK + 1];
    uint8_t check[KEYLINE_CHECK];

    if (!values_ok(k))
        return ERR_RANGE;
    if (sodium_init() < 0)
        return ERR_SYS;
    sodium_bin2hex(seed, sizeof seed, k->seed, sizeof k->seed);
    sodium_bin2hex(manager, sizeof manager, k->manager, sizeof k->manager);
    int n = snprintf(plain, sizeof plain, "%03" PRIu32 " %s %s %s %s %s", k->id, k->name, k->address,
                     seed, manager, k->endpoints);
    check_of((struct slice){ plain, (size_t)n }, check);
    sodium_bin2hex(hex, sizeof hex, check, sizeof check);
    n += snprintf(plain + n, sizeof plain - (size_t)n, " %s", hex);
    sodium_bin2base64(ret->at, sizeof ret->at, (const uint8_t *)plain, (size_t)n,
                      sodium_base64_VARIANT_ORIGINAL);
    sodium_memzero(plain, sizeof plain);
    sodium_memzero(seed, sizeof seed);
    return ERR_OK;
}

enum err keyline_keypair(const struct keyline *k, uint8_t ret_public[KEYLINE_KEY],
                         uint8_t ret_secret[KEYLINE_KEY])
{
    static const char use[] = "yagura agent key";
    uint8_t seed[crypto_box_SEEDBYTES];

    if (sodium_init() < 0)
        return ERR_SYS;
    crypto_generichash(seed, sizeof seed, (const uint8_t *)use, sizeof use - 1, k->seed,
                       sizeof k->seed);
    crypto_box_seed_keypair(ret_public, ret_secret, seed);
    sodium_memzero(seed, sizeof seed);
    return ERR_OK;
}

void keyline_wipe(struct keyline *k)
{
    sodium_memzero(k, sizeof *k);
}
