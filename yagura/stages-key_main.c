/*
 * yagura-stages-key - make the key by which stages on several machines know each other
 *
 * Made once, on one machine; a person copies the file to every other one.  A key that is there
 * is never overwritten: whoever still held the old one would be shut out.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/conf/keyfile.h"
#include "common/conf/paths.h"

enum { EXIT_USAGE = 2 };

static void usage(FILE *out)
{
    fputs("usage: yagura stages-key [--prefix DIR]\n\n"
          "  -p, --prefix DIR  keep every file below DIR instead of /\n"
          "  -h, --help        this text\n\n"
          "Makes the key with which stages speak over tcp, and prints where it lies.  Copy the file\n"
          "to the same place on every machine, for its owner alone; a key that is there stays.\n", out);
}

static int make(const char *prefix)
{
    struct paths *paths = NULL;
    char *path = NULL;
    enum err e = paths_new(&paths, prefix);

    if (e == ERR_OK && (path = paths_join(paths->state, KEYFILE_STAGES)) == NULL)
        e = ERR_NOMEM;
    if (e == ERR_OK) {
        (void)mkdir(paths->state, 0750);        /* what fails here fails again below */
        e = keyfile_make(path);
    }
    if (e == ERR_OK)
        puts(path);
    else
        fprintf(stderr, "yagura-stages-key: %s: %s\n", path != NULL ? path : "no path",
                e == ERR_EXISTS ? "there is a key already, and it is left alone" : keyfile_why(e));
    free(path);
    paths_free(paths);
    return e == ERR_OK && fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "prefix", required_argument, NULL, 'p' }, { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    const char *prefix = NULL;
    int letter;

    while ((letter = getopt_long(argc, argv, "p:h", options, NULL)) != -1)
        switch (letter) {
        case 'p':
            prefix = optarg;
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return EXIT_USAGE;
        }
    if (optind != argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    return make(prefix);
}
