/*
 * fetcher - take alerts over from one correlate, each exactly once
 *
 * FETCH{from} says at once: everything below is on my disk, and: more, please.  The answer goes
 * to the journal together with the place it leads to, so a question asked twice, an answer
 * that comes twice, or a crash at any point changes nothing.
 *
 * An outbox that was made anew shows another epoch; it is read from its first alert.  The answers
 * are believed as far as they can be checked: a body that does not read is counted and dropped.
 */
#ifndef ALERTD_FETCHER_H
#define ALERTD_FETCHER_H

#include "alertd/journal.h"
#include "schemas/messages.h"

#define FETCH_BYTES ((uint64_t)512 << 10)       /* body taken at once */
#define FETCH_AGAIN_MS 1000             /* no answer: ask again, correlate may be another process now */

struct fetcher;
struct fetcher_counts { uint64_t in, batches, refused, repeated, missing; };

/* endpoint names the source in the journal.  The caller ends *ret with fetcher_free(). */
MUST_USE enum err fetcher_new(struct fetcher **ret, struct journal *j, const char *endpoint,
                              bool with_archives);
void fetcher_free(struct fetcher *f);           /* NULL is fine */

/* The question that is due now, if one is: nothing was asked since the last answer, or too long
 * ago.  fetcher_asked() when it was sent. */
bool fetcher_question(struct fetcher *f, uint64_t now_ms, struct fetch *ret);
void fetcher_asked(struct fetcher *f, uint64_t now_ms);

/* An answer.  ERR_OK: what was new in it is in the journal's open transaction; ask again once that
 * is committed.  ERR_BADMSG: refused.  ERR_FULL: the journal takes no more for now. */
MUST_USE enum err fetcher_take(struct fetcher *f, struct slice frame);

/* The transaction was lost: go back to what is on disk. */
void fetcher_back(struct fetcher *f);

const char *fetcher_endpoint(const struct fetcher *f);
struct fetcher_counts fetcher_counts(const struct fetcher *f);
bool fetcher_is_waiting(const struct fetcher *f);       /* asked, and not yet answered */

#endif
