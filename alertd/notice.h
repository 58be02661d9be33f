/*
 * notice - what a subscriber got: the three frames of frames.h, read and checked
 *
 * The publisher is believed no more than anybody else: what does not read is refused.
 */
#ifndef ALERTD_NOTICE_H
#define ALERTD_NOTICE_H

#include "common/forms/entry.h"

struct json_t;

struct notice {
    bool beat;
    uint64_t epoch, seq, oldest;        /* oldest: of a beat only */
    struct slice body;                  /* the third frame */
    struct entry entry;                 /* of an alert; from JSON only what a line for people shows */
    struct json_t *held;                /* what entry borrows from besides the frames */
};

/* *ret borrows from the frames; the caller ends it with notice_done().  ERR_BADMSG. */
MUST_USE enum err notice_read(struct notice *ret, const struct slice part[3]);
void notice_done(struct notice *n);

bool notice_is_json(const struct notice *n);

#endif
