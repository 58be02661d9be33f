#include "agent/format.h"

#include <stdlib.h>

#include "common/text/pattern.h"

#define MYSQL_TIME (sizeof "070823 21:01:30" - 1)

typedef bool cutter(struct format *f, struct slice data, enum flush flush, struct cut *ret);

struct format {
    enum source source;
    cutter *cut;
    uint32_t lines;             /* of multi-line:N */
    struct pattern *start;
    struct matcher *matcher;
    char *joined;               /* RECORD_MAX bytes; only where records are joined */
    bool plain;
    char time[MYSQL_TIME];      /* of the last line that had one */
};

/* A line of RECORD_MAX bytes may end in CR LF. */
#define LOOK ((size_t)RECORD_MAX + 2)

static void end_line(const char *p, size_t n, struct cut *ret)
{
    if (n > 0 && p[n - 1] == '\r')
        n--;
    ret->shortened = n > RECORD_MAX;
    ret->text = (struct slice){ p, ret->shortened ? RECORD_MAX : n };
}

static bool cut_line(struct format *f, struct slice data, enum flush flush, struct cut *ret)
{
    (void)f;
    size_t look = data.n < LOOK ? data.n : LOOK;
    const char *end = look > 0 ? memchr(data.p, '\n', look) : NULL;

    ret->skip = ret->drop = false;
    if (end != NULL) {
        end_line(data.p, (size_t)(end - data.p), ret);
        ret->used = (size_t)(end - data.p) + 1;
        return true;
    }
    if (data.n >= LOOK) {
        *ret = (struct cut){ { data.p, RECORD_MAX }, RECORD_MAX, true, true, false };
        return true;
    }
    if (flush != FLUSH_ALL || data.n == 0)
        return false;
    end_line(data.p, data.n, ret);
    ret->used = data.n;
    return true;
}

/* Put line behind what is joined already; false when the record would be too long. */
static bool join(struct format *f, struct cut *ret, char between, const struct cut *line)
{
    size_t at = ret->text.n;

    if (at + 1 + line->text.n > RECORD_MAX)
        return false;
    f->joined[at] = between;
    if (line->text.n > 0)
        memcpy(f->joined + at + 1, line->text.p, line->text.n);
    ret->text.n = at + 1 + line->text.n;
    ret->used += line->used;
    return true;
}

/* The first line of a joined record, copied to where the others will follow. */
static bool first_line(struct format *f, struct slice data, enum flush flush, struct cut *ret)
{
    if (!cut_line(f, data, flush, ret))
        return false;
    if (ret->text.n > 0)
        memcpy(f->joined, ret->text.p, ret->text.n);
    ret->text.p = f->joined;
    return true;
}

static bool cut_count(struct format *f, struct slice data, enum flush flush, struct cut *ret)
{
    struct cut line;

    if (!first_line(f, data, flush, ret))
        return false;
    for (uint32_t i = 1; i < f->lines && !ret->skip; i++) {
        if (!cut_line(f, slice_from(data, ret->used), flush, &line))
            return flush == FLUSH_ALL;
        if (!join(f, ret, ' ', &line))
            return true;
    }
    return true;
}

/* Join lines as long as `belongs` says so of the next one. */
static bool cut_while(struct format *f, struct slice data, enum flush flush, struct cut *ret,
                      bool (*belongs)(struct format *, struct slice, struct slice), char between)
{
    struct cut line;

    if (!first_line(f, data, flush, ret))
        return false;
    while (!ret->skip) {
        if (!cut_line(f, slice_from(data, ret->used), flush, &line))
            return flush != FLUSH_NO;
        if (line.shortened || !belongs(f, ret->text, line.text) || !join(f, ret, between, &line))
            return true;
    }
    return true;
}

static bool is_no_start(struct format *f, struct slice record, struct slice line)
{
    (void)record;
    return pattern_match(f->start, f->matcher, line, NULL) != MATCH_YES;
}

static bool cut_regex(struct format *f, struct slice data, enum flush flush, struct cut *ret)
{
    return cut_while(f, data, flush, ret, is_no_start, '\n');
}

static bool is_indented(struct format *f, struct slice record, struct slice line)
{
    (void)f;
    (void)record;
    return line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
}

static bool cut_indented(struct format *f, struct slice data, enum flush flush, struct cut *ret)
{
    return cut_while(f, data, flush, ret, is_indented, ' ');
}

/* "msg=audit(1364481363.243:24287)", empty when there is none */
static struct slice audit_id(struct slice line)
{
    const struct slice mark = SLICE("msg=audit(");
    const char *at = line.n > 0 ? memmem(line.p, line.n, mark.p, mark.n) : NULL;

    if (at == NULL)
        return (struct slice){ line.p, 0 };
    const char *end = memchr(at, ')', line.n - (size_t)(at - line.p));
    return (struct slice){ at, end != NULL ? (size_t)(end - at) : 0 };
}

static bool is_same_audit(struct format *f, struct slice record, struct slice line)
{
    (void)f;
    struct slice id = audit_id(record);

    return id.n > 0 && slice_eq(id, audit_id(line));
}

static bool cut_audit(struct format *f, struct slice data, enum flush flush, struct cut *ret)
{
    return cut_while(f, data, flush, ret, is_same_audit, ' ');
}

static bool fits(char c, char pattern)
{
    bool digit = c >= '0' && c <= '9';

    switch (pattern) {
    case '9': return digit;
    case '#': return digit || c == ' ';
    default:  return c == pattern;
    }
}

/* Does the line begin like the pattern?  9 is a digit, # a digit or a space, all else is itself. */
static bool looks_like(struct slice line, const char *pattern)
{
    size_t i = 0;

    while (pattern[i] != '\0' && i < line.n && fits(line.p[i], pattern[i]))
        i++;
    return pattern[i] == '\0';
}

static bool is_tabbed(struct format *f, struct slice record, struct slice line)
{
    (void)f;
    (void)record;
    return looks_like(line, "\t");
}

static bool cut_postgresql(struct format *f, struct slice data, enum flush flush, struct cut *ret)
{
    return cut_while(f, data, flush, ret, is_tabbed, ' ');
}

static bool is_undated(struct format *f, struct slice record, struct slice line)
{
    (void)f;
    (void)record;
    return !looks_like(line, "9999-99-99 99:99:99");
}

static bool cut_mssql(struct format *f, struct slice data, enum flush flush, struct cut *ret)
{
    return cut_while(f, data, flush, ret, is_undated, ' ');
}

/* A transaction begins with "--ID-A--". */
static bool is_within(struct format *f, struct slice record, struct slice line)
{
    static const struct slice begins = SLICE_INIT("-A--");
    (void)f;
    (void)record;

    return !looks_like(line, "--") || line.n < begins.n
           || !slice_eq(slice_from(line, line.n - begins.n), begins);
}

static bool cut_modsec(struct format *f, struct slice data, enum flush flush, struct cut *ret)
{
    return cut_while(f, data, flush, ret, is_within, ' ');
}

static void put(struct format *f, struct cut *ret, struct slice part)
{
    size_t room = RECORD_MAX - ret->text.n;
    size_t n = part.n < room ? part.n : room;

    if (n > 0)
        memcpy(f->joined + ret->text.n, part.p, n);
    ret->text.n += n;
    ret->shortened |= n < part.n;
}

/* "MySQL log: 070823 21:01:30 ...".  A line of two tabs and six spaces is of the time of the line
 * before it; other lines are no log. */
static bool cut_mysql(struct format *f, struct slice data, enum flush flush, struct cut *ret)
{
    static const char time_of_last[] = "\t\t      ";
    struct slice line;

    if (!cut_line(f, data, flush, ret))
        return false;
    line = ret->text;
    bool dated = looks_like(line, "999999 #9:99:99");
    bool follows = looks_like(line, time_of_last);
    ret->drop = !dated && !follows;
    ret->text = (struct slice){ f->joined, 0 };
    put(f, ret, SLICE("MySQL log: "));
    if (dated)
        memcpy(f->time, line.p, sizeof f->time);
    if (follows && f->time[0] != '\0') {
        put(f, ret, (struct slice){ f->time, sizeof f->time });
        put(f, ret, SLICE(" "));
    }
    put(f, ret, follows ? slice_from(line, sizeof time_of_last - 1) : line);
    return true;
}

static const struct row {
    const char *name;
    enum source source;
    cutter *cut;
    bool counts;                /* needs the number of lines */
    bool plain;                 /* see format_plain() */
} rows[] = {
    { "command",             SOURCE_COMMAND,      cut_line,       false, false },
    { "full_command",        SOURCE_FULL_COMMAND, cut_line,       false, false },
    { "journald",            SOURCE_JOURNAL,      cut_line,       false, false },
    { "multi-line",          SOURCE_FILE,         cut_count,      true,  false },
    { "multi-line-regex",    SOURCE_FILE,         cut_regex,      false, false },
    { "multi-line_indented", SOURCE_FILE,         cut_indented,   false, false },
    { "audit",               SOURCE_FILE,         cut_audit,      false, false },
    { "mysql_log",           SOURCE_FILE,         cut_mysql,      false, false },
    { "postgresql_log",      SOURCE_FILE,         cut_postgresql, false, false },
    { "mssql_log",           SOURCE_FILE,         cut_mssql,      false, false },
    { "modsec-audit",        SOURCE_FILE,         cut_modsec,     false, false },
    { "snort-full",          SOURCE_FILE,         cut_line,       false, true  },
    { "nmapg",               SOURCE_FILE,         cut_line,       false, true  },
    { "djb-multilog",        SOURCE_FILE,         cut_line,       false, true  },
    { "ossecalert",          SOURCE_FILE,         cut_line,       false, true  },
    { "eventlog",            SOURCE_FILE,         cut_line,       false, true  },
    { "eventchannel",        SOURCE_FILE,         cut_line,       false, true  },
    { NULL,                  SOURCE_FILE,         cut_line,       false, false },
};

static const struct row *find_row(struct slice name)
{
    const struct row *r = rows;

    while (r->name != NULL && !slice_eq(slice_of(r->name), name))
        r++;
    return r;
}

static enum err prepare(struct format *f, const struct row *r, uint32_t lines, struct slice start)
{
    enum err e = ERR_OK;

    f->source = r->source;
    f->cut = r->cut;
    f->plain = r->plain;
    if (r->cut != cut_line && (f->joined = malloc(RECORD_MAX)) == NULL)
        return ERR_NOMEM;
    if (r->counts && (lines == 0 || lines > FORMAT_LINES_MAX))
        return ERR_RANGE;
    f->lines = r->counts ? lines : 0;
    if (r->cut == cut_regex) {
        e = pattern_new(&f->start, PATTERN_PCRE2, start, NULL);
        if (e == ERR_OK)
            e = matcher_new(&f->matcher);
    }
    return e == ERR_LIMIT ? ERR_SYNTAX : e;
}

enum err format_new(struct format **ret, struct slice name, uint32_t lines, struct slice start)
{
    struct format *f = calloc(1, sizeof *f);
    if (f == NULL)
        return ERR_NOMEM;

    enum err e = prepare(f, find_row(name), lines, start);
    if (e != ERR_OK) {
        format_free(f);
        return e;
    }
    *ret = f;
    return ERR_OK;
}

void format_free(struct format *f)
{
    if (f == NULL)
        return;
    if (f->start != NULL)
        pattern_free(f->start);
    if (f->matcher != NULL)
        matcher_free(f->matcher);
    free(f->joined);
    free(f);
}

enum source format_source(const struct format *f)
{
    return f->source;
}

bool format_plain(const struct format *f)
{
    return f->plain;
}

bool format_waits(const struct format *f)
{
    return f->joined != NULL && f->lines == 0 && f->cut != cut_mysql;
}

bool format_cut(struct format *f, struct slice data, enum flush flush, struct cut *ret)
{
    return f->cut(f, data, flush, ret);
}
