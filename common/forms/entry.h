/*
 * entry - one alert, read and checked, as every way out needs it
 *
 * Everything in it is borrowed from the bytes it was read from.
 */
#ifndef ALERTD_FORMS_ENTRY_H
#define ALERTD_FORMS_ENTRY_H

#include "common/rules/event.h"
#include "schemas/messages.h"

#define ENTRY_CONTEXT_MAX 11            /* earlier records OSSEC prints below an alert */

struct entry {
    uint64_t seq, topic_seq;            /* of the journal; 0 for what only goes to the archives */
    struct alert a;
    struct decoded d;                   /* its field[], dynamic[] and order[] alone are filled */
    struct slice context[ENTRY_CONTEXT_MAX];
    size_t n_context;
};

/* Read the first alert record of *rest, which then begins behind it.  ERR_BADMSG: it is none,
 * and *rest is to be given up. */
MUST_USE enum err entry_next(struct entry *e, struct slice *rest);

/* Fill fields and context of an entry whose record e->a is set.  ERR_BADMSG. */
MUST_USE enum err entry_fill(struct entry *e);

/* The message behind its header; all of full_log when the record does not say. */
struct slice entry_log(const struct entry *e);

/* The part of the location that names the file or source: behind "->" where there is one. */
struct slice entry_logfile(const struct entry *e);

/* Does "hostname->" stand before the location in OSSEC's text files? */
bool entry_has_host(const struct entry *e);

#endif
