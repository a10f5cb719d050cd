/* SPDX-License-Identifier: MIT-0 */
/* Runs a plan: stage after stage, side by side within one. Decides nothing; reports what became of each operation. */
#ifndef EINS_APPLY_H
#define EINS_APPLY_H

#include "conf.h"
#include "docker.h"
#include "plan.h"

/* True when somebody has asked this process to end, with a SIGTERM that is blocked as yet. */
bool apply_is_interrupted(void);

/* Runs the operations of the plan and fills in their outcomes. With SIGTERM blocked it ends early when there is one: a
 * stage that has begun is finished, further ones are left OUTCOME_NOT_RUN. */
void apply_plan(struct docker *docker, const struct conf *conf, struct plan *plan);

#endif
