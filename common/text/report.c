#include "common/text/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct report {
    char *line[REPORT_MAX];
    size_t kept, errors, warnings;
};

enum err report_new(struct report **ret)
{
    struct report *r = calloc(1, sizeof *r);

    if (r == NULL)
        return ERR_NOMEM;
    *ret = r;
    return ERR_OK;
}

void report_free(struct report *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->kept; i++)
        free(r->line[i]);
    free(r);
}

static void put_escaped(FILE *f, const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20 || c >= 0x7f)
            fprintf(f, "\\x%02x", c);
        else
            putc(c, f);
    }
}

__attribute__((format(printf, 5, 0)))
static void add(struct report *r, const char *mark, const char *file, uint32_t line,
                const char *fmt, va_list ap)
{
    char *text = NULL, *body = NULL;
    size_t n = 0;

    if (r->kept == REPORT_MAX || vasprintf(&body, fmt, ap) < 0)
        return;
    FILE *f = open_memstream(&text, &n);
    if (f != NULL) {
        put_escaped(f, file);
        if (line > 0)
            fprintf(f, ":%u", line);
        fprintf(f, ": %s", mark);
        put_escaped(f, body);
        fclose(f);
        r->line[r->kept++] = text;
    }
    free(body);
}

void report_error(struct report *r, const char *file, uint32_t line, const char *fmt, ...)
{
    va_list ap;

    r->errors++;
    va_start(ap, fmt);
    add(r, "", file, line, fmt, ap);
    va_end(ap);
}

void report_warn(struct report *r, const char *file, uint32_t line, const char *fmt, ...)
{
    va_list ap;

    r->warnings++;
    va_start(ap, fmt);
    add(r, "warning: ", file, line, fmt, ap);
    va_end(ap);
}

size_t report_errors(const struct report *r)
{
    return r->errors;
}

size_t report_warnings(const struct report *r)
{
    return r->warnings;
}

const char *report_line(const struct report *r, size_t i)
{
    return i < r->kept ? r->line[i] : NULL;
}

void report_print(const struct report *r, FILE *out)
{
    for (size_t i = 0; i < r->kept; i++)
        fprintf(out, "%s\n", r->line[i]);
    if (r->errors + r->warnings > r->kept)
        fprintf(out, "... and %zu more\n", r->errors + r->warnings - r->kept);
}
