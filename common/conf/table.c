#include "common/conf/table.h"

#include <assert.h>

#include "common/conf/config.h"

#define WORDS(set)              static const char *const list_##set[] = {
#define WORD(set, name, text)       text,
#define WORDS_END(set)          };                                                      \
    static const struct words words_##set = {                                           \
        list_##set, sizeof list_##set / sizeof list_##set[0]                            \
    };
#include "schemas/config_words.def"

#define ROW_BOOL                .kind = KIND_BOOL
#define ROW_U32(low, high)      .kind = KIND_U32, .min = (low), .max = (high)
#define ROW_BYTES(low, high)    .kind = KIND_BYTES, .min = (low), .max = (high)
#define ROW_SECONDS(low, high)  .kind = KIND_SECONDS, .min = (low), .max = (high)
#define ROW_ENUM(set)           .kind = KIND_ENUM, .words = &words_##set
#define ROW_TEXT(high)          .kind = KIND_TEXT, .max = (high)
#define ROW_PATH                .kind = KIND_PATH, .max = 4095
#define ROW_LIST                .kind = KIND_LIST, .max = 4096
#define ROW_NETS                .kind = KIND_NETS, .max = 128
#define ROW_ADDRESS             .kind = KIND_ADDRESS, .max = 64
#define ROW_ENDPOINTS           .kind = KIND_ENDPOINTS, .max = 4096
#define ROW_HOPS                .kind = KIND_HOPS, .max = 4096
#define ROW_LOCALS              .kind = KIND_LOCALS, .max = 4096

#define SINGLE(s, title, text)      static const struct option options_##s[] = {
#define REPEATED(s, title, text)    SINGLE(s, title, text)
#define UNUSED(s, title, text)      SINGLE(s, title, text)
#define OPTION(s, type, member, title, value, text)                                     \
    { .name = title, .at = offsetof(struct config_##s, member), ROW_##type,             \
      .fallback = value, .doc = text },
#define KNOWN(s, title)             { .name = title, .kind = KIND_KNOWN },
#define END(s)                      };                                                  \
    static_assert(sizeof options_##s / sizeof options_##s[0] <= SECTION_OPTIONS_MAX, #s);
#define UNUSED_END(s)               END(s)
#include "schemas/config.def"

#define TABLE(s) .option = options_##s, .n = sizeof options_##s / sizeof options_##s[0]

static const struct section sections[] = {
#define SINGLE(s, title, text)                                                          \
    { .name = title, .doc = text, .shape = SECTION_SINGLE, TABLE(s),                    \
      .size = sizeof(struct config_##s), .at = offsetof(struct config, s) },
#define REPEATED(s, title, text)                                                        \
    { .name = title, .doc = text, .shape = SECTION_REPEATED, TABLE(s),                  \
      .size = sizeof(struct config_##s), .at = offsetof(struct config, s),              \
      .n_at = offsetof(struct config, n_##s) },
#define UNUSED(s, title, text)                                                          \
    { .name = title, .doc = text, .shape = SECTION_UNUSED, TABLE(s) },
#include "schemas/config.def"
};

size_t table_sections(void)
{
    return sizeof sections / sizeof sections[0];
}

const struct section *table_section(size_t i)
{
    return &sections[i];
}

const struct section *section_find(struct slice name)
{
    for (size_t i = 0; i < table_sections(); i++)
        if (slice_eq(name, slice_of(sections[i].name)))
            return &sections[i];
    return NULL;
}

const struct option *section_option(const struct section *s, struct slice name)
{
    for (size_t i = 0; i < s->n; i++)
        if (slice_eq(name, slice_of(s->option[i].name)))
            return &s->option[i];
    return NULL;
}

const struct words *table_entry_words(void)
{
    return &words_entry_kind;
}

size_t words_find(const struct words *w, struct slice word)
{
    size_t i = 0;

    while (i < w->n && !slice_eq(word, slice_of(w->word[i])))
        i++;
    return i;
}
