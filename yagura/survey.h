/*
 * survey - ask every stage that has a control socket how it is
 *
 * The sockets are RUN/ctl/NAME.  All are asked at once and given the same time; one that
 * stays silent is listed as such, so a dead or stuck stage is seen and delays nobody.
 */
#ifndef YAGURA_SURVEY_H
#define YAGURA_SURVEY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "schemas/messages.h"

#define SURVEY_MAX 256                  /* sockets asked; further ones are left out */

struct survey;

struct survey_row {
    const char *name;                   /* the socket's */
    bool answered;
    struct status_reply reply;          /* when answered */
};

/* zmq: a context.  Takes at most timeout_ms.  ERR_ABSENT: there is no directory RUN/ctl.  The
 * caller owns *ret, and the rows borrow from it. */
MUST_USE enum err survey_new(struct survey **ret, void *zmq, const char *run_dir,
                             uint32_t timeout_ms);
void survey_free(struct survey *s);     /* NULL is fine */

size_t survey_rows(const struct survey *s);             /* by name */
const struct survey_row *survey_at(const struct survey *s, size_t i);

/* The values of a reply, one after the other; begin with *rest = reply->values and *at = 0.
 * text.p is NULL for a number. */
struct survey_value { struct slice name, text; uint64_t n; };
bool survey_value(struct slice *rest, uint64_t *at, struct survey_value *ret);

/* The counter of this name; 0 when there is none. */
uint64_t survey_count(const struct status_reply *r, const char *name);

#endif
