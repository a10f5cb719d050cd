/* SPDX-License-Identifier: MIT-0 */
/* What a dry run looks at and a check does not: only so that it can warn of what would go wrong. */
#ifndef EINS_DRY_LOOK_H
#define EINS_DRY_LOOK_H

#include <stdbool.h>

#include "advice.h"
#include "conf.h"
#include "error.h"
#include "model.h"
#include "plan.h"

struct dry_look {
    struct error docker; /* why Docker could not be looked at, or an empty text */
    bool listed;         /* false: it was not, or need not be */
    struct advice advice;
};

/* Adds to the snapshot what it lacks: the list, an inspection of each managed container that is up, and whether their
 * images are there. All by GET, each with a shorter deadline than a check's. plan is NULL when a check could not make
 * one. next has the phase that follows; reset: it is a dry run of --reset, for which Docker is asked nothing more.
 * Returns 0, or -1 for want of memory with an empty advice. */
int dry_look(const struct conf *conf, bool reset, enum phase next, const struct plan *plan, struct snapshot *seen,
             struct dry_look *ret_look);

void dry_look_clear(struct dry_look *look);

#endif
