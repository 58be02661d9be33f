#include "alertd/fetcher.h"

#include <stdlib.h>

struct fetcher {
    struct journal *journal;
    char *endpoint;
    struct source_cursor at;
    uint64_t left_epoch;                /* the outbox before this one; late answers of it are dropped */
    uint64_t asked_ms;
    bool waiting, with_archives;
    struct fetcher_counts counts;
};

enum err fetcher_new(struct fetcher **ret, struct journal *j, const char *endpoint, bool with_archives)
{
    struct fetcher *f = calloc(1, sizeof *f);
    if (f == NULL)
        return ERR_NOMEM;

    f->journal = j;
    f->with_archives = with_archives;
    f->endpoint = strdup(endpoint);
    if (f->endpoint == NULL) {
        free(f);
        return ERR_NOMEM;
    }
    f->at = journal_source(j, endpoint);
    *ret = f;
    return ERR_OK;
}

void fetcher_free(struct fetcher *f)
{
    if (f == NULL)
        return;
    free(f->endpoint);
    free(f);
}

bool fetcher_question(struct fetcher *f, uint64_t now_ms, struct fetch *ret)
{
    if (f->waiting && now_ms - f->asked_ms < FETCH_AGAIN_MS)
        return false;
    *ret = (struct fetch){ .epoch = f->at.epoch, .from = f->at.next, .max = FETCH_BYTES };
    return true;
}

void fetcher_asked(struct fetcher *f, uint64_t now_ms)
{
    f->waiting = true;
    f->asked_ms = now_ms;
}

/* Every record reads, and there are as many as it says. */
static bool is_sound(const struct alerts *a)
{
    struct slice rest = a->body;
    struct entry e;
    uint64_t n = 0;

    if (a->epoch == 0 || a->count > JOURNAL_BATCH_MAX || (a->count > 0 && a->first == 0)
        || a->first > UINT64_MAX - a->count)
        return false;
    for (; n < a->count && rest.n > 0; n++)
        if (entry_next(&e, &rest) != ERR_OK)
            return false;
    return n == a->count && rest.n == 0;
}

/* Leave out what is on disk already. */
static void skip_known(struct fetcher *f, struct alerts *a)
{
    struct alert rec;

    while (a->count > 0 && a->first < f->at.next) {
        if (record_next(&alert_schema, &rec, &a->body) != ERR_OK)
            return;                     /* is_sound() has read them all */
        a->first++;
        a->count--;
        f->counts.repeated++;
    }
}

static void turn_to(struct fetcher *f, uint64_t epoch)
{
    f->left_epoch = f->at.epoch;
    f->at = (struct source_cursor){ epoch, 0 };
}

enum err fetcher_take(struct fetcher *f, struct slice frame)
{
    struct alerts a;

    if (record_unpack(&alerts_schema, &a, frame) != ERR_OK || !is_sound(&a)) {
        f->counts.refused++;
        return ERR_BADMSG;
    }
    if (a.epoch == f->left_epoch)
        return ERR_OK;
    f->waiting = false;
    if (a.epoch != f->at.epoch)
        turn_to(f, a.epoch);
    skip_known(f, &a);
    if (a.count == 0)
        return ERR_OK;
    if (f->at.next != 0 && a.first > f->at.next)
        f->counts.missing += a.first - f->at.next;

    struct source_cursor after = { a.epoch, a.first + a.count };
    enum err e = journal_append(f->journal, a.body, a.count, f->with_archives, f->endpoint, after);
    if (e != ERR_OK) {
        fetcher_back(f);
        return e;
    }
    f->at = after;
    f->counts.in += a.count;
    f->counts.batches++;
    return ERR_OK;
}

void fetcher_back(struct fetcher *f)
{
    f->at = journal_source(f->journal, f->endpoint);
    f->waiting = false;
}

const char *fetcher_endpoint(const struct fetcher *f)
{
    return f->endpoint;
}

struct fetcher_counts fetcher_counts(const struct fetcher *f)
{
    return f->counts;
}

bool fetcher_is_waiting(const struct fetcher *f)
{
    return f->waiting;
}
