/* SPDX-License-Identifier: MIT-0 */
#include "plan_ops.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

/* Restore, stop and remove, or start and hold; and for the agent pause, or kill, await, start and unpause. */
#define OPS_PER_CONTAINER 3
#define OPS_FOR_AGENT 5
#define NOTES_PER_CONTAINER 2
#define NOTES_FOR_AGENT 2

int plan_ops_alloc(struct plan *plan, size_t containers)
{
    plan->ops = calloc(containers * OPS_PER_CONTAINER + OPS_FOR_AGENT, sizeof *plan->ops);
    plan->notes = calloc(containers * NOTES_PER_CONTAINER + NOTES_FOR_AGENT, sizeof *plan->notes);
    return plan->ops == NULL || plan->notes == NULL ? -1 : 0;
}

struct op *plan_ops_add(struct plan *plan, enum op_kind kind, enum op_reason reason, const char *id, const char *name)
{
    struct op *op = &plan->ops[plan->op_count++];

    op->kind = kind;
    op->reason = reason;
    text_copy(op->id, sizeof op->id, id);
    text_copy(op->name, sizeof op->name, name);
    return op;
}

void plan_ops_depend(const struct plan *plan, struct op *op, enum op_condition when, const struct op *on)
{
    op->when = when;
    op->depends_on = (size_t)(on - plan->ops);
}

void plan_ops_note(struct plan *plan, enum note_kind kind, const char *id, const char *name)
{
    struct note *note = &plan->notes[plan->note_count++];

    note->kind = kind;
    text_copy(note->id, sizeof note->id, id);
    text_copy(note->name, sizeof note->name, name);
}

static void add_restarts(struct state *state, struct state_container *known, int more)
{
    known->restarts = more > MODEL_COUNT_MAX - known->restarts ? MODEL_COUNT_MAX : known->restarts + more;
    state->restarted += more;
}

void plan_count_restarts(struct planner *p, struct state_container *known, const struct container *container)
{
    int more = container->restart_count - known->restart_count;

    if (known->takeover == TAKEOVER_NONE)
        return;
    if (known->last_start[0] != '\0' && strcmp(known->last_start, container->started_at) != 0)
        add_restarts(&p->plan->next, known, more > 0 ? more : 1);
    text_copy(known->last_start, sizeof known->last_start, container->started_at);
    known->restart_count = container->restart_count;
}

void plan_count_start(struct state *state, struct state_container *known)
{
    known->starting = false;
    add_restarts(state, known, 1);
    known->last_start[0] = '\0'; /* the next look shows it */
    known->restart_count = 0;
}

bool plan_op_is_due(const struct plan *plan, const struct op *op)
{
    switch (op->when) {
    case WHEN_DONE:
        return plan->ops[op->depends_on].outcome == OUTCOME_DONE;
    case WHEN_FAILED:
        return plan->ops[op->depends_on].outcome == OUTCOME_FAILED;
    case WHEN_ALWAYS:
        break;
    }
    return true;
}

void plan_keep_safe(struct plan *plan)
{
    size_t kept = 0;

    for (size_t i = 0; i < plan->op_count; i++) {
        if (plan->ops[i].kind != OP_RESTORE && plan->ops[i].kind != OP_UNPAUSE_AGENT)
            continue;
        plan->ops[kept] = plan->ops[i];
        plan->ops[kept++].when = WHEN_ALWAYS;
    }
    plan->op_count = kept;
    plan->incomplete = true;
}

/* Nothing is owed to this container any more; one that runs is part of the baseline again. */
static void give_back(struct state *state, struct state_container *container)
{
    struct state_container baseline = {.running = true};

    if (!container->running) {
        state_remove(state, container);
        return;
    }
    memcpy(baseline.id, container->id, sizeof baseline.id);
    memcpy(baseline.name, container->name, sizeof baseline.name);
    *container = baseline;
}

static void forget_removed(struct state *state, struct state_container *container)
{
    state->removed++;
    state_remove(state, container);
}

/* With the marks gone it is like any other one that is adopted; given back, too, if its policy was. */
static void settle_restart(struct plan *plan, struct state_container *container)
{
    container->fate = FATE_ADOPT;
    for (size_t i = 0; i < plan->op_count; i++) {
        if (plan->ops[i].kind == OP_RESTORE && strcmp(plan->ops[i].id, container->id) == 0 &&
            plan->ops[i].outcome != OUTCOME_DONE)
            return;
    }
    give_back(&plan->next, container);
}

static void settle_container(struct plan *plan, const struct op *op)
{
    struct state *state = &plan->next;
    struct state_container *container = state_find(state, op->id);

    if (container == NULL)
        return;
    if (op->outcome == OUTCOME_GONE) {
        if (op->kind == OP_HOLD || op->kind == OP_START || op->kind == OP_HOLD_STARTED)
            container->running = container->starting = false; /* recovery tells the agent: it counts as removed */
        else if (op->kind == OP_REMOVE)
            forget_removed(state, container);
        else
            state_remove(state, container);
        return;
    }
    if (op->kind == OP_HOLD || op->kind == OP_HOLD_STARTED)
        container->takeover = TAKEOVER_SET;
    else if (op->kind == OP_START)
        plan_count_start(state, container);
    else if (op->kind == OP_RESTORE && state->phase == PHASE_DISCONNECTED)
        container->takeover = TAKEOVER_LEFT; /* still kept: recovery has to judge it */
    else if (op->kind == OP_RESTORE && (container->fate == FATE_RESTORE || container->fate == FATE_ADOPT))
        give_back(state, container);
    else if (op->kind == OP_RESTART)
        settle_restart(plan, container);
    else if (op->kind == OP_STOP)
        container->running = false; /* not for an outage that begins before it is removed to bring back */
    else if (op->kind == OP_REMOVE)
        forget_removed(state, container);
}

/* Of one that is done, or had nothing left to be done to. */
static void settle_op(struct plan *plan, const struct op *op)
{
    switch (op->kind) {
    case OP_PAUSE_AGENT:
        /* ecs-init replaced it between the look and the pause: look again at once, an offline agent must not run on. */
        if (op->outcome == OUTCOME_GONE) {
            plan->next.agent.id[0] = '\0';
            plan->next.agent.paused_by_eins = false;
            plan->wants |= WANT_LIST;
        }
        break;
    case OP_AWAIT_AGENT:
    case OP_START_AGENT:
    case OP_UNPAUSE_AGENT:
        if (op->outcome == OUTCOME_DONE || op->kind == OP_UNPAUSE_AGENT)
            plan->next.agent = (struct state_agent){0};
        break;
    case OP_HOLD:
    case OP_START:
    case OP_HOLD_STARTED:
    case OP_RESTORE:
    case OP_RESTART:
    case OP_STOP:
    case OP_REMOVE:
        settle_container(plan, op);
        break;
    case OP_KILL_AGENT:
    case OP_KIND_COUNT:
        break;
    }
}

/* The fresh agent takes it for dead, and ECS launches another one: this one must not run on beside that. Unless it was
 * not restarted in the outage: then it is not eins's to remove. */
static void give_up_restart(struct state *state, const char *id)
{
    struct state_container *container = state_find(state, id);

    if (container != NULL)
        container->fate = strcmp(container->started_at, container->last_start) == 0 ? FATE_RESTORE : FATE_REPLACE;
}

void plan_settle(struct plan *plan)
{
    for (size_t i = 0; i < plan->op_count; i++) {
        const struct op *op = &plan->ops[i];

        if (op->outcome == OUTCOME_DONE || op->outcome == OUTCOME_GONE)
            settle_op(plan, op);
        else if (op->outcome == OUTCOME_FAILED && op->kind != OP_AWAIT_AGENT)
            plan->incomplete = true;
        if (op->outcome == OUTCOME_FAILED && op->kind == OP_RESTART)
            give_up_restart(&plan->next, op->id);
    }
    /* Only an agent that runs ends a renewal; whatever else became of it is the next check's to finish. */
    if (plan->next.agent.renewing[0] != '\0' && plan->next.phase == PHASE_CONNECTED)
        plan->incomplete = true;
}

void plan_clear(struct plan *plan)
{
    free(plan->ops);
    free(plan->notes);
    state_clear(&plan->next);
    *plan = (struct plan){0};
}

const char *plan_reason_text(enum op_reason reason)
{
    static const char *const texts[] = {
        [REASON_OUTAGE] = "the region cannot be reached",
        [REASON_DIED_BEFORE_HOLD] = "it failed before Docker had been told to restart it",
        [REASON_ENGINE_RESTARTED] = "it ran before Docker or the host was restarted",
        [REASON_START_UNFINISHED] = "an earlier check meant to start it",
        [REASON_RECOVERED] = "the region is back",
        [REASON_RESET] = "eins is to be removed",
        [REASON_STAYS_DOWN] = "it stays down, and Docker would start it when Docker itself is restarted",
        [REASON_REVIVED] =
            "eins started it after it had failed, and the agent may have seen that: ECS launches it anew",
        [REASON_MARKED] = "it runs with an out-of-memory or error mark, for which a fresh agent would take it for dead",
        [REASON_ADOPTION] = "a fresh agent looks at every container, and keeps what was restarted in the outage",
        [REASON_RESTARTED] = "it was restarted in the outage, ECS launches its task anew",
        [REASON_EVENTS_LOST] = "it may have missed events while it was paused",
        [REASON_RENEWAL_UNFINISHED] = "an earlier check began to renew it",
    };

    return texts[reason];
}

const char *plan_note_text(enum note_kind kind)
{
    static const char *const texts[] = {
        [NOTE_FOREIGN_PAUSE] =
            "the agent is paused, and not by eins: left alone, ECS does nothing on this host until it is unpaused",
        [NOTE_GUESSED] =
            "the state was lost: taken for a container that eins held; it gets policy \"no\" back and is never removed",
        [NOTE_NOT_UNDERSTOOD] = "Docker's answer about it could not be used: left alone until the next check",
        [NOTE_AUTO_REMOVE] =
            "Docker removes it when it ends (AutoRemove) and refuses a restart policy: it will not survive a crash",
        [NOTE_DEATH_UNKNOWN] =
            "it ended with an error, and Docker's events do not tell whether somebody stopped it: left down",
        [NOTE_VANISHED] = "it was removed by somebody else in the outage",
        [NOTE_AGENT_MISSING] =
            "the old agent is gone and ecs-init brings no new one: start it, for example with systemctl restart ecs",
        [NOTE_ADOPTED] = "it was restarted in the outage and runs on: a fresh agent takes it over as it is",
        [NOTE_AGENT_DOWN] =
            "it does not run, so ECS does nothing on this host; unless ecs-init brings it back: systemctl restart ecs",
    };

    return texts[kind];
}
