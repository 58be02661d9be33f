/* However a stream of syslog is cut, the same messages come out, and no more is held than allowed. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/framing.h"

struct heard { char *text; size_t n; FILE *out; };

static void hear(void *arg, struct slice m, bool cut)
{
    struct heard *h = arg;
    struct slice text = framing_text(m);

    assert(m.n <= FRAMING_MAX && text.n <= m.n);
    assert(text.n == 0 || (text.p >= m.p && text.p + text.n <= m.p + m.n));
    fprintf(h->out, "%zu%c", m.n, cut ? '!' : ':');
    fwrite(m.p, 1, m.n, h->out);
}

/* Pieces of `step` bytes, then a piece of the rest. */
static void play(struct heard *h, struct slice in, size_t step)
{
    struct framing f = { 0 };

    h->out = open_memstream(&h->text, &h->n);
    assert(h->out != NULL);
    while (in.n > 0) {
        size_t n = in.n < step ? in.n : step;
        char *exact = malloc(n);
        assert(exact != NULL);
        memcpy(exact, in.p, n);
        enum err e = framing_feed(&f, (struct slice){ exact, n }, hear, h);
        assert(e == ERR_OK);
        assert(f.n <= FRAMING_MAX && f.room <= FRAMING_MAX);
        free(exact);
        in = slice_from(in, n);
    }
    framing_end(&f, hear, h);
    assert(f.held == NULL && f.state == FRAMING_START);
    fclose(h->out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t steps[] = { 1, 2, 7, size > 0 ? 1 + data[0] : 1 };
    struct slice in = { (const char *)data, size };
    struct heard whole = { 0 };

    play(&whole, in, size > 0 ? size : 1);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct heard pieces = { 0 };
        play(&pieces, in, steps[i]);
        assert(pieces.n == whole.n && memcmp(pieces.text, whole.text, whole.n) == 0);
        free(pieces.text);
    }
    free(whole.text);
    return 0;
}
