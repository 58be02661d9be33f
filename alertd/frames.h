/*
 * frames - one alert as subscribers get it, by PUB and by replay alike
 *
 *     topic    alert/LEVEL/RULE  in decimal: a subscription to "alert/5/" has level 5 alone,
 *                                one to "alert/" has all
 *     header   array [epoch, seq, topic_seq, id]
 *     body     map by the names of schemas/alert.def; what is empty or zero is left out
 *
 * Header and body are msgpack, or both JSON, as configured; as JSON the body is the object of
 * alerts.json.  seq numbers all alerts, topic_seq those of this topic; both are dense, kept on
 * disk, and under one epoch never start again: a hole is a loss that replay fills.
 *
 * Once a second: topic "beat", header [epoch, seq, oldest]: the last number given out and the
 * oldest that replay still has; the body is an empty map.
 */
#ifndef ALERTD_FRAMES_H
#define ALERTD_FRAMES_H

#include <msgpack.h>

#include "common/forms/forms.h"

#define FRAMES_PARTS 3

struct frames {                         /* zeros are ready to use */
    bool json;
    struct stamp stamp;
    struct buffer topic, text;
    msgpack_sbuffer header, body;
    struct slice part[FRAMES_PARTS];    /* what was made last */
};

void frames_free(struct frames *f);

/* Make part[]: borrowed from *f until the next call.  False: no memory. */
bool frames_alert(struct frames *f, uint64_t epoch, const struct entry *e);
bool frames_beat(struct frames *f, uint64_t epoch, uint64_t seq, uint64_t oldest);
/* OSSEC's own two: part[0] is "ossec.alerts", part[1] the object of alerts.json. */
bool frames_ossec(struct frames *f, const struct entry *e);

#endif
