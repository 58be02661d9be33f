/*
 * scan - which of many literals occur in a line, in one pass (Aho-Corasick)
 *
 * The reason the engine's cost does not grow with the ruleset: a regular expression
 * runs only when a literal it needs was seen.  Case of ASCII letters is ignored.
 *
 * Literals that several patterns share are best passed once: each that is seen has its
 * price, all the others are free.
 *
 * The automaton is a dense table over byte classes.  Classes are numbered by how
 * often their bytes appear in the literals and states breadth first, so that the
 * part a line walks through stays in the nearest cache; states that report something
 * come last, so the loop asks one question a byte.  A line is cut in four that are walked
 * side by side, for a step mostly waits for memory.  Immutable after birth, shared by
 * threads.
 */
#ifndef COMMON_TEXT_SCAN_H
#define COMMON_TEXT_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

#define SCAN_LITERALS_MAX 65536
#define SCAN_BYTES_MAX    ((size_t)1 << 20)         /* all literals together */

struct scan;

/* The caller owns *ret; literals are copied.  No literals at all is fine.
 * ERR_RANGE: a literal is empty.  ERR_LIMIT: more than the limits above. */
MUST_USE enum err scan_new(struct scan **ret, const struct slice *literals, size_t n);
void scan_free(struct scan *s);                     /* NULL is fine */

/* Set bit i (of bits[i / 64]) for each literal i that occurs in subject.  Other bits are
 * left as they are; bits has scan_words() words, which the caller clears. */
void scan_run(const struct scan *s, struct slice subject, uint64_t *bits);

size_t scan_words(const struct scan *s);
size_t scan_memory(const struct scan *s);           /* bytes held */

#endif
