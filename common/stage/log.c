#include "common/stage/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct { const char *program; enum log_level most; bool journal; } log_to = {
    "yagura", LEVEL_INFO, false,
};

void log_setup(const char *program, enum log_level most)
{
    log_to.program = program;
    log_to.most = most;
    log_to.journal = getenv("JOURNAL_STREAM") != NULL;
}

__attribute__((format(printf, 2, 0)))
static void write_line(enum log_level level, const char *fmt, va_list ap)
{
    static const char *const words[] = {
        [LEVEL_ERROR] = "error: ", [LEVEL_WARN] = "warning: ", [LEVEL_INFO] = "", [LEVEL_DEBUG] = "debug: ",
    };
    char *text = NULL;

    if (level > log_to.most || vasprintf(&text, fmt, ap) < 0)
        return;
    if (log_to.journal)
        dprintf(STDERR_FILENO, "<%d>%s\n", (int)level, text);
    else
        dprintf(STDERR_FILENO, "%s: %s%s\n", log_to.program, words[level], text);
    free(text);
}

void log_line(enum log_level level, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;

    va_start(ap, fmt);
    write_line(level, fmt, ap);
    va_end(ap);
    errno = saved;
}

void die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_line(LEVEL_ERROR, fmt, ap);
    va_end(ap);
    exit(1);
}

const char *log_text(struct slice s, struct log_text *room)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = s.n < 200 ? s.n : 200;
    char *o = room->at;

    *o++ = '"';
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            *o++ = (char)c;
        } else {
            *o++ = '\\';
            *o++ = 'x';
            *o++ = hex[c >> 4];
            *o++ = hex[c & 15];
        }
    }
    if (n < s.n)
        for (int i = 0; i < 3; i++)
            *o++ = '.';
    *o++ = '"';
    *o = '\0';
    return room->at;
}

bool log_allowed(struct log_limit *l, uint64_t now_ms, uint64_t *suppressed)
{
    if (l->last_ms != 0 && now_ms - l->last_ms < 1000) {
        l->held++;
        return false;
    }
    *suppressed = l->held;
    *l = (struct log_limit){ .last_ms = now_ms != 0 ? now_ms : 1 };
    return true;
}
