#include "alertd/publish.h"

#include <stdlib.h>
#include <zmq.h>

#include "alertd/frames.h"
#include "common/stage/gate.h"
#include "common/stage/hop.h"

#define TURN 4096                       /* alerts published before the neighbours' turn */

struct publish {
    struct journal *journal;
    size_t place;
    uint64_t next, count;
    void *socket;                       /* NULL until the first bind */
    bool ossec_frames;
    struct frames frames;
};

enum err publish_new(struct publish **ret, struct journal *j, const struct publish_config *c)
{
    struct publish *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ERR_NOMEM;

    p->journal = j;
    p->frames.json = c->json;
    p->ossec_frames = c->ossec_frames;
    enum err e = journal_sink(j, "publish", JOURNAL_ALERTS, &p->place);
    if (e != ERR_OK) {
        free(p);
        return e;
    }
    p->next = journal_cursor(j, p->place);
    *ret = p;
    return ERR_OK;
}

void publish_free(struct publish *p)
{
    if (p == NULL)
        return;
    hop_close(p->socket);
    frames_free(&p->frames);
    free(p);
}

enum err publish_bind(struct publish *p, struct gate *gate, const struct config_list *at)
{
    return gate_bind_public(gate, &p->socket, ZMQ_PUB, at, PUBLISH_HWM);
}

/* PUB drops for slow subscribers and never waits: nothing to do about a failure here, the numbers
 * show it. */
static void send_parts(void *socket, const struct slice *part, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (zmq_send(socket, part[i].p, part[i].n, ZMQ_DONTWAIT | (i + 1 < n ? ZMQ_SNDMORE : 0)) < 0)
            return;
}

struct turn { struct publish *p; unsigned left; };

static bool publish_entry(void *arg, const struct entry *e)
{
    struct turn *t = arg;
    struct publish *p = t->p;

    if (frames_alert(&p->frames, journal_epoch(p->journal), e))
        send_parts(p->socket, p->frames.part, FRAMES_PARTS);
    if (p->ossec_frames && frames_ossec(&p->frames, e))
        send_parts(p->socket, p->frames.part, 2);
    p->next = e->seq + 1;
    p->count++;
    return --t->left > 0;
}

enum err publish_turn(struct publish *p, bool *more)
{
    struct turn t = { p, TURN };

    *more = false;
    if (p->socket == NULL || p->next >= journal_next(p->journal, JOURNAL_ALERTS))
        return ERR_OK;
    enum err e = journal_read(p->journal, JOURNAL_ALERTS, p->next, publish_entry, &t);
    *more = p->next < journal_next(p->journal, JOURNAL_ALERTS);
    return e;
}

void publish_beat(struct publish *p)
{
    uint64_t next = journal_next(p->journal, JOURNAL_ALERTS);

    if (p->socket != NULL
        && frames_beat(&p->frames, journal_epoch(p->journal), next - 1,
                       journal_first(p->journal, JOURNAL_ALERTS)))
        send_parts(p->socket, p->frames.part, FRAMES_PARTS);
}

enum err publish_flush(struct publish *p)
{
    if (p->next == journal_cursor(p->journal, p->place))
        return ERR_OK;
    return journal_set_sink(p->journal, p->place, p->next, SLICE(""));
}

uint64_t publish_count(const struct publish *p)
{
    return p->count;
}
