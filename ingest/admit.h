/* admit - which agents may connect: the registry's, each from its own network */
#ifndef INGEST_ADMIT_H
#define INGEST_ADMIT_H

#include "common/stage/zap.h"

/* A zap_judge; its argument is the registry (ingest/registry.h), which is read again first when it has
 * changed, so that who was added a moment ago is known at the first knock.  The peer is called what
 * registry_by_user() takes. */
enum zap_verdict admit_agent(void *registry, const struct zap_question *q, char user[ZAP_USER_MAX]);

#endif
