/* SPDX-License-Identifier: MIT-0 */
/* What a check says: lines for the log, and the plan of --dry-run, in words. */
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

/* Prints what a check would do: the probe's result, the phase now and next, each operation in its order. plan is NULL
 * when Docker could not be looked at, which the log has said. */
void report_dry_run(FILE *stream, const struct conf *conf, const struct state *before, const struct state *after,
                    const struct probe_result *probe, const struct plan *plan);

/* Prints what a reset would do; plan as above. */
void report_reset(FILE *stream, const struct plan *plan);

#endif
