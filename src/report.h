/* SPDX-License-Identifier: MIT-0 */
/* What a check says: lines for the log, and words for what is shown elsewhere, too. */
#ifndef EINS_REPORT_H
#define EINS_REPORT_H

#include <stdio.h>

#include "conf.h"
#include "plan.h"
#include "probe.h"
#include "state.h"

/* Logs what the probe found and what it means for the phase. A change of phase, and a probe that counts towards one, is
 * a warning or an info; anything that is as it was is only for debugging. */
void report_verdict(const struct conf *conf, const struct state *before, const struct state *after,
                    const struct probe_result *probe);

/* Logs each operation that ran with its container, reason and outcome, and each note; what failed, and the notes, go
 * into the record, too. */
void report_plan(const struct plan *plan, struct record *record);

/* Puts into one line, for `systemctl status`, what the check leaves: the phase and since when, how many containers run
 * or are kept, and what its exit code means unless all is done. Returns buffer. */
const char *report_summary(char *buffer, size_t size, const struct state *state, enum exit_code code);

/* What the operation does, like "restart policy no -> on-failure". Returns buffer. */
const char *report_op_text(const struct op *op, char *buffer, size_t size);

/* "; failed probe 2 of 3 that begin an outage" and the like; empty where fall and rise ask for no more. Returns buffer.
 */
const char *report_counter_text(const struct conf *conf, const struct state *after, char *buffer, size_t size);
#define REPORT_COUNTER_SIZE 120

/* An id, or words for a container that has none. */
const char *report_id_text(const char *id);

#endif
