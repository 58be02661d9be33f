/* status - the counters a stage shows, as name and number or text, packed as a msgpack map */
#ifndef COMMON_STAGE_STATUS_H
#define COMMON_STAGE_STATUS_H

#include <stdint.h>

#include "common/slice.h"

struct status_values;

/* Names are stable words: in, out, refused, queued, lag, ... */
void status_count(struct status_values *v, const char *name, uint64_t n);
void status_text(struct status_values *v, const char *name, struct slice text);

#endif
