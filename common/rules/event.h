/*
 * event - one record on its way through decoders and rules, in memory
 *
 * Everything in it is borrowed: slices point into the frame that brought the record
 * or into the arena that lives as long as that frame's handler.
 */
#ifndef COMMON_RULES_EVENT_H
#define COMMON_RULES_EVENT_H

#include "schemas/messages.h"

#define EVENT_DYNAMIC_MAX 64            /* fields with names of their own */

enum category {                         /* numbers as OSSEC's root rules have them */
    CATEGORY_SYSLOG = 1, CATEGORY_IDS, CATEGORY_FIREWALL, CATEGORY_WEBLOG = 7, CATEGORY_SQUID,
    CATEGORY_WINDOWS, CATEGORY_HOSTINFO, CATEGORY_OSSEC, CATEGORY_OSSECALERT,
};

struct event_pair { struct slice name, value; };

struct decoded {
    /* of the batch */
    uint64_t received;                  /* microseconds; windows are computed from it */
    uint64_t agent, stream, seq;        /* together they name the record for ever */
    struct slice agent_name, agent_addr;

    /* of the record */
    uint64_t kind, sent;
    struct slice location, full_log, log, hostname, program_name;

    /* of the decoder */
    struct slice decoder, decoder_leaf, decoder_parent;
    uint32_t category;
    uint64_t fts, flags;
    struct slice field[FIELD_COUNT];    /* p is NULL where a field is not set */
    struct event_pair dynamic[EVENT_DYNAMIC_MAX];
    uint32_t n_dynamic;
    uint8_t order[FIELD_COUNT + EVENT_DYNAMIC_MAX];     /* as set: enum field, or FIELD_COUNT + i */
    uint32_t n_order;
};

/* Set a named field, or again: the later value wins and keeps the first one's place. */
void decoded_set(struct decoded *d, enum named_field f, struct slice value);
/* Set a dynamic field; beyond EVENT_DYNAMIC_MAX it is left out and false is returned. */
bool decoded_set_dynamic(struct decoded *d, struct slice name, struct slice value);
/* The dynamic field of this name (case-insensitive), NULL when there is none. */
const struct slice *decoded_dynamic(const struct decoded *d, struct slice name);

/* Append the event record (schemas/event.def) of d to out; decisions is a packed msgpack value or
 * empty.  scratch is work memory of the caller's, emptied first. */
MUST_USE enum err decoded_pack(const struct decoded *d, uint64_t index, struct slice decisions,
                               msgpack_sbuffer *scratch, msgpack_sbuffer *out);
/* Fill *d from an event record and the range that brought it.  ERR_BADMSG: log_at and log_n
 * outside full_log, or fields that do not read.  *decisions borrows from the record. */
MUST_USE enum err decoded_unpack(struct decoded *d, const struct range *range,
                                 const struct event *e, struct slice *decisions);

/* The packed [key, value, ...] of d's fields, as event.fields and alert.fields have it; nothing
 * is written when there are none.  And back: ERR_BADMSG when it does not read. */
MUST_USE enum err decoded_pack_fields(const struct decoded *d, msgpack_sbuffer *out);
MUST_USE enum err decoded_unpack_fields(struct decoded *d, struct slice packed);

#endif
