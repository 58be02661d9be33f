/*
 * lists - the key:value files that rules look fields up in
 *
 * OSSEC compiles them to CDB; here the text itself is read, once, at load.  A line is
 * `key:value` or `key:`; `###` begins a comment; lines without a colon are skipped.
 */
#ifndef COMMON_RULES_LISTS_H
#define COMMON_RULES_LISTS_H

#include <stdbool.h>

#include "common/err.h"
#include "common/rules/vec.h"
#include "common/slice.h"

struct list;

/* text is copied; `name` is the path it was declared by.  The caller owns *ret. */
MUST_USE enum err list_new(struct list **ret, struct slice name, struct slice text);
void list_free(struct list *l);                                 /* NULL is fine */

/* The list of lists declared by this name, with or without ".cdb"; NULL when there is none. */
const struct list *list_find(const struct vec *lists, struct slice name);

/* Of several lines with the same key the first counts. */
bool list_get(const struct list *l, struct slice key, struct slice *ret);
/* An address: itself, else the longest of its dotted prefixes, "192.0.2." and so on. */
bool list_get_address(const struct list *l, struct slice address, struct slice *ret);

#endif
