#include "tests/test.h"
#include <msgpack.h>

#include "ingest/leases.h"

#define TIMEOUT 3000

static struct peer peer_of(char name)
{
    return (struct peer){ 1, { name } };
}

static size_t pack_held(const char *digits, char *to)
{
    size_t n = 0;

    to[n++] = (char)(0x90 | strlen(digits));
    for (; *digits != '\0'; digits++)
        to[n++] = (char)(*digits - '0');
    return n;
}

/* A story, one step a word:
 *   wA3    decoder A wants up to 3        hA35   A, new, wants 9 and holds 3 and 5
 *   dA7    A reports 7 done               xA7    batch 7 to A could not be sent
 *   g      all that can be granted, drawn as A1 B2 ...      n20   batches below 20 are there
 *   t1000  a second passes, silent decoders go              f     the floor */
struct play { struct leases *l; uint64_t now; FILE *out; };

static void step(struct play *p, const char *w)
{
    struct peer from = peer_of(w[0] != '\0' ? w[1] : 0);
    struct grant g;
    char held[16];

    switch (w[0]) {
    case 'w':
        assert_int_equal(leases_want(p->l, &from, strtoull(w + 2, NULL, 10), SLICE("d"), SLICE(""), p->now),
                         ERR_OK);
        break;
    case 'h': {
        size_t n = pack_held(w + 2, held);
        assert_int_equal(leases_want(p->l, &from, 9, SLICE("d"), (struct slice){ held, n }, p->now), ERR_OK);
        break;
    }
    case 'd':
        switch (leases_done(p->l, &from, strtoull(w + 2, NULL, 10), p->now)) {
        case ERR_OK:     break;
        case ERR_ABSENT: fputs("again ", p->out); break;
        default:         fputs("refused ", p->out); break;
        }
        break;
    case 'x':
        g = (struct grant){ strtoull(w + 2, NULL, 10), from };
        leases_refused(p->l, &g);
        break;
    case 'g':
        while (leases_grant(p->l, &g))
            fprintf(p->out, "%c%d ", g.to.id[0], (int)g.offset);
        break;
    case 'n':
        leases_extend(p->l, strtoull(w + 1, NULL, 10));
        break;
    case 't':
        p->now += strtoull(w + 1, NULL, 10);
        (void)leases_tick(p->l, p->now);
        break;
    case 'f':
        fprintf(p->out, "f%d ", (int)leases_floor(p->l));
        break;
    default:
        fail_msg("no such step: %s", w);
    }
}

static const struct { const char *story, *steps; uint32_t window; const char *want; } rows[] = {
    { "nobody wants, nothing goes",          "n4 g", 8, "" },
    { "one gets the lowest first",           "n4 wA9 g", 8, "A1 A2 A3 " },
    { "what never arrived goes again",       "n3 wA2 g t2000 hA1 g t2000 hA1 g", 8, "A1 A2 A2 " },
    { "what is held for long stays",         "n3 wA2 g t2000 hA12 g t2000 hA12 g t2000 hA12 g", 8, "A1 A2 " },
    { "what fell back goes beyond credit",   "n9 wA2 wB2 g t2000 wB2 t2000 g", 8, "A1 B2 A3 B4 B1 B3 " },
    { "claims leave room for what is missing", "n9 hA345 wA3 g", 16, "A1 A2 " },
    { "no more than it wants",               "n9 wA2 g g", 8, "A1 A2 " },
    { "done makes room for the next",        "n9 wA2 g dA1 g", 8, "A1 A2 A3 " },
    { "two take turns",                      "n5 wA9 wB9 g", 8, "A1 B2 A3 B4 " },
    { "the floor waits for the lowest",      "n5 wA9 g dA2 dA3 f dA1 f", 8, "A1 A2 A3 A4 f1 f4 " },
    { "the window bounds what is out",       "n99 wA50 g", 4, "A1 A2 A3 A4 " },
    { "and moves with the floor alone",      "n99 wA50 g dA2 g dA1 g", 4, "A1 A2 A3 A4 A5 A6 " },
    { "work goes out when it comes",         "wA9 g n2 g n3 g", 8, "A1 A2 " },
    { "a silent one's go to the others",     "n5 wA2 g wB9 g t2000 wB9 t2000 g", 8,
      "A1 A2 B3 B4 B1 B2 " },
    { "its leases come before new ones",     "n3 wA2 g n9 t2000 wB1 t2000 g dB1 g dB2 g", 8,
      "A1 A2 B1 B2 B3 " },
    { "want keeps a decoder alive",          "n3 wA2 g wB2 t2000 hA12 wB2 t2000 hA12 wB2 t2000 g", 8,
      "A1 A2 " },
    { "so does done",                        "n4 wA3 g t2000 dA1 t2000 dA2 t2000 wB9 g", 8, "A1 A2 A3 " },
    { "one thought dead may still be done",  "n3 wA2 g t4000 wB9 g dA1 f dB1 f dB2 f", 8,
      "A1 A2 B1 B2 f2 again f2 f3 " },
    { "what nobody was given is refused",    "n3 wA1 dA9 dA3", 8, "refused refused " },
    { "done twice is done once",             "n3 wA2 g dA1 dA1 f", 8, "A1 A2 again f2 " },
    { "a new one keeps what it holds",       "n6 hA24 g wB9 g", 8, "A1 A3 A5 " },
    { "two cannot hold the same",            "n3 hA1 hB12 g dB1 dB2 f", 8, "f3 " },
    { "a claim does not last for ever",
      "n2 hA1 t3000 wA9 t3000 wA9 t3000 wA9 t3000 wA9 t3000 wA9 t3000 wA9 t3000 wA9 t3000 wA9 t3000 wA9"
      " t3000 wA9 g t1 g", 8, "A1 " },
    { "holding what is not there is nothing", "n3 hA79 g", 8, "A1 A2 " },
    { "what could not be sent goes elsewhere", "n2 wA9 wB8 g xA1 g", 8, "A1 B1 " },
    { "and not to the deaf until it speaks", "n2 wA9 g xA1 g wA9 g", 8, "A1 A1 " },
    { "less is wanted than is held",         "n9 wA3 g wA1 dA1 g dA2 g dA3 g", 8, "A1 A2 A3 A4 " },
};

static void leases_go_as_drawn(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct play p = { .now = 1000000 };
        char *steps = strdup(rows[i].steps), *got = NULL, *save = NULL;
        size_t n = 0;

        p.out = open_memstream(&got, &n);
        assert_non_null(p.out);
        assert_int_equal(leases_new(&p.l, rows[i].window, TIMEOUT, 1, 1), ERR_OK);
        for (char *w = strtok_r(steps, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
            step(&p, w);
        fclose(p.out);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].story, got, rows[i].want);
        leases_free(p.l);
        free(steps);
        free(got);
    }
}

static void windows_out_of_range_are_refused(void **state)
{
    (void)state;
    struct leases *l = NULL;

    assert_int_equal(leases_new(&l, 0, TIMEOUT, 1, 1), ERR_RANGE);
    assert_int_equal(leases_new(&l, LEASES_WINDOW_MAX + 1, TIMEOUT, 1, 1), ERR_RANGE);
    assert_null(l);
}

static void decoders_are_bounded(void **state)
{
    (void)state;
    struct leases *l = NULL;

    assert_int_equal(leases_new(&l, 8, TIMEOUT, 1, 1), ERR_OK);
    for (int i = 0; i < LEASES_DECODERS_MAX + 1; i++) {
        struct peer from = { 2, { (char)i, (char)(i >> 8) } };
        enum err e = leases_want(l, &from, 1, SLICE("d"), SLICE(""), 0);
        assert_int_equal(e, i < LEASES_DECODERS_MAX ? ERR_OK : ERR_LIMIT);
    }
    assert_int_equal(leases_figures(l).decoders, LEASES_DECODERS_MAX);
    assert_int_equal(leases_tick(l, TIMEOUT + 1), LEASES_DECODERS_MAX);
    assert_int_equal(leases_figures(l).decoders, 0);
    leases_free(l);
}

static void held_that_does_not_read_is_refused(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        SLICE_INIT("\x01"), SLICE_INIT("\xdd\xff\xff\xff\xff"), SLICE_INIT("\x92\x01"),
        SLICE_INIT("\x91\xa1x"),
    };
    struct leases *l = NULL;

    assert_int_equal(leases_new(&l, 8, TIMEOUT, 1, 4), ERR_OK);
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct peer from = peer_of((char)('a' + i));
        assert_int_equal(leases_want(l, &from, 1, SLICE("d"), bad[i], 0), ERR_BADMSG);
    }
    leases_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leases_go_as_drawn),
        cmocka_unit_test(windows_out_of_range_are_refused),
        cmocka_unit_test(decoders_are_bounded),
        cmocka_unit_test(held_that_does_not_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
