#include "yagura/survey.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "common/stage/hop.h"
#include "common/stage/loop.h"
#include "common/wire/mp.h"

struct asked { char *name; void *socket; zmq_msg_t answer; bool was_asked, has_answer; };

struct survey {
    size_t n;
    struct asked asked[SURVEY_MAX];
    struct survey_row row[SURVEY_MAX];
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct asked *)a)->name, ((const struct asked *)b)->name);
}

static enum err list_names(struct survey *s, const char *run_dir)
{
    char *path = NULL;
    struct dirent *d;
    enum err e = ERR_OK;

    if (asprintf(&path, "%s/ctl", run_dir) < 0)
        return ERR_NOMEM;
    DIR *dir = opendir(path);
    free(path);
    if (dir == NULL)
        return errno == ENOENT ? ERR_ABSENT : ERR_SYS;
    while (e == ERR_OK && s->n < SURVEY_MAX && (d = readdir(dir)) != NULL) {
        if (d->d_name[0] == '.')
            continue;
        s->asked[s->n].name = strdup(d->d_name);
        if (s->asked[s->n].name == NULL)
            e = ERR_NOMEM;
        else
            s->n++;
    }
    (void)closedir(dir);
    qsort(s->asked, s->n, sizeof s->asked[0], by_name);
    return e;
}

static enum err dial(struct asked *a, void *zmq, const char *run_dir)
{
    char *endpoint = NULL;

    if (asprintf(&endpoint, "ipc://%s/ctl/%s", run_dir, a->name) < 0)
        return ERR_NOMEM;
    enum err e = hop_connect(&a->socket, zmq, ZMQ_DEALER, endpoint, NULL);
    free(endpoint);
    return e;
}

static void ask(struct asked *a)
{
    struct status question = { .what = 0 };

    a->was_asked = hop_send_record(a->socket, NULL, &status_schema, &question) == ERR_OK;
}

static void take(struct survey *s, size_t i)
{
    struct asked *a = &s->asked[i];

    if (hop_recv(a->socket, NULL, &a->answer) != ERR_OK)
        return;
    a->has_answer = true;
    s->row[i].answered = record_unpack(&status_reply_schema, &s->row[i].reply,
                                       hop_frame(&a->answer)) == ERR_OK;
}

static void collect(struct survey *s, uint32_t timeout_ms)
{
    uint64_t until = loop_now_ms() + timeout_ms;

    for (;;) {
        zmq_pollitem_t items[SURVEY_MAX];
        size_t which[SURVEY_MAX];
        int n = 0;
        uint64_t now = loop_now_ms();

        for (size_t i = 0; i < s->n; i++)
            if (s->asked[i].socket != NULL && !s->asked[i].has_answer) {
                which[n] = i;
                items[n++] = (zmq_pollitem_t){      /* sending waits for the connection */
                    .socket = s->asked[i].socket,
                    .events = s->asked[i].was_asked ? ZMQ_POLLIN : ZMQ_POLLOUT,
                };
            }
        if (n == 0 || now >= until || zmq_poll(items, n, (long)(until - now)) < 0)
            return;
        for (int k = 0; k < n; k++)
            if (items[k].revents & ZMQ_POLLIN)
                take(s, which[k]);
            else if (items[k].revents & ZMQ_POLLOUT)
                ask(&s->asked[which[k]]);
    }
}

enum err survey_new(struct survey **ret, void *zmq, const char *run_dir, uint32_t timeout_ms)
{
    struct survey *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;

    enum err e = list_names(s, run_dir);
    if (e != ERR_OK) {
        survey_free(s);
        return e;
    }
    for (size_t i = 0; i < s->n; i++) {
        s->row[i].name = s->asked[i].name;
        (void)dial(&s->asked[i], zmq, run_dir);         /* who cannot be reached does not answer */
    }
    collect(s, timeout_ms);
    *ret = s;
    return ERR_OK;
}

void survey_free(struct survey *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++) {
        free(s->asked[i].name);
        hop_close(s->asked[i].socket);
        if (s->asked[i].has_answer)
            zmq_msg_close(&s->asked[i].answer);
    }
    free(s);
}

size_t survey_rows(const struct survey *s)
{
    return s->n;
}

const struct survey_row *survey_at(const struct survey *s, size_t i)
{
    return &s->row[i];
}

bool survey_value(struct slice *rest, uint64_t *at, struct survey_value *ret)
{
    struct mp_head head;

    if (*at == 0 && (rest->n == 0 || !mp_head(rest, &head) || head.what != MP_MAP))
        return false;
    (*at)++;
    *ret = (struct survey_value){ .n = 0 };
    if (!mp_text(rest, &ret->name) || !mp_head(rest, &head))
        return false;
    if (head.what == MP_UINT)
        ret->n = head.n;
    return head.what == MP_UINT || (head.what == MP_TEXT && mp_take(rest, head.n, &ret->text));
}

uint64_t survey_count(const struct status_reply *r, const char *name)
{
    struct slice rest = r->values;
    struct survey_value v;
    uint64_t at = 0;

    while (survey_value(&rest, &at, &v))
        if (slice_eq(v.name, slice_of(name)))
            return v.n;
    return 0;
}
