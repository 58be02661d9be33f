/* engine_bench - microseconds a line costs the decoders and the rule walk, on one core
 *
 *     engine_bench OSSEC.CONF LINES.GZ
 *
 * Lines are read beforehand; the best of three rounds counts.  `naive` is the same work with every
 * pattern tried, as if no scan had told which of them can match. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <zlib.h>

#include "common/rules/ruleset.h"
#include "common/rules/tree.h"

#define ROUNDS 3

struct lines { char *text; struct slice *at; size_t n; };
struct bench {
    struct ruleset *rs;
    struct work *work;
    struct decoded d;
    struct decisions list;
    size_t decided, mattered;
};

static bool read_text(const char *path, char **ret, size_t *ret_n)
{
    size_t room = (size_t)1 << 26, n = 0;
    gzFile f = gzopen(path, "rb");
    char *text = malloc(room);
    int got = -1;

    while (f != NULL && text != NULL && (got = gzread(f, text + n, 1 << 20)) > 0) {
        n += (size_t)got;
        if (n + (1 << 20) > room) {
            char *more = realloc(text, room *= 2);
            if (more == NULL)
                break;
            text = more;
        }
    }
    if (f != NULL)
        (void)gzclose(f);
    *ret = text;
    *ret_n = n;
    return got == 0;
}

static bool read_lines(const char *path, struct lines *ret)
{
    size_t n, room = 0;

    if (!read_text(path, &ret->text, &n))
        return false;
    for (struct slice rest = { ret->text, n }; rest.n > 0;) {
        const char *end = memchr(rest.p, '\n', rest.n);
        size_t len = end == NULL ? rest.n : (size_t)(end - rest.p);
        if (ret->n == room) {
            room = room == 0 ? 1 << 16 : 2 * room;
            ret->at = realloc(ret->at, room * sizeof *ret->at);
            if (ret->at == NULL)
                return false;
        }
        ret->at[ret->n++] = (struct slice){ rest.p, len };
        rest = slice_from(rest, len + 1);
    }
    return ret->n > 0;
}

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e6 * (double)t.tv_sec + (double)t.tv_nsec / 1e3;
}

static double run(struct bench *b, const struct lines *lines, bool walk)
{
    double from = now_us();

    b->decided = b->mattered = 0;
    for (size_t i = 0; i < lines->n; i++) {
        b->d.full_log = lines->at[i];
        b->d.location = SLICE("stdin");
        b->d.seq = i;
        ruleset_decode(b->rs, b->work, &b->d, SLICE("host"));
        if (!walk)
            continue;
        ruleset_walk(b->rs, b->work, &b->d, &b->list);
        b->decided += b->list.n > 0;
        b->mattered += ruleset_matters(b->rs, &b->list);
    }
    return (now_us() - from) / (double)lines->n;
}

static double best(struct bench *b, const struct lines *lines, bool walk)
{
    double least = run(b, lines, walk);

    for (int i = 1; i < ROUNDS; i++) {
        double t = run(b, lines, walk);
        least = t < least ? t : least;
    }
    return least;
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct lines lines = { 0 };
    struct config *config = NULL;
    struct report *report = NULL;
    struct paths *paths = NULL;

    if (argc != 3 || !read_lines(argv[2], &lines) || report_new(&report) != ERR_OK
        || paths_new(&paths, NULL) != ERR_OK
        || config_load(&config, argv[1], paths, report) != ERR_OK
        || ruleset_load(&b.rs, config, report) != ERR_OK || work_new(&b.work, b.rs) != ERR_OK) {
        if (report != NULL)
            report_print(report, stderr);
        fprintf(stderr, "usage: engine_bench OSSEC.CONF LINES.GZ\n");
        return 1;
    }
    double decode = best(&b, &lines, false), both = best(&b, &lines, true);
    printf("engine  lines=%zu decode=%.2f us walk=%.2f us both=%.2f us (%.0f lines/s a core) "
           "decided=%zu mattered=%zu\n", lines.n, decode, both - decode, both, 1e6 / both,
           b.decided, b.mattered);
    work_free(b.work);
    b.work = NULL;
    if (work_new(&b.work, b.rs) != ERR_OK)
        return 1;
    b.work->naive = true;
    double naive = best(&b, &lines, true);
    printf("engine  naive=%.2f us, %.2f times as much\n", naive, naive / both);
    free(lines.text);
    free(lines.at);
    work_free(b.work);
    ruleset_free(b.rs);
    config_free(config);
    report_free(report);
    paths_free(paths);
    return 0;
}
