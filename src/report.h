/* SPDX-License-Identifier: MIT-0 */
/* What a check says: lines for the log, and the plan of --dry-run, in words. */
#ifndef EINS_REPORT_H
#define EINS_REPORT_H

#include <stdio.h>

#include "plan.h"
#include "probe.h"
#include "state.h"

/* Logs how the phase and the probe stand: a change at warning, else at debug. */
void report_verdict(const struct state *before, const struct state *after, const struct probe_result *probe, const struct conf *conf);

/* Logs each operation with its container, reason and outcome, and each note. */
void report_plan(const struct plan *plan);

/* Prints what a check would do. */
void report_dry_run(FILE *stream, const struct state *before, const struct probe_result *probe, const struct plan *plan);

#endif
