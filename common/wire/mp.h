/*
 * mp - read msgpack in place: no allocation, no recursion, no trust
 *
 * A length claimed by the sender is only ever compared with the bytes that are
 * really there.  Every read either advances the cursor or refuses, and a refusal
 * leaves the cursor in no defined place: give the frame up.
 *
 * Ours speak unsigned numbers, text, bytes, arrays, maps, nil and booleans.  Ext
 * types, floats and negative numbers are skipped inside foreign values and are
 * never believed.
 */
#ifndef COMMON_WIRE_MP_H
#define COMMON_WIRE_MP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

#define MP_EDGE_MAX  ((size_t)1 << 20)  /* bytes of one message from outside */
#define MP_FRAME_MAX ((size_t)8 << 20)  /* bytes of one message between stages, which adds fields */
#define MP_TEXT_MAX  ((size_t)64 << 10) /* bytes of one text in it */
#define MP_DEPTH_MAX 8                  /* arrays and maps inside one another */

enum mp_what { MP_BAD, MP_UINT, MP_TEXT, MP_BIN, MP_ARRAY, MP_MAP, MP_NIL, MP_BOOL, MP_OTHER };
struct mp_head { enum mp_what what; uint64_t n; };      /* n: value, length or count */

/* The head of the next value.  For MP_TEXT, MP_BIN and MP_OTHER n payload bytes
 * follow, known to be there; for MP_ARRAY and MP_MAP n (pairs of) values follow, of
 * which is known only that the rest has a byte for each. */
bool mp_head(struct slice *rest, struct mp_head *ret);
bool mp_take(struct slice *rest, uint64_t n, struct slice *ret);

/* One whole value, however wide; deeper than MP_DEPTH_MAX or with ext types: refused. */
bool mp_skip(struct slice *rest);

bool mp_uint(struct slice *rest, uint64_t *ret);
bool mp_text(struct slice *rest, struct slice *ret);    /* text or bytes, any length at hand */
bool mp_array(struct slice *rest, uint64_t *ret);       /* the count; the values follow */
bool mp_raw(struct slice *rest, struct slice *ret);     /* the bytes of one value, as mp_skip */

#endif
