/* SPDX-License-Identifier: MIT-0 */
/* Runs a plan: stage after stage, side by side within one. Decides nothing; reports what became of each operation. */
#ifndef EINS_APPLY_H
#define EINS_APPLY_H

#include "conf.h"
#include "docker.h"
#include "plan.h"

/* Runs the operations of the plan and fills in their outcomes. */
void apply_plan(struct docker *docker, const struct conf *conf, struct plan *plan);

#endif
