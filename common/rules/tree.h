/*
 * tree - what a ruleset is made of; private to common/rules/
 *
 * The tree of rules is kept as a graph: a rule that stands below several parents is one
 * node with several edges to it.  That is the same as OSSEC's tree of copies, because
 * rules are attached to every copy of a parent alike, and it cannot explode.
 */
#ifndef COMMON_RULES_TREE_H
#define COMMON_RULES_TREE_H

#include <time.h>

#include "common/rules/lists.h"
#include "common/rules/names.h"
#include "common/rules/ruleset.h"
#include "common/rules/vec.h"
#include "common/text/ip.h"
#include "common/text/scan.h"
#include "common/text/when.h"
#include "common/text/xml.h"

#define RULE_SID_MAX        999999
#define RULE_ROOT_SIDS      10          /* ids below this one are roots of the tree */
#define RULE_EDGES_MAX      2000000     /* of the whole tree */
#define RULE_FEEDS_MAX      64          /* times one event feeds one composite's list */
#define WALK_TRIES_MAX      200000      /* rules tried for one event */
#define DECODER_ORDER_MAX   64          /* as many as a match has captures */

/* A pattern, and the literals one of which must be in the line for it to match. */
struct probe { struct pattern *pattern; const uint32_t *literal; uint32_t n_literals; };

/* What a condition looks at: an enum named_field, or one of these. */
enum subject {
    SUBJECT_LOG = FIELD_COUNT, SUBJECT_PROGRAM_NAME, SUBJECT_HOSTNAME,
    SUBJECT_USER,                       /* dstuser, else srcuser */
    SUBJECT_LIST_USER,                  /* srcuser, else dstuser: <list field="user"> */
};

struct work;
typedef bool compiled_rule(const struct decoded *d);
typedef void decoder_plugin(struct work *w, struct decoded *d);

enum cond_kind {
    COND_PATTERN, COND_DYNAMIC, COND_ACTION, COND_ADDRESS, COND_COMPILED, COND_SIZE, COND_TIME,
    COND_DAYS,
};

struct cond {
    enum cond_kind kind;
    uint8_t subject;                    /* PATTERN, ADDRESS */
    struct slice name;                  /* DYNAMIC: of the field; ACTION: its value */
    const struct probe *probe;          /* PATTERN, DYNAMIC */
    const struct ip_net *net;           /* ADDRESS */
    size_t n;                           /* ADDRESS: of nets; SIZE: bytes */
    compiled_rule *compiled;
    struct when_span span;
    uint8_t days;
    bool kept;                          /* OSSEC's overwrite leaves it as it was ... */
    uint8_t either;                     /* ... unless a plain one of this number comes; 0: none */
};

enum lookup {
    LOOKUP_KEY, LOOKUP_NOT_KEY, LOOKUP_VALUE, LOOKUP_ADDRESS, LOOKUP_NOT_ADDRESS,
    LOOKUP_ADDRESS_VALUE,
};

struct list_cond {
    const struct list *list;            /* NULL: not declared, so it never holds */
    uint8_t subject;
    enum lookup lookup;
    const struct probe *value;          /* LOOKUP_*VALUE; NULL: any value */
};

struct rule_node {
    struct rule rule;                   /* first, so that a struct rule * leads back here */
    uint32_t decoder;                   /* number of the name in decoded_as; 0: any */
    struct cond *cond;                  /* in the order they are asked */
    size_t n_conds;
    struct list_cond *lists;            /* asked behind check_diff and if_fts */
    size_t n_lists;
    bool open;                          /* asks history */
    uint32_t sort_level;                /* siblings stand by it, highest first */
    enum category category;
    uint32_t depth, instances;          /* instances: how often it stands in OSSEC's tree */
    size_t seen_rules;                  /* rules loaded before it, or before its overwrite */
    uint64_t kept;                      /* digest of what OSSEC keeps when a rule is overwritten */
    const struct pattern *if_matched_group;
    struct vec children;                /* struct rule_node * */
};

enum offset { OFFSET_NONE, OFFSET_PARENT, OFFSET_PREMATCH, OFFSET_REGEX };

struct order { uint8_t field; struct slice name; };     /* FIELD_COUNT: dynamic, of that name */

struct decoder {
    struct slice name, shown;           /* its own; the one decoded_as compares */
    struct slice parent;
    const char *file;
    uint32_t line;
    const struct probe *program, *prematch, *regex;
    enum pattern_kind regex_kind;
    enum offset prematch_at, regex_at;
    enum category category;
    uint64_t fts;
    bool own_name, accumulate;
    bool more;                          /* a later sibling of the same name goes on (get_next) */
    decoder_plugin *plugin;
    struct order *order;
    size_t n_order;
    struct vec children;                /* struct decoder *, in order of definition */
};

/* SonicWall's own patterns, compiled when its plugin is used */
enum { SONIC_HEAD, SONIC_PEERS, SONIC_RESULT, SONIC_COUNT };

struct ruleset {
    struct arena *arena;
    struct vec rules;                   /* struct rule_node *, in order of load */
    struct vec roots;
    struct rule_node ***page;           /* by sid, a thousand to a page */
    size_t n_edges, n_group_lists;
    struct vec decoders;                /* struct decoder *, every one */
    struct vec named, nameless;         /* top ones: with a program_name, and without */
    struct names decoder_names;
    struct vec probes;                  /* struct probe * */
    const struct probe *sonic[SONIC_COUNT];
    struct vec lists;                   /* struct list * */
    struct scan *scan;
    uint64_t revision;
};

struct loader {
    struct ruleset *rs;
    struct report *report;
    const struct config *config;
    const char *file;                   /* being read; lives as long as the ruleset */
    enum err err;                       /* memory: sticks, and ends the load */
};

struct work {
    const struct ruleset *rs;
    struct matcher *matcher;
    struct arena *arena;                /* reset for each event */
    uint64_t *seen;                     /* literals in `scanned` */
    size_t n_words;
    struct slice scanned;
    uint64_t scanned_seq;
    bool fresh;                         /* decode just scanned: the walk may use it once */
    bool keep_actions;                  /* work_keep_actions() */
    bool naive;                         /* try every pattern: the reference for tests */
    uint64_t minute;                    /* of `local`, since the epoch */
    struct tm local;
    walk_watcher *watcher;
    void *watcher_arg;
};

/* loading: errors go to the report, memory errors to l->err */
void rule_file_load(struct loader *l, const struct xml_node *root);
void decoder_file_load(struct loader *l, const struct xml_node *root);
void decoder_names_load(struct loader *l);      /* names that no file defines */
void *load_alloc(struct loader *l, size_t n);   /* NULL: l->err is set */
void load_push(struct loader *l, struct vec *v, void *p);
enum category category_of(struct slice name);   /* 0: no such */

/* tree building, rule_tree.c */
struct rule_node *rule_find(const struct ruleset *rs, uint32_t sid);
struct parents { struct slice if_sid, if_group; bool has_level; uint32_t level, line; };
void rule_attach(struct loader *l, struct rule_node *node, const struct parents *p);
void rule_replace(struct loader *l, struct rule_node *old, const struct rule_node *with);
void rules_mark(struct loader *l);              /* who keeps which history; after the last rule */

/* patterns, probe.c; what: the element's name, for errors */
const struct probe *probe_new(struct loader *l, enum pattern_kind kind, struct slice text,
                              uint32_t line, const char *what);
MUST_USE enum err probes_gate(struct ruleset *rs);
bool probe_match(const struct probe *p, struct work *w, struct slice subject,
                 struct captures *ret);

void work_scan(struct work *w, const struct decoded *d);
const struct tm *work_local_time(struct work *w, uint64_t received_us);


compiled_rule *compiled_find(struct slice name);        /* NULL: no such function */
decoder_plugin *plugin_find(struct slice name);
void plugin_load(struct loader *l, decoder_plugin *p);    /* what it needs compiled */
void firewall_normalise(struct decoded *d);

#endif
