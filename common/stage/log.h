/*
 * log - one line an event, to stderr, for the journal to stamp: "<6>text key=value"
 *
 * error: a person must act.  warn: we went on, and the line says so.  info: events of a
 * life.  debug: free.  Text from outside goes through %s of log_text(), which escapes it
 * and puts it in quotes.
 */
#ifndef COMMON_STAGE_LOG_H
#define COMMON_STAGE_LOG_H

#include <stdint.h>

#include "common/slice.h"

enum log_level { LEVEL_ERROR = 3, LEVEL_WARN = 4, LEVEL_INFO = 6, LEVEL_DEBUG = 7 };

/* The level is the process's one global: lines above it are not written. */
void log_setup(const char *program, enum log_level most);

__attribute__((format(printf, 2, 3)))
void log_line(enum log_level level, const char *fmt, ...);

#define log_error(...) log_line(LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LEVEL_DEBUG, __VA_ARGS__)

/* Say why in one line and exit with status 1.  Only from a main or the stage skeleton. */
__attribute__((format(printf, 1, 2), noreturn))
void die(const char *fmt, ...);

/* Text from outside for a log line: quoted, escaped, cut at 200 bytes.  Room for one line:
 * LOG_TEXT(s) makes it on the caller's stack. */
struct log_text { char at[200 * 4 + 8]; };
const char *log_text(struct slice s, struct log_text *room);
#define LOG_TEXT(s) log_text((s), &(struct log_text){ { 0 } })

/* A peer can cause at most one line a second: true when a line may be written now, and then
 * *suppressed is how many were not since the last.  now_ms from any monotonic clock. */
struct log_limit { uint64_t last_ms; uint64_t held; };
bool log_allowed(struct log_limit *l, uint64_t now_ms, uint64_t *suppressed);

#endif
