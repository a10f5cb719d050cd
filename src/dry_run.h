/* SPDX-License-Identifier: MIT-0 */
/* What --dry-run prints: the probe, the phase, the plan as the plan that it is, and what would go wrong. */
#ifndef EINS_DRY_RUN_H
#define EINS_DRY_RUN_H

#include <stdbool.h>
#include <stdio.h>

#include "advice.h"
#include "conf.h"
#include "model.h"
#include "plan.h"
#include "probe.h"
#include "state.h"

struct dry_run {
    const struct conf *conf;
    const struct state *before, *after; /* before is NULL: of --reset, which asks no region */
    const struct probe_result *probe;   /* likewise */
    const struct plan *plan;            /* NULL: there is none, and error says why */
    const char *error;                  /* NULL with a plan */
    const struct snapshot *seen;        /* not listed: Docker was not asked */
    const struct advice *advice;
};

/* How many containers are left as they are. */
struct dry_run_left {
    size_t up, down; /* managed ones */
    size_t others;
    bool agent; /* the agent too */
};

/* Prints what a check, or a reset, would do: in words, for a person, or as JSON. Returns 0, or -1 when it cannot be
 * printed. */
int dry_run_print(FILE *stream, const struct dry_run *view);
int dry_run_json(FILE *stream, const struct dry_run *view);

/* Counts what no operation touches. */
struct dry_run_left dry_run_left(const struct dry_run *view);

/* The operations of a plan in the order in which it is carried out: one kind after another, those of one kind side by
 * side. An allocated list of op_count borrowed pointers, the caller's to free, or NULL for want of memory. */
const struct op **dry_run_sort(const struct plan *plan);

#endif
