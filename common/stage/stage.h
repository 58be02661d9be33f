/*
 * stage - the life every daemon shares: options, configuration, state, sockets, loop, farewell
 *
 * A stage's main.c is a description; stage_main() lives it:
 *   1. options and configuration are read and checked; --help, --version end here
 *   2. open(): the stage opens its files and state; it knows no socket yet
 *   3. connect(): the stage makes its sockets and gives them to the loop
 *   4. READY=1, then the loop, until SIGTERM or SIGINT; SIGHUP is answered by a line of the log
 *   5. close(): what is pending is committed, and everything freed
 * A stage that is given -t reads frames on stdin and writes frames on stdout (see pipe())
 * and opens nothing else.  The control socket answers status requests for every stage.
 */
#ifndef COMMON_STAGE_STAGE_H
#define COMMON_STAGE_STAGE_H

#include <stdint.h>

#include "common/conf/config.h"
#include "common/conf/paths.h"
#include "common/err.h"
#include "common/stage/loop.h"
#include "common/stage/status.h"
#include "common/version.h"

struct gate;

struct flag { const char *name; bool has_value; const char *doc; };

/* What a running stage is given.  All of it outlives the stage. */
struct run {
    const struct config *config;
    const struct paths *paths;
    const char *name;                   /* of this process: the stage's, or --name */
    struct loop *loop;
    void *zmq;                          /* the context; NULL until connect() */
    struct gate *gate;                  /* makes the stage's sockets; likewise */
    uint64_t now_us;                    /* --now: a fixed clock for tests, in microseconds; 0: the real one */
    const struct stage *stage;
    const char *const *flag_values;     /* one per row of stage->flags; "" for a flag without value */
};

struct stage {
    const char *name, *doc;
    const struct flag *flags;           /* beside the common ones */
    size_t n_flags;
    MUST_USE enum err (*open)(void **self, struct run *run);    /* says itself what failed, through log_error */
    MUST_USE enum err (*connect)(void *self);                   /* likewise */
    void (*close)(void *self);          /* also after a failed open or connect, with what there is */
    void (*status)(void *self, struct status_values *v);        /* NULL: nothing to add */
    int (*pipe)(struct run *run, int in, int out);              /* -t; NULL: not offered */
};

int stage_main(const struct stage *s, int argc, char **argv);

/* The value of a flag of the stage's table; NULL when it was not given. */
const char *run_flag(const struct run *r, const char *name);

/* The time of receipt: the real clock, or --now. */
uint64_t run_now_us(const struct run *r);

#endif
