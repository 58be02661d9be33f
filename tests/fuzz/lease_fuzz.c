/* Any bytes as a batch's body: the range reads, its events too, each within the batch, and judging
 * the same bytes again gives the same range. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "decode/judge.h"
#include "tests/common/rules_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct judge *the_judge(void)
{
    static struct fixture f;            /* lives as long as the fuzzer */
    static struct judge *j;

    if (j != NULL)
        return j;
    fixture_begin(&f);
    if (fixture_load(&f, SLICE("<decoder name=\"a\"><prematch>a</prematch></decoder>"
                               "<decoder name=\"b\"><parent>a</parent><regex offset=\"after_parent\">(\\S+) (\\d*)</regex>"
                               "<order>srcip, made_up</order></decoder>"
                               "<decoder name=\"c\"><program_name>c</program_name></decoder>"),
                     SLICE("<group name=\"g,\"><rule id=\"1\" level=\"0\" noalert=\"1\"><category>syslog</category>"
                           "<description>r</description></rule><rule id=\"100\" level=\"3\"><match>a</match>"
                           "<description>x</description></rule></group>"), SLICE("")) != ERR_OK
        || judge_new(&j, f.rs, true, MATCHER_MATCH_LIMIT) != ERR_OK)
        abort();
    return j;
}

static void check(struct slice frame, uint64_t count)
{
    struct range r;
    struct event e;
    struct slice decisions;
    static struct decoded d;

    if (record_unpack(&range_schema, &r, frame) != ERR_OK)
        abort();
    for (uint64_t last = 0, i = 0; r.body.n > 0; last = e.index, i++)
        if (record_next(&event_schema, &e, &r.body) != ERR_OK
            || decoded_unpack(&d, &r, &e, &decisions) != ERR_OK
            || e.index >= count || (i > 0 && e.index <= last))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct lease l = {
        .ingest = 1, .offset = 1, .floor = 1, .agent = n % 2, .agent_name = SLICE("n"),
        .agent_addr = SLICE("any"), .count = 50, .body = { (const char *)data, n },
    };
    msgpack_sbuffer one, two;

    msgpack_sbuffer_init(&one);
    msgpack_sbuffer_init(&two);
    if (judge_lease(the_judge(), &l, &one) != ERR_OK || judge_lease(the_judge(), &l, &two) != ERR_OK
        || one.size != two.size || memcmp(one.data, two.data, one.size) != 0)
        abort();
    check((struct slice){ one.data, one.size }, l.count);
    msgpack_sbuffer_destroy(&one);
    msgpack_sbuffer_destroy(&two);
    return 0;
}
