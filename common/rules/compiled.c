/* compiled - the conditions that OSSEC has as C functions (<compiled_rule>) */
#include "common/rules/tree.h"

static bool same_user_or_none(const struct decoded *d)
{
    struct slice src = d->field[FIELD_SRCUSER], dst = d->field[FIELD_DSTUSER];

    return src.p == NULL || dst.p == NULL || slice_eq(src, dst);
}

static bool long_id(const struct decoded *d)
{
    return d->field[FIELD_ID].p != NULL && d->field[FIELD_ID].n >= 10;
}

/* What stands behind a label and its colon, up to a tab or two spaces. */
static bool labelled(struct slice log, const char *label, struct slice *ret)
{
    const char *at = log.n == 0 ? NULL : memmem(log.p, log.n, label, strlen(label));

    if (at == NULL)
        return false;
    struct slice s = slice_from(log, (size_t)(at - log.p) + strlen(label));
    while (s.n > 0 && (s.p[0] == ':' || s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_from(s, 1);
    size_t n = 0;
    while (n < s.n && s.p[n] != '\t' && !(s.p[n] == ' ' && n + 1 < s.n && s.p[n + 1] == ' '))
        n++;
    *ret = (struct slice){ s.p, n };
    return true;
}

static bool target_is_not_caller(const struct decoded *d)
{
    struct slice target, caller;

    return labelled(d->log, "Target Account Name", &target)
        && labelled(d->log, "Caller User Name", &caller) && !slice_eq(target, caller);
}

static bool simple_request(const struct decoded *d)
{
    struct slice url = d->field[FIELD_URL], action = d->field[FIELD_ACTION];

    if (url.p == NULL || (action.p != NULL && !slice_eq_nocase(action, SLICE("GET"))))
        return false;
    return slice_eq(url, SLICE("/")) || url.n == 0 || memchr(url.p, '?', url.n) == NULL;
}

/* The crawlers' own networks.  OSSEC asks DNS for others; a rule engine must not. */
static bool known_crawler(const struct decoded *d)
{
    static const char *const prefixes[] = {
        "72.14.", "209.85.", "65.55.", "207.46.", "74.6.", "72.30.", "67.195.",
    };

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (slice_starts(d->log, slice_of(prefixes[i])))
            return true;
    return false;
}

compiled_rule *compiled_find(struct slice name)
{
    static const struct { const char *name; compiled_rule *rule; } rows[] = {
        { "comp_srcuser_dstuser", same_user_or_none },
        { "check_id_size", long_id },
        { "comp_mswin_targetuser_calleruser_diff", target_is_not_caller },
        { "is_simple_http_request", simple_request },
        { "is_valid_crawler", known_crawler },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (slice_eq(name, slice_of(rows[i].name)))
            return rows[i].rule;
    return NULL;
}
