/*
 * collector - the agent's middle: sources on one side, the spool, the manager on the other
 *
 * One gather is: read what is new, a bounded part of it; commit records and positions; send what the
 * credit allows.  inotify starts a gather a few milliseconds after the first news, so that a busy log costs
 * one turn for many lines.  A full spool or a full disk makes every source wait where it is.
 *
 * It reads the files that its configuration names and its own key and state; it runs the
 * commands that its configuration names; it connects to its manager.  It takes nothing from
 * the wire but acknowledgements.
 */
#ifndef AGENT_COLLECTOR_H
#define AGENT_COLLECTOR_H

#include "common/stage/stage.h"

#define COLLECTOR_FULL_MS 100           /* between two looks whether a full disk has room again */
#define COLLECTOR_IDLE_MS 1000          /* longest time between two looks at the time */

MUST_USE enum err collector_open(void **self, struct run *run);
MUST_USE enum err collector_connect(void *self);
void collector_close(void *self);
void collector_status(void *self, struct status_values *v);

#endif
