/*
 * rule_draft - one <rule> as it was written, before it becomes conditions
 *
 * Private to common/rules/.  OSSEC joins the texts of repeated elements, so a rule's
 * patterns can be compiled only when all of it was read.
 */
#ifndef COMMON_RULES_RULE_DRAFT_H
#define COMMON_RULES_RULE_DRAFT_H

#include "common/rules/tree.h"

/* Elements whose repetitions are joined: TEXT(enum, element). */
#define RULE_TEXT_MAP(TEXT)                                                        \
    TEXT(MATCH, "match")                TEXT(MATCH_PCRE2, "match_pcre2")           \
    TEXT(REGEX, "regex")                TEXT(PCRE2, "pcre2")                       \
    TEXT(PROGRAM, "program_name")       TEXT(PROGRAM_PCRE2, "program_name_pcre2")  \
    TEXT(ID, "id")                      TEXT(ID_PCRE2, "id_pcre2")                 \
    TEXT(URL, "url")                    TEXT(URL_PCRE2, "url_pcre2")               \
    TEXT(SRCPORT, "srcport")            TEXT(SRCPORT_PCRE2, "srcport_pcre2")       \
    TEXT(DSTPORT, "dstport")            TEXT(DSTPORT_PCRE2, "dstport_pcre2")       \
    TEXT(USER, "user")                  TEXT(USER_PCRE2, "user_pcre2")             \
    TEXT(SRCGEOIP, "srcgeoip")          TEXT(SRCGEOIP_PCRE2, "srcgeoip_pcre2")     \
    TEXT(DSTGEOIP, "dstgeoip")          TEXT(DSTGEOIP_PCRE2, "dstgeoip_pcre2")     \
    TEXT(EXTRA_DATA, "extra_data")      TEXT(EXTRA_DATA_PCRE2, "extra_data_pcre2") \
    TEXT(HOSTNAME, "hostname")          TEXT(HOSTNAME_PCRE2, "hostname_pcre2")     \
    TEXT(STATUS, "status")              TEXT(STATUS_PCRE2, "status_pcre2")         \
    TEXT(ACTION, "action")              TEXT(DECODED_AS, "decoded_as")             \
    TEXT(IF_SID, "if_sid")              TEXT(IF_GROUP, "if_group")                 \
    TEXT(IF_LEVEL, "if_level")          TEXT(IF_MATCHED_SID, "if_matched_sid")     \
    TEXT(IF_MATCHED_GROUP, "if_matched_group")                                     \
    TEXT(IF_MATCHED_REGEX, "if_matched_regex")                                     \
    TEXT(DESCRIPTION, "description")    TEXT(GROUP, "group")                       \
    TEXT(CVE, "cve")                    TEXT(INFO, "info")

enum rule_text {
#define TEXT(e, name) TEXT_##e,
    RULE_TEXT_MAP(TEXT)
#undef TEXT
    TEXT_COUNT
};

struct text { char *p; size_t n, room; uint32_t line; };    /* n 0 and p set: given, empty */

struct rule_draft {
    struct rule_node node;              /* filled as far as one element tells */
    struct text text[TEXT_COUNT];
    struct vec net[2];                  /* struct ip_net *: srcip, dstip */
    struct vec field, list, info;       /* struct cond *, struct list_cond *, struct rule_info * */
    compiled_rule *compiled;
    struct when_span span;
    uint8_t days;
    bool has_span, has_days, has_level, overwrite, has_frequency, has_not_same;
    uint32_t maxsize;
};

struct slice draft_text(const struct rule_draft *d, enum rule_text t);
bool draft_has(const struct rule_draft *d, enum rule_text t);
const char *rule_text_name(enum rule_text t);

/* Turn the texts into d->node's conditions, history and description, and check the whole. */
void draft_compile(struct loader *l, struct rule_draft *d);
void draft_done(struct rule_draft *d);          /* frees what only the draft held */

#endif
