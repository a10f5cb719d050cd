/* SPDX-License-Identifier: MIT-0 */
/* Connected: give everything back, once; then only watch. */
#include "plan_ops.h"

#include <string.h>

#include "text.h"

#define STOP_TIMEOUT_DEFAULT 10 /* the engine's */
/* A container may ask for hours; the agent would be frozen all that time. What has not stopped then is the next
 * check's. */
#define STOP_TIMEOUT_MAX 600
/* Some engines kill a container when the client that stops it hangs up: outlast them (FACTS.md, State codes). */
#define STOP_MARGIN 15

/* Restarted means that StartedAt differs: RestartCount does not count what dockerd's own start or a person restarts. */
static enum fate judge(const struct planner *p, const struct state_container *known, const struct container *container)
{
    if (plan_keeps(p))
        return FATE_RESTORE;
    if (known->guessed)
        return plan_adopts(p) ? FATE_ADOPT : FATE_RESTORE; /* a fresh agent keeps it, whether it was restarted or not */
    if (known->fate != FATE_NONE)
        return known->fate;
    /* Given back already, by a check that could not write so; what restarted it since is not the outage. */
    if (known->takeover == TAKEOVER_SET && container->policy.kind != POLICY_ON_FAILURE)
        return FATE_RESTORE;
    if (strcmp(known->started_at, container->started_at) == 0)
        return FATE_RESTORE;
    /* What the agent has seen stop it never takes for running again (FACTS.md, The real agent after an outage). */
    return plan_adopts(p) && !known->revived ? FATE_ADOPT : FATE_REPLACE;
}

/* A fresh agent takes a container for dead that runs with these marks of an earlier end, reports it as stopped, and ECS
 * launches another one beside it. Docker's own restart takes them away. Where an agent runs already it is too late for
 * that. */
static void judge_marked(const struct planner *p, struct state_container *known, const struct container *container)
{
    bool marked = model_is_up(container->status) && (container->oom_killed || container->has_error) && !known->guessed;
    bool restarted = known->fate == FATE_ADOPT || known->fate == FATE_RESTART;

    if (!restarted && (known->fate != FATE_RESTORE || !plan_adopts(p) || p->seen->agent.status == STATUS_RUNNING))
        return;
    if (marked && p->seen->agent.status != STATUS_RUNNING)
        known->fate = FATE_RESTART;
    else if (marked) /* what was not restarted in the outage is not eins's to remove, whatever the agent makes of it */
        known->fate = strcmp(known->started_at, container->started_at) != 0 ? FATE_REPLACE : FATE_RESTORE;
    else if (restarted)
        known->fate = FATE_ADOPT;
}

/* Exited ones too: with on-failure left on it, the next start of dockerd would launch it. */
static void add_restore(struct planner *p, const struct state_container *known, struct policy from)
{
    struct op *op = plan_ops_add(p->plan, OP_RESTORE, plan_why_back(p), known->id, known->name);

    op->from = from;
    op->to = known->policy;
}

/* How long Docker may take to stop it. */
static int stop_seconds(const struct container *container)
{
    int timeout = container->stop_timeout < 0 ? STOP_TIMEOUT_DEFAULT : container->stop_timeout;

    return (timeout < STOP_TIMEOUT_MAX ? timeout : STOP_TIMEOUT_MAX) + STOP_MARGIN;
}

static void add_replacement(struct planner *p, const struct state_container *known, const struct container *container)
{
    enum op_reason reason = !plan_adopts(p) ? REASON_RESTARTED : known->revived ? REASON_REVIVED : REASON_MARKED;
    struct op *stop = plan_ops_add(p->plan, OP_STOP, reason, container->id, container->name);
    struct op *removal = plan_ops_add(p->plan, OP_REMOVE, reason, container->id, container->name);

    stop->seconds = stop_seconds(container);
    plan_ops_depend(p->plan, removal, WHEN_DONE, stop);
}

/* What a kept container is owed that is not there, or not in Docker's list. */
static void recover_lost(struct planner *p, struct state_container *known, const struct container *container)
{
    if (known->fate == FATE_REPLACE)
        p->plan->next.removed++; /* by eins: a check that was killed did not come to write it down */
    else
        plan_ops_note(p->plan, NOTE_VANISHED, known->id, known->name);
    if (container != NULL || known->takeover == TAKEOVER_LEFT || known->fate == FATE_REPLACE) {
        state_remove(&p->plan->next, known);
        return;
    }
    /* A list may have left it out. Docker's answer to its id tells, and a policy is never left behind. */
    known->fate = FATE_RESTORE;
    known->running = false;
    add_restore(p, known, (struct policy){POLICY_ON_FAILURE, p->conf->retries});
}

/* Decides about one kept container. Counts it in *changed when the agent has to learn of it, because it goes, or has
 * gone, or was restarted and stays; and in *ended when it is only down: that the agent learns from its events. */
static void decide(struct planner *p, struct state_container *known, size_t *changed, size_t *ended)
{
    const struct container *container = model_find(p->seen, known->id);

    if (plan_is_lost(container)) {
        recover_lost(p, known, container);
        ++*changed;
        return;
    }
    if (container->inspected != INSPECT_DONE) {
        plan_ops_note(p->plan, NOTE_NOT_UNDERSTOOD, known->id, known->name);
        p->plan->incomplete = true;
        *ended += !model_is_up(container->status);
        return;
    }
    plan_count_restarts(p, known, container);
    known->fate = judge(p, known, container);
    known->running = model_is_up(container->status);
    if (known->fate != FATE_RESTORE)
        ++*changed;
    else if (!known->running)
        ++*ended;
}

/* Plans what one kept container is owed. changed: how many the agent has to learn of. */
static void recover_container(struct planner *p, struct state_container *known, size_t changed)
{
    const struct container *container = model_find(p->seen, known->id);

    if (plan_is_lost(container) || container->inspected != INSPECT_DONE)
        return;
    if (changed > 0)
        judge_marked(p, known, container);
    if (known->takeover != TAKEOVER_LEFT)
        add_restore(p, known, container->policy);
    switch (known->fate) {
    case FATE_REPLACE:
        add_replacement(p, known, container);
        return;
    case FATE_RESTART:
        plan_ops_add(p->plan, OP_RESTART, REASON_MARKED, known->id, known->name)->seconds = stop_seconds(container);
        return;
    case FATE_ADOPT:
        if (known->running && !known->guessed)
            plan_ops_note(p->plan, NOTE_ADOPTED, known->id, known->name);
        break;
    case FATE_RESTORE:
    case FATE_NONE:
        break;
    }
    if (known->takeover == TAKEOVER_LEFT)
        state_remove(&p->plan->next, known); /* nothing is owed; the baseline takes it in again */
}

static bool is_up_now(const struct planner *p, const struct state_container *known)
{
    const struct container *container = model_find(p->seen, known->id);

    return container != NULL && model_is_up(container->status);
}

/* What runs now: with it, a reboot into an outage knows what to bring back. */
static void record_baseline(struct planner *p)
{
    struct state *next = &p->plan->next;

    for (size_t i = next->container_count; i-- > 0;) {
        if (next->containers[i].takeover == TAKEOVER_NONE && !is_up_now(p, &next->containers[i]))
            state_remove(next, &next->containers[i]);
    }
    for (size_t i = 0; i < p->seen->container_count; i++) {
        const struct container *container = &p->seen->containers[i];
        struct state_container *known = state_find(next, container->id);

        if (!model_is_up(container->status))
            continue;
        if (known == NULL)
            known = state_add(next, container->id, container->name);
        if (known->takeover == TAKEOVER_NONE)
            known->running = true; /* it may have been down before, in the outage */
    }
    plan_record_generation(p);
    next->fresh = false;
}

void plan_recover(struct planner *p)
{
    struct state *next = &p->plan->next;
    size_t changed = 0, ended = 0;

    if (!plan_all_inspected(p))
        p->plan->wants |= WANT_INSPECT;
    if (p->seen->events_asked == INSPECT_NOT_YET && plan_owns_pause(p) && !plan_keeps(p))
        p->plan->wants |= WANT_EVENTS;
    if (p->plan->wants != 0)
        return;
    for (size_t i = next->container_count; i-- > 0;) {
        if (next->containers[i].takeover != TAKEOVER_NONE)
            decide(p, &next->containers[i], &changed, &ended);
        else /* from before the pause, which costs a renewal at worst; or given back by a check that did not come to
                thaw the agent */
            ended += !is_up_now(p, &next->containers[i]);
    }
    if (plan_owns_pause(p) && plan_events_lost(p, 0))
        changed += ended;
    for (size_t i = next->container_count; i-- > 0;) {
        if (next->containers[i].takeover != TAKEOVER_NONE)
            recover_container(p, &next->containers[i], changed);
    }
    plan_give_agent(p, changed);
    record_baseline(p);
}
