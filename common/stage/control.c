#include "common/stage/control.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/stage/gate.h"
#include "common/stage/hop.h"
#include "common/stage/notify.h"
#include "schemas/messages.h"

struct status_values { msgpack_sbuffer body; uint64_t n; };

struct control {
    struct run *run;
    void *self, *socket;
    char *endpoint;
    uint64_t started_ms, refused;
};

#define SCHEME "ipc://"

static void put_name(struct status_values *v, const char *name, msgpack_packer *pk)
{
    v->n++;
    msgpack_packer_init(pk, &v->body, msgpack_sbuffer_write);
    msgpack_pack_str_with_body(pk, name, strlen(name));
}

void status_count(struct status_values *v, const char *name, uint64_t n)
{
    msgpack_packer pk;

    put_name(v, name, &pk);
    msgpack_pack_uint64(&pk, n);
}

void status_text(struct status_values *v, const char *name, struct slice text)
{
    msgpack_packer pk;

    put_name(v, name, &pk);
    msgpack_pack_str_with_body(&pk, text.p, text.n);
}

static void answer(struct control *c, const struct peer *to)
{
    struct status_values v = { .n = 0 };
    msgpack_sbuffer map;
    msgpack_packer pk;

    msgpack_sbuffer_init(&v.body);
    msgpack_sbuffer_init(&map);
    if (c->run->stage->status != NULL)
        c->run->stage->status(c->self, &v);
    status_count(&v, "strangers", gate_strangers(c->run->gate));
    msgpack_packer_init(&pk, &map, msgpack_sbuffer_write);
    msgpack_pack_map(&pk, v.n);
    if (v.body.size > 0)
        msgpack_sbuffer_write(&map, v.body.data, v.body.size);

    struct status_reply reply = {
        .stage = slice_of(c->run->stage->name), .name = slice_of(c->run->name),
        .pid = (uint64_t)getpid(), .uptime = (loop_now_ms() - c->started_ms) / 1000,
        .values = { map.data, map.size },
    };
    err_ignore(hop_send_record(c->socket, to, &status_reply_schema, &reply));     /* it may have gone */
    msgpack_sbuffer_destroy(&v.body);
    msgpack_sbuffer_destroy(&map);
}

static void on_question(void *arg)
{
    struct control *c = arg;
    struct peer from;
    zmq_msg_t m;

    for (int i = 0; i < LOOP_TURN; i++) {
        enum err e = hop_recv(c->socket, &from, &m);
        if (e == ERR_BADMSG)
            c->refused++;
        else if (e != ERR_OK)
            return;
        if (e == ERR_OK) {
            if (record_type(hop_frame(&m)) == MESSAGE_STATUS)
                answer(c, &from);
            else
                c->refused++;
            zmq_msg_close(&m);
        }
    }
}

static void on_second(void *arg)
{
    (void)arg;
    notify_watchdog();
}

enum err control_open(struct control **ret, struct run *run, void *self)
{
    struct control *c = calloc(1, sizeof *c);

    if (c == NULL)
        return ERR_NOMEM;
    *c = (struct control){ .run = run, .self = self, .started_ms = loop_now_ms() };
    enum err e = paths_control(run->paths, run->name, &c->endpoint);
    if (e == ERR_OK)
        e = hop_bind(&c->socket, run->zmq, ZMQ_ROUTER, c->endpoint, NULL);
    if (e == ERR_OK)
        e = loop_add_socket(run->loop, c->socket, on_question, c);
    if (e == ERR_OK)
        e = loop_every(run->loop, 1000, on_second, c);
    if (e != ERR_OK) {
        control_close(c);
        return e;
    }
    *ret = c;
    return ERR_OK;
}

void control_close(struct control *c)
{
    if (c == NULL)
        return;
    if (c->socket != NULL)
        (void)unlink(c->endpoint + sizeof SCHEME - 1);  /* libzmq leaves it; gone already is fine */
    hop_close(c->socket);
    free(c->endpoint);
    free(c);
}
