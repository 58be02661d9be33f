/* err - every way a call can fail, each with its one sentence */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

#define ERR_MAP(X)                                                \
    X(OK,     "success")                                          \
    X(NOMEM,  "out of memory")                                    \
    X(RANGE,  "value outside its allowed range")                  \
    X(BADMSG, "message does not match its schema")                \
    X(SYNTAX, "text does not follow its grammar")                 \
    X(SPACE,  "result does not fit the space given")              \
    X(ABSENT, "no such entry")                                    \
    X(EXISTS, "there is such an entry already")                   \
    X(DENIED, "the caller may not do this")                       \
    X(AGAIN,  "not now; the same call may succeed later")         \
    X(FULL,   "the store is full; room must be made first")       \
    X(LIMIT,  "a resource limit was reached")                     \
    X(SYS,    "the system refused; errno tells why")

enum err {
#define X(name, text) ERR_##name,
    ERR_MAP(X)
#undef X
};

#define MUST_USE __attribute__((warn_unused_result))

/* Ignoring an error is a decision; say beside it why. */
static inline void err_ignore(enum err e)
{
    (void)e;
}

/* The sentence of e; never NULL. */
const char *err_str(enum err e);

#endif
