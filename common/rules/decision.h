/*
 * decision - what decode leaves open for correlate
 *
 * decode walks the rule tree with the conditions of the line alone.  The decision list is
 * the part of the tree whose line conditions hold, in the order of OSSEC's depth-first
 * walk, each node with its depth.  It is cut behind the first node after which no other
 * could win (a node that certainly returns a rule).  correlate walks the list again and
 * asks each node its history conditions; the first branch that holds is the verdict.
 *
 * On the wire a decision is one number: sid << 16 | depth << 8 | flags.
 */
#ifndef COMMON_RULES_DECISION_H
#define COMMON_RULES_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

#define DECISIONS_MAX 4096              /* nodes in one list; more: the event goes unwalked */
#define DECISION_DEPTH_MAX 64

enum decision_flag {
    /* A line condition behind if_fts or check_diff failed: the node does not match, but
     * what it stores about this event is stored all the same (spec 2.5, order of checks). */
    DECISION_STORES_ONLY = 1,
};

struct decision { uint32_t sid; uint8_t depth, flags; };

struct decisions { uint32_t n; bool overflow; struct decision at[DECISIONS_MAX]; };

#endif
