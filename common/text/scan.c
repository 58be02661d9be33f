#include "common/text/scan.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/text/fold.h"

#define BYTES     256
#define NONE      UINT32_MAX
#define LANES     4
#define TABLE_MAX ((size_t)1 << 27)         /* entries: 256 or 512 MiB */

/* Rows of the table are a power of two apart, so that a state's number becomes its row by
 * a shift.  Up to 65,536 states fit the small table, which is half as large. */
struct scan {
    uint8_t class_of[BYTES];
    unsigned shift;
    uint32_t first_seen;            /* states from here on have something to say */
    uint16_t *next16;               /* one of these two */
    uint32_t *next32;
    uint32_t *depth;                /* of a state: how many bytes it has read */
    uint32_t *first;                /* of seen state k: ids[first[k]] up to ids[first[k + 1]] */
    uint32_t *ids;
    uint32_t *shorter;              /* of seen state k: the next state that ends here, or NONE */
    size_t n_literals, memory;
};

/* The automaton while it grows.  State 0 is the root; as no edge leads back to it in a
 * trie, 0 is also "no edge". */
struct builder {
    const struct slice *literals;
    size_t n_literals, n_states, n_seen, n_classes;
    uint8_t class_of[BYTES];
    uint32_t *next;                 /* [state * n_classes + class] */
    uint32_t *fail;                 /* the longest shorter text that ends alike */
    uint32_t *shorter;              /* the same, of those that are literals; or NONE */
    uint32_t *depth;                /* bytes from the root */
    uint32_t *order;                /* states breadth first */
    uint32_t *number;               /* of a state: its name in the finished table */
    uint32_t *n_ids;                /* of a state: how many literals it is */
    uint32_t *end;                  /* of a literal: its state */
};

/* Class 0 is every byte in no literal; the others are numbered from the most frequent. */
static void number_classes(struct builder *b)
{
    size_t count[BYTES] = { 0 };

    for (size_t i = 0; i < b->n_literals; i++)
        for (size_t k = 0; k < b->literals[i].n; k++)
            count[fold(b->literals[i].p[k])]++;
    for (b->n_classes = 1;; b->n_classes++) {
        size_t best = 0;
        for (size_t c = 1; c < BYTES; c++)
            if (count[c] > count[best])
                best = c;
        if (count[best] == 0)
            break;
        count[best] = 0;
        b->class_of[best] = (uint8_t)b->n_classes;
    }
    for (int c = 'A'; c <= 'Z'; c++)
        b->class_of[c] = b->class_of[c | 0x20];
}

static enum err measure(const struct builder *b, size_t *states)
{
    size_t bytes = 0;

    if (b->n_literals > SCAN_LITERALS_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < b->n_literals; i++) {
        if (b->literals[i].n == 0)
            return ERR_RANGE;
        if (b->literals[i].n > SCAN_BYTES_MAX - bytes)
            return ERR_LIMIT;
        bytes += b->literals[i].n;
    }
    *states = bytes + 1;
    return ERR_OK;
}

static enum err make_room(struct builder *b, size_t states)
{
    b->next = calloc(states * b->n_classes, sizeof b->next[0]);  /* touched only where used */
    b->fail = calloc(states, sizeof b->fail[0]);
    b->shorter = calloc(states, sizeof b->shorter[0]);
    b->depth = calloc(states, sizeof b->depth[0]);
    b->order = calloc(states, sizeof b->order[0]);
    b->number = calloc(states, sizeof b->number[0]);
    b->n_ids = calloc(states, sizeof b->n_ids[0]);
    b->end = calloc(b->n_literals + 1, sizeof b->end[0]);
    bool ok = b->next != NULL && b->fail != NULL && b->shorter != NULL && b->depth != NULL
           && b->order != NULL && b->number != NULL && b->n_ids != NULL && b->end != NULL;
    return ok ? ERR_OK : ERR_NOMEM;
}

static void builder_end(struct builder *b)
{
    free(b->next);
    free(b->fail);
    free(b->shorter);
    free(b->depth);
    free(b->order);
    free(b->number);
    free(b->n_ids);
    free(b->end);
}

static void plant(struct builder *b)
{
    b->n_states = 1;
    for (size_t i = 0; i < b->n_literals; i++) {
        struct slice text = b->literals[i];
        uint32_t at = 0;
        for (size_t k = 0; k < text.n; k++) {
            uint32_t *edge = &b->next[at * b->n_classes + b->class_of[(unsigned char)text.p[k]]];
            if (*edge == 0)
                *edge = (uint32_t)b->n_states++;
            at = *edge;
        }
        b->n_ids[at]++;
        b->end[i] = at;
    }
}

/* Breadth first: a state's shorter ends are complete before it is reached. */
static void link_failures(struct builder *b)
{
    size_t known = 1;

    b->shorter[0] = NONE;
    for (size_t i = 0; i < known; i++) {
        uint32_t s = b->order[i];
        uint32_t *row = b->next + s * b->n_classes;
        const uint32_t *other = b->next + b->fail[s] * b->n_classes;

        for (size_t c = 0; c < b->n_classes; c++) {
            uint32_t child = row[c];
            if (child == 0) {
                row[c] = s == 0 ? 0 : other[c];
                continue;
            }
            uint32_t f = s == 0 ? 0 : other[c];
            b->fail[child] = f;
            b->shorter[child] = b->n_ids[f] > 0 ? f : b->shorter[f];
            b->depth[child] = b->depth[s] + 1;
            b->order[known++] = child;
        }
    }
}

static bool is_seen(const struct builder *b, uint32_t s)
{
    return b->n_ids[s] > 0 || b->shorter[s] != NONE;
}

static void number_states(struct builder *b)
{
    uint32_t quiet = 0, seen = 0;

    for (size_t i = 0; i < b->n_states; i++)
        b->n_seen += is_seen(b, (uint32_t)i);
    for (size_t i = 0; i < b->n_states; i++) {
        uint32_t s = b->order[i];
        b->number[s] = is_seen(b, s) ? (uint32_t)(b->n_states - b->n_seen) + seen++ : quiet++;
    }
}

static enum err room_for_table(struct scan *s, const struct builder *b)
{
    bool small = b->n_states <= (size_t)UINT16_MAX + 1;

    while (((size_t)1 << s->shift) < b->n_classes)
        s->shift++;
    size_t entries = b->n_states << s->shift;
    if (entries > TABLE_MAX)
        return ERR_LIMIT;
    if (small)
        s->next16 = calloc(entries, sizeof s->next16[0]);
    else
        s->next32 = calloc(entries, sizeof s->next32[0]);
    s->depth = calloc(b->n_states, sizeof s->depth[0]);
    s->memory += entries * (small ? sizeof s->next16[0] : sizeof s->next32[0])
               + b->n_states * sizeof s->depth[0];
    bool ok = (s->next16 != NULL || s->next32 != NULL) && s->depth != NULL;
    return ok ? ERR_OK : ERR_NOMEM;
}

static enum err take_table(struct scan *s, const struct builder *b)
{
    enum err e = room_for_table(s, b);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < b->n_states; i++) {
        const uint32_t *row = b->next + i * b->n_classes;
        size_t at = (size_t)b->number[i] << s->shift;

        s->depth[b->number[i]] = b->depth[i];
        for (size_t c = 0; c < b->n_classes; c++)
            if (s->next16 != NULL)
                s->next16[at + c] = (uint16_t)b->number[row[c]];
            else
                s->next32[at + c] = b->number[row[c]];
    }
    return ERR_OK;
}

static enum err take_seen(struct scan *s, const struct builder *b)
{
    s->first_seen = (uint32_t)(b->n_states - b->n_seen);
    s->first = calloc(b->n_seen + 2, sizeof s->first[0]);
    s->shorter = calloc(b->n_seen + 1, sizeof s->shorter[0]);
    s->ids = calloc(b->n_literals + 1, sizeof s->ids[0]);
    if (s->first == NULL || s->shorter == NULL || s->ids == NULL)
        return ERR_NOMEM;
    s->memory += (2 * b->n_seen + b->n_literals) * sizeof s->ids[0];

    for (uint32_t i = 0; i < b->n_states; i++) {
        if (!is_seen(b, i))
            continue;
        uint32_t k = b->number[i] - s->first_seen;
        s->shorter[k] = b->shorter[i] == NONE ? NONE : b->number[b->shorter[i]];
        s->first[k + 2] = b->n_ids[i];          /* moves down by one as ids are filled in */
    }
    for (size_t k = 2; k < b->n_seen + 2; k++)
        s->first[k] += s->first[k - 1];
    for (uint32_t i = 0; i < b->n_literals; i++)
        s->ids[s->first[b->number[b->end[i]] - s->first_seen + 1]++] = i;
    return ERR_OK;
}

static enum err build(struct scan *s, struct builder *b)
{
    size_t states = 0;
    enum err e = measure(b, &states);

    if (e != ERR_OK)
        return e;
    number_classes(b);
    if ((e = make_room(b, states)) != ERR_OK)
        return e;
    plant(b);
    link_failures(b);
    number_states(b);
    memcpy(s->class_of, b->class_of, sizeof s->class_of);
    s->n_literals = b->n_literals;
    s->memory = sizeof *s;
    e = take_table(s, b);
    return e == ERR_OK ? take_seen(s, b) : e;
}

enum err scan_new(struct scan **ret, const struct slice *literals, size_t n)
{
    struct builder b = { .literals = literals, .n_literals = n };
    struct scan *s = calloc(1, sizeof *s);

    if (s == NULL)
        return ERR_NOMEM;
    enum err e = build(s, &b);
    builder_end(&b);
    if (e != ERR_OK)
        scan_free(s);
    else
        *ret = s;
    return e;
}

void scan_free(struct scan *s)
{
    if (s == NULL)
        return;
    free(s->next16);
    free(s->next32);
    free(s->depth);
    free(s->first);
    free(s->ids);
    free(s->shorter);
    free(s);
}

static void report(const struct scan *s, size_t state, uint64_t *bits)
{
    while (state != NONE) {
        size_t k = state - s->first_seen;
        for (uint32_t i = s->first[k]; i < s->first[k + 1]; i++)
            bits[s->ids[i] / 64] |= (uint64_t)1 << (s->ids[i] % 64);
        state = s->shorter[k];
    }
}

static inline size_t step(const struct scan *s, bool small, size_t state, unsigned char byte)
{
    size_t at = (state << s->shift) + s->class_of[byte];
    return small ? s->next16[at] : s->next32[at];
}

/* On from state at p[i] as long as the text behind the state began before p[from]: what begins
 * later is the next lane's.  To the end when from is the end. */
static inline void finish(const struct scan *s, bool small, struct slice text, size_t state,
                          size_t i, size_t from, uint64_t *bits)
{
    for (; i < text.n && (from == text.n || s->depth[state] > i - from); i++) {
        state = step(s, small, state, (unsigned char)text.p[i]);
        if (state >= s->first_seen)
            report(s, state, bits);
    }
}

/* A step waits for the memory of the one before, so a line is cut into lanes that wait
 * side by side.  Always inlined: `small` is known to the loop. */
__attribute__((always_inline))
static inline void run(const struct scan *s, bool small, struct slice text, uint64_t *bits)
{
    const size_t part = text.n / LANES, first_seen = s->first_seen;
    const unsigned char *p = (const unsigned char *)text.p;
    size_t state[LANES] = { 0 };

    for (size_t i = 0; i < part; i++) {
        bool seen = false;
        for (size_t k = 0; k < LANES; k++) {
            state[k] = step(s, small, state[k], p[k * part + i]);
            seen |= state[k] >= first_seen;
        }
        for (size_t k = 0; seen && k < LANES; k++)
            if (state[k] >= first_seen)
                report(s, state[k], bits);
    }
    for (size_t k = 1; k < LANES; k++)
        finish(s, small, text, state[k - 1], k * part, k * part, bits);
    finish(s, small, text, state[LANES - 1], LANES * part, text.n, bits);
}

void scan_run(const struct scan *s, struct slice subject, uint64_t *bits)
{
    if (s->next16 != NULL)
        run(s, true, subject, bits);
    else
        run(s, false, subject, bits);
}

size_t scan_words(const struct scan *s)
{
    return (s->n_literals + 63) / 64;
}

size_t scan_memory(const struct scan *s)
{
    return s->memory;
}
