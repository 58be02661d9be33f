/*
 * keeper - alertd's work, turn by turn: fetch, journal, publish, write
 *
 * In this order: answers go to the journal; the journal is committed, one sync for the turn; what is
 * on disk is published; correlate is asked for more, which is its acknowledgement; the files are
 * written.  Ten times a second the files are synced and their lengths committed.
 *
 * Pressure: when the journal is full nothing more is fetched, until the sinks have caught up.
 *
 * Security: the bytes of correlate's answers, of replay's questions and of every text in an
 * alert are a stranger's.  It writes below its log directory and its store, and nowhere else.
 */
#ifndef ALERTD_KEEPER_H
#define ALERTD_KEEPER_H

#include "common/stage/stage.h"

MUST_USE enum err keeper_open(void **self, struct run *run);
MUST_USE enum err keeper_connect(void *self);
void keeper_close(void *self);
void keeper_status(void *self, struct status_values *v);

#endif
