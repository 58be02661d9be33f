/*
 * control - the socket on which a stage answers questions about itself
 *
 * RUN/ctl/NAME, ipc.  A status message is answered by a status_reply; anything else is
 * counted and not answered, so nobody can make a stage wait.  A stage that ends takes its
 * socket away; one that was killed leaves it, and does not answer.
 */
#ifndef COMMON_STAGE_CONTROL_H
#define COMMON_STAGE_CONTROL_H

#include "common/stage/stage.h"

struct control;

/* run and self outlive the control, whose owner is the caller.  Errors as hop_bind(). */
MUST_USE enum err control_open(struct control **ret, struct run *run, void *self);
void control_close(struct control *c);          /* NULL is fine */

#endif
