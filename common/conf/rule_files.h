/*
 * rule_files - which files <rules> names, as they lie on the disk now
 *
 * Paths are relative to the configuration file's directory.  OSSEC's layouts have the
 * files beside it, below it or next door, so they are looked for in several places:
 *
 *   rules       DIR/NAME, DIR/rules/NAME, DIR/../rules/NAME
 *   decoders    DIR/NAME, DIR/etc/NAME, DIR/../etc/NAME, DIR/decoders/NAME
 *   lists       DIR/NAME, DIR/lists/NAME, with .cdb or without
 *   any with a directory in its name, and directories: DIR/NAME, DIR/../NAME
 *
 * A directory gives its entries whose name matches its pattern (OS_Regex), sorted by bytes;
 * hidden files and what is listed already are passed over.  Without a decoder in <rules>
 * there are decoder.xml and, if they exist, yagura_decoder.xml and local_decoder.xml; without
 * <rules> there is besides every .xml file of rules/, and all of it may be missing.
 *
 * Every call looks afresh: a reload sees new files in a directory.
 */
#ifndef COMMON_CONF_RULE_FILES_H
#define COMMON_CONF_RULE_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "common/conf/config.h"
#include "common/err.h"
#include "common/text/report.h"

struct config_file {
    const char *path;           /* to be opened; a list's is without .cdb */
    const char *written;        /* as in <rules>, for a directory's entry its own name */
    uint32_t line;              /* in <rules>; 0 for one of the defaults */
};

struct config_files {
    const struct config_file *file;
    size_t n;
    struct arena *arena;        /* owns everything above */
};

/* In load order.  The caller owns *ret.  ERR_SYNTAX: something named is not there, or a
 * pattern does not compile; r has every one by file and line, *ret is untouched. */
MUST_USE enum err config_rule_files(struct config_files **ret, const struct config *c,
                                    struct report *r);
MUST_USE enum err config_decoder_files(struct config_files **ret, const struct config *c,
                                       struct report *r);
MUST_USE enum err config_list_files(struct config_files **ret, const struct config *c,
                                    struct report *r);
void config_files_free(struct config_files *f);         /* NULL is fine */

#endif
