#include "correlate/intake.h"

#include "common/wire/mp.h"

static uint64_t flags_of(const struct intake *in, const struct judgement *v)
{
    uint64_t flags = in->archives ? ALERT_ARCHIVE : 0;

    if (v->rule != NULL && v->rule->level > 0 && !v->ignored)
        flags |= (v->rule->log ? ALERT_LOG : 0) | (v->rule->mail ? ALERT_MAIL : 0);
    return flags;
}

static enum err pass_on(struct intake *in, struct outbox *o, const struct decoded *d,
                        const struct judgement *v)
{
    static const struct judgement nothing = { 0 };
    uint64_t flags = flags_of(in, v);
    bool alert = (flags & (ALERT_LOG | ALERT_MAIL)) != 0;

    in->counts.events++;
    in->counts.alerts += alert;
    in->counts.ignored += v->ignored;
    in->counts.archived += (flags & ALERT_ARCHIVE) != 0;
    if (flags == 0)
        return ERR_OK;
    msgpack_sbuffer_clear(&in->record);
    enum err e = judgement_pack(alert ? v : &nothing, d, flags, &in->record);
    return e == ERR_OK ? outbox_add(o, (struct slice){ in->record.data, in->record.size }) : e;
}

enum err intake_range(struct intake *in, struct memory *m, struct outbox *o, const struct range *r)
{
    bool trusted = r->revision == ruleset_revision(in->rs);
    struct slice rest = r->body, decisions;
    struct event event;
    struct decoded d;
    struct judgement v;

    for (size_t n = 0; rest.n > 0; n++) {
        if (n == BATCH_EVENTS_MAX || record_next(&event_schema, &event, &rest) != ERR_OK) {
            in->counts.refused++;       /* behind it no record begins for certain */
            return ERR_OK;
        }
        if (decoded_unpack(&d, r, &event, &decisions) != ERR_OK) {
            in->counts.refused++;
            continue;
        }
        enum err e = arbiter_event(in->arbiter, m, &d, decisions, trusted, &v);
        if (e == ERR_OK)
            e = pass_on(in, o, &d, &v);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}
