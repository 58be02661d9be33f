#include "ingest/admit.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "ingest/registry.h"

static_assert(REGISTRY_USER_MAX <= ZAP_USER_MAX, "an agent's name at the socket fits");

/* libzmq writes an address in numbers, a link-local one with %interface behind. */
static bool address_of(struct slice text, struct ip *ret)
{
    const char *percent = text.n > 0 ? memchr(text.p, '%', text.n) : NULL;

    if (percent != NULL)
        text.n = (size_t)(percent - text.p);
    return ip_parse(text, ret) == ERR_OK;
}

enum zap_verdict admit_agent(void *registry, const struct zap_question *q, char user[ZAP_USER_MAX])
{
    bool changed = false;
    struct ip from;

    err_ignore(registry_refresh(registry, &changed));   /* the tick tells what went wrong */
    const struct agent *a = registry_by_key(registry, (const uint8_t *)q->key.p);
    if (a == NULL)
        return ZAP_UNKNOWN;
    if (!a->net.any && (!address_of(q->address, &from) || !ip_net_has(&a->net, &from)))
        return ZAP_ADDRESS;
    snprintf(user, ZAP_USER_MAX, "%" PRIu64, a->serial);
    return ZAP_ADMITTED;
}
