/*
 * check - read a configuration with its rules, decoders and lists, and say what is wrong
 *
 * Everything is said at once: a line "file:line: reason" for each error and warning, then a
 * summary.  Exit status: 0 without errors, 1 with.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/conf/config.h"
#include "common/conf/rule_files.h"
#include "common/rules/ruleset.h"
#include "common/text/report.h"

enum { OPTION_OPTIONS = 256 };

static void usage(FILE *out)
{
    fputs("usage: yagura check [-c FILE] [-p DIR]\n\n"
          "  -c, --config FILE  check this ossec.conf and what it names\n"
          "  -p, --prefix DIR   keep every file below DIR instead of /\n"
          "      --options      print every section and option of ossec.conf and its default\n"
          "  -h, --help         this text\n", out);
}

static size_t count_files(const struct config *c, struct report *r)
{
    typedef enum err lister(struct config_files **ret, const struct config *c, struct report *r);
    static lister *const listers[] = {
        config_rule_files, config_decoder_files, config_list_files,
    };
    struct config_files *files;
    size_t n = 0;

    for (size_t i = 0; i < sizeof listers / sizeof listers[0]; i++)
        if (listers[i](&files, c, r) == ERR_OK) {
            n += files->n;
            config_files_free(files);
        }
    return n;
}

static void put_unused(const struct config *c)
{
    const struct config_note *note;
    size_t n = config_unused(c, &note);

    if (n > 0)
        puts("accepted, and not acted on in this version:");
    for (size_t i = 0; i < n; i++)
        printf("  %s:%u: <%.*s>\n", c->file, note[i].line, SLICE_FMT(note[i].name));
}

/* The summary line; the numbers are known when all was loaded. */
static void put_summary(const struct config *c, const struct ruleset *rs, const struct report *r,
                        struct report *scratch)
{
    if (rs != NULL)
        printf("%zu files, %zu rules, %zu decoders: ", count_files(c, scratch), ruleset_rules(rs),
               ruleset_decoders(rs));
    if (report_errors(r) == 0)
        printf("no errors");
    else
        printf("%zu error%s", report_errors(r), report_errors(r) == 1 ? "" : "s");
    if (report_warnings(r) > 0)
        printf(", %zu warning%s", report_warnings(r), report_warnings(r) == 1 ? "" : "s");
    putchar('\n');
}

static int check(const char *file, const char *prefix)
{
    struct report *r = NULL, *scratch = NULL;
    struct paths *paths = NULL;
    struct config *c = NULL;
    struct ruleset *rs = NULL;

    enum err e = report_new(&r);
    if (e == ERR_OK)
        e = report_new(&scratch);
    if (e == ERR_OK)
        e = paths_new(&paths, prefix);
    if (e == ERR_OK)
        e = config_load_faulty(&c, file, paths, r);
    if (c != NULL) {
        enum err rules = ruleset_load(&rs, c, r);
        e = e != ERR_OK ? e : rules;
    }
    if (r != NULL)
        report_print(r, stdout);
    if (c != NULL)
        put_unused(c);
    if (r != NULL && scratch != NULL)
        put_summary(c, rs, r, scratch);
    bool bad = e != ERR_OK || report_errors(r) > 0;
    if (bad && (r == NULL || report_errors(r) == 0))
        fprintf(stderr, "yagura check: %s: %s\n", file != NULL ? file : "configuration",
                err_str(e));
    ruleset_free(rs);
    config_free(c);
    paths_free(paths);
    report_free(scratch);
    report_free(r);
    return bad;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        { "config",  required_argument, NULL, 'c' },
        { "prefix",  required_argument, NULL, 'p' },
        { "options", no_argument,       NULL, OPTION_OPTIONS },
        { "help",    no_argument,       NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    const char *file = NULL, *prefix = NULL;

    for (int o; (o = getopt_long(argc, argv, "c:p:h", longs, NULL)) != -1;) {
        if (o == 'c')
            file = optarg;
        else if (o == 'p')
            prefix = optarg;
        else if (o == OPTION_OPTIONS) {
            config_doc(stdout);
            return 0;
        } else {
            usage(o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : 2;
        }
    }
    if (optind < argc) {
        usage(stderr);
        return 2;
    }
    return check(file, prefix);
}
