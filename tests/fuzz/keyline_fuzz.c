/* What parses as a key line prints, and what is printed parses to the same line. */
#include <assert.h>
#include <stdint.h>
#include <sodium.h>

#include "common/conf/keyline.h"

static void again(const struct keyline *k)
{
    struct keyline_text first, second;
    struct keyline parsed;

    assert(keyline_print(k, &first) == ERR_OK);
    assert(keyline_parse(slice_of(first.at), &parsed) == ERR_OK);
    assert(keyline_print(&parsed, &second) == ERR_OK);
    assert(strcmp(first.at, second.at) == 0);
}

/* The input as plain text with a true check, so that the values are reached. */
static void with_check(const uint8_t *data, size_t size)
{
    char plain[KEYLINE_PLAIN_MAX], text[KEYLINE_TEXT_MAX];
    uint8_t hash[crypto_generichash_BYTES];
    struct keyline k;

    if (size + 2 * KEYLINE_CHECK + 2 > sizeof plain)
        return;
    memcpy(plain, data, size);
    plain[size] = ' ';
    crypto_generichash(hash, sizeof hash, data, size, NULL, 0);
    sodium_bin2hex(plain + size + 1, 2 * KEYLINE_CHECK + 1, hash, KEYLINE_CHECK);
    sodium_bin2base64(text, sizeof text, (uint8_t *)plain, size + 1 + 2 * KEYLINE_CHECK,
                      sodium_base64_VARIANT_ORIGINAL);
    if (keyline_parse(slice_of(text), &k) == ERR_OK)
        again(&k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct keyline k;

    if (keyline_parse((struct slice){ (const char *)data, size }, &k) == ERR_OK)
        again(&k);
    with_check(data, size);
    return 0;
}
