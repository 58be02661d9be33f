/* rules_fixture - rule and decoder texts in a directory of their own, loaded as a ruleset */
#ifndef TESTS_COMMON_RULES_FIXTURE_H
#define TESTS_COMMON_RULES_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/rules/ruleset.h"

struct fixture {
    char dir[32];
    struct paths *paths;
    struct config *config;
    struct report *report;
    struct ruleset *rs;
};

static inline void fixture_path(const struct fixture *f, const char *name, char *ret, size_t room)
{
    int n = snprintf(ret, room, "%s/%s", f->dir, name);
    if (n < 0 || (size_t)n >= room)
        abort();
}

static inline void fixture_write(const struct fixture *f, const char *name, struct slice text)
{
    char path[64];

    fixture_path(f, name, path, sizeof path);
    FILE *out = fopen(path, "we");
    if (out == NULL || fwrite(text.p, 1, text.n, out) != text.n || fclose(out) != 0)
        abort();
}

static inline void fixture_begin(struct fixture *f)
{
    char rules[64];

    *f = (struct fixture){ .dir = "/tmp/rules_test.XXXXXX" };
    if (mkdtemp(f->dir) == NULL || paths_new(&f->paths, f->dir) != ERR_OK)
        abort();
    fixture_path(f, "rules", rules, sizeof rules);
    if (mkdir(rules, 0700) != 0)
        abort();
    fixture_write(f, "ossec.conf", SLICE(
        "<ossec_config><rules><decoder>decoder.xml</decoder><include>local_rules.xml</include>"
        "<list>rules/users</list></rules></ossec_config>"));
}

/* Load what stands in the directory now; what was loaded before goes. */
static inline enum err fixture_load(struct fixture *f, struct slice decoders, struct slice rules,
                                    struct slice list)
{
    char conf[64];

    ruleset_free(f->rs);
    config_free(f->config);
    report_free(f->report);
    f->rs = NULL;
    f->config = NULL;
    f->report = NULL;
    fixture_write(f, "decoder.xml", decoders);
    fixture_write(f, "rules/local_rules.xml", rules);
    fixture_write(f, "rules/users", list);
    fixture_path(f, "ossec.conf", conf, sizeof conf);
    if (report_new(&f->report) != ERR_OK)
        abort();
    enum err err = config_load(&f->config, conf, f->paths, f->report);
    return err != ERR_OK ? err : ruleset_load(&f->rs, f->config, f->report);
}

static inline void fixture_end(struct fixture *f)
{
    static const char *const files[] = { "ossec.conf", "decoder.xml", "rules/local_rules.xml",
                                         "rules/users", "rules" };
    char path[64];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        fixture_path(f, files[i], path, sizeof path);
        (void)remove(path);
    }
    (void)rmdir(f->dir);
    ruleset_free(f->rs);
    config_free(f->config);
    report_free(f->report);
    paths_free(f->paths);
}

#endif
