/*
 * value - the text of an option becomes the member of a struct
 *
 * Defaults and files go through the same door.  What is wrong is told to the place's
 * report as `file:line: section/name: reason`.
 */
#ifndef COMMON_CONF_VALUE_H
#define COMMON_CONF_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf/config.h"
#include "common/conf/table.h"
#include "common/text/arena.h"

/* Where a value stands, and what is needed to keep it. */
struct place {
    struct arena *arena;
    const struct paths *paths;
    struct report *report;
    const char *file;
    uint32_t line;
    const char *section;
    bool nomem;                         /* set when memory ran out */
};

/* Tell "section/name: reason". */
__attribute__((format(printf, 3, 4)))
void place_tell(struct place *p, struct slice name, const char *fmt, ...);

/* s without blanks at its ends. */
struct slice value_trim(struct slice s);

/* Read text, trimmed, as o wants it and write it to the member at.  A LIST or ENDPOINTS
 * gains items.  False: told, or p->nomem. */
bool value_read(struct place *p, const struct option *o, struct slice text, void *at);

/* Give a growing array room for one more: unchanged, or a copy of twice the size in the
 * arena; NULL without memory, and p->nomem is set.  The array must only grow this way. */
void *value_room(struct place *p, const void *array, size_t n, size_t size);

#endif
