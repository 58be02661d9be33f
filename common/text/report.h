/*
 * report - what is wrong with the files an operator wrote, all of it, by file and line
 *
 * Loaders do not stop at the first error: they add a line for each and go on, so
 * that one run of `yagura check` shows the whole list.  At REPORT_MAX lines the
 * rest is only counted.
 */
#ifndef COMMON_TEXT_REPORT_H
#define COMMON_TEXT_REPORT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

#define REPORT_MAX 1000         /* lines kept */

struct report;

MUST_USE enum err report_new(struct report **ret);      /* the caller owns *ret */
void report_free(struct report *r);                     /* NULL is fine */

/* Add "file:line: text".  line 0 leaves the number out.  Bytes outside printable
 * ASCII in the formatted text are escaped. */
__attribute__((format(printf, 4, 5)))
void report_error(struct report *r, const char *file, uint32_t line, const char *fmt, ...);
__attribute__((format(printf, 4, 5)))
void report_warn(struct report *r, const char *file, uint32_t line, const char *fmt, ...);

size_t report_errors(const struct report *r);           /* counted, kept or not */
size_t report_warnings(const struct report *r);

/* Line i as written, "file:line: text" or "file:line: warning: text"; NULL past the end. */
const char *report_line(const struct report *r, size_t i);
void report_print(const struct report *r, FILE *out);   /* every kept line, then "... and N more" */

#endif
