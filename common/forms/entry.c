#include "common/forms/entry.h"

#include "common/wire/mp.h"

static enum err read_context(struct entry *e)
{
    struct slice rest = e->a.context, text;
    uint64_t n;

    e->n_context = 0;
    if (rest.n == 0)
        return ERR_OK;
    if (!mp_array(&rest, &n))
        return ERR_BADMSG;
    for (; n > 0; n--) {
        if (!mp_text(&rest, &text))
            return ERR_BADMSG;
        if (e->n_context < ENTRY_CONTEXT_MAX)
            e->context[e->n_context++] = text;
    }
    return ERR_OK;
}

static void clear_fields(struct decoded *d)
{
    memset(d->field, 0, sizeof d->field);
    d->n_dynamic = 0;
    d->n_order = 0;
}

/* Readers of JSON in C and Java refuse whole numbers of 64 bits without a sign. */
static bool has_sane_numbers(const struct alert *a)
{
    const uint64_t all[] = { a->rule, a->level, a->frequency, a->firedtimes };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] > INT64_MAX)
            return false;
    return true;
}

enum err entry_fill(struct entry *e)
{
    if (!has_sane_numbers(&e->a))
        return ERR_BADMSG;
    clear_fields(&e->d);
    enum err err = decoded_unpack_fields(&e->d, e->a.fields);
    return err == ERR_OK ? read_context(e) : err;
}

enum err entry_next(struct entry *e, struct slice *rest)
{
    enum err err = record_next(&alert_schema, &e->a, rest);

    e->seq = e->topic_seq = 0;
    return err == ERR_OK ? entry_fill(e) : err;
}

struct slice entry_log(const struct entry *e)
{
    if (e->a.log_n == 0 || e->a.log_at > e->a.full_log.n
        || e->a.log_n > e->a.full_log.n - e->a.log_at)
        return e->a.full_log;
    return (struct slice){ e->a.full_log.p + e->a.log_at, e->a.log_n };
}

struct slice entry_logfile(const struct entry *e)
{
    struct slice l = e->a.location;
    const char *arrow = l.n > 0 ? memmem(l.p, l.n, "->", 2) : NULL;

    return arrow == NULL ? l : slice_from(l, (size_t)(arrow + 2 - l.p));
}

bool entry_has_host(const struct entry *e)
{
    return e->a.hostname.n > 0 && !slice_eq(e->a.hostname, e->a.location);
}
