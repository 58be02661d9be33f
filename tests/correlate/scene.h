/* scene - a ruleset, a memory and an arbiter; lines go in, rule ids come out */
#ifndef TESTS_CORRELATE_SCENE_H
#define TESTS_CORRELATE_SCENE_H

#include "common/rules/ruleset.h"
#include "correlate/arbiter.h"

struct scene {
    const struct ruleset *rs;
    struct work *work;
    struct arbiter *arbiter;
    struct decoded d;
    struct decisions list;
    msgpack_sbuffer packed;
};

static inline void scene_begin(struct scene *s, const struct ruleset *rs, bool alone)
{
    *s = (struct scene){ .rs = rs };
    msgpack_sbuffer_init(&s->packed);
    if (work_new(&s->work, rs) != ERR_OK || arbiter_new(&s->arbiter, rs, alone) != ERR_OK)
        abort();
}

static inline void scene_end(struct scene *s)
{
    work_free(s->work);
    arbiter_free(s->arbiter);
    msgpack_sbuffer_destroy(&s->packed);
}

/* The decision list as decode would send it; kept until the next line. */
static inline struct slice scene_decode(struct scene *s, const char *line, uint64_t second,
                                        uint64_t seq)
{
    msgpack_packer pk;

    s->d = (struct decoded){ .received = second * 1000000, .agent = 1, .stream = 2, .seq = seq,
                             .location = SLICE("/var/log/x"), .full_log = slice_of(line) };
    ruleset_decode(s->rs, s->work, &s->d, SLICE("manager"));
    ruleset_walk(s->rs, s->work, &s->d, &s->list);
    msgpack_sbuffer_clear(&s->packed);
    msgpack_packer_init(&pk, &s->packed, msgpack_sbuffer_write);
    msgpack_pack_array(&pk, s->list.n);
    for (uint32_t i = 0; i < s->list.n; i++)
        msgpack_pack_uint64(&pk, (uint64_t)s->list.at[i].sid << 16
                                 | (uint64_t)s->list.at[i].depth << 8 | s->list.at[i].flags);
    return (struct slice){ s->packed.data, s->packed.size };
}

static inline struct judgement scene_tell(struct scene *s, struct memory *m, const char *line,
                                          uint64_t second, uint64_t seq, bool trusted)
{
    struct judgement v = { 0 };
    struct slice list = scene_decode(s, line, second, seq);

    if (arbiter_event(s->arbiter, m, &s->d, list, trusted, &v) != ERR_OK)
        abort();
    return v;
}

#endif
