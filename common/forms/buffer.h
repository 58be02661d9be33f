/*
 * buffer - bytes that are about to be written, growing as they come
 *
 * Room is reserved once for a whole record; what follows is plain copying.  A buffer that
 * could not grow remembers it and swallows what comes: ask buffer_ok() once, at the end.
 */
#ifndef ALERTD_FORMS_BUFFER_H
#define ALERTD_FORMS_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

struct buffer { char *p; size_t n, room; bool failed; };      /* zeros are an empty one */

void buffer_free(struct buffer *b);
void buffer_reset(struct buffer *b);    /* empty, not failed; keeps its memory */
static inline bool buffer_ok(const struct buffer *b) { return !b->failed; }

char *buffer_grow(struct buffer *b, size_t n);

/* Room for n more bytes at the end; NULL when there is no memory. */
static inline char *buffer_reserve(struct buffer *b, size_t n)
{
    return b->room - b->n >= n && b->p != NULL ? b->p + b->n : buffer_grow(b, n);
}

void buffer_put(struct buffer *b, struct slice s);
void buffer_byte(struct buffer *b, char c);
void buffer_number(struct buffer *b, uint64_t n);
void buffer_json(struct buffer *b, struct slice s);     /* as a JSON text, with its quotes */
#define buffer_lit(b, lit) buffer_put((b), SLICE(lit))

/* Give memory above `most` bytes back: one giant record does not stay paid for. */
void buffer_shrink(struct buffer *b, size_t most);

static inline struct slice buffer_slice(const struct buffer *b)
{
    return (struct slice){ b->p, b->n };
}

#endif
