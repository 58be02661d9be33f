/*
 * status - ask every running stage how it is, and print one table
 *
 * Exit status: 0 when every control socket answered, 1 when one stayed silent or none is
 * there.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "common/conf/config.h"
#include "common/text/json.h"
#include "yagura/survey.h"

enum { TIMEOUT_MS = 1000, OPTION_JSON = 256 };

/* The counters of the table; -v shows the others below each stage. */
static const char *const columns[] = { "in", "out", "refused", "queued", "lag" };
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

static void usage(FILE *out)
{
    fputs("usage: yagura status [-p DIR] [-v] [--json]\n\n"
          "  -p, --prefix DIR  the stages keep every file below DIR instead of /\n"
          "  -v, --verbose     every counter of every stage\n"
          "      --json        one JSON object for each stage\n"
          "  -h, --help        this text\n", out);
}

static bool in_table(struct slice name)
{
    for (size_t i = 0; i < N_COLUMNS; i++)
        if (slice_eq(name, slice_of(columns[i])))
            return true;
    return false;
}

/* The value of a column, or "-" where a stage has none. */
static void put_column(const struct status_reply *r, const char *name)
{
    struct slice rest = r->values;
    struct survey_value v;

    for (uint64_t at = 0; survey_value(&rest, &at, &v);)
        if (v.text.p == NULL && slice_eq(v.name, slice_of(name))) {
            printf(" %12" PRIu64, v.n);
            return;
        }
    printf(" %12s", "-");
}

static void put_rest(const struct status_reply *r)
{
    struct slice rest = r->values;
    struct survey_value v;

    for (uint64_t at = 0; survey_value(&rest, &at, &v);) {
        if (v.text.p == NULL && !in_table(v.name))
            printf("    %-24.*s %" PRIu64 "\n", SLICE_FMT(v.name), v.n);
        if (v.text.p != NULL)
            printf("    %-24.*s %.*s\n", SLICE_FMT(v.name), SLICE_FMT(v.text));
    }
}

static void put_row(const struct survey_row *row, bool verbose)
{
    const struct status_reply *r = &row->reply;

    if (!row->answered) {
        printf("%-10s %-14s does not answer\n", "?", row->name);
        return;
    }
    printf("%-10.*s %-14s %8" PRIu64 " %8" PRIu64 "s", SLICE_FMT(r->stage), row->name, r->pid,
           r->uptime);
    for (size_t i = 0; i < N_COLUMNS; i++)
        put_column(r, columns[i]);
    putchar('\n');
    if (verbose)
        put_rest(r);
}

static void put_head(void)
{
    printf("%-10s %-14s %8s %9s", "stage", "name", "pid", "up");
    for (size_t i = 0; i < N_COLUMNS; i++)
        printf(" %12s", columns[i]);
    putchar('\n');
}

static void put_json(const struct survey_row *row)
{
    const struct status_reply *r = &row->reply;
    struct slice rest = r->values;
    struct survey_value v;
    const char *between = "";

    fputs("{\"name\": ", stdout);
    json_put_text(stdout, slice_of(row->name));
    printf(", \"answered\": %s", row->answered ? "true" : "false");
    if (row->answered) {
        fputs(", \"stage\": ", stdout);
        json_put_text(stdout, r->stage);
        printf(", \"pid\": %" PRIu64 ", \"uptime\": %" PRIu64 ", \"values\": {", r->pid, r->uptime);
        for (uint64_t at = 0; survey_value(&rest, &at, &v); between = ", ") {
            fputs(between, stdout);
            json_put_text(stdout, v.name);
            fputs(": ", stdout);
            if (v.text.p != NULL)
                json_put_text(stdout, v.text);
            else
                printf("%" PRIu64, v.n);
        }
        putchar('}');
    }
    puts("}");
}

static int show(const struct survey *s, bool verbose, bool json)
{
    int silent = survey_rows(s) == 0;

    if (!json && survey_rows(s) > 0)
        put_head();
    for (size_t i = 0; i < survey_rows(s); i++) {
        const struct survey_row *row = survey_at(s, i);
        if (json)
            put_json(row);
        else
            put_row(row, verbose);
        silent |= !row->answered;
    }
    return silent;
}

static int status(const char *prefix, bool verbose, bool json)
{
    struct paths *paths;
    struct survey *s;
    void *zmq = zmq_ctx_new();

    if (zmq == NULL || paths_new(&paths, prefix) != ERR_OK) {
        fputs("yagura status: out of memory\n", stderr);
        return 1;
    }
    enum err e = survey_new(&s, zmq, paths->run, TIMEOUT_MS);
    if (e != ERR_OK || survey_rows(s) == 0)
        fprintf(stderr, "yagura status: no stage runs below %s%s%s\n", paths->run,
                e == ERR_OK || e == ERR_ABSENT ? "" : ": ",
                e == ERR_OK || e == ERR_ABSENT ? "" : err_str(e));
    int bad = 1;
    if (e == ERR_OK) {
        bad = show(s, verbose, json);
        survey_free(s);
    }
    paths_free(paths);
    zmq_ctx_term(zmq);
    return bad;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        { "prefix",  required_argument, NULL, 'p' },
        { "verbose", no_argument,       NULL, 'v' },
        { "json",    no_argument,       NULL, OPTION_JSON },
        { "help",    no_argument,       NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    const char *prefix = NULL;
    bool verbose = false, json = false;

    for (int c; (c = getopt_long(argc, argv, "p:vh", longs, NULL)) != -1;) {
        if (c == 'p')
            prefix = optarg;
        else if (c == 'v')
            verbose = true;
        else if (c == OPTION_JSON)
            json = true;
        else {
            usage(c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    }
    if (optind < argc) {
        usage(stderr);
        return 2;
    }
    return status(prefix, verbose, json);
}
