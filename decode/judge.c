#include "decode/judge.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/wire/mp.h"

#define HOST_MAX 64             /* HOST_NAME_MAX of Linux */
#define ARENA_MAX ((size_t)16 << 20)

struct judge {
    const struct ruleset *rs;
    struct work *work;
    struct arena *arena;                /* locations of one batch */
    struct decoded event;
    struct decisions list;
    msgpack_sbuffer fields, decisions, body;
    struct judge_counts counts;
    struct slice host;                  /* stands in for a header without a host name */
    char host_at[HOST_MAX + 1];
    bool keep_all;
};

static void read_host(struct judge *j)
{
    if (gethostname(j->host_at, HOST_MAX) != 0)
        j->host_at[0] = '\0';
    j->host = (struct slice){ j->host_at, strcspn(j->host_at, ".") };
}

enum err judge_new(struct judge **ret, const struct ruleset *rs, bool keep_all,
                   uint32_t match_limit)
{
    struct judge *j = calloc(1, sizeof *j);

    if (j == NULL)
        return ERR_NOMEM;
    j->rs = rs;
    j->keep_all = keep_all;
    msgpack_sbuffer_init(&j->fields);
    msgpack_sbuffer_init(&j->decisions);
    msgpack_sbuffer_init(&j->body);
    read_host(j);
    enum err e = arena_new(&j->arena, ARENA_MAX);
    if (e == ERR_OK)
        e = work_new(&j->work, rs);
    if (e != ERR_OK) {
        judge_free(j);
        return e;
    }
    work_limit(j->work, match_limit);
    *ret = j;
    return ERR_OK;
}

void judge_free(struct judge *j)
{
    if (j == NULL)
        return;
    work_free(j->work);
    arena_free(j->arena);
    msgpack_sbuffer_destroy(&j->fields);
    msgpack_sbuffer_destroy(&j->decisions);
    msgpack_sbuffer_destroy(&j->body);
    free(j);
}

void judge_keep_actions(struct judge *j)
{
    work_keep_actions(j->work);
}

struct judge_counts judge_counts(const struct judge *j)
{
    return j->counts;
}

/* "(name) address->path", as OSSEC writes where an agent's record comes from */
static struct slice compose_location(struct judge *j, const struct lease *l, struct slice path)
{
    const struct slice parts[] = { SLICE("("), l->agent_name, SLICE(") "), l->agent_addr,
                                   SLICE("->"), path };
    size_t n = 0;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        n += parts[i].n;
    char *at = arena_alloc(j->arena, n), *o = at;
    if (at == NULL)
        return path;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].n > 0)
            memcpy(o, parts[i].p, parts[i].n);
        o += parts[i].n;
    }
    n = n <= MP_TEXT_MAX ? n : MP_TEXT_MAX;
    return (struct slice){ at, n };
}

static enum err pack_decisions(struct judge *j)
{
    msgpack_packer pk;
    int bad = 0;

    msgpack_sbuffer_clear(&j->decisions);
    msgpack_packer_init(&pk, &j->decisions, msgpack_sbuffer_write);
    bad |= msgpack_pack_array(&pk, j->list.n);
    for (uint32_t i = 0; i < j->list.n; i++) {
        const struct decision *d = &j->list.at[i];
        bad |= msgpack_pack_uint64(&pk, (uint64_t)d->sid << 16 | (uint64_t)d->depth << 8 | d->flags);
    }
    return bad ? ERR_NOMEM : ERR_OK;
}

/* Records of other kinds are matched in correlate, where their fields come from. */
static bool is_line(uint64_t kind)
{
    return kind == RAW_LOG || kind == RAW_SYSLOG || kind == RAW_AGENT;
}

static void decode_and_walk(struct judge *j)
{
    struct decoded *d = &j->event;

    j->list.n = 0;
    j->list.overflow = false;
    ruleset_decode(j->rs, j->work, d, j->host);
    if (!is_line(d->kind) || (d->flags & EVENT_ACCUMULATE) != 0)
        d->flags |= EVENT_UNWALKED;
    else
        ruleset_walk(j->rs, j->work, d, &j->list);
    if (j->list.overflow)
        d->flags |= EVENT_UNWALKED;
}

static enum err judge_one(struct judge *j, const struct lease *l, uint64_t index,
                          const struct raw *r)
{
    struct decoded *d = &j->event;

    d->received = l->received;
    d->agent = l->agent;
    d->stream = l->stream;
    d->seq = l->first + index;
    d->agent_name = l->agent_name;
    d->agent_addr = l->agent_addr;
    d->kind = r->kind;
    d->sent = r->time;
    d->location = l->agent != 0 ? compose_location(j, l, r->location) : r->location;
    d->full_log = r->log;
    decode_and_walk(j);

    j->counts.events++;
    j->counts.decoded += (d->flags & EVENT_DECODED) != 0;
    bool unwalked = (d->flags & EVENT_UNWALKED) != 0;
    j->counts.unwalked += unwalked;
    if (!unwalked && !j->keep_all && !ruleset_matters(j->rs, &j->list))
        return ERR_OK;
    j->counts.passed++;
    struct slice decisions = { NULL, 0 };
    if (!unwalked) {
        enum err e = pack_decisions(j);
        if (e != ERR_OK)
            return e;
        decisions = (struct slice){ j->decisions.data, j->decisions.size };
    }
    return decoded_pack(d, index, decisions, &j->fields, &j->body);
}

static enum err judge_body(struct judge *j, const struct lease *l)
{
    struct slice rest = l->body;
    struct raw r;

    for (uint64_t i = 0; rest.n > 0; i++) {
        if (i == l->count || record_next(&raw_schema, &r, &rest) != ERR_OK) {
            j->counts.refused++;
            return ERR_OK;
        }
        enum err e = judge_one(j, l, i, &r);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

enum err judge_lease(struct judge *j, const struct lease *l, msgpack_sbuffer *out)
{
    msgpack_sbuffer_clear(&j->body);
    arena_reset(j->arena);
    enum err e = judge_body(j, l);
    if (e != ERR_OK)
        return e;

    const struct range range = {
        .ingest = l->ingest, .offset = l->offset, .floor = l->floor, .received = l->received,
        .agent = l->agent, .agent_name = l->agent_name, .agent_addr = l->agent_addr,
        .stream = l->stream, .first = l->first, .count = l->count,
        .revision = ruleset_revision(j->rs), .body = { j->body.data, j->body.size },
    };
    if (j->body.size > MP_FRAME_MAX - (64u << 10) - l->agent_name.n - l->agent_addr.n)
        return ERR_SPACE;
    return record_pack(&range_schema, &range, out);
}
