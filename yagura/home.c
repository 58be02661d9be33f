#include "yagura/home.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/slice.h"
#include "yagura/attack.h"

/* from the directory of the running program: a build tree, an installation */
static const char *const deploy_places[] = { "../../../deploy", "../share/yagura" };

/* Text logs of a host without a journal; with one they would tell the same lines again. */
static const char *const syslog_files[] = {
    "/var/log/auth.log", "/var/log/syslog", "/var/log/messages", "/var/log/secure",
    "/var/log/kern.log",
};
static const char *const other_files[] = {
    "/var/log/dpkg.log", "/var/log/apache2/*access*.log", "/var/log/httpd/*access*log",
    "/var/log/nginx/*access*.log",
};

static char *find_deploy(void)
{
    char self[PATH_MAX];

    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return NULL;
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof deploy_places / sizeof deploy_places[0]; i++) {
        char *path = NULL, *file = NULL;
        if (asprintf(&path, "%s/%s", self, deploy_places[i]) < 0)
            return NULL;
        bool there = asprintf(&file, "%s/decoder.xml", path) >= 0 && access(file, R_OK) == 0;
        free(file);
        char *real = there ? realpath(path, NULL) : NULL;
        free(path);
        if (real != NULL)
            return real;
    }
    return NULL;
}

/* path and what is above it. */
static bool make_dirs(const char *path)
{
    char *copy = strdup(path);
    bool made = copy != NULL && copy[0] != '\0';

    if (copy != NULL && !made)
        errno = ENOENT;
    for (char *slash = copy; made && slash != NULL;) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL)
            *slash = '\0';
        made = mkdir(copy, 0755) == 0 || errno == EEXIST;
        if (slash != NULL)
            *slash = '/';
    }
    free(copy);
    return made;
}

enum err home_begin(struct home *ret, const char *dir, const char *deploy)
{
    struct home h = { .dir = NULL };

    if (!make_dirs(dir))
        return ERR_SYS;
    h.dir = strdup(dir);
    h.deploy = deploy != NULL ? realpath(deploy, NULL) : find_deploy();
    char *real = realpath(dir, NULL);
    bool named = real != NULL && asprintf(&h.sample, "%s/sample.log", real) >= 0
                 && asprintf(&h.sample_access, "%s/sample-access.log", real) >= 0;
    free(real);
    enum err e = named && h.dir != NULL ? paths_new(&h.paths, dir) : ERR_NOMEM;
    if (e == ERR_OK && h.deploy == NULL)
        e = ERR_ABSENT;
    if (e != ERR_OK) {
        home_end(&h);
        return e;
    }
    *ret = h;
    return ERR_OK;
}

void home_end(struct home *h)
{
    free(h->dir);
    free(h->deploy);
    free(h->sample);
    free(h->sample_access);
    paths_free(h->paths);
}

/* etc/NAME -> deploy/NAME, again at each start: the tree may have moved. */
static enum err link_ruleset(const struct home *h, const char *name)
{
    char *at = NULL, *to = NULL;
    enum err e = ERR_NOMEM;

    if (asprintf(&at, "%s/%s", h->paths->etc, name) >= 0
        && asprintf(&to, "%s/%s", h->deploy, name) >= 0) {
        struct stat st;
        bool ours = lstat(at, &st) != 0 || S_ISLNK(st.st_mode);    /* else somebody's own ruleset */
        if (ours)
            (void)unlink(at);
        e = !ours || symlink(to, at) == 0 ? ERR_OK : ERR_SYS;
    }
    free(at);
    free(to);
    return e;
}

static void put_file(FILE *out, const char *path)
{
    fprintf(out, "  <localfile>\n    <log_format>syslog</log_format>\n"
            "    <location>%s</location>\n"
            "    <only-future-events>yes</only-future-events>\n  </localfile>\n", path);
}

/* A directory's name may hold what a location takes for glob(3) or strftime(3), or XML for a tag:
 * there are no entities in these files, and some one character is as near as it gets. */
static void put_escaped(FILE *out, const char *path)
{
    static const struct { char c; const char *as; } rows[] = {
        { '<', "?" }, { '%', "%%" }, { '*', "[*]" }, { '?', "[?]" }, { '[', "[[]" },
    };

    for (; *path != '\0'; path++) {
        size_t i = 0;
        while (i < sizeof rows / sizeof rows[0] && rows[i].c != *path)
            i++;
        if (i < sizeof rows / sizeof rows[0])
            fputs(rows[i].as, out);
        else
            putc(*path, out);
    }
}

static void put_sample(FILE *out, const char *path)
{
    fputs("  <localfile>\n    <log_format>syslog</log_format>\n    <location>", out);
    put_escaped(out, path);
    fputs("</location>\n  </localfile>\n", out);
}

static void put_sources(FILE *out, const struct home *h)
{
    if (home_has_journal())
        fputs("  <localfile>\n    <log_format>journald</log_format>\n"
              "    <location>all</location>\n"
              "    <only-future-events>yes</only-future-events>\n  </localfile>\n", out);
    else
        for (size_t i = 0; i < sizeof syslog_files / sizeof syslog_files[0]; i++)
            put_file(out, syslog_files[i]);
    for (size_t i = 0; i < sizeof other_files / sizeof other_files[0]; i++)
        put_file(out, other_files[i]);
    put_sample(out, h->sample);
    put_sample(out, h->sample_access);
}

static enum err write_conf(const struct home *h, uint16_t port)
{
    if (access(h->paths->conf, F_OK) == 0)
        return ERR_OK;
    char *path = paths_join(h->paths->etc, "ossec.conf.new");   /* whole, or not there */
    FILE *out = path != NULL ? fopen(path, "we") : NULL;
    if (out == NULL) {
        free(path);
        return ERR_SYS;
    }
    fprintf(out, "<!-- Of a run in the foreground: made once, and yours to change.  The rest\n"
            "     has its defaults; the ruleset is beside this file. -->\n"
            "<ossec_config>\n  <ingest>\n    <listen>tcp://127.0.0.1:%u</listen>\n  </ingest>\n"
            "  <agent>\n    <manager>tcp://127.0.0.1:%u</manager>\n  </agent>\n", port, port);
    put_sources(out, h);
    fputs("</ossec_config>\n", out);
    bool written = fclose(out) == 0 && rename(path, h->paths->conf) == 0;
    if (!written)
        (void)unlink(path);
    free(path);
    return written ? ERR_OK : ERR_SYS;
}

static enum err touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0)
        return ERR_SYS;
    (void)close(fd);
    return ERR_OK;
}

enum err home_prepare(const struct home *h, uint16_t port, const char **what)
{
    *what = h->paths->etc;
    if (!make_dirs(h->paths->etc) || !make_dirs(h->paths->state) || !make_dirs(h->paths->log)
        || !make_dirs(h->paths->run))
        return ERR_SYS;
    enum err e = link_ruleset(h, "rules");
    if (e == ERR_OK)
        e = link_ruleset(h, "decoder.xml");
    if (e == ERR_OK)
        e = link_ruleset(h, "yagura_decoder.xml");
    if (e == ERR_OK) {
        *what = h->paths->conf;
        e = write_conf(h, port);
    }
    if (e == ERR_OK) {
        *what = h->sample;
        e = touch(h->sample);
    }
    return e == ERR_OK ? touch(h->sample_access) : e;
}

static enum err append(const char *path, enum attack_log which)
{
    FILE *out = fopen(path, "ae");

    if (out == NULL)
        return ERR_SYS;
    attack_write(out, which, time(NULL));
    return fclose(out) == 0 ? ERR_OK : ERR_SYS;
}

enum err home_attack(const struct home *h)
{
    enum err e = append(h->sample_access, ATTACK_ACCESS);

    return e == ERR_OK ? append(h->sample, ATTACK_SYSLOG) : e;
}

bool home_has_journal(void)
{
    static const char *const patterns[] = {
        "/run/log/journal/*/*.journal", "/var/log/journal/*/*.journal",
    };
    bool found = false;

    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        glob_t g = { .gl_pathc = 0 };
        found = found || glob(patterns[i], GLOB_NOSORT, NULL, &g) == 0;
        globfree(&g);
    }
    return found || access("/run/systemd/journal/socket", F_OK) == 0;
}

bool home_port_free(uint16_t port)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int yes = 1;

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool is_free = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0
                   && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0;
    (void)close(fd);
    return is_free;
}
