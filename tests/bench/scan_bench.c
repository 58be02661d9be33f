/*
 * scan_bench - what a line costs the literal scan, in nanoseconds
 *
 *     scan_bench [LINES [RULES...]]
 *
 * LINES is a file of log lines.  RULES are OSSEC rule or decoder files: the text between tags
 * of their patterns is compiled and gives the literals, as the engine would take them.
 * Without arguments both are made up.  Prints one line for each number of literals.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/text/arena.h"
#include "common/text/pattern.h"
#include "common/text/scan.h"

#define LITERALS_MAX 20000
#define LINES_MAX    20000
#define ROUNDS       40

struct bench {
    struct arena *arena;
    struct slice literal[LITERALS_MAX], line[LINES_MAX];
    size_t n_literals, n_lines, n_patterns, n_bare;
};

static const struct { struct slice tag; enum pattern_kind kind; } tags[] = {
    { SLICE_INIT("match"), PATTERN_MATCH },          { SLICE_INIT("regex"), PATTERN_REGEX },
    { SLICE_INIT("prematch"), PATTERN_REGEX },
    { SLICE_INIT("prematch_pcre2"), PATTERN_PCRE2 },
    { SLICE_INIT("match_pcre2"), PATTERN_PCRE2 },    { SLICE_INIT("pcre2"), PATTERN_PCRE2 },
    { SLICE_INIT("url_pcre2"), PATTERN_PCRE2 },      { SLICE_INIT("url"), PATTERN_MATCH },
};

static bool is_new(const struct bench *b, struct slice literal)
{
    for (size_t i = 0; i < b->n_literals; i++)
        if (slice_eq(b->literal[i], literal))
            return false;
    return true;
}

static void add_pattern(struct bench *b, enum pattern_kind kind, struct slice text)
{
    struct slice found[PATTERN_LITERALS_MAX];
    struct pattern *p = NULL;

    if (pattern_new(&p, kind, text, NULL) != ERR_OK)
        return;
    size_t n = pattern_literals(p, found, PATTERN_LITERALS_MAX);
    b->n_patterns++;
    b->n_bare += n == 0;
    for (size_t i = 0; i < n && b->n_literals < LITERALS_MAX; i++)
        if (is_new(b, found[i]))
            b->literal[b->n_literals++] = arena_copy(b->arena, found[i]);
    pattern_free(p);
}

static void read_tagged(struct bench *b, struct slice line)
{
    const char *open = memchr(line.p, '<', line.n);
    const char *close = memrchr(line.p, '<', line.n);
    struct slice tag = { open, 0 };

    if (open == NULL || close == open)
        return;
    tag.p++;
    while (tag.p + tag.n < close && strchr(" >", tag.p[tag.n]) == NULL)
        tag.n++;
    const char *text = memchr(tag.p, '>', (size_t)(close - tag.p));
    for (size_t i = 0; text != NULL && i < sizeof tags / sizeof tags[0]; i++)
        if (slice_eq(tag, tags[i].tag))
            add_pattern(b, tags[i].kind, (struct slice){ text + 1, (size_t)(close - text - 1) });
}

static void read_file(struct bench *b, const char *path, bool rules)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;

    if (f == NULL) {
        perror(path);
        exit(1);
    }
    for (ssize_t n; (n = getline(&line, &room, f)) > 0;) {
        if (line[n - 1] == '\n')
            n--;
        if (rules)
            read_tagged(b, (struct slice){ line, (size_t)n });
        else if (b->n_lines < LINES_MAX)
            b->line[b->n_lines++] = arena_copy(b->arena, (struct slice){ line, (size_t)n });
    }
    free(line);
    fclose(f);
}

static uint32_t draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* Words of a made-up language with the letters of English, so that they share beginnings. */
static struct slice word(struct bench *b, size_t n, uint64_t *seed)
{
    static const char letters[] = "eeeetttaaaooiinnssrrhhlddcumfpgwybvk /:=[]0123456789.-";
    char *p = arena_alloc(b->arena, n);

    for (size_t i = 0; i < n; i++)
        p[i] = letters[draw(seed) % (sizeof letters - 1)];
    return (struct slice){ p, n };
}

static void fill_up(struct bench *b, size_t literals, uint64_t *seed)
{
    while (b->n_literals < literals)
        b->literal[b->n_literals++] = word(b, 5 + draw(seed) % 12, seed);
    while (b->n_lines < 1000)
        b->line[b->n_lines++] = word(b, 130, seed);
}

static void measure(struct bench *b, size_t n)
{
    struct scan *s = NULL;
    uint64_t bits[LITERALS_MAX / 64 + 1];
    struct timespec from, to;
    size_t bytes = 0, seen = 0;

    if (scan_new(&s, b->literal, n) != ERR_OK)
        exit(1);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (size_t r = 0; r < ROUNDS; r++)
        for (size_t i = 0; i < b->n_lines; i++) {
            memset(bits, 0, scan_words(s) * sizeof bits[0]);
            scan_run(s, b->line[i], bits);
            bytes += b->line[i].n;
            for (size_t k = 0; r == 0 && k < scan_words(s); k++)
                seen += (size_t)__builtin_popcountll(bits[k]);
        }
    clock_gettime(CLOCK_MONOTONIC, &to);
    double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
    double lines = (double)b->n_lines * ROUNDS;
    printf("%6zu literals %8zu KiB %6.0f ns a line of %.0f bytes, %.2f ns a byte, %.1f seen\n", n,
           scan_memory(s) / 1024, ns / lines, (double)bytes / lines, ns / (double)bytes,
           (double)seen / (double)b->n_lines);
    scan_free(s);
}

int main(int argc, char **argv)
{
    static struct bench b;
    static const size_t sizes[] = { 100, 1000, 3000, 10000, LITERALS_MAX };
    uint64_t seed = 1;

    if (arena_new(&b.arena, 0) != ERR_OK)
        return 1;
    if (argc > 1)
        read_file(&b, argv[1], false);
    for (int i = 2; i < argc; i++)
        read_file(&b, argv[i], true);
    if (b.n_literals > 0) {
        printf("%zu patterns, %zu without a literal\n", b.n_patterns, b.n_bare);
        measure(&b, b.n_literals);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i] < b.n_literals)
            continue;
        fill_up(&b, sizes[i], &seed);
        measure(&b, sizes[i]);
    }
    arena_free(b.arena);
    return 0;
}
