/*
 * Any bytes as an agent's messages: what is taken is exactly what msgpack-c reads, too, as a
 * batch without hole, and everything else changes nothing but counters.
 *
 * The input is a series of messages, each with two bytes of length before it.  The agent has
 * one stream open, so that EVENTS are reached.
 */
#include <assert.h>
#include <msgpack.h>
#include <stdint.h>
#include <stdlib.h>

#include "ingest/session.h"
#include "schemas/messages.h"
#include "tests/ingest/scratch.h"

#define AGENT  7
#define STREAM 5

static enum err hear(void *arg, const struct peer *to, const struct schema *s, const void *rec)
{
    msgpack_sbuffer b;

    (void)arg;
    (void)to;
    msgpack_sbuffer_init(&b);
    assert(record_pack(s, rec, &b) == ERR_OK);          /* what we answer can be sent */
    assert(b.size < 1024);
    msgpack_sbuffer_destroy(&b);
    return ERR_OK;
}

static bool is_array(const msgpack_object *o, size_t least)
{
    return o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size >= least;
}

static uint64_t number(const msgpack_object *o, size_t i)
{
    if (i >= o->via.array.size || o->via.array.ptr[i].type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return 0;
    return o->via.array.ptr[i].via.u64;
}

/* How many records msgpack-c counts in a body; -1 when it is none. */
static int64_t records_in(const char *p, size_t n)
{
    msgpack_unpacked u;
    size_t at = 0;
    int64_t count = 0;

    msgpack_unpacked_init(&u);
    while (at < n && msgpack_unpack_next(&u, p, n, &at) == MSGPACK_UNPACK_SUCCESS) {
        if (!is_array(&u.data, 0))
            break;
        count++;
    }
    msgpack_unpacked_destroy(&u);
    return at == n ? count : -1;
}

/* The number of the last record that this message may add behind `upto`; 0: none. */
static uint64_t may_reach(struct slice frame, uint64_t upto)
{
    msgpack_unpacked u;
    size_t at = 0;
    uint64_t n = 0;

    msgpack_unpacked_init(&u);
    if (msgpack_unpack_next(&u, frame.p, frame.n, &at) == MSGPACK_UNPACK_SUCCESS && at == frame.n
        && is_array(&u.data, 5) && number(&u.data, 0) == MESSAGE_EVENTS && number(&u.data, 1) == STREAM
        && number(&u.data, 2) == upto + 1) {
        const msgpack_object *body = &u.data.via.array.ptr[4];
        uint64_t count = number(&u.data, 3);
        bool is_text = body->type == MSGPACK_OBJECT_BIN || body->type == MSGPACK_OBJECT_STR;
        if (is_text && records_in(body->via.bin.ptr, body->via.bin.size) == (int64_t)count)
            n = upto + count;
    }
    msgpack_unpacked_destroy(&u);
    return n;
}

static uint64_t upto_of(struct journal *j, uint64_t agent)
{
    uint64_t n = 0;

    assert(journal_upto(j, agent, STREAM, &n) == ERR_OK);
    return n;
}

/* A hello that says that what came before `first` is lost moves the stream on. */
static uint64_t skipped_by(struct slice frame, uint64_t skipped)
{
    struct hello h;

    if (record_unpack(&hello_schema, &h, frame) != ERR_OK || h.stream != STREAM || h.first == 0
        || h.first - 1 > h.last || h.first - 1 < skipped)
        return skipped;
    return h.first - 1;
}

static void one_message(struct sessions *s, struct journal *j, struct slice frame, uint64_t *skipped)
{
    const struct speaker who = { AGENT, SLICE("web"), SLICE("any") };
    const struct peer peer = { 1, { 'p' } };
    uint64_t before = upto_of(j, AGENT), pending = journal_pending(j);
    uint64_t known = before > *skipped ? before : *skipped;

    sessions_take(s, &who, &peer, frame, 1);
    uint64_t after = upto_of(j, AGENT);
    if (after != before)
        assert(after == may_reach(frame, known) && journal_pending(j) == pending + 1);
    *skipped = skipped_by(frame, *skipped);
    assert(upto_of(j, AGENT + 1) == 0);
    assert(sessions_count(s) <= SESSIONS_PER_AGENT_MAX);
}

static void play(struct journal *j, struct slice in)
{
    const struct hello h = { .stream = STREAM, .first = 1, .last = 1 << 20 };
    struct sessions *s;
    struct gather *g;
    msgpack_sbuffer b;
    uint64_t skipped = 0;

    assert(gather_new(&g) == ERR_OK && sessions_new(&s, j, g, 4, hear, NULL) == ERR_OK);
    msgpack_sbuffer_init(&b);
    assert(record_pack(&hello_schema, &h, &b) == ERR_OK);
    one_message(s, j, (struct slice){ b.data, b.size }, &skipped);
    msgpack_sbuffer_destroy(&b);
    for (int i = 0; in.n >= 2 && i < 64; i++) {
        size_t n = (uint8_t)in.p[0] | (size_t)(uint8_t)in.p[1] << 8;
        in = slice_from(in, 2);
        n = n < in.n ? n : in.n;
        char *exact = malloc(n > 0 ? n : 1);
        assert(exact != NULL);
        memcpy(exact, in.p, n);
        one_message(s, j, (struct slice){ exact, n }, &skipped);
        free(exact);
        in = slice_from(in, n);
    }
    sessions_free(s);
    gather_free(g);
}

static struct scratch dir;

static void clean(void)
{
    scratch_remove(dir.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct journal_limits limits = { .bytes = 64 << 20, .recent_bytes = 1 << 20 };
    struct journal *j = NULL;

    if (dir.at[0] == '\0') {
        dir = scratch_new();
        atexit(clean);
    }
    char *path = paths_join(dir.at, "j");
    assert(path != NULL && journal_open(&j, path, &limits) == ERR_OK);
    play(j, (struct slice){ (const char *)data, size });
    journal_free(j);                    /* nothing was committed: the next input finds it empty */
    free(path);
    return 0;
}
