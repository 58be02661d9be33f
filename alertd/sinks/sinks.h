/*
 * sinks - the files that alerts and archives are written to; each has its own place in the journal
 *
 * A turn reads from the journal what a sink has not written yet and appends it in one write.
 * Every so often the file is synced and its length and the sink's place are handed to the journal
 * together.  A full disk stops the sink where it is; it goes on by itself.
 */
#ifndef ALERTD_SINKS_SINKS_H
#define ALERTD_SINKS_SINKS_H

#include "alertd/journal.h"
#include "alertd/sinks/file.h"

enum sink_id { SINK_ALERTS_LOG, SINK_ALERTS_JSON, SINK_ARCHIVES_LOG, SINK_ARCHIVES_JSON, SINK_COUNT };

struct sinks_config {
    const char *log_dir;
    bool on[SINK_COUNT];
    bool rotate, compress;
    file_writer *writer;                /* write(2), or a test's */
};

struct sinks;

/* Errors are told through log_error.  The caller ends *ret with sinks_free(). */
MUST_USE enum err sinks_open(struct sinks **ret, struct journal *j, const struct sinks_config *c);
void sinks_free(struct sinks *s);               /* NULL is fine */

/* Let every sink write what it has not yet, up to a bound; *more tells that there is more and that
 * it can be written.  ERR_SYS: the disk failed, the stage must end. */
MUST_USE enum err sinks_turn(struct sinks *s, uint64_t now_ms, bool *more);

/* Sync what was written and hand the places to the journal; the caller commits it. */
MUST_USE enum err sinks_flush(struct sinks *s);

/* Compress in the background; call now and then. */
void sinks_tidy(struct sinks *s);

bool sinks_wants_archives(const struct sinks *s);

struct sink_status { const char *name; bool on, stuck; uint64_t next, written; };
struct sink_status sinks_status(const struct sinks *s, enum sink_id id);

#endif
