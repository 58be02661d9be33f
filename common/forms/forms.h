/*
 * forms - one alert in every form that leaves Yagura
 *
 * Text from outside is escaped in each of them: whatever a record holds, it makes exactly one
 * record of the file, and a terminal that shows the file is not told what to do.
 *
 * alerts.log keeps the lines of a record of several lines, as OSSEC prints it.  A line of it
 * that a reader of alerts.log could take for the file's own (empty, or beginning as a header
 * does) is put one space to the right.  Bytes that are no printable text stand as \xNN.
 */
#ifndef COMMON_FORMS_FORMS_H
#define COMMON_FORMS_FORMS_H

#include <msgpack.h>

#include "common/forms/buffer.h"
#include "common/forms/entry.h"
#include "common/forms/stamp.h"

/* Append one record in OSSEC's format.  *stamp is a cache the caller keeps. */
typedef void form(struct buffer *b, const struct entry *e, struct stamp *stamp);

form form_alert_log;            /* five lines and more, then an empty one */
form form_archive_log;          /* one line */
form form_alert_json;           /* one object, one line */
form form_archive_json;         /* likewise */

/* The object of alerts.json without its newline, for subscribers. */
void form_json(struct buffer *b, const struct entry *e, struct stamp *stamp);

/* A msgpack map by the names of schemas/alert.def.  What is empty or zero is left out; `fields`
 * is a map of names to values.  Text that is not valid UTF-8 is of type bin.  False: no memory. */
bool form_map(msgpack_sbuffer *out, const struct entry *e);
/* And back: false when it is not such a map.  *e borrows from s, and what only a table can name
 * (fields with names of field.def) from there. */
bool form_map_read(struct entry *e, struct slice s);

/* s as part of one line: \n and \t named, everything unprintable as \xNN. */
void form_line_text(struct buffer *b, struct slice s);

#endif
