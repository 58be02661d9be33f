/*
 * pipe - correlate -t: range frames in, one verdict frame per event out, nothing kept
 *
 * For logtest, tests and benchmarks.  Ignore windows work as in ossec-logtest.  Flags:
 * --fresh gives each event an empty history; --trace tells the walk, line by line.
 */
#ifndef CORRELATE_PIPE_H
#define CORRELATE_PIPE_H

#include "common/stage/stage.h"

int pipe_run(struct run *run, int in, int out);

#endif
