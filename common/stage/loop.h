/*
 * loop - wait for sockets, descriptors and timers, and serve each in its turn
 *
 * One zmq_poll over everything.  A handler that is ready is called once a turn and
 * should serve a bounded number of messages (LOOP_TURN is a fair one) and return; what
 * is left is served next turn, so nobody starves.  No threads.
 */
#ifndef COMMON_STAGE_LOOP_H
#define COMMON_STAGE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

#define LOOP_TURN 256           /* messages one handler serves before its neighbour's turn */

struct loop;
typedef void loop_handler(void *arg);

MUST_USE enum err loop_new(struct loop **ret);          /* the caller owns *ret */
void loop_free(struct loop *l);                         /* NULL is fine; closes no socket */

/* Call handler whenever the ZeroMQ socket / the descriptor has something to read.  ERR_NOMEM. */
MUST_USE enum err loop_add_socket(struct loop *l, void *socket, loop_handler *handler, void *arg);
MUST_USE enum err loop_add_fd(struct loop *l, int fd, loop_handler *handler, void *arg);
void loop_remove_socket(struct loop *l, void *socket);  /* fine from within a handler */
void loop_remove_fd(struct loop *l, int fd);

/* Pause or resume the reading of one: a paused item is not polled. */
void loop_pause_fd(struct loop *l, int fd, bool paused);
void loop_pause_socket(struct loop *l, void *socket, bool paused);

/* Call handler every so many milliseconds; the first time after one interval. */
MUST_USE enum err loop_every(struct loop *l, uint32_t ms, loop_handler *handler, void *arg);

/* Call handler once, in ms from now; asking again with the same handler and arg before it ran moves
 * it to the earlier of the two times.  loop_cancel() forgets it. */
MUST_USE enum err loop_once(struct loop *l, uint32_t ms, loop_handler *handler, void *arg);
void loop_cancel(struct loop *l, loop_handler *handler, void *arg);

/* Call handler at the end of every turn in which any handler ran: the place for a group commit. */
void loop_after_turn(struct loop *l, loop_handler *handler, void *arg);

/* Serve until loop_stop().  ERR_SYS: polling itself failed. */
MUST_USE enum err loop_run(struct loop *l);
void loop_stop(struct loop *l);

uint64_t loop_now_ms(void);     /* CLOCK_MONOTONIC */
uint64_t clock_now_us(void);    /* CLOCK_REALTIME, microseconds since the epoch: data, never a time-out */

#endif
