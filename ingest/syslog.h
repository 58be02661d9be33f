/*
 * syslog - routers, firewalls and hosts without an agent
 *
 * Listens on UDP and TCP where <remote> says so, takes from the addresses that are allowed
 * there, and puts each message, without its priority, among what the manager gathers; its
 * location is the sender's address.
 *
 * UDP cannot be held back: what there is no room for is dropped and counted, what the kernel
 * dropped is counted too, and once a second new drops become an event.  TCP is not read
 * while there is no room.
 */
#ifndef INGEST_SYSLOG_H
#define INGEST_SYSLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/stage/stage.h"
#include "ingest/gather.h"

#define SYSLOG_COUNT_MAP(X)                                                    \
    X(syslog,         "messages taken")                                        \
    X(syslog_empty,   "messages without text")                                 \
    X(syslog_denied,  "datagrams and connections from addresses not allowed")  \
    X(syslog_cut,     "messages cut at 64 KiB, or broken off")                 \
    X(syslog_dropped, "messages dropped: no room here, or none in the kernel")

struct syslog_counts {
#define X(name, doc) uint64_t name;
    SYSLOG_COUNT_MAP(X)
#undef X
};

struct syslog;

/* Bind every syslog listener of the configuration and give it to the loop.  run and gather are
 * borrowed.  The caller owns *ret.  On an error *ret_line is the line of the <remote> concerned:
 * ERR_ABSENT: it allows no address; ERR_SYNTAX: an address or network is none; ERR_SYS: errno tells. */
MUST_USE enum err syslog_new(struct syslog **ret, struct run *run, struct gather *g, uint32_t *ret_line);
void syslog_free(struct syslog *s);     /* NULL is fine */

/* Held: TCP is not read, and what comes over UDP is dropped. */
void syslog_hold(struct syslog *s, bool held);

/* Once a second, and before the end: turn new drops into an event. */
void syslog_report(struct syslog *s);

const struct syslog_counts *syslog_counts(const struct syslog *s);
size_t syslog_connections(const struct syslog *s);
uint64_t syslog_closed(const struct syslog *s);         /* connections closed for others */

#endif
