/*
 * logtest - say what the rules make of log lines, as ossec-logtest does
 *
 * Lines come on stdin.  What ossec-logtest prints goes to stderr, as it does there; alerts
 * (-a), the digit of -U and JSON go to stdout.  Lines shorter than two bytes are skipped.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "common/stage/loop.h"
#include "common/version.h"
#include "yagura/pipeline.h"
#include "yagura/lines.h"
#include "yagura/verdict_text.h"

enum { LINE_MIN = 2, UNIT_STEPS = 3, EXIT_NO_RULE = 255 };
enum { OPTION_JSON = 256, OPTION_NOW, OPTION_FRESH };

struct logtest {
    struct pipeline_options asks;
    bool alerts, quiet, check, json;
    uint64_t now_us;                    /* 0: the clock's */
    char *unit[UNIT_STEPS];             /* -U: rule, level, decoder; NULL when not given */
    uint64_t n_alerts;
    int status;                         /* of the last verdict, for -U */
};

static const struct { const char *flag, *doc; } help[] = {
    { "-a",                      "print alerts only, as alerts.log has them" },
    { "-v",                      "print every rule that is tried" },
    { "-U RULE:LEVEL:DECODER",   "exit with 0 when the last line gave these, 1 when only the\n"
      "                        level differs, 2 the rule, 3 the decoder, 255 without a rule" },
    { "-q",                      "say less at the start" },
    { "-t",                      "only load configuration, rules and decoders" },
    { "-c FILE",                 "read this ossec.conf" },
    { "-D DIR",                  "keep every file below DIR instead of /" },
    { "-d",                      "log more" },
    { "--json",                  "one JSON object for each line" },
    { "--now EPOCH",             "every line is received at this second" },
    { "--fresh",                 "each line meets an empty history" },
    { "-V",                      "the version" },
    { "-h",                      "this text" },
};

static void usage(FILE *out)
{
    fputs("usage: yagura logtest [OPTION ...] <LINES\n\n", out);
    for (size_t i = 0; i < sizeof help / sizeof help[0]; i++)
        fprintf(out, "  %-21s %s\n", help[i].flag, help[i].doc);
}

static void info(const char *text)
{
    time_t now = time(NULL);
    struct tm tm;
    char stamp[sizeof "YYYY/MM/DD HH:MM:SS"];

    if (localtime_r(&now, &tm) == NULL
        || strftime(stamp, sizeof stamp, "%Y/%m/%d %H:%M:%S", &tm) == 0)
        stamp[0] = '\0';
    fprintf(stderr, "%s ossec-testrule: INFO: %s\n", stamp, text);
}

static void banner(const struct logtest *t)
{
    char *started = NULL;

    if (t->json || t->check)
        return;
    if (!t->quiet)
        info("Reading local decoder file.");
    if (asprintf(&started, "Started (pid: %d).", (int)getpid()) >= 0)
        info(started);
    free(started);
    if (!t->alerts)
        fputs("ossec-testrule: Type one log per line.\n", stderr);
    (void)fflush(stderr);               /* whoever types waits for it */
}

/* How many of decoder, rule and level, in this order, are not as wanted. */
static int unit_status(const struct logtest *t, const struct verdict *v, const struct event *e,
                       const struct alert *a)
{
    if (!v->matched)
        return EXIT_NO_RULE;
    if (!slice_eq_nocase(slice_of(t->unit[2]), e->decoder))
        return 3;
    if (strtoull(t->unit[0], NULL, 10) != v->rule)
        return 2;
    return strtoull(t->unit[1], NULL, 10) != a->level;
}

static void on_verdict(void *arg, const struct verdict *v, const struct event *e,
                       const struct alert *a)
{
    struct logtest *t = arg;

    if (t->json)
        verdict_put_json(stdout, v, e, a);
    else if (!t->alerts)
        verdict_put_phases(stderr, v, e, a);
    else if (v->alerted)
        verdict_put_alert(stdout, a, ++t->n_alerts);
    if (t->unit[0] != NULL) {
        t->status = unit_status(t, v, e, a);
        printf("%d\n", t->status);
    }
}

static enum err ask_lines(struct logtest *t, struct pipeline *j, struct lines *l)
{
    struct slice line;

    while (!pipeline_full(j) && lines_next(l, &line)) {
        if (line.n < LINE_MIN)
            continue;
        enum err e = pipeline_ask(j, line, t->now_us != 0 ? t->now_us : clock_now_us());
        if (e != ERR_OK)
            return e;
    }
    if (lines_ended(l))
        pipeline_end(j);
    return ERR_OK;
}

/* Until the verdicts end. */
static enum err pipeline_all(struct logtest *t, struct pipeline *j, struct lines *l)
{
    bool readable, more = !t->check;
    enum err e = ERR_OK;

    if (t->check)
        pipeline_end(j);
    while (e == ERR_OK) {
        int in = more && !pipeline_full(j) ? STDIN_FILENO : -1;
        e = pipeline_turn(j, in, &readable);
        if (e == ERR_OK && readable) {
            enum err got = lines_read(l);
            more = got != ERR_ABSENT;
            e = got == ERR_ABSENT ? ERR_OK : got;
        }
        if (e == ERR_OK && !t->check)
            e = ask_lines(t, j, l);
        (void)fflush(stdout);
        (void)fflush(stderr);
    }
    return e;
}

static int logtest(struct logtest *t)
{
    struct pipeline *j = NULL;
    struct lines *l = NULL;

    banner(t);
    enum err e = lines_new(&l, STDIN_FILENO);
    if (e == ERR_OK)
        e = pipeline_new(&j, &t->asks, on_verdict, t);
    if (e != ERR_OK) {
        fprintf(stderr, "yagura logtest: yagura-decode and yagura-correlate did not start: %s\n",
                err_str(e));
        lines_free(l);
        return 1;
    }
    e = pipeline_all(t, j, l);
    bool well = e == ERR_ABSENT && pipeline_ended_well(j);
    if (!well && !t->check)
        fprintf(stderr, "yagura logtest: not every line was judged: %s\n",
                e == ERR_ABSENT ? "a stage gave up" : err_str(e));
    if (lines_cut(l) > 0)
        fprintf(stderr, "yagura logtest: %llu lines were longer than %zu bytes and were cut\n",
                (unsigned long long)lines_cut(l), LINES_MAX);
    pipeline_free(j);
    lines_free(l);
    return well ? t->status : 1;
}

static bool read_unit(struct logtest *t, char *text)
{
    for (size_t i = 0; i < UNIT_STEPS; i++) {
        t->unit[i] = text;
        char *colon = i + 1 < UNIT_STEPS ? strchr(text, ':') : NULL;
        if (i + 1 < UNIT_STEPS && colon == NULL)
            return false;
        if (colon != NULL) {
            *colon = '\0';
            text = colon + 1;
        }
    }
    return true;
}

static bool read_now(struct logtest *t, const char *text)
{
    char *end;

    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || text[0] == '-' || n == 0 || n > UINT64_MAX / 1000000)
        return false;
    t->now_us = (uint64_t)n * 1000000;
    return true;
}

/* False: the command line is wrong, and why has been said. */
static bool read_option(struct logtest *t, int c, char *value)
{
    switch (c) {
    case 'a': t->alerts = true; return true;
    case 'v': t->asks.trace = true; return true;
    case 'q': t->quiet = true; return true;
    case 't': t->check = true; return true;
    case 'c': t->asks.config = value; return true;
    case 'D': t->asks.prefix = value; return true;
    case 'd': t->asks.debug = true; return true;
    case OPTION_JSON: t->json = true; return true;
    case OPTION_FRESH: t->asks.fresh = true; return true;
    case OPTION_NOW:
        if (read_now(t, value))
            return true;
        fputs("yagura logtest: --now wants seconds since the epoch\n", stderr);
        return false;
    case 'U':
        if (read_unit(t, value))
            return true;
        fputs("yagura logtest: -U wants RULE:LEVEL:DECODER\n", stderr);
        return false;
    default:
        usage(stderr);
        return false;
    }
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        { "json",  no_argument,       NULL, OPTION_JSON },
        { "now",   required_argument, NULL, OPTION_NOW },
        { "fresh", no_argument,       NULL, OPTION_FRESH },
        { "help",  no_argument,       NULL, 'h' },
        { "version", no_argument,     NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    struct logtest t = { .status = 0 };
    int c;

    setvbuf(stderr, NULL, _IOFBF, BUFSIZ);
    while ((c = getopt_long(argc, argv, "avU:qtc:D:dVh", longs, NULL)) != -1) {
        if (c == 'h') {
            usage(stdout);
            return 0;
        }
        if (c == 'V') {
            puts("yagura-logtest " YAGURA_VERSION);
            return 0;
        }
        if (!read_option(&t, c, optarg))
            return 2;
    }
    if (optind < argc) {
        fputs("yagura logtest: lines are read from stdin; there is nothing to name\n", stderr);
        return 2;
    }
    return logtest(&t);
}
