/*
 * yagura - the one command: `yagura SUB ...` runs the program yagura-SUB
 *
 * Nothing is done here but finding the program; it takes over this process, so its exit
 * status and its signals are the caller's.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/version.h"
#include "yagura/sibling.h"

enum { EXIT_USAGE = 2 };

static const struct { const char *name, *doc; } tools[] = {
    { "run",       "run every stage and a local agent in the foreground, and show the alerts" },
    { "status",    "ask every running stage how it is, and print one table" },
    { "check",     "check a configuration, its rules and its decoders; every error with its line" },
    { "logtest",   "say what the rules make of log lines, as ossec-logtest does" },
    { "alerts",    "follow the alerts, or ask for past ones" },
    { "agents",    "add, list, extract and remove agents (on the manager)" },
    { "import",    "take in the line that `yagura agents extract` printed (on an agent)" },
    { "stages-key", "make the key with which stages on several machines know each other" },
    { "ingest",    "stage: receives from agents and syslog senders, and journals it" },
    { "decode",    "stage: makes events of lines, and asks what one line can say" },
    { "correlate", "stage: keeps history, and makes alerts of events" },
    { "alertd",    "stage: writes alerts to files and publishes them" },
    { "agent",     "stage: reads the logs of this host and sends them to ingest" },
};

static void usage(FILE *out)
{
    fputs("usage: yagura COMMAND [ARGUMENT ...]\n\nCommands; each has its own --help:\n", out);
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++)
        fprintf(out, "  %-11s %s\n", tools[i].name, tools[i].doc);
}

static bool is_tool(const char *name)
{
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++)
        if (strcmp(tools[i].name, name) == 0)
            return true;
    return false;
}

static bool is_any(const char *arg, const char *a, const char *b)
{
    return strcmp(arg, a) == 0 || strcmp(arg, b) == 0;
}

int main(int argc, char **argv)
{
    char *path;

    if (argc >= 2 && is_any(argv[1], "--help", "-h")) {
        usage(stdout);
        return 0;
    }
    if (argc >= 2 && is_any(argv[1], "--version", "-V")) {
        puts("yagura " YAGURA_VERSION);
        return 0;
    }
    if (argc < 2 || !is_tool(argv[1])) {
        if (argc >= 2)
            fprintf(stderr, "yagura: there is no command of that name\n\n");
        usage(stderr);
        return EXIT_USAGE;
    }
    enum err e = sibling_path(&path, argv[1]);
    if (e != ERR_OK) {
        fprintf(stderr, "yagura: yagura-%s is not installed here: %s\n", argv[1], err_str(e));
        return EXIT_USAGE;
    }
    execv(path, argv + 1);
    fprintf(stderr, "yagura: %s: %s\n", path, strerror(errno));
    return EXIT_USAGE;
}
