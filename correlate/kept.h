/* kept - an event of history as a record (correlate/kept.def), for the store */
#ifndef CORRELATE_KEPT_H
#define CORRELATE_KEPT_H

#include "common/wire/record.h"

#define FIELD(pos, kind, name, doc) kind_##kind name;
struct kept {
#include "correlate/kept.def"
};
#undef FIELD
extern const struct schema kept_schema;

#endif
