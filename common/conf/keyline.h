/*
 * keyline - the one line that makes a host an agent
 *
 *     base64( ID NAME ADDRESS SEED MANAGER-KEY ENDPOINTS CHECK )
 *
 * The manager prints it (yagura agents extract), a person pastes it into a host (yagura
 * import).  Pasting adds spaces and breaks lines, or loses the end: the former is put right,
 * the latter is noticed by the check and said in words.  The line is a secret: from its seed
 * the agent's CURVE keys are made, on both sides the same.
 */
#ifndef COMMON_CONF_KEYLINE_H
#define COMMON_CONF_KEYLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

#define KEYLINE_ID_MAX        99999999u
#define KEYLINE_NAME_MIN      2
#define KEYLINE_NAME_MAX      128
#define KEYLINE_ADDRESS_MAX   64
#define KEYLINE_ENDPOINTS_MAX 512
#define KEYLINE_SEED          32
#define KEYLINE_KEY           32
#define KEYLINE_CHECK         4

/* id, two of hex, the texts, six spaces and a NUL */
#define KEYLINE_PLAIN_MAX (8 + KEYLINE_NAME_MAX + KEYLINE_ADDRESS_MAX + 2 * KEYLINE_SEED \
                           + 2 * KEYLINE_KEY + KEYLINE_ENDPOINTS_MAX + 2 * KEYLINE_CHECK + 6 + 1)
#define KEYLINE_TEXT_MAX  ((KEYLINE_PLAIN_MAX + 2) / 3 * 4 + 1)

struct keyline {
    uint32_t id;                                /* 1 to KEYLINE_ID_MAX */
    char name[KEYLINE_NAME_MAX + 1];
    char address[KEYLINE_ADDRESS_MAX + 1];      /* an address, a network, or "any" */
    uint8_t seed[KEYLINE_SEED];
    uint8_t manager[KEYLINE_KEY];               /* the manager's public CURVE key */
    char endpoints[KEYLINE_ENDPOINTS_MAX + 1];  /* "tcp://HOST:PORT", comma separated */
};

struct keyline_text { char at[KEYLINE_TEXT_MAX]; };

/* White space anywhere and missing padding are forgiven.  ERR_SYNTAX: this is no key line (not
 * base64, or not seven fields).  ERR_BADMSG: it was one, and was damaged on its way.  ERR_RANGE: it
 * is whole, but one of its values is none that we take.  On error *ret is untouched. */
MUST_USE enum err keyline_parse(struct slice text, struct keyline *ret);

/* The sentence for a person who pasted it. */
const char *keyline_why(enum err e);

/* Values must be such as keyline_parse() takes: ERR_RANGE.  No newline at the end. */
MUST_USE enum err keyline_print(const struct keyline *k, struct keyline_text *ret);

/* The agent's CURVE keys, made from the seed alone.  ERR_SYS: libsodium does not start. */
MUST_USE enum err keyline_keypair(const struct keyline *k, uint8_t ret_public[KEYLINE_KEY],
                                  uint8_t ret_secret[KEYLINE_KEY]);

/* 2 to 128 of A-Z a-z 0-9 _ . - and neither "." nor "..". */
bool keyline_name_ok(struct slice name);
/* "tcp://HOST:PORT", and more of them behind commas. */
bool keyline_endpoints_ok(struct slice endpoints);

void keyline_wipe(struct keyline *k);

#endif
