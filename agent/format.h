/*
 * format - where one record ends and the next begins
 *
 * A log format is a row in a table: its name as <log_format> has it, and a cutter that
 * takes one record from the front of the bytes at hand.  Cutters keep no state (but mysql_log, whose
 * lines may stand for the time of an earlier one): what is not yet a
 * whole record stays in the file and is read again, so a thousand followed files need no
 * thousand buffers, and any chunking of the same bytes gives the same records.
 *
 * Every record is at most RECORD_MAX bytes.  A longer line is cut there, the rest of it is
 * skipped, and the caller is told; a joined record that would grow over it ends before.
 */
#ifndef AGENT_FORMAT_H
#define AGENT_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

#define RECORD_MAX      ((size_t)64 << 10)
#define FORMAT_LINES_MAX 1024           /* of multi-line:N */
/* Bytes that hold any whole record and the line behind it, which some formats must see. */
#define FORMAT_WINDOW   ((size_t)256 << 10)

enum source { SOURCE_FILE, SOURCE_COMMAND, SOURCE_FULL_COMMAND, SOURCE_JOURNAL };

enum flush {
    FLUSH_NO,           /* more may come: only what is certainly whole */
    FLUSH_LINES,        /* nothing came for a while: whole lines make a record */
    FLUSH_ALL,          /* nothing will ever come: a line without its newline too */
};

struct cut {
    struct slice text;          /* the record; points into the data or into the format */
    size_t used;                /* bytes of the data that it took */
    bool shortened;             /* text was longer than RECORD_MAX */
    bool skip;                  /* the rest of the line, up to its newline, is to be skipped */
    bool drop;                  /* the format has no use for it: it is passed and not handed over */
};

struct format;

/* name as in <log_format>; any that is not special means one line, one event, as in OSSEC.
 * lines: of multi-line, 1 to FORMAT_LINES_MAX, else ERR_RANGE.  start: the pattern (PCRE2) of a
 * first line, for multi-line-regex; ERR_SYNTAX when it is none.  The caller owns *ret. */
MUST_USE enum err format_new(struct format **ret, struct slice name, uint32_t lines,
                             struct slice start);
void format_free(struct format *f);             /* NULL is fine */

enum source format_source(const struct format *f);
bool format_plain(const struct format *f);      /* OSSEC does more with it than lines; we do not yet */
bool format_waits(const struct format *f);      /* may hold whole lines back: needs FLUSH_LINES */

/* Take one record from the front of data.  False: none is whole yet.  ret->text lives until
 * the next call and as long as data. */
bool format_cut(struct format *f, struct slice data, enum flush flush, struct cut *ret);

#endif
