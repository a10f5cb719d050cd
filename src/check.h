/* SPDX-License-Identifier: MIT-0 */
/* The loop inside a check: look, plan, write the intent, apply, until the planner wants no more. */
#ifndef EINS_CHECK_H
#define EINS_CHECK_H

#include <stdint.h>

#include "conf.h"
#include "docker.h"
#include "error.h"
#include "plan.h"
#include "probe.h"
#include "state.h"

struct check {
    const struct conf *conf;
    bool dry_run;
    bool json;     /* of a dry run */
    int64_t began; /* milliseconds of the monotonic clock */
    struct state_store store;
    struct state state;
    struct probe_result probe;
    struct verdict verdict;
    struct docker *docker; /* opened when it is first needed */
    struct snapshot seen;
    enum exit_code code;  /* the worst so far */
    struct error trouble; /* why Docker could not be looked at, or an empty text */
    bool unwritable;      /* the state could not be written, and that has been said */
};

/* Makes code the check's exit code unless a worse one is set: the state unwritable, Docker unreachable, a transition
 * incomplete. */
void check_worsen(struct check *check, enum exit_code code);

/* Writes the state, or bumps its mtime when nothing has changed and bump is true; a failure is logged, once, and is
 * EXIT_STATE. Returns whether the state is safe on disk. */
bool check_save(struct check *check, const struct state *state, bool bump);

/* Brings Docker to what the verdict calls for, and check->state with it. In a dry run it looks at everything at once
 * and returns the one plan in *ret_plan, carried out nowhere; otherwise *ret_plan is left empty. */
void check_reconcile(struct check *check, struct plan *ret_plan);

/* Frees and closes what the check holds. */
void check_clear(struct check *check);

#endif
