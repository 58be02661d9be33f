/*
 * json - write text from outside into JSON, safely for every reader behind it
 *
 * Printable ASCII stays as it is.  Valid UTF-8 letters stay as they are; control
 * characters, C1 controls, line and paragraph separators, bidirectional marks and
 * surrogates become \u escapes.  A byte that is not UTF-8 becomes \u00XX of its value,
 * so no byte is lost and the output is always valid JSON in valid UTF-8.
 */
#ifndef COMMON_TEXT_JSON_H
#define COMMON_TEXT_JSON_H

#include <stdio.h>

#include "common/slice.h"

void json_put_text(FILE *out, struct slice s);          /* with its quotes */

/* The same, appended to a growing buffer: at most 6 * s.n + 2 bytes are written at out.
 * Returns their number.  For the hot path, where the caller has reserved the room. */
size_t json_write_text(char *out, struct slice s);

/* The length in bytes of the valid UTF-8 character at s.p, 0 when there is none. */
size_t utf8_length(struct slice s);

/* May this character stand in a terminal or a file as it is?  (Not a control, not C1, not a
 * bidirectional mark, not a line separator, not unassigned by being a surrogate.) */
bool utf8_printable(struct slice character);

#endif
