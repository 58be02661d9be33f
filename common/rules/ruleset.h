/*
 * ruleset - rules and decoders, compiled once, immutable, shared by decode and correlate
 *
 * The conditions of a rule are of two sorts: of the line (decode asks them) and of
 * history (correlate asks them).  One walk serves both: ruleset_walk() asks the line's
 * and leaves the others open.  See DESIGN "Rules" in ARCHITECTURE.md.
 */
#ifndef COMMON_RULES_RULESET_H
#define COMMON_RULES_RULESET_H

#include "common/conf/config.h"
#include "common/rules/decision.h"
#include "common/rules/event.h"
#include "common/text/arena.h"
#include "common/text/pattern.h"
#include "common/text/report.h"

struct ruleset;

/* same_*, different_* of a composite, and what else asks history */
enum context {
    SAME_ID = 1, SAME_SRCIP = 2, SAME_SRCPORT = 4, SAME_DSTPORT = 8, SAME_USER = 16,
    SAME_LOCATION = 32, DIFFERENT_URL = 64, DIFFERENT_SRCGEOIP = 128,
    CHECK_DIFF = 256, IF_FTS = 512, IGNORE_LATER = 1024, CHECK_IGNORED = 2048,
    DIFFERENT_SRCIP = 4096, DIFFERENT_ID = 8192, DIFFERENT_USER = 16384,
    DIFFERENT_LOCATION = 32768,         /* not_same_id, not_same_user, not_same_agent */
};

struct rule_info { const char *kind; struct slice text; };      /* kind: "text", "link", "cve", "osvdb" */

/* What correlate and the outputs need to know of a rule; read-only. */
struct rule {
    uint32_t sid, level, frequency, timeframe, ignore_seconds;
    uint32_t context;                   /* enum context bits */
    bool noalert, log, mail;            /* log, mail: alert levels and <options> applied */
    bool no_response;                   /* option no_ar */
    struct slice description, group, cve, info;
    const struct rule_info *infos; uint32_t n_infos;
    uint32_t if_matched_sid;            /* 0: none */
    bool has_if_matched_group, has_if_matched_regex;
    const struct pattern *if_matched_regex;
    uint64_t ignore_fields, check_ignored_fields;       /* bits of enum field, FTS_NAME, FTS_LOCATION */

    bool keeps_sid_list;                /* some composite asks if_matched_sid for this rule */
    const uint32_t *group_lists;        /* dense numbers of the composites whose group list this rule feeds, */
    uint32_t n_group_lists;             /* one entry per feeding (spec 2.4.6: a double entry counts twice) */
    uint32_t group_list;                /* this composite's own group list number, when has_if_matched_group */
    uint32_t index;                     /* dense number of the rule, 0 .. ruleset_rules() - 1 */
    const char *file; uint32_t line;
};

/* Load what config names.  ERR_SYNTAX: *report has the errors, all of them.  The caller owns *ret. */
MUST_USE enum err ruleset_load(struct ruleset **ret, const struct config *c, struct report *r);
void ruleset_free(struct ruleset *rs);

uint64_t ruleset_revision(const struct ruleset *rs);    /* hash over every file's bytes and the options that matter; never 0 */
size_t ruleset_rules(const struct ruleset *rs);
size_t ruleset_decoders(const struct ruleset *rs);
size_t ruleset_group_lists(const struct ruleset *rs);
const struct rule *ruleset_rule(const struct ruleset *rs, uint32_t sid);        /* NULL: no such rule */
const struct rule *ruleset_at(const struct ruleset *rs, size_t index);

/* Work memory of one thread for decoding and walking; the caller owns *ret. */
struct work;
MUST_USE enum err work_new(struct work **ret, const struct ruleset *rs);
void work_limit(struct work *w, uint32_t steps);        /* of every match: matcher_limit() */
void work_free(struct work *w);

/* Fill everything behind "of the record" in *d: header, decoder, fields.  In: received, agent*,
 * stream, seq, kind, sent, location, full_log.  fallback_host stands in when the header names none.
 * An agent's record must come with its location already in the form "(name) addr->path".
 * Slices of *d point into its own full_log, into rs, or into w until w decodes again. */
void ruleset_decode(const struct ruleset *rs, struct work *w, struct decoded *d,
                    struct slice fallback_host);

/* Ask the line's conditions; see decision.h.  ret->overflow: the tree was too much for this event,
 * ret->n is 0, and the caller marks it EVENT_UNWALKED. */
void ruleset_walk(const struct ruleset *rs, struct work *w, const struct decoded *d,
                  struct decisions *ret);

/* Can this list end in an alert, a record of history, or a stored first-time-seen?  When not, the
 * event need not leave decode (unless archives are on). */
bool ruleset_matters(const struct ruleset *rs, const struct decisions *list);

/* The walk with someone watching (logtest -v): called before each rule is tried, with its verdict
 * after its line conditions, and when its children are entered, in OSSEC's order. */
enum walk_step { WALK_TRYING, WALK_MATCHED, WALK_CHILDREN };
typedef void walk_watcher(void *arg, enum walk_step step, const struct rule *rule);
void work_watch(struct work *w, walk_watcher *watcher, void *arg);

/* Leave the actions of firewall events as written: ossec-logtest does, OSSEC's daemon (and ours)
 * judges DROP, ALLOW and CLOSED. */
void work_keep_actions(struct work *w);

#endif
