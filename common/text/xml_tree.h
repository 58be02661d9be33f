/* xml_tree - what xml's own files know of a tree; for others there is common/text/xml.h */
#ifndef COMMON_TEXT_XML_TREE_H
#define COMMON_TEXT_XML_TREE_H

#include "common/text/arena.h"
#include "common/text/xml.h"

struct xml {
    struct arena *arena;        /* nodes, attributes and texts */
    const char *file;
    struct xml_node root;
};

#endif
