/* SPDX-License-Identifier: MIT-0 */
/* What the parts of the planner share: their inputs, a few questions, and the making of operations and notes. */
#ifndef EINS_PLAN_OPS_H
#define EINS_PLAN_OPS_H

#include "plan.h"

/* The inputs of one plan, and the plan that comes of them. */
struct planner {
    const struct conf *conf;
    const struct verdict *verdict;
    const struct snapshot *seen;
    bool engine_restarted;
    struct plan *plan;
};

/* Plans a check that finds, or leaves, the phase disconnected: DESIGN.md section 3. */
void plan_hold(struct planner *p);

/* Plans a check that finds the region reachable and the phase connected: recovery when something is owed, else the
 * baseline. */
void plan_recover(struct planner *p);

/* True while the agent is paused, and eins is to end that: it was frozen in the outage, by whomever, unless it was
 * known to be paused before. */
bool plan_owns_pause(const struct planner *p);

/* Whether the paused agent, when thawed, may never learn what became of its containers meanwhile. True also when the
 * engine's events cannot be had. changed: no more than so many containers are still to be removed. */
bool plan_events_lost(const struct planner *p, size_t changed);

/* Gives ECS its agent back when all else is done: thaws it, or renews it when it may have lost events, or when it has
 * to look anew at what was adopted. changed: how many kept containers it has to learn of. */
void plan_give_agent(struct planner *p, size_t changed);

/* True when nothing is to be removed, and when what was restarted is to run on. */
bool plan_keeps(const struct planner *p);
bool plan_adopts(const struct planner *p);

/* Why something is given back. */
enum op_reason plan_why_back(const struct planner *p);

/* True when every container whose inspection is needed has been inspected, or could not be. */
bool plan_all_inspected(const struct planner *p);

/* True for no container, and for one on its way out (dead, removing): nothing can be done with it, and nothing need be.
 */
bool plan_is_lost(const struct container *container);

/* Counts, for people, how often a kept container was restarted since the last look: by Docker's counter, or once where
 * that does not count what started it. */
void plan_count_restarts(struct planner *p, struct state_container *known, const struct container *container);

/* Counts that eins itself has started it. */
void plan_count_start(struct state *state, struct state_container *known);

/* Makes the engine's generation as it is now the one that the next check compares with. */
void plan_record_generation(struct planner *p);

/* Makes an empty plan with room for every operation and note that so many containers can call for. Returns 0, or -1 for
 * want of memory. */
int plan_ops_alloc(struct plan *plan, size_t containers);

/* Adds an operation and returns it for its details to be filled in. Never fails: plan_ops_alloc made the room. */
struct op *plan_ops_add(struct plan *plan, enum op_kind kind, enum op_reason reason, const char *id, const char *name);

/* Makes an operation run only when another one ends as `when` says. */
void plan_ops_depend(const struct plan *plan, struct op *op, enum op_condition when, const struct op *on);

void plan_ops_note(struct plan *plan, enum note_kind kind, const char *id, const char *name);

#endif
