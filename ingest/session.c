#include "ingest/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/conf/keyline.h"
#include "common/wire/record.h"
#include "schemas/messages.h"

#define BUCKETS ((size_t)4096)

struct session {
    struct session *next_in_bucket;
    struct session *next_dirty;
    bool dirty;                 /* owes an answer after the commit */
    uint64_t agent, stream;
    struct peer peer;
    uint64_t taken;             /* highest sequence number appended */
    uint64_t durable;           /* highest that is committed */
    uint64_t in_turn;           /* EVENTS since the last answer */
    enum nack_reason nacked;    /* told since the last batch taken; 0: nothing */
    uint64_t heard_us;
    bool dropped;               /* a batch was not appended: the commit will fail */
    bool greeting;              /* its answer is a welcome, not an ack */
    size_t name_n;
    char name[];                /* as the registry had it at the hello */
};

struct sessions {
    struct journal *journal;
    struct gather *gather;
    session_send *send;
    void *send_arg;
    uint32_t credit;
    bool open;
    size_t n;
    struct session_counts counts;
    struct session *dirty;
    struct session *buckets[BUCKETS];   /* by agent: all streams of one agent share a bucket */
};

enum err sessions_new(struct sessions **ret, struct journal *j, struct gather *g,
                      uint32_t credit, session_send *send, void *send_arg)
{
    struct sessions *s = calloc(1, sizeof *s);

    if (s == NULL)
        return ERR_NOMEM;
    s->journal = j;
    s->gather = g;
    s->credit = credit;
    s->send = send;
    s->send_arg = send_arg;
    s->open = true;
    *ret = s;
    return ERR_OK;
}

void sessions_free(struct sessions *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (s->buckets[i] != NULL) {
            struct session *next = s->buckets[i]->next_in_bucket;
            free(s->buckets[i]);
            s->buckets[i] = next;
        }
    free(s);
}

static void tell(struct sessions *s, const struct peer *to, const struct schema *schema, const void *rec)
{
    if (s->send(s->send_arg, to, schema, rec) != ERR_OK)
        s->counts.unsent++;             /* it will say hello again, or ask with its next beat */
}

static void tell_nack(struct sessions *s, const struct peer *to, uint64_t stream,
                      enum nack_reason reason, uint64_t resume)
{
    tell(s, to, &nack_schema, &(struct nack){ .stream = stream, .reason = reason, .resume = resume });
}

static uint64_t credit_now(const struct sessions *s)
{
    return s->open ? s->credit : 0;
}

static void tell_ack(struct sessions *s, const struct session *x)
{
    tell(s, &x->peer, &ack_schema,
         &(struct ack){ .stream = x->stream, .upto = x->durable, .credit = credit_now(s) });
}

static void mark_dirty(struct sessions *s, struct session *x)
{
    if (x->dirty)
        return;
    x->dirty = true;
    x->next_dirty = s->dirty;
    s->dirty = x;
}

static struct session **bucket_of(struct sessions *s, uint64_t agent)
{
    return &s->buckets[agent % BUCKETS];
}

static struct session *find(struct sessions *s, uint64_t agent, uint64_t stream)
{
    for (struct session *x = *bucket_of(s, agent); x != NULL; x = x->next_in_bucket)
        if (x->agent == agent && x->stream == stream)
            return x;
    return NULL;
}

/* Close those of one bucket that match; agent 0 stands for any, which speakers never are.  One that
 * owes an answer stays: only it knows what of its stream is not on disk yet. */
static size_t close_some(struct sessions *s, struct session **at, uint64_t agent,
                         uint64_t heard_before, size_t most)
{
    size_t n = 0;

    while (*at != NULL && n < most) {
        struct session *x = *at;
        if (x->dirty || (agent != 0 && x->agent != agent) || x->heard_us >= heard_before) {
            at = &x->next_in_bucket;
            continue;
        }
        *at = x->next_in_bucket;
        free(x);
        s->n--;
        n++;
    }
    return n;
}

size_t sessions_sweep(struct sessions *s, uint64_t before_us)
{
    size_t n = 0;

    for (size_t i = 0; i < BUCKETS; i++)
        n += close_some(s, &s->buckets[i], 0, before_us, SIZE_MAX);
    return n;
}

/* An agent with too many streams open loses the one that was silent longest.  False: not now. */
static bool make_room(struct sessions *s, uint64_t agent)
{
    uint64_t oldest = UINT64_MAX;
    size_t n = 0;

    for (struct session *x = *bucket_of(s, agent); x != NULL; x = x->next_in_bucket)
        if (x->agent == agent) {
            n++;
            if (!x->dirty && x->heard_us < oldest)
                oldest = x->heard_us;
        }
    return n < SESSIONS_PER_AGENT_MAX
        || (oldest < UINT64_MAX && close_some(s, bucket_of(s, agent), agent, oldest + 1, 1) == 1);
}

static struct session *admit(struct sessions *s, const struct speaker *who, uint64_t stream)
{
    if (!make_room(s, who->id) || s->n >= SESSIONS_MAX)
        return NULL;
    struct session *x = calloc(1, sizeof *x + who->name.n);
    if (x == NULL)
        return NULL;
    x->agent = who->id;
    x->stream = stream;
    x->name_n = who->name.n;
    memcpy(x->name, who->name.p, who->name.n);
    struct session **at = bucket_of(s, who->id);
    x->next_in_bucket = *at;
    *at = x;
    s->n++;
    return x;
}

/* Records first..last of this stream will never come. */
static void report_hole(struct sessions *s, const struct speaker *who, uint64_t stream,
                        uint64_t first, uint64_t last, uint64_t now_us)
{
    static const char form[] = "yagura: events lost: agent '%.*s' (%" PRIu64 ") cannot send %" PRIu64
                               " records any more, numbers %" PRIu64 " to %" PRIu64
                               " of stream %" PRIu64;
    char text[sizeof form + KEYLINE_NAME_MAX + 5 * 20];
    size_t name_n = who->name.n < KEYLINE_NAME_MAX ? who->name.n : KEYLINE_NAME_MAX;

    s->counts.lost += last - first + 1;
    int n = snprintf(text, sizeof text, form, (int)name_n, who->name.p, who->id, last - first + 1,
                     first, last, stream);
    if (gather_add(s->gather, RAW_AGENT, SLICE("yagura-ingest"), (struct slice){ text, (size_t)n },
                   now_us) != ERR_OK)
        s->counts.unsent++;
}

/* resume says what is durable, so it waits for the commit when something is not yet. */
static void welcome(struct sessions *s, struct session *x, uint64_t now_us)
{
    x->heard_us = now_us;
    if (x->taken != x->durable) {
        x->greeting = true;
        mark_dirty(s, x);
        return;
    }
    x->greeting = false;
    tell(s, &x->peer, &welcome_schema, &(struct welcome){
        .agent = x->agent, .name = { x->name, x->name_n }, .stream = x->stream,
        .resume = x->durable + 1, .credit = credit_now(s), .time = now_us,
    });
}

/* What the session owes after a commit, or after one that failed. */
static void answer(struct sessions *s, struct session *x)
{
    if (x->greeting)
        welcome(s, x, x->heard_us);
    else
        tell_ack(s, x);
}

static struct session *open_stream(struct sessions *s, const struct speaker *who, uint64_t stream)
{
    struct session *x = find(s, who->id, stream);
    uint64_t upto = 0;

    if (x != NULL)
        return x;
    if (journal_upto(s->journal, who->id, stream, &upto) != ERR_OK)
        return NULL;
    x = admit(s, who, stream);
    if (x != NULL)
        x->taken = x->durable = upto;
    return x;
}

static void take_hello(struct sessions *s, const struct speaker *who, const struct peer *from,
                       const struct hello *h, uint64_t now_us)
{
    uint64_t first = h->first != 0 ? h->first : 1;

    if (first - 1 > h->last) {
        s->counts.malformed++;
        tell_nack(s, from, h->stream, NACK_BADMSG, 0);
        return;
    }
    struct session *x = open_stream(s, who, h->stream);
    if (x == NULL) {
        tell_nack(s, from, h->stream, NACK_STREAM, 0);
        return;
    }
    x->peer = *from;
    x->nacked = 0;
    s->counts.forks += h->last < x->taken;      /* the resume it gets tells it to begin a new stream */
    if (first - 1 > x->taken) {
        report_hole(s, who, h->stream, x->taken + 1, first - 1, now_us);
        x->taken = first - 1;
        if (!x->dirty)
            x->durable = x->taken;
    }
    welcome(s, x, now_us);
}

/* Every record reads, and there are as many as the message says. */
static bool body_reads(const struct events *ev)
{
    struct slice rest = ev->body;
    struct raw rec;
    uint64_t n = 0;

    for (; rest.n > 0; n++)
        if (n == ev->count || record_next(&raw_schema, &rec, &rest) != ERR_OK)
            return false;
    return n == ev->count;
}

static bool events_read(const struct events *ev)
{
    return ev->first > 0 && ev->count > 0 && ev->count <= BATCH_EVENTS_MAX
        && ev->first <= UINT64_MAX - ev->count && ev->body.n <= BATCH_BYTES_MAX && body_reads(ev);
}

/* Told once, not once for each message that was under way behind the one refused. */
static void refuse(struct sessions *s, struct session *x, enum nack_reason reason)
{
    if (x->nacked == reason)
        return;
    x->nacked = reason;
    tell_nack(s, &x->peer, x->stream, reason, x->taken + 1);
}

static void append(struct sessions *s, const struct speaker *who, struct session *x,
                   const struct events *ev, uint64_t now_us)
{
    enum err e = journal_append(s->journal, &(struct batch){
        .agent = who->id, .agent_name = who->name, .agent_addr = who->address,
        .stream = ev->stream, .first = ev->first, .count = ev->count, .received_us = now_us,
        .body = ev->body,
    });
    mark_dirty(s, x);
    x->dropped = e != ERR_OK;
    if (x->dropped)
        return;
    x->taken = ev->first + ev->count - 1;
    x->nacked = 0;
    s->counts.events += ev->count;
}

static void take_batch(struct sessions *s, const struct speaker *who, struct session *x,
                       const struct events *ev, uint64_t now_us)
{
    if (ev->first + ev->count - 1 <= x->taken) {
        s->counts.duplicates++;
        mark_dirty(s, x);
        return;
    }
    if (ev->first != x->taken + 1) {
        s->counts.gaps++;
        refuse(s, x, NACK_GAP);
        return;
    }
    if (!s->open || !journal_has_room(s->journal) || ++x->in_turn > 2 * (uint64_t)s->credit) {
        s->counts.overruns++;
        refuse(s, x, NACK_CREDIT);
        mark_dirty(s, x);
        return;
    }
    append(s, who, x, ev, now_us);
}

/* The speaker's open stream, spoken from where it said hello. */
static struct session *speaking(struct sessions *s, const struct speaker *who,
                                const struct peer *from, uint64_t stream, uint64_t now_us)
{
    struct session *x = find(s, who->id, stream);

    if (x == NULL || !peer_eq(&x->peer, from)) {
        s->counts.unopened++;
        tell_nack(s, from, stream, NACK_STREAM, 0);
        return NULL;
    }
    x->heard_us = now_us;
    return x;
}

static void take_events(struct sessions *s, const struct speaker *who, const struct peer *from,
                        const struct events *ev, uint64_t now_us)
{
    struct session *x = speaking(s, who, from, ev->stream, now_us);

    if (x == NULL)
        return;
    if (!events_read(ev)) {
        s->counts.malformed++;
        tell_nack(s, from, ev->stream, NACK_BADMSG, x->taken + 1);
        return;
    }
    take_batch(s, who, x, ev, now_us);
}

static void take_beat(struct sessions *s, const struct speaker *who, const struct peer *from,
                      const struct beat *b, uint64_t now_us)
{
    struct session *x = speaking(s, who, from, b->stream, now_us);

    if (x == NULL)
        return;
    x->nacked = 0;
    mark_dirty(s, x);
}

union heard { struct hello hello; struct events events; struct beat beat; };

static const struct { enum message type; const struct schema *schema; } known[] = {
    { MESSAGE_HELLO, &hello_schema }, { MESSAGE_EVENTS, &events_schema }, { MESSAGE_BEAT, &beat_schema },
};

static uint64_t read_message(struct slice frame, union heard *ret)
{
    uint64_t type = record_type(frame);

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (type == known[i].type)
            return record_unpack(known[i].schema, ret, frame) == ERR_OK ? type : 0;
    return 0;
}

void sessions_take(struct sessions *s, const struct speaker *who, const struct peer *from,
                   struct slice frame, uint64_t now_us)
{
    union heard m;

    s->counts.messages++;
    switch (read_message(frame, &m)) {
    case MESSAGE_HELLO:  take_hello(s, who, from, &m.hello, now_us); return;
    case MESSAGE_EVENTS: take_events(s, who, from, &m.events, now_us); return;
    case MESSAGE_BEAT:   take_beat(s, who, from, &m.beat, now_us); return;
    }
    s->counts.malformed++;
    tell_nack(s, from, 0, NACK_BADMSG, 0);
}

static struct session *take_dirty(struct sessions *s)
{
    struct session *x = s->dirty;

    if (x == NULL)
        return NULL;
    s->dirty = x->next_dirty;
    x->dirty = false;
    x->in_turn = 0;
    return x;
}

void sessions_committed(struct sessions *s)
{
    for (struct session *x; (x = take_dirty(s)) != NULL; ) {
        x->durable = x->taken;
        answer(s, x);
    }
}

void sessions_rolled_back(struct sessions *s)
{
    s->open = false;
    for (struct session *x; (x = take_dirty(s)) != NULL; ) {
        bool again = x->dropped || x->taken != x->durable;
        x->taken = x->durable;
        x->dropped = false;
        if (again && !x->greeting)
            refuse(s, x, NACK_GAP);
        answer(s, x);
    }
}

void sessions_open_credit(struct sessions *s, bool open)
{
    if (s->open == open)
        return;
    s->open = open;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct session *x = s->buckets[i]; x != NULL; x = x->next_in_bucket) {
            x->nacked = 0;
            tell_ack(s, x);
        }
}

const struct session_counts *sessions_counts(const struct sessions *s)
{
    return &s->counts;
}

size_t sessions_count(const struct sessions *s)
{
    return s->n;
}
