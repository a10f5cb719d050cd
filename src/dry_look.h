/* SPDX-License-Identifier: MIT-0 */
/* What a dry run looks at and a check does not: only so that it can warn of what would go wrong. */
#ifndef EINS_DRY_LOOK_H
#define EINS_DRY_LOOK_H

#include <stdbool.h>

#include "advice.h"
#include "conf.h"
#include "model.h"
#include "plan.h"

/* Adds to the snapshot what it lacks: the list, an inspection of each managed container that is up, and whether their
 * images are there. All by GET, each with a shorter deadline than a check's. plan is NULL when a check could not make
 * one: then, and for a dry run of --reset, Docker is asked nothing more. next has the phase that follows.
 * Returns 0 and the advice, for advice_clear, or -1 for want of memory. */
int dry_look(const struct conf *conf, bool reset, enum phase next, const struct plan *plan, struct snapshot *seen,
             struct advice *ret_advice);

#endif
