#include "tests/test.h"

#include <inttypes.h>
#include <msgpack.h>

#include "ingest/session.h"
#include "schemas/messages.h"
#include "tests/ingest/scratch.h"

#define CREDIT 4

/* What a story is played with; the answers are written to out as they go. */
struct play {
    struct scratch dir;
    struct journal *journal;
    struct gather *gather;
    struct sessions *sessions;
    uint64_t now;
    char *got;
    size_t got_n;
    FILE *out;
};

static enum err hear(void *arg, const struct peer *to, const struct schema *s, const void *rec)
{
    struct play *p = arg;
    const struct welcome *w = rec;
    const struct ack *a = rec;
    const struct nack *n = rec;

    (void)to;
    if (s == &welcome_schema)
        fprintf(p->out, "welcome:%" PRIu64 ":%" PRIu64 " ", w->resume, w->credit);
    else if (s == &ack_schema)
        fprintf(p->out, "ack:%" PRIu64 ":%" PRIu64 " ", a->upto, a->credit);
    else
        fprintf(p->out, "nack%" PRIu64 ":%" PRIu64 " ", n->reason, n->resume);
    return ERR_OK;
}

static void open_play(struct play *p, uint64_t bytes, uint64_t map_bytes)
{
    const struct journal_limits limits = { .bytes = bytes, .map_bytes = map_bytes, .recent_bytes = 65536 };
    char *dir = paths_join(p->dir.at, "j");

    assert_int_equal(journal_open(&p->journal, dir, &limits), ERR_OK);
    assert_int_equal(gather_new(&p->gather), ERR_OK);
    assert_int_equal(sessions_new(&p->sessions, p->journal, p->gather, CREDIT, hear, p), ERR_OK);
    free(dir);
}

static void close_play(struct play *p)
{
    sessions_free(p->sessions);
    gather_free(p->gather);
    journal_free(p->journal);
}

static void say(struct play *p, char who, const struct schema *s, const void *rec)
{
    const struct speaker speaker = { (uint64_t)(who - 'A') % 8 + 1, SLICE("web"), SLICE("any") };
    const struct peer peer = { 1, { who } };
    msgpack_sbuffer b;

    msgpack_sbuffer_init(&b);
    assert_int_equal(record_pack(s, rec, &b), ERR_OK);
    sessions_take(p->sessions, &speaker, &peer, (struct slice){ b.data, b.size }, p->now);
    msgpack_sbuffer_destroy(&b);
}

static void say_events(struct play *p, char who, uint64_t first, uint64_t count, uint64_t said)
{
    struct events ev = { .stream = 7, .first = first, .count = said };
    const struct raw rec = { .location = SLICE("/var/log/x"), .log = SLICE("line") };
    msgpack_sbuffer b;

    msgpack_sbuffer_init(&b);
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(record_pack(&raw_schema, &rec, &b), ERR_OK);
    ev.body = (struct slice){ b.data, b.size };
    say(p, who, &events_schema, &ev);
    msgpack_sbuffer_destroy(&b);
}

/* A story, one step a word; A, B are agents, I is agent A on another connection.
 *   hA1-9   A says hello: it can send 1 to 9     eA4+3   A sends three events from 4
 *   mA4+3   ... but says there are four          bA      A's beat
 *   c       the journal commits, or says how not r       ingest is killed and started again
 *   o, s    credit opens, shuts                  q       how many batches the journal has
 *   t       what waits of ingest's own goes into the journal, too */
static void step(struct play *p, const char *w)
{
    char *end = NULL, who = w[0] != '\0' ? w[1] : 0;
    uint64_t a = strlen(w) > 2 ? strtoull(w + 2, &end, 10) : 0;
    uint64_t b = end != NULL && *end != '\0' ? strtoull(end + 1, NULL, 10) : 0;

    p->now++;
    switch (w[0]) {
    case 'h': say(p, who, &hello_schema, &(struct hello){ .stream = 7, .first = a, .last = b }); break;
    case 'e': say_events(p, who, a, b, b); break;
    case 'm': say_events(p, who, a, b, b + 1); break;
    case 'b': say(p, who, &beat_schema, &(struct beat){ .stream = 7 }); break;
    case 'o': sessions_open_credit(p->sessions, true); break;
    case 's': sessions_open_credit(p->sessions, false); break;
    case 't': assert_int_equal(gather_append(p->gather, p->journal, SLICE("ingest")), ERR_OK); break;
    case 'q': fprintf(p->out, "%" PRIu64 " ", journal_next(p->journal) - 1); break;
    case 'c':
        if (journal_commit(p->journal) == ERR_OK) {
            gather_committed(p->gather);
            sessions_committed(p->sessions);
        } else {
            fputs("full ", p->out);
            sessions_rolled_back(p->sessions);
        }
        break;
    case 'r':
        close_play(p);
        open_play(p, (uint64_t)16 << 20, 0);
        break;
    default:
        fail_msg("no such step: %s", w);
    }
}

static const struct { const char *story, *steps, *want; } rows[] = {
    { "a first hello begins at 1",            "hA1-0", "welcome:1:4 " },
    { "so does one that can send from 0",     "hA0-0", "welcome:1:4 " },
    { "an ack comes with the commit",         "hA1-9 eA1+3 q c q", "welcome:1:4 0 ack:3:4 1 " },
    { "one for many batches",                 "hA1-9 eA1+3 eA4+3 c c", "welcome:1:4 ack:6:4 " },
    { "a duplicate is acknowledged again",    "hA1-9 eA1+3 c eA1+3 c q", "welcome:1:4 ack:3:4 ack:3:4 1 " },
    { "a duplicate in the same turn is too",  "hA1-9 eA1+3 eA1+3 c q", "welcome:1:4 ack:3:4 1 " },
    { "a hole is refused",                    "hA1-9 eA1+3 eA5+3 c q", "welcome:1:4 nack1:4 ack:3:4 1 " },
    { "and told once",                        "hA1-9 eA5+1 eA6+1 eA7+1 eA1+1 eA3+1 c",
      "welcome:1:4 nack1:1 nack1:2 ack:1:4 " },
    { "an overlap is refused",                "hA1-9 eA1+3 eA2+3 c q", "welcome:1:4 nack1:4 ack:3:4 1 " },
    { "events before hello are refused",      "eA1+3 c q", "nack2:0 0 " },
    { "so is a beat",                         "bA", "nack2:0 " },
    { "a beat is answered",                   "hA1-9 bA c", "welcome:1:4 ack:0:4 " },
    { "a wrong count is refused",             "hA1-9 mA1+3 c q", "welcome:1:4 nack3:1 0 " },
    { "an empty batch is refused",            "hA1-9 eA1+0 c q", "welcome:1:4 nack3:1 0 " },
    { "a batch of number 0 is refused",       "hA1-9 eA0+1 c q", "welcome:1:4 nack3:1 0 " },
    { "too large a batch is refused",         "hA1-9 eA1+1025 c q", "welcome:1:4 nack3:1 0 " },
    { "numbers cannot run over",              "hA1-9 eA18446744073709551615+1 c", "welcome:1:4 nack3:1 " },
    { "two agents do not meet",               "hA1-9 hB1-9 eA1+3 eB1+1 c q",
      "welcome:1:4 welcome:1:4 ack:1:4 ack:3:4 2 " },
    { "one cannot speak in another's stream", "hA1-9 eB1+3 c q", "welcome:1:4 nack2:0 0 " },
    { "a new connection takes over",          "hA1-9 eA1+3 c hI1-9 eI4+1 eA5+1 c",
      "welcome:1:4 ack:3:4 welcome:4:4 nack2:0 ack:4:4 " },
    { "its welcome waits for the commit",     "hA1-9 eA1+3 hI1-9 c", "welcome:1:4 welcome:4:4 " },
    { "a restart goes on where disk ends",    "hA1-9 eA1+3 c eA4+3 r hA4-9", "welcome:1:4 ack:3:4 welcome:4:4 " },
    { "after it, hello comes first",          "hA1-9 eA1+3 c r eA4+1", "welcome:1:4 ack:3:4 nack2:0 " },
    { "what an agent lost is told and skipped", "hA1-9 eA1+3 c hA6-9 t eA6+1 c q",
      "welcome:1:4 ack:3:4 welcome:6:4 ack:6:4 3 " },
    { "also of a stream never seen",          "hA6-9 t c q", "welcome:6:4 1 " },
    { "one that went back is told where we are", "hA1-9 eA1+9 c hA1-3", "welcome:1:4 ack:9:4 welcome:10:4 " },
    { "a hello that makes no sense is refused", "hA9-3", "nack3:0 " },
    { "above the credit is refused",          "hA1-99 eA1+1 eA2+1 eA3+1 eA4+1 eA5+1 eA6+1 eA7+1 eA8+1 eA9+1 c q",
      "welcome:1:4 nack4:9 ack:8:4 8 " },
    { "without credit nothing is taken",      "hA1-9 s eA1+1 eA2+1 c q o eA1+1 c",
      "welcome:1:4 ack:0:0 nack4:1 nack1:1 ack:0:0 0 ack:0:4 ack:1:4 " },
    { "hello without credit says so",         "s hA1-9", "welcome:1:0 " },
};

static void sessions_go_as_drawn(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct play p = { .dir = scratch_new(), .now = 1000000 };
        char *steps = strdup(rows[i].steps), *save = NULL;

        p.out = open_memstream(&p.got, &p.got_n);
        assert_non_null(p.out);
        open_play(&p, (uint64_t)16 << 20, 0);
        for (char *w = strtok_r(steps, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
            step(&p, w);
        fclose(p.out);
        if (strcmp(p.got, rows[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].story, p.got, rows[i].want);
        close_play(&p);
        scratch_remove(p.dir.at);
        free(steps);
        free(p.got);
    }
}

/* The store is full: nothing is acknowledged that is not in it, and the agent is told from where. */
static void a_full_store_is_told_and_not_acknowledged(void **state)
{
    (void)state;
    struct play p = { .dir = scratch_new(), .now = 1 };
    uint64_t first = 1;

    p.out = open_memstream(&p.got, &p.got_n);
    assert_non_null(p.out);
    open_play(&p, (uint64_t)1 << 30, 256 << 10);
    say(&p, 'A', &hello_schema, &(struct hello){ .stream = 7, .first = 1, .last = 99999 });
    do {
        fflush(p.out);
        p.got[0] = '\0';
        rewind(p.out);
        say_events(&p, 'A', first, 500, 500);
        first += 500;
        step(&p, "c");
        fflush(p.out);
        assert_true(first < 99999);
    } while (strncmp(p.got, "full", 4) != 0);
    fclose(p.out);

    char want[sizeof "full nack1: ack::0 " + 2 * 20];
    snprintf(want, sizeof want, "full nack1:%" PRIu64 " ack:%" PRIu64 ":0 ", first - 500, first - 501);
    assert_string_equal(p.got, want);
    uint64_t upto = 0;
    assert_int_equal(journal_upto(p.journal, 1, 7, &upto), ERR_OK);
    assert_int_equal(upto, first - 501);
    close_play(&p);
    scratch_remove(p.dir.at);
    free(p.got);
}

static void streams_of_one_agent_are_bounded(void **state)
{
    (void)state;
    struct play p = { .dir = scratch_new(), .now = 1 };

    p.out = open_memstream(&p.got, &p.got_n);
    assert_non_null(p.out);
    open_play(&p, (uint64_t)16 << 20, 0);
    for (uint64_t i = 0; i < 100; i++, p.now++)
        say(&p, 'A', &hello_schema, &(struct hello){ .stream = i, .first = 1 });
    assert_int_equal(sessions_count(p.sessions), SESSIONS_PER_AGENT_MAX);
    assert_int_equal(sessions_sweep(p.sessions, p.now - 2), SESSIONS_PER_AGENT_MAX - 2);
    assert_int_equal(sessions_sweep(p.sessions, p.now), 2);
    fclose(p.out);
    close_play(&p);
    scratch_remove(p.dir.at);
    free(p.got);
}

/* Many streams of one agent push each other out; what is not on disk is not said to be. */
static void a_stream_pushed_out_is_not_acknowledged_early(void **state)
{
    (void)state;
    struct play p = { .dir = scratch_new(), .now = 1 };

    p.out = open_memstream(&p.got, &p.got_n);
    assert_non_null(p.out);
    open_play(&p, (uint64_t)16 << 20, 0);
    step(&p, "hA1-9");
    step(&p, "eA1+3");
    for (uint64_t i = 1; i <= SESSIONS_PER_AGENT_MAX; i++) {
        p.now++;
        say(&p, 'A', &hello_schema, &(struct hello){ .stream = 7 + i, .first = 1 });
    }
    step(&p, "hA1-9");
    fflush(p.out);
    assert_null(strstr(p.got, "welcome:4"));
    step(&p, "c");
    fclose(p.out);
    assert_non_null(strstr(p.got, "welcome:4"));
    close_play(&p);
    scratch_remove(p.dir.at);
    free(p.got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_go_as_drawn),
        cmocka_unit_test(a_full_store_is_told_and_not_acknowledged),
        cmocka_unit_test(streams_of_one_agent_are_bounded),
        cmocka_unit_test(a_stream_pushed_out_is_not_acknowledged_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
