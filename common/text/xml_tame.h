/*
 * xml_tame - turn OSSEC's dialect into XML that expat reads
 *
 * One pass over the bytes.  What the dialect takes literally is escaped, comments are
 * emptied, the prolog goes, and a root element is put around the whole.  Every
 * newline stays on its line or moves to the end of its attribute value, so expat's
 * line numbers are the file's own.  Text is meant to be read as ISO-8859-1: then
 * every byte from 0x80 up passes through expat and can be had back.
 */
#ifndef COMMON_TEXT_XML_TAME_H
#define COMMON_TEXT_XML_TAME_H

#include "common/err.h"
#include "common/slice.h"
#include "common/text/report.h"

#define XML_TAME_CLOSE "</r>"           /* what the result ends in */

/* The caller frees ret->p, of at most six times text's size.  On error *ret is
 * untouched and r has one line. */
MUST_USE enum err xml_tame(struct slice *ret, const char *file, struct slice text,
                           struct report *r);

#endif
