#include "schemas/messages.h"

#define FIELD(pos, kind, name, doc) { pos, KIND_##kind, #name, offsetof(struct RECORD, name), doc },
#define SCHEMA(rec, number, text) \
    const struct schema rec##_schema = { \
        #rec, text, number, sizeof(struct rec), sizeof rec##_fields / sizeof rec##_fields[0], \
        rec##_fields, \
    }

const struct named named_fields[FIELD_COUNT] = {
#define NAMED(e, order, alias, logtest, json) { order, alias, logtest, json },
#include "schemas/field.def"
#undef NAMED
};

#define RECORD raw
static const struct field raw_fields[] = {
#include "schemas/raw.def"
};
SCHEMA(raw, 0,
       "one record as a host or a syslog sender wrote it; many stand in a batch's body");
#undef RECORD

#define RECORD event
static const struct field event_fields[] = {
#include "schemas/event.def"
};
SCHEMA(event, 0,
       "one decoded record, from decode to correlate; many stand in a range's body");
#undef RECORD

#define RECORD alert
static const struct field alert_fields[] = {
#include "schemas/alert.def"
};
SCHEMA(alert, 0,
       "from correlate to alertd, to the files and, as a map by these names, to subscribers");
#undef RECORD

#define RECORD verdict
static const struct field verdict_fields[] = {
#include "schemas/verdict.def"
};
SCHEMA(verdict, 0,
       "what correlate -t says of one event; for logtest and tests");
#undef RECORD

#define RECORD hello
static const struct field hello_fields[] = {
#include "schemas/hello.def"
};
SCHEMA(hello, MESSAGE_HELLO,
       "an agent opens or reopens its stream");
#undef RECORD

#define RECORD welcome
static const struct field welcome_fields[] = {
#include "schemas/welcome.def"
};
SCHEMA(welcome, MESSAGE_WELCOME,
       "ingest's answer to hello");
#undef RECORD

#define RECORD events
static const struct field events_fields[] = {
#include "schemas/events.def"
};
SCHEMA(events, MESSAGE_EVENTS,
       "a batch of raw records with consecutive sequence numbers");
#undef RECORD

#define RECORD ack
static const struct field ack_fields[] = {
#include "schemas/ack.def"
};
SCHEMA(ack, MESSAGE_ACK,
       "everything up to a number is on the manager's disk");
#undef RECORD

#define RECORD nack
static const struct field nack_fields[] = {
#include "schemas/nack.def"
};
SCHEMA(nack, MESSAGE_NACK,
       "ingest refused a message; the agent acts on the reason");
#undef RECORD

#define RECORD beat
static const struct field beat_fields[] = {
#include "schemas/beat.def"
};
SCHEMA(beat, MESSAGE_BEAT,
       "an agent with nothing to say is alive; answered by an ack with the present credit");
#undef RECORD

#define RECORD want
static const struct field want_fields[] = {
#include "schemas/want.def"
};
SCHEMA(want, MESSAGE_WANT,
       "a decoder tells ingest that it lives, and how many batches it will take");
#undef RECORD

#define RECORD lease
static const struct field lease_fields[] = {
#include "schemas/lease.def"
};
SCHEMA(lease, MESSAGE_LEASE,
       "one journalled batch, handed to one decoder until it is done");
#undef RECORD

#define RECORD done
static const struct field done_fields[] = {
#include "schemas/done.def"
};
SCHEMA(done, MESSAGE_DONE,
       "every correlator has committed this batch; ingest may trim it");
#undef RECORD

#define RECORD range
static const struct field range_fields[] = {
#include "schemas/range.def"
};
SCHEMA(range, MESSAGE_RANGE,
       "what a decoder made of one batch: a correlator's part of it, possibly empty");
#undef RECORD

#define RECORD range_ack
static const struct field range_ack_fields[] = {
#include "schemas/range_ack.def"
};
SCHEMA(range_ack, MESSAGE_RANGE_ACK,
       "a correlator has committed a range, or committed it before");
#undef RECORD

#define RECORD ping
static const struct field ping_fields[] = {
#include "schemas/ping.def"
};
SCHEMA(ping, MESSAGE_PING,
       "a decoder asks a correlator whether it is still the one it was");
#undef RECORD

#define RECORD pong
static const struct field pong_fields[] = {
#include "schemas/pong.def"
};
SCHEMA(pong, MESSAGE_PONG,
       "the answer; a new boot number means that unacknowledged ranges must be sent again");
#undef RECORD

#define RECORD fetch
static const struct field fetch_fields[] = {
#include "schemas/fetch.def"
};
SCHEMA(fetch, MESSAGE_FETCH,
       "alertd asks for alerts; request, acknowledgement and credit in one");
#undef RECORD

#define RECORD alerts
static const struct field alerts_fields[] = {
#include "schemas/alerts.def"
};
SCHEMA(alerts, MESSAGE_ALERTS,
       "the answer to fetch, at once or when there is something to say");
#undef RECORD

#define RECORD replay
static const struct field replay_fields[] = {
#include "schemas/replay.def"
};
SCHEMA(replay, MESSAGE_REPLAY,
       "a subscriber asks for alerts it has missed");
#undef RECORD

#define RECORD replay_reply
static const struct field replay_reply_fields[] = {
#include "schemas/replay_reply.def"
};
SCHEMA(replay_reply, MESSAGE_REPLAY_REPLY,
       "the first frame of the answer; three frames follow for each alert, as on PUB");
#undef RECORD

#define RECORD status
static const struct field status_fields[] = {
#include "schemas/status.def"
};
SCHEMA(status, MESSAGE_STATUS,
       "the question that any stage answers on its control socket");
#undef RECORD

#define RECORD status_reply
static const struct field status_reply_fields[] = {
#include "schemas/status_reply.def"
};
SCHEMA(status_reply, MESSAGE_STATUS_REPLY,
       "a stage's health and counters");
#undef RECORD

const struct schema *const all_schemas[] = {
    &raw_schema,
    &event_schema,
    &alert_schema,
    &verdict_schema,
    &hello_schema,
    &welcome_schema,
    &events_schema,
    &ack_schema,
    &nack_schema,
    &beat_schema,
    &want_schema,
    &lease_schema,
    &done_schema,
    &range_schema,
    &range_ack_schema,
    &ping_schema,
    &pong_schema,
    &fetch_schema,
    &alerts_schema,
    &replay_schema,
    &replay_reply_schema,
    &status_schema,
    &status_reply_schema,
    NULL,
};
