/*
 * messages - every record that crosses a socket, as a struct
 *
 * The tables are schemas/NAME.def; struct NAME and NAME_schema come from them.  Rows
 * are added at the end and never renumbered: they are the wire.
 */
#ifndef SCHEMAS_MESSAGES_H
#define SCHEMAS_MESSAGES_H

#include "common/wire/record.h"

enum message {
    MESSAGE_HELLO = 1,
    MESSAGE_WELCOME = 2,
    MESSAGE_EVENTS = 3,
    MESSAGE_ACK = 4,
    MESSAGE_NACK = 5,
    MESSAGE_BEAT = 6,
    MESSAGE_WANT = 10,
    MESSAGE_LEASE = 11,
    MESSAGE_DONE = 12,
    MESSAGE_RANGE = 13,
    MESSAGE_RANGE_ACK = 14,
    MESSAGE_PING = 15,
    MESSAGE_PONG = 16,
    MESSAGE_FETCH = 20,
    MESSAGE_ALERTS = 21,
    MESSAGE_REPLAY = 22,
    MESSAGE_REPLAY_REPLY = 23,
    MESSAGE_STATUS = 30,
    MESSAGE_STATUS_REPLY = 31,
};

/* A batch goes out when it has BATCH_EVENTS records or BATCH_BYTES bytes or is BATCH_MS old; one with
 * more than BATCH_EVENTS_MAX records or BATCH_BYTES_MAX bytes is refused: what decode makes of it
 * has to fit a frame too. */
#define BATCH_EVENTS     128
#define BATCH_BYTES      ((size_t)32 << 10)
#define BATCH_MS         5
#define BATCH_EVENTS_MAX 1024
#define BATCH_BYTES_MAX  ((size_t)256 << 10)

enum raw_kind { RAW_LOG, RAW_SYSLOG, RAW_SYSCHECK, RAW_ROOTCHECK, RAW_AGENT };

enum nack_reason {
    NACK_GAP = 1,               /* sequence numbers are missing: send again from `resume` */
    NACK_STREAM,                /* the stream is not open: say hello */
    NACK_BADMSG,                /* the body does not read; it would never be taken */
    NACK_CREDIT,                /* more than was allowed */
    NACK_CLONE,                 /* another host speaks with this key */
};

enum event_flag {
    EVENT_DECODED    = 1,       /* a decoder matched */
    EVENT_ACCUMULATE = 2,       /* its fields are to be completed from earlier records */
    EVENT_UNWALKED   = 4,       /* no decision list: correlate walks the rules itself */
    EVENT_DECODER_FTS = 8,      /* its decoder names first-time-seen fields */
};

enum alert_flag { ALERT_LOG = 1, ALERT_MAIL = 2, ALERT_ARCHIVE = 4 };

/* bits of event.fts beside 1 << enum field */
#define FTS_NAME     ((uint64_t)1 << 62)
#define FTS_LOCATION ((uint64_t)1 << 63)

enum named_field {
#define NAMED(e, order, alias, logtest, json) FIELD_##e,
#include "schemas/field.def"
#undef NAMED
    FIELD_COUNT
};

struct named { const char *order, *alias, *logtest, *json; };
extern const struct named named_fields[FIELD_COUNT];

#define FIELD(pos, kind, name, doc) kind_##kind name;
struct raw {
#include "schemas/raw.def"
};
extern const struct schema raw_schema;
struct event {
#include "schemas/event.def"
};
extern const struct schema event_schema;
struct alert {
#include "schemas/alert.def"
};
extern const struct schema alert_schema;
struct verdict {
#include "schemas/verdict.def"
};
extern const struct schema verdict_schema;
struct hello {
#include "schemas/hello.def"
};
extern const struct schema hello_schema;
struct welcome {
#include "schemas/welcome.def"
};
extern const struct schema welcome_schema;
struct events {
#include "schemas/events.def"
};
extern const struct schema events_schema;
struct ack {
#include "schemas/ack.def"
};
extern const struct schema ack_schema;
struct nack {
#include "schemas/nack.def"
};
extern const struct schema nack_schema;
struct beat {
#include "schemas/beat.def"
};
extern const struct schema beat_schema;
struct want {
#include "schemas/want.def"
};
extern const struct schema want_schema;
struct lease {
#include "schemas/lease.def"
};
extern const struct schema lease_schema;
struct done {
#include "schemas/done.def"
};
extern const struct schema done_schema;
struct range {
#include "schemas/range.def"
};
extern const struct schema range_schema;
struct range_ack {
#include "schemas/range_ack.def"
};
extern const struct schema range_ack_schema;
struct ping {
#include "schemas/ping.def"
};
extern const struct schema ping_schema;
struct pong {
#include "schemas/pong.def"
};
extern const struct schema pong_schema;
struct fetch {
#include "schemas/fetch.def"
};
extern const struct schema fetch_schema;
struct alerts {
#include "schemas/alerts.def"
};
extern const struct schema alerts_schema;
struct replay {
#include "schemas/replay.def"
};
extern const struct schema replay_schema;
struct replay_reply {
#include "schemas/replay_reply.def"
};
extern const struct schema replay_reply_schema;
struct status {
#include "schemas/status.def"
};
extern const struct schema status_schema;
struct status_reply {
#include "schemas/status_reply.def"
};
extern const struct schema status_reply_schema;
#undef FIELD

/* Every schema, for documentation and tests; ends with NULL. */
extern const struct schema *const all_schemas[];

#endif
