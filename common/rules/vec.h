/* vec - a growing array of pointers; it owns the array, not what it points to */
#ifndef COMMON_RULES_VEC_H
#define COMMON_RULES_VEC_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct vec { void **at; size_t n, room; };      /* all zero is an empty one */

/* Insert p in front of place i, i at most v->n. */
MUST_USE enum err vec_insert(struct vec *v, size_t i, void *p);
MUST_USE enum err vec_push(struct vec *v, void *p);
bool vec_has(const struct vec *v, const void *p);
void vec_free(struct vec *v);

#endif
