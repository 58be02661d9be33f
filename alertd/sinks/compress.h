/*
 * compress - turn the files of past days into .gz, one at a time, in a child process
 *
 * FILE becomes FILE.gz by way of FILE.gz.part: synced, renamed, and only then is FILE removed, so
 * that a crash at any point leaves FILE or FILE.gz whole.  What a crash left undone is found
 * by compressor_scan() at the next start.
 */
#ifndef ALERTD_SINKS_COMPRESS_H
#define ALERTD_SINKS_COMPRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

#define COMPRESS_QUEUE_MAX 1024         /* files waiting; further ones are found at the next start */

struct compressor;

MUST_USE enum err compressor_new(struct compressor **ret);
void compressor_free(struct compressor *c);     /* ends a child at work; NULL is fine */

void compressor_add(struct compressor *c, const char *path);
/* Every dated file below DIR/YYYY/Mon that is not compressed yet. */
void compressor_scan(struct compressor *c, const char *dir);
/* Start the next child when none is at work; true while there is something to do.  *failed counts
 * children that did not succeed. */
bool compressor_turn(struct compressor *c, uint64_t *failed);

/* What the child does.  ERR_SYS, with errno; the file is then as before. */
MUST_USE enum err compress_file(const char *path);

#endif
