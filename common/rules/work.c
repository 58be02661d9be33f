#include "common/rules/tree.h"

#include <stdlib.h>
#include <string.h>

#define WORK_ARENA_MAX ((size_t)1 << 20)

enum err work_new(struct work **ret, const struct ruleset *rs)
{
    struct work *w = calloc(1, sizeof *w);
    enum err err = ERR_NOMEM;

    if (w == NULL)
        return err;
    w->rs = rs;
    w->minute = UINT64_MAX;
    w->n_words = scan_words(rs->scan);
    w->seen = calloc(w->n_words + 1, sizeof *w->seen);
    if (w->seen == NULL || (err = matcher_new(&w->matcher)) != ERR_OK
        || (err = arena_new(&w->arena, WORK_ARENA_MAX)) != ERR_OK) {
        work_free(w);
        return err;
    }
    *ret = w;
    return ERR_OK;
}

void work_limit(struct work *w, uint32_t steps)
{
    matcher_limit(w->matcher, steps);
}

void work_free(struct work *w)
{
    if (w == NULL)
        return;
    matcher_free(w->matcher);
    arena_free(w->arena);
    free(w->seen);
    free(w);
}

void work_watch(struct work *w, walk_watcher *watcher, void *arg)
{
    w->watcher = watcher;
    w->watcher_arg = arg;
}

void work_keep_actions(struct work *w)
{
    w->keep_actions = true;
}

void work_scan(struct work *w, const struct decoded *d)
{
    if (w->naive)
        return;                         /* nothing is part of what was never scanned */
    memset(w->seen, 0, w->n_words * sizeof *w->seen);
    scan_run(w->rs->scan, d->full_log, w->seen);
    w->scanned = d->full_log;
    w->scanned_seq = d->seq;
}

const struct tm *work_local_time(struct work *w, uint64_t received_us)
{
    uint64_t minute = received_us / 60000000;
    time_t at = (time_t)(received_us / 1000000);

    if (minute != w->minute) {
        if (localtime_r(&at, &w->local) == NULL)
            memset(&w->local, 0, sizeof w->local);
        w->minute = minute;
    }
    return &w->local;
}
