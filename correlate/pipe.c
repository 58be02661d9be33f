#include "correlate/pipe.h"

#include <stdlib.h>

#include "common/stage/hop.h"
#include "common/stage/log.h"
#include "common/stage/ruleset.h"
#include "common/wire/mp.h"
#include "correlate/arbiter.h"
#include "correlate/trace.h"

struct bench {
    const struct run *run;
    struct ruleset *rs;
    struct arbiter *arbiter;
    struct memory *memory;
    struct trace trace;
    bool fresh;
    msgpack_sbuffer alert, info, out, told;
    int to;
};

static enum err pack_info(const struct rule *r, msgpack_sbuffer *out)
{
    msgpack_packer pk;
    int bad = 0;

    msgpack_sbuffer_clear(out);
    if (r == NULL || r->n_infos == 0)
        return ERR_OK;
    msgpack_packer_init(&pk, out, msgpack_sbuffer_write);
    bad |= msgpack_pack_array(&pk, 2 * (size_t)r->n_infos);
    for (uint32_t i = 0; i < r->n_infos; i++) {
        struct slice kind = slice_of(r->infos[i].kind);
        bad |= msgpack_pack_str_with_body(&pk, kind.p, kind.n);
        bad |= msgpack_pack_str_with_body(&pk, r->infos[i].text.p, r->infos[i].text.n);
    }
    return bad ? ERR_NOMEM : ERR_OK;
}

static struct slice bytes_of(const msgpack_sbuffer *b)
{
    return (struct slice){ b->data, b->size };
}

static uint64_t flags_of(const struct judgement *v)
{
    if (v->rule == NULL || !v->alerts)
        return 0;
    return ALERT_LOG | (v->rule->mail ? ALERT_MAIL : 0);
}

static enum err tell(struct bench *b, struct slice event, const struct decoded *d,
                     const struct judgement *v)
{
    struct verdict verdict = {
        .event = event, .rule = v->rule != NULL ? v->rule->sid : 0, .matched = v->rule != NULL,
        .alerted = v->alerts, .trace = bytes_of(&b->told),
    };

    msgpack_sbuffer_clear(&b->alert);
    msgpack_sbuffer_clear(&b->out);
    enum err e = judgement_pack(v, d, flags_of(v), &b->alert);
    if (e == ERR_OK)
        e = pack_info(v->rule, &b->info);
    if (e != ERR_OK)
        return e;
    verdict.alert = bytes_of(&b->alert);
    verdict.info = bytes_of(&b->info);
    e = record_pack(&verdict_schema, &verdict, &b->out);
    return e == ERR_OK ? pipe_write(b->to, bytes_of(&b->out)) : e;
}

static enum err forget(struct bench *b)
{
    const struct history_options o = history_options_of(b->run->config);
    struct memory *m = NULL;
    enum err e = memory_new(&m, b->rs, &o);

    if (e == ERR_OK) {
        memory_free(b->memory);
        b->memory = m;
    }
    return e;
}

static enum err judge_one(struct bench *b, const struct range *r, struct slice packed)
{
    struct event event;
    struct decoded d;
    struct slice decisions;
    struct judgement v;

    enum err e = record_unpack(&event_schema, &event, packed);
    if (e == ERR_OK)
        e = decoded_unpack(&d, r, &event, &decisions);
    if (e == ERR_OK && b->fresh)
        e = forget(b);
    if (e != ERR_OK)
        return e;
    b->trace.n = 0;
    e = arbiter_event(b->arbiter, b->memory, &d, decisions, r->revision == ruleset_revision(b->rs),
                      &v);
    memory_settle(b->memory);
    msgpack_sbuffer_clear(&b->told);
    trace_tell(&b->trace, b->arbiter, &b->told);
    return e == ERR_OK ? tell(b, packed, &d, &v) : e;
}

static enum err judge_frame(struct bench *b, struct slice frame)
{
    struct range r;
    struct slice packed;

    enum err e = record_unpack(&range_schema, &r, frame);
    while (e == ERR_OK && r.body.n > 0) {
        if (!mp_raw(&r.body, &packed))
            return ERR_BADMSG;
        e = judge_one(b, &r, packed);
    }
    return e;
}

static enum err bench_open(struct bench *b)
{
    enum err e = stage_ruleset(&b->rs, b->run);

    if (e == ERR_OK)
        e = arbiter_new(&b->arbiter, b->rs, true);
    if (e == ERR_OK)
        e = forget(b);
    if (e == ERR_OK && run_flag(b->run, "trace") != NULL)
        arbiter_watch(b->arbiter, trace_step, &b->trace);
    return e;
}

static void bench_close(struct bench *b)
{
    msgpack_sbuffer_destroy(&b->alert);
    msgpack_sbuffer_destroy(&b->info);
    msgpack_sbuffer_destroy(&b->out);
    msgpack_sbuffer_destroy(&b->told);
    memory_free(b->memory);
    arbiter_free(b->arbiter);
    ruleset_free(b->rs);
}

int pipe_run(struct run *run, int in, int out)
{
    struct bench b = { .run = run, .fresh = run_flag(run, "fresh") != NULL, .to = out };
    struct pipe_frame frame = { NULL, 0, 0 };

    enum err e = bench_open(&b);
    while (e == ERR_OK && (e = pipe_read(in, &frame)) == ERR_OK)
        e = judge_frame(&b, (struct slice){ frame.p, frame.n });
    if (e != ERR_ABSENT)
        log_error("%s", err_str(e));
    free(frame.p);
    bench_close(&b);
    return e == ERR_ABSENT ? 0 : 1;
}
