/* Any frame, as any message: what unpacks must pack again, and unpack to the same bytes; and
 * what our reader takes for one whole value, msgpack-c must take for one, too. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/wire/mp.h"
#include "schemas/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void pack_again(const struct schema *s, struct slice frame)
{
    char *a = calloc(1, s->size), *b = calloc(1, s->size);
    msgpack_sbuffer one, two;

    msgpack_sbuffer_init(&one);
    msgpack_sbuffer_init(&two);
    if (a != NULL && b != NULL && record_unpack(s, a, frame) == ERR_OK
        && (record_pack(s, a, &one) != ERR_OK
            || record_unpack(s, b, (struct slice){ one.data, one.size }) != ERR_OK
            || record_pack(s, b, &two) != ERR_OK || one.size != two.size
            || memcmp(one.data, two.data, one.size) != 0))
        abort();
    msgpack_sbuffer_destroy(&one);
    msgpack_sbuffer_destroy(&two);
    free(a);
    free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct slice rest = { (const char *)data, n };
    msgpack_unpacked theirs;
    size_t off = 0;

    for (size_t i = 0; all_schemas[i] != NULL; i++)
        pack_again(all_schemas[i], rest);
    if (n == 0 || !mp_skip(&rest))
        return 0;
    msgpack_unpacked_init(&theirs);
    if (msgpack_unpack_next(&theirs, (const char *)data, n, &off) < 0 || off != n - rest.n)
        abort();
    msgpack_unpacked_destroy(&theirs);
    return 0;
}
