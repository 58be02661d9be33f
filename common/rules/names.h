/* names - byte strings and the dense numbers they are known by, from 1; names are borrowed */
#ifndef COMMON_RULES_NAMES_H
#define COMMON_RULES_NAMES_H

#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

struct names { struct slice *at; uint32_t *slot; uint32_t n, n_slots; };    /* zero is empty */

/* The number of name, which is added when it is new.  name must live as long as the table. */
MUST_USE enum err names_add(struct names *t, struct slice name, uint32_t *ret);
uint32_t names_find(const struct names *t, struct slice name);      /* 0: not there */
void names_free(struct names *t);

#endif
