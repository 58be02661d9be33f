#include <stdint.h>
#include <stdlib.h>

#include "common/rules/predecode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_in(struct slice part, struct slice whole)
{
    if (part.n > 0 && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
        abort();
}

/* All that comes out lies in what went in; the host comes before the log, but for ASL. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct slice line = { (const char *)data, n };
    struct predecoded got;

    predecode(line, &got);
    check_in(got.hostname, line);
    check_in(got.program_name, line);
    check_in(got.log, line);
    bool asl = n > 0 && data[0] == '[';
    if (!asl && got.log.n > 0 && got.log.p + got.log.n != line.p + line.n)
        abort();
    if (!asl && got.log.n > 0 && got.hostname.n > 0 && got.hostname.p + got.hostname.n >= got.log.p)
        abort();
    return 0;
}
