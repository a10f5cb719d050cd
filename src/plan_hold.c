/* SPDX-License-Identifier: MIT-0 */
/* Disconnected: freeze the agent and keep what runs running. */
#include "plan_ops.h"

#include <string.h>

#include "text.h"

enum death { DEATH_UNKNOWN, DEATH_CRASH, DEATH_BY_HAND };

static void hold_agent(struct planner *p)
{
    const struct container *agent = &p->seen->agent;
    struct state_agent *next = &p->plan->next.agent;
    bool recorded = strcmp(next->id, agent->id) == 0;

    switch (agent->status) {
    case STATUS_RUNNING:
        /* Also one that was paused before: a restart of Docker thaws it, ecs-init replaces it, people unpause it. */
        if (next->renewing[0] != '\0')
            *next = (struct state_agent){0};
        text_copy(next->id, sizeof next->id, agent->id);
        next->paused_by_eins = true;
        next->paused_at = p->verdict->now;
        plan_ops_add(p->plan, OP_PAUSE_AGENT, REASON_OUTAGE, agent->id, agent->name);
        break;
    case STATUS_PAUSED:
        if (recorded)
            break;
        text_copy(next->id, sizeof next->id, agent->id);
        /* Paused while connected is somebody's will; paused in the outage, the agent must not stay so when it ends. */
        next->paused_by_eins = !p->plan->next.fresh;
        next->paused_at = 0;
        if (p->plan->next.fresh)
            plan_ops_note(p->plan, NOTE_FOREIGN_PAUSE, agent->id, agent->name);
        break;
    case STATUS_GONE:
        if (next->paused_by_eins)
            break; /* perhaps it was only renamed: recovery asks by its id */
        /* fall through */
    case STATUS_CREATED:
    case STATUS_RESTARTING:
    case STATUS_REMOVING:
    case STATUS_EXITED:
    case STATUS_DEAD:
        /* Nothing to freeze now; ecs-init may bring one, and the next check sees it. */
        next->id[0] = '\0';
        next->paused_by_eins = false;
        next->paused_at = 0;
        break;
    }
}

static bool restarts_anyway(const struct planner *p, const struct container *container)
{
    struct policy hold = {POLICY_ON_FAILURE, p->conf->retries};

    return container->policy.kind == POLICY_ALWAYS || container->policy.kind == POLICY_UNLESS_STOPPED ||
           model_policy_equal(container->policy, hold);
}

/* Takes note of the original policy, once; the intent to change it is part of the state from here on. */
static void take_over(struct planner *p, struct state_container *known, const struct container *container)
{
    bool holdable = !restarts_anyway(p, container) && !container->auto_remove;

    if (known->takeover == TAKEOVER_LEFT && holdable)
        known->takeover = TAKEOVER_ASKED; /* it was down, had its policy back, and now it runs again */
    if (known->takeover != TAKEOVER_NONE)
        return;
    known->policy = container->policy;
    text_copy(known->started_at, sizeof known->started_at, container->started_at);
    text_copy(known->last_start, sizeof known->last_start, container->started_at);
    known->restart_count = container->restart_count;
    known->takeover = holdable ? TAKEOVER_ASKED : TAKEOVER_LEFT;
    if (container->auto_remove)
        plan_ops_note(p->plan, NOTE_AUTO_REMOVE, container->id, container->name);
}

static struct op *add_hold(struct planner *p, enum op_kind kind, const struct container *container)
{
    struct op *op = plan_ops_add(p->plan, kind, REASON_OUTAGE, container->id, container->name);

    op->from = container->policy;
    op->to = (struct policy){POLICY_ON_FAILURE, p->conf->retries};
    return op;
}

/* The last outage's recovery did not get round to it, and here is the next outage. What was restarted in the last one
 * still has to be replaced, so its StartedAt stays; any other one begins anew. */
static void resume(struct state_container *known, const struct container *container)
{
    if (known->fate == FATE_NONE)
        return;
    if (known->fate == FATE_RESTORE) {
        text_copy(known->started_at, sizeof known->started_at, container->started_at);
        known->restarts = 0;
    }
    known->fate = FATE_NONE;
    if (known->takeover == TAKEOVER_SET)
        known->takeover = TAKEOVER_ASKED;
}

static void hold_up(struct planner *p, struct state_container *known, const struct container *container)
{
    struct policy hold = {POLICY_ON_FAILURE, p->conf->retries};

    if (known == NULL)
        known = state_add(&p->plan->next, container->id, container->name);
    take_over(p, known, container);
    resume(known, container);
    if (known->starting)
        plan_count_start(&p->plan->next, known);
    else
        plan_count_restarts(p, known, container);
    known->running = true;
    if (known->takeover == TAKEOVER_SET && !model_policy_equal(container->policy, hold))
        known->takeover = TAKEOVER_ASKED;
    if (known->takeover == TAKEOVER_ASKED)
        add_hold(p, OP_HOLD, container);
}

/* How its last run ended, by the engine's events: a stop or a kill through the API leaves its own, a crash only "die".
 * A dockerd that finds containers of a killed one stops them itself, with the same events: after a restart only a run
 * that began since then can be judged. So it is after eins has decided to start it: what led to that has been judged.
 */
static enum death death_of(const struct planner *p, const struct state_container *known)
{
    bool by_hand = false, died = false, begun = !p->engine_restarted && !known->starting;

    if (p->seen->events_asked != INSPECT_DONE)
        return DEATH_UNKNOWN;
    for (size_t i = 0; i < p->seen->event_count; i++) {
        const struct event *event = &p->seen->events[i];

        if (strcmp(event->id, known->id) != 0)
            continue;
        if (event->kind == EVENT_START) {
            by_hand = died = false;
            begun = true;
        } else if (event->kind == EVENT_DIE) {
            died = true;
        } else if (event->kind == EVENT_STOP ||
                   (event->kind == EVENT_KILL && (event->signal == 9 || event->signal == 15))) {
            by_hand = true; /* other signals are messages: SIGHUP to reload, SIGUSR1 to reopen a log */
        }
    }
    return !begun ? DEATH_UNKNOWN : by_hand ? DEATH_BY_HAND : died ? DEATH_CRASH : DEATH_UNKNOWN;
}

static bool retries_used_up(const struct container *container)
{
    return container->policy.kind == POLICY_ON_FAILURE && container->policy.retries > 0 &&
           container->restart_count >= container->policy.retries;
}

/* Before a container is started the events have to tell that nobody stopped it, and that it did not finish, since its
 * last start. */
static bool death_matters(const struct planner *p, const struct state_container *known,
                          const struct container *container)
{
    /* One that ran on its last retry when the engine went had not used it up. */
    bool crashed = container->exit_code != 0 && !retries_used_up(container);

    return container->status == STATUS_EXITED && container->inspected == INSPECT_DONE && known != NULL &&
           (known->starting || (known->running && (p->engine_restarted || crashed)));
}

static bool is_to_be_revived(struct planner *p, const struct state_container *known, const struct container *container,
                             enum op_reason *ret_reason)
{
    bool restarted = known->running && p->engine_restarted;

    /* "created" is what a start that failed leaves of a container that once ran. */
    if (container->status != STATUS_CREATED && !death_matters(p, known, container))
        return false;
    if (container->status == STATUS_CREATED && !known->starting && !restarted)
        return false;
    *ret_reason = known->starting ? REASON_START_UNFINISHED
                  : restarted     ? REASON_ENGINE_RESTARTED
                                  : REASON_DIED_BEFORE_HOLD;
    switch (death_of(p, known)) {
    case DEATH_CRASH:
        return container->exit_code != 0 && !retries_used_up(container);
    case DEATH_UNKNOWN:
        if (known->starting || restarted)
            return true; /* whatever its exit code: many servers end with 0 on SIGTERM */
        plan_ops_note(p->plan, NOTE_DEATH_UNKNOWN, container->id, container->name);
        break;
    case DEATH_BY_HAND:
        break;
    }
    return false;
}

/* Whether the next start of dockerd would launch what is to stay down: it looks at on-failure and the exit code, not at
 * who stopped it (FACTS.md, Restart policies). */
static bool would_be_launched(const struct state_container *known, const struct container *container)
{
    return (known->takeover == TAKEOVER_ASKED || known->takeover == TAKEOVER_SET) && container->exit_code != 0 &&
           !retries_used_up(container);
}

static void add_restore(struct planner *p, const struct state_container *known, const struct container *container)
{
    struct op *op = plan_ops_add(p->plan, OP_RESTORE, REASON_STAYS_DOWN, container->id, container->name);

    op->from = container->policy;
    op->to = known->policy;
}

static void hold_down(struct planner *p, struct state_container *known, const struct container *container)
{
    enum op_reason reason;
    struct op *start;

    if (known == NULL)
        return; /* it was down when eins first saw it */
    resume(known, container);
    if (!known->starting)
        plan_count_restarts(p, known, container);
    if (!is_to_be_revived(p, known, container, &reason)) {
        known->running = false;
        known->starting = false;
        if (would_be_launched(known, container))
            add_restore(p, known, container);
        return;
    }
    take_over(p, known, container);
    known->running = true;
    known->starting = true;
    if (reason == REASON_DIED_BEFORE_HOLD)
        known->revived = true;
    start = plan_ops_add(p->plan, OP_START, reason, container->id, container->name);
    if (known->takeover == TAKEOVER_ASKED)
        plan_ops_depend(p->plan, add_hold(p, OP_HOLD_STARTED, container), WHEN_DONE, start);
}

static bool any_not_understood(const struct planner *p)
{
    for (size_t i = 0; i < p->seen->container_count; i++) {
        if (p->seen->containers[i].inspected == INSPECT_FAILED)
            return true;
    }
    return false;
}

static void hold_container(struct planner *p, const struct container *container)
{
    struct state_container *known = state_find(&p->plan->next, container->id);

    if (plan_is_lost(container)) {
        if (known != NULL)
            known->running = known->starting = false;
    } else if (container->inspected == INSPECT_FAILED) {
        plan_ops_note(p->plan, NOTE_NOT_UNDERSTOOD, container->id, container->name);
        p->plan->incomplete = true;
    } else if (model_is_up(container->status)) {
        hold_up(p, known, container);
    } else {
        hold_down(p, known, container);
    }
}

static bool any_death_matters(const struct planner *p)
{
    for (size_t i = 0; i < p->seen->container_count; i++) {
        const struct container *container = &p->seen->containers[i];

        if (death_matters(p, state_find(&p->plan->next, container->id), container))
            return true;
    }
    return false;
}

void plan_hold(struct planner *p)
{
    struct state *next = &p->plan->next;

    /* The agent first, on nothing but the list: it must be frozen before it sees a container die or a policy change. */
    hold_agent(p);
    for (size_t i = next->container_count; i-- > 0;) {
        struct state_container *known = &next->containers[i];

        if (known->takeover == TAKEOVER_NONE && model_find(p->seen, known->id) == NULL && !plan_owns_pause(p))
            state_remove(next, known); /* an agent that is awake knows that it has gone */
    }
    if (!plan_all_inspected(p)) {
        p->plan->wants |= WANT_INSPECT;
        return;
    }
    if (p->seen->events_asked == INSPECT_NOT_YET && any_death_matters(p)) {
        p->plan->wants |= WANT_EVENTS;
        return;
    }
    for (size_t i = 0; i < p->seen->container_count; i++)
        hold_container(p, &p->seen->containers[i]);
    for (size_t i = next->container_count; i-- > 0;) {
        struct state_container *known = &next->containers[i];

        if (model_find(p->seen, known->id) == NULL)
            known->running = known->starting = false; /* kept until recovery: the agent has to learn of it */
    }
    /* Whether one that could not be looked at went down with the engine is the next check's to find out. */
    if (!any_not_understood(p) || next->generation[0] == '\0')
        plan_record_generation(p);
    next->fresh = false;
}
