#include "alertd/notice.h"

#include <jansson.h>

#include "common/forms/forms.h"
#include "common/wire/mp.h"

static bool header_packed(struct notice *n, struct slice head)
{
    uint64_t count;
    struct slice id;

    if (!mp_array(&head, &count) || count < 3 || !mp_uint(&head, &n->epoch) || !mp_uint(&head, &n->seq)
        || !mp_uint(&head, &n->oldest))
        return false;
    return n->beat || (count >= 4 && mp_text(&head, &id));
}

static bool number_in(const json_t *array, size_t at, uint64_t *ret)
{
    const json_t *v = json_array_get(array, at);

    *ret = json_is_integer(v) ? (uint64_t)json_integer_value(v) : 0;
    return json_is_integer(v);
}

static bool header_json(struct notice *n, struct slice head)
{
    json_t *v = json_loadb(head.p, head.n, JSON_ALLOW_NUL, NULL);
    bool ok = number_in(v, 0, &n->epoch) && number_in(v, 1, &n->seq) && number_in(v, 2, &n->oldest);

    json_decref(v);
    return ok;
}

static struct slice text_in(const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);

    return (struct slice){ json_string_value(v), json_string_length(v) };
}

static bool body_json(struct notice *n)
{
    static const uint8_t shown[] = { FIELD_SRCIP, FIELD_SRCUSER, FIELD_DSTUSER };
    json_t *v = json_loadb(n->body.p, n->body.n, JSON_ALLOW_NUL, NULL);
    const json_t *rule = json_object_get(v, "rule");
    struct entry *e = &n->entry;

    if (rule == NULL) {
        json_decref(v);
        return false;
    }
    n->held = v;
    e->a.time = (uint64_t)json_integer_value(json_object_get(v, "TimeStamp")) * 1000;
    e->a.level = (uint64_t)json_integer_value(json_object_get(rule, "level"));
    e->a.rule = (uint64_t)json_integer_value(json_object_get(rule, "sidid"));
    e->a.description = text_in(rule, "comment");
    e->a.location = text_in(v, "location");
    for (size_t i = 0; i < sizeof shown; i++)
        e->d.field[shown[i]] = text_in(v, named_fields[shown[i]].json);
    return true;
}

bool notice_is_json(const struct notice *n)
{
    return n->body.n > 0 && n->body.p[0] == '{';
}

enum err notice_read(struct notice *ret, const struct slice part[3])
{
    struct notice *n = ret;

    memset(n, 0, sizeof *n);
    n->beat = slice_eq(part[0], SLICE("beat"));
    n->body = part[2];
    bool ok = notice_is_json(n) ? header_json(n, part[1]) : header_packed(n, part[1]);
    if (ok && !n->beat)
        ok = notice_is_json(n) ? body_json(n) : form_map_read(&n->entry, n->body);
    if (!ok) {
        notice_done(n);
        return ERR_BADMSG;
    }
    n->entry.seq = n->seq;
    return ERR_OK;
}

void notice_done(struct notice *n)
{
    json_decref(n->held);
    n->held = NULL;
}
