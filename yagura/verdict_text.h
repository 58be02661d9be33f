/*
 * verdict_text - a verdict for people, in ossec-logtest's words, and for programs, as JSON
 *
 * Bytes of the line that would move a terminal's cursor are written as \xNN.
 */
#ifndef YAGURA_VERDICT_TEXT_H
#define YAGURA_VERDICT_TEXT_H

#include <stdio.h>

#include "schemas/messages.h"

/* The three phases.  An empty trace is left out. */
void verdict_put_phases(FILE *out, const struct verdict *v, const struct event *e,
                        const struct alert *a);

/* One object on one line: log, hostname, program_name, decoder, fields, rule, alert. */
void verdict_put_json(FILE *out, const struct verdict *v, const struct event *e,
                      const struct alert *a);

/* The alert as alerts.log has it, as the n-th of this process. */
void verdict_put_alert(FILE *out, const struct alert *a, uint64_t n);

#endif
