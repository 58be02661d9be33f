/* tool - run another program of ours to its end, with text in and text out */
#ifndef YAGURA_TOOL_H
#define YAGURA_TOOL_H

#include "common/err.h"
#include "common/slice.h"

#define TOOL_TEXT_MAX ((size_t)32 << 10)        /* of input and of output: what a pipe holds */

struct tool_text { size_t n; char at[TOOL_TEXT_MAX + 1]; };

/* Run yagura-PROGRAM with argv (NULL at its end, without the program); its stderr is ours.  out:
 * NULL throws the output away; else it ends in a NUL, not counted.  ERR_DENIED: it ended with
 * another status than 0.  ERR_LIMIT: more text than TOOL_TEXT_MAX.  ERR_ABSENT: no such program. */
MUST_USE enum err tool_run(const char *program, const char *const *argv, struct slice in,
                           struct tool_text *out);

#endif
