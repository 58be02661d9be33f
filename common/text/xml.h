/*
 * xml - OSSEC's XML dialect as a tree
 *
 * Configuration, rules and decoders are written in a dialect that is not quite
 * XML.  What this reader takes, beyond the well-formed:
 *
 *   several roots in one file; a UTF-8 BOM and a <?xml ?> prolog at its start
 *   `\<` is a literal `<`; the backslash stays in the content
 *   `&` is just an ampersand: no entity is ever decoded, `&lt;` stays four bytes
 *   comments run from `<!` to the next `!>` or `-->`, whatever they hold
 *   `<` inside a quoted attribute value
 *
 * Content is kept byte for byte, untrimmed, any encoding.  Where an element has both
 * text and children, only the text after its last child is kept.  Refused, with file
 * and line: NUL and other control bytes, UTF-16, DOCTYPE and its kin, CDATA, processing
 * instructions, duplicate attributes, anything over a limit below.
 *
 * Memory is a fixed multiple of the file's size, stack use does not depend on it.
 */
#ifndef COMMON_TEXT_XML_H
#define COMMON_TEXT_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"
#include "common/slice.h"
#include "common/text/report.h"

#define XML_FILE_MAX  ((size_t)8 << 20)         /* bytes of one file */
#define XML_DEPTH_MAX 64                        /* elements inside one another */
#define XML_TEXT_MAX  ((size_t)64 << 10)        /* bytes of one name, value or content */
#define XML_VARS_MAX  1024                      /* <var> in one file */

struct xml_attr { struct slice name, value; };

/* Open to readers, written only by this module.  Every slice is also NUL-terminated
 * (the NUL is not counted), holds no other NUL, and lives as long as the tree. */
struct xml_node {
    struct slice name;
    struct slice content;               /* text after the last child; empty, never NULL */
    struct xml_attr *attr;              /* in the order written */
    size_t n_attr;
    struct xml_node *parent;            /* NULL only in the node of xml_root() */
    struct xml_node *first, *last;      /* children, NULL without */
    struct xml_node *next;              /* the next sibling */
    uint32_t line;                      /* of the opening tag */
};

struct xml;

/* Parse text; `file` names it in errors and is copied.  text is not needed afterwards.
 * The caller owns *ret; on error *ret is untouched and r says why.
 * ERR_SYNTAX: not this dialect, or over a limit. */
MUST_USE enum err xml_parse(struct xml **ret, const char *file, struct slice text,
                            struct report *r);
/* The same for a regular file.  ERR_SYS: it cannot be read, which r says too. */
MUST_USE enum err xml_load(struct xml **ret, const char *path, struct report *r);
void xml_free(struct xml *x);                           /* NULL is fine */

/* A nameless node above the file's root elements: they are its children. */
const struct xml_node *xml_root(const struct xml *x);

/* The value of n's attribute; false when it has none of that name. */
bool xml_attr(const struct xml_node *n, const char *name, struct slice *ret);
/* The node after n in document order below top, NULL at the end: a walk without
 * recursion.  Start with n == top. */
const struct xml_node *xml_walk(const struct xml_node *top, const struct xml_node *n);

/* The variables of rule and decoder files (configuration has none): <var name="X">v</var>
 * at any depth gives $X in the contents and attributes of later elements.  A name
 * ends at `$ . | ,` or space and ignores case; `$` without a name, and any `$` in a
 * file without variables, stays.  A content of one or two bytes is left alone.
 * The <var> elements are taken out of the tree.
 * ERR_SYNTAX: an unknown variable or a <var> without name; r has every one of them. */
MUST_USE enum err xml_substitute(struct xml *x, struct report *r);

/* Write the tree below n so that xml_parse() reads the same tree (lines apart). */
void xml_print(const struct xml_node *n, FILE *out);

#endif
