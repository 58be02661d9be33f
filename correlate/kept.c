#include "correlate/kept.h"

#define FIELD(pos, kind, name, doc) { pos, KIND_##kind, #name, offsetof(struct kept, name), doc },
static const struct field kept_fields[] = {
#include "correlate/kept.def"
};
#undef FIELD

const struct schema kept_schema = {
    "kept", "one event of history, as it is written down", 0, sizeof(struct kept),
    sizeof kept_fields / sizeof kept_fields[0], kept_fields,
};
