/* Any bytes as a batch from a decoder: it is judged or refused, and judged again from the same memory
 * it gives the same alerts with the same ids. */
#include "tests/common/rules_fixture.h"
#include "correlate/intake.h"

#define RECORDS 64

struct bench { struct fixture f; struct arbiter *arbiter; struct store *store; char dir[64]; };

static struct bench bench;

static void end(void)
{
    char path[80];

    arbiter_free(bench.arbiter);
    store_free(bench.store);
    for (int i = 0; i < 3; i++) {
        static const char *const files[] = { "state/data.mdb", "state/lock.mdb", "state" };
        fixture_path(&bench.f, files[i], path, sizeof path);
        (void)remove(path);
    }
    fixture_end(&bench.f);
}

static void begin(void)
{
    static const char *const tables[] = { "alerts", "meta" };

    fixture_begin(&bench.f);
    if (fixture_load(&bench.f,
            SLICE("<decoder name='t'><program_name>^t</program_name></decoder>"
                  "<decoder name='t1'><parent>t</parent><accumulate />"
                  "<regex>^(\\w+) (\\w+)</regex><order>id,user</order><fts>name,user</fts></decoder>"),
            SLICE("<group name='syslog,'><rule id='1' level='0' noalert='1'><category>syslog</category>"
                  "</rule></group><group name='g,'><rule id='100' level='3' ignore='2'>"
                  "<match>a|</match></rule><rule id='101' level='9' frequency='0' timeframe='9'>"
                  "<if_matched_group>g</if_matched_group><same_user /></rule>"
                  "<rule id='102' level='9'><if_sid>100</if_sid><if_fts /></rule>"
                  "<rule id='103' level='9'><if_sid>100</if_sid><check_diff /></rule></group>"),
            SLICE("")) != ERR_OK
        || arbiter_new(&bench.arbiter, bench.f.rs, false) != ERR_OK)
        abort();
    fixture_path(&bench.f, "state", bench.dir, sizeof bench.dir);
    if (store_open(&bench.store, bench.dir, 1 << 24, tables, 2, false) != ERR_OK)
        abort();
    atexit(end);
}

/* All that the outbox would hold is packed into out. */
static void judge(const struct range *r, msgpack_sbuffer *out)
{
    const struct history_options o = { RECORDS, 8, false };
    struct intake in = { .rs = bench.f.rs, .arbiter = bench.arbiter, .archives = true };
    struct memory *m = NULL;
    struct outbox *box = NULL;
    struct alerts a;

    msgpack_sbuffer_init(&in.record);
    if (memory_new(&m, bench.f.rs, &o) != ERR_OK || outbox_new(&box, bench.store, 0, 1) != ERR_OK
        || outbox_load(box) != ERR_OK || intake_range(&in, m, box, r) != ERR_OK
        || outbox_flush(box) != ERR_OK || outbox_fetch(box, 0, 1 << 20, &a, out) != ERR_OK)
        abort();
    if (a.count > in.counts.events)
        abort();
    store_abort(bench.store);
    msgpack_sbuffer_destroy(&in.record);
    outbox_free(box);
    memory_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct range r;
    msgpack_sbuffer one, two;

    if (bench.arbiter == NULL)
        begin();
    if (record_unpack(&range_schema, &r, (struct slice){ (const char *)data, n }) != ERR_OK)
        r = (struct range){ .received = 1000000, .count = 100, .body = { (const char *)data, n } };
    if (n % 2 == 0)
        r.revision = ruleset_revision(bench.f.rs);
    msgpack_sbuffer_init(&one);
    msgpack_sbuffer_init(&two);
    judge(&r, &one);
    judge(&r, &two);
    if (one.size != two.size || (one.size > 0 && memcmp(one.data, two.data, one.size) != 0))
        abort();
    msgpack_sbuffer_destroy(&one);
    msgpack_sbuffer_destroy(&two);
    return 0;
}
