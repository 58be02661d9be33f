/*
 * config - ossec.conf, read once, checked whole, constant from then on
 *
 * Every section and option is a row of schemas/config.def: structs, parser, defaults,
 * range checks and documentation come from there.  What OSSEC knows and Yagura does not
 * act on yet is accepted and listed by config_unused(); what nobody knows is an error.
 * All errors of a file are reported, none ends the process.
 *
 * Several <ossec_config> roots accumulate, and so do several sections of one name; of a
 * single value written twice the last one counts.  An <agent_config> is read like an
 * <ossec_config> when it has no attributes; one with attributes is checked and not used.
 */
#ifndef COMMON_CONF_CONFIG_H
#define COMMON_CONF_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/conf/paths.h"
#include "common/err.h"
#include "common/slice.h"
#include "common/text/report.h"

/* Texts have a NUL behind them, not counted. */
struct config_list { const struct slice *item; size_t n; };

#define WORDS(set)              enum config_##set {
#define WORD(set, name, text)       name,
#define WORDS_END(set)          };
#include "schemas/config_words.def"

#define CONFIG_TYPE_BOOL                bool
#define CONFIG_TYPE_U32(min, max)       uint32_t
#define CONFIG_TYPE_BYTES(min, max)     uint64_t
#define CONFIG_TYPE_SECONDS(min, max)   uint32_t
#define CONFIG_TYPE_ENUM(set)           enum config_##set
#define CONFIG_TYPE_TEXT(max)           struct slice
#define CONFIG_TYPE_PATH                struct slice
#define CONFIG_TYPE_LIST                struct config_list
#define CONFIG_TYPE_NETS                struct config_list
#define CONFIG_TYPE_ADDRESS             struct slice
#define CONFIG_TYPE_ENDPOINTS           struct config_list
#define CONFIG_TYPE_HOPS                struct config_list
#define CONFIG_TYPE_LOCALS              struct config_list

/* struct config_global, struct config_remote, ...: one a section, line where it is repeated */
#define SINGLE(section, name, doc)      struct config_##section {
#define REPEATED(section, name, doc)    struct config_##section { uint32_t line;
#define OPTION(section, kind, member, name, fallback, doc) CONFIG_TYPE_##kind member;
#define END(section)                    };
#include "schemas/config.def"

/* One line of <rules>, in the order written. */
struct config_entry {
    enum config_entry_kind what;
    struct slice text, pattern;         /* pattern: of a directory, ".xml$" unless written */
    uint32_t line;
};

struct config_rules { const struct config_entry *entry; size_t n; };

/* An element, "section" or "section/name", that is accepted and not acted on. */
struct config_note { struct slice name; uint32_t line; };

struct config {
    const char *file;                   /* as opened; NULL: no file, defaults alone */
    const char *dir;                    /* where its relative paths begin */
    struct config_rules rules;
#define SINGLE(section, name, doc)      struct config_##section section;
#define REPEATED(section, name, doc)    const struct config_##section *section; size_t n_##section;
#include "schemas/config.def"
    const struct config_note *note;
    size_t n_note;
    struct arena *arena;                /* owns everything above */
};

/* Read path; NULL means the file at paths->conf if there is one, else defaults alone.  The
 * caller owns *ret; paths need not live on.  On error *ret is untouched and r says why.
 * ERR_SYNTAX: r has errors.  ERR_SYS: the file cannot be read. */
MUST_USE enum err config_load(struct config **ret, const char *path, const struct paths *paths,
                              struct report *r);

/* As config_load(), for who wants to find further errors: *ret is NULL, or after ERR_SYNTAX the
 * configuration with defaults where the file is wrong. */
MUST_USE enum err config_load_faulty(struct config **ret, const char *path,
                                     const struct paths *paths, struct report *r);
void config_free(struct config *c);                     /* NULL is fine */

/* What the file says and this version does not act on, each name once. */
size_t config_unused(const struct config *c, const struct config_note **ret);

/* Every section and option with default and meaning, as text for people. */
void config_doc(FILE *out);

#endif
