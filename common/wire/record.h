/*
 * record - pack, unpack, print and document any struct that a field table describes
 *
 * On the wire a record is a msgpack array and a row's number is its position.  A
 * record that is a message of its own begins with its type number; one inside a
 * body does not.  A shorter array means zeros at its end; the tail of a longer one
 * comes from a newer sender and is skipped.
 */
#ifndef COMMON_WIRE_RECORD_H
#define COMMON_WIRE_RECORD_H

#include <msgpack.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"
#include "common/slice.h"

/* U64: an unsigned number.  TEXT: bytes as they came, at most MP_TEXT_MAX.  BODY: bytes
 * at most MP_FRAME_MAX, usually packed records one after the other.  RAW: one whole
 * msgpack value, kept as its bytes; empty stands for nil. */
enum kind { KIND_U64, KIND_TEXT, KIND_BODY, KIND_RAW };
typedef uint64_t     kind_U64;
typedef struct slice kind_TEXT;
typedef struct slice kind_BODY;
typedef struct slice kind_RAW;

struct field  { uint8_t key; enum kind kind; const char *name; size_t at; const char *doc; };
struct schema {
    const char *name, *doc;
    uint64_t type;              /* 0: not a message of its own */
    size_t size, n;
    const struct field *fields;
};

/* Append *rec to out.  ERR_NOMEM is the only failure. */
MUST_USE enum err record_pack(const struct schema *s, const void *rec, msgpack_sbuffer *out);

/* frame is exactly one record.  Slices of *rec borrow from frame and live as long as
 * it does.  Anything amiss is ERR_BADMSG, and *rec is then not to be read. */
MUST_USE enum err record_unpack(const struct schema *s, void *rec, struct slice frame);

/* The same for the first record of *rest, which then begins behind it. */
MUST_USE enum err record_next(const struct schema *s, void *rec, struct slice *rest);

/* The type of a message frame, 0 when it has none. */
uint64_t record_type(struct slice frame);

void record_json(const struct schema *s, const void *rec, FILE *out);
void record_doc(const struct schema *s, FILE *out);

#endif
