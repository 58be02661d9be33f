/* table - the rows of schemas/config.def as data: what conf's own files walk */
#ifndef COMMON_CONF_TABLE_H
#define COMMON_CONF_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

enum option_kind {
    KIND_BOOL, KIND_U32, KIND_BYTES, KIND_SECONDS, KIND_ENUM, KIND_TEXT, KIND_PATH, KIND_LIST,
    KIND_NETS, KIND_ADDRESS, KIND_ENDPOINTS, KIND_HOPS, KIND_LOCALS, KIND_KNOWN,
};

struct words { const char *const *word; size_t n; };

struct option {
    const char *name;
    enum option_kind kind;
    size_t at;                          /* offset in the section's struct */
    uint64_t min, max;                  /* of a number; max alone of a text's bytes */
    const struct words *words;          /* of an ENUM */
    const char *fallback, *doc;
};

enum section_shape { SECTION_SINGLE, SECTION_REPEATED, SECTION_UNUSED };

struct section {
    const char *name, *doc;
    enum section_shape shape;
    const struct option *option;
    size_t n;
    size_t size;                        /* of the section's struct */
    size_t at, n_at;                    /* in struct config: the struct, or pointer and count */
};

#define SECTION_OPTIONS_MAX 64

size_t table_sections(void);
const struct section *table_section(size_t i);

/* NULL: no such name. */
const struct section *section_find(struct slice name);
const struct option *section_option(const struct section *s, struct slice name);

/* The words <rules> knows, enum config_entry_kind. */
const struct words *table_entry_words(void);
/* Where word stands in w; w->n when it does not. */
size_t words_find(const struct words *w, struct slice word);

#endif
