/* Whatever a body of alerts holds: nothing falls over, and each record that is accepted becomes
 * exactly one line of JSON that jansson takes, one record of alerts.log, and a map that reads back. */
#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/forms/forms.h"
#include "alertd/line.h"
#include "alertd/notice.h"

static void one_line(const struct buffer *b)
{
    assert(buffer_ok(b) && b->n > 0);
    assert(memchr(b->p, '\n', b->n) == b->p + b->n - 1);
}

static void one_object(form *f, struct buffer *b, const struct entry *e, struct stamp *stamp)
{
    buffer_reset(b);
    f(b, e, stamp);
    one_line(b);
    json_t *v = json_loadb(b->p, b->n, JSON_ALLOW_NUL, NULL);
    assert(json_is_object(v));
    json_decref(v);
}

static void one_record(struct buffer *b, const struct entry *e, struct stamp *stamp)
{
    static const char header[] = "** Alert ";

    buffer_reset(b);
    form_alert_log(b, e, stamp);
    assert(buffer_ok(b) && b->n > sizeof header && memcmp(b->p, header, sizeof header - 1) == 0);
    assert(memmem(b->p, b->n, "\n** Alert", 9) == NULL);
    assert(memmem(b->p, b->n, "\n\n", 2) == b->p + b->n - 2);
}

static void maps_read_back(const struct entry *e)
{
    struct entry back;
    msgpack_sbuffer b;

    msgpack_sbuffer_init(&b);
    assert(form_map(&b, e));
    assert(form_map_read(&back, (struct slice){ b.data, b.size }));
    assert(slice_eq(back.a.full_log, e->a.full_log) && back.a.time == e->a.time);
    msgpack_sbuffer_destroy(&b);
}

static void as_subscriber(struct slice s)
{
    const struct slice part[3] = { { "alert/5/1", 9 }, { "\x94\1\1\1\xa0", 5 }, s };
    const struct slice json[3] = { { "alert/5/1", 9 }, { "[1,1,1,\"\"]", 10 }, s };
    struct notice n;

    if (notice_read(&n, part) == ERR_OK)
        notice_done(&n);
    if (notice_read(&n, json) == ERR_OK)
        notice_done(&n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = { (const char *)data, size };
    struct stamp stamp = { 0 };
    struct buffer b = { 0 };
    struct entry e;

    memset(&e, 0, sizeof e);
    as_subscriber(rest);
    while (rest.n > 0 && entry_next(&e, &rest) == ERR_OK) {
        one_object(form_alert_json, &b, &e, &stamp);
        one_object(form_archive_json, &b, &e, &stamp);
        one_record(&b, &e, &stamp);
        buffer_reset(&b);
        line_put(&b, &e, &stamp, false);
        one_line(&b);
        buffer_reset(&b);
        form_archive_log(&b, &e, &stamp);
        one_line(&b);
        maps_read_back(&e);
    }
    buffer_free(&b);
    return 0;
}
