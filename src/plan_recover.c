/* SPDX-License-Identifier: MIT-0 */
/* Connected: give everything back, once; then only watch. */
#include "plan_ops.h"

#include <string.h>

#include "text.h"

/* The engine's event log holds the last 256 entries. As soon as that many could have come, some may be missing from it.
 */
#define EVENTS_KNOWN_BELOW 250
/* A frozen agent's stream holds about 1,100 events (FACTS.md, The real agent after an outage); stay well below. */
#define EVENTS_AGENT_HOLDS 1000
/* What a stop and a removal add to it: kill, kill, die, stop, disconnect, unmount, destroy. */
#define EVENTS_PER_REMOVAL 7

#define STOP_TIMEOUT_DEFAULT 10 /* the engine's */
/* A container may ask for hours; the agent would be frozen all that time. What has not stopped then is the next
 * check's. */
#define STOP_TIMEOUT_MAX 600
/* Some engines kill a container when the client that stops it hangs up: outlast them (FACTS.md, State codes). */
#define STOP_MARGIN 15

/* Whether nothing is to be removed. */
static bool keeps(const struct planner *p)
{
    return p->conf->recovery == RECOVERY_KEEP || p->verdict->reset;
}

static enum op_reason why_back(const struct planner *p)
{
    return p->verdict->reset ? REASON_RESET : REASON_RECOVERED;
}

/* Whether the paused agent, when thawed, may never learn of the containers that went. */
static bool events_lost(const struct planner *p, size_t removed)
{
    int64_t paused_at = p->plan->next.agent.paused_at;
    size_t count = 0;

    if (p->seen->events_asked != INSPECT_DONE || paused_at == 0 || paused_at > p->verdict->now)
        return true;
    for (size_t i = 0; i < p->seen->event_count; i++)
        count += p->seen->events[i].time >= paused_at;
    return count >= EVENTS_KNOWN_BELOW || count + removed * EVENTS_PER_REMOVAL > EVENTS_AGENT_HOLDS;
}

static void add_await(struct planner *p, const struct op *kill, enum op_reason reason, const char *old)
{
    struct op *await = plan_ops_add(p->plan, OP_AWAIT_AGENT, reason, old, p->conf->agent);
    struct op *start = plan_ops_add(p->plan, OP_START_AGENT, reason, old, p->conf->agent);

    await->seconds = p->conf->agent_wait;
    if (kill != NULL)
        plan_ops_depend(p->plan, await, WHEN_DONE, kill);
    plan_ops_depend(p->plan, start, WHEN_FAILED, await);
}

/* A fresh agent inspects everything. SIGKILL by id: a polite stop exits 0 and ends ecs-init, and behind the name there
 * may soon be ecs-init's own new container. If the kill fails, a thawed agent is better than a frozen one. */
static void renew_agent(struct planner *p, enum op_reason reason)
{
    const struct container *agent = &p->seen->agent;
    struct state_agent *next = &p->plan->next.agent;
    struct op *kill = plan_ops_add(p->plan, OP_KILL_AGENT, reason, agent->id, agent->name);
    struct op *unpause = plan_ops_add(p->plan, OP_UNPAUSE_AGENT, reason, agent->id, agent->name);

    if (next->renewing[0] == '\0')
        next->renew_since = p->verdict->now;
    text_copy(next->renewing, sizeof next->renewing, agent->id);
    plan_ops_depend(p->plan, unpause, WHEN_FAILED, kill);
    add_await(p, kill, reason, agent->id);
}

/* An earlier check was killed, or gave up waiting, between the old agent and the new one. */
static void finish_renewal(struct planner *p)
{
    const struct container *agent = &p->seen->agent;
    struct state_agent *next = &p->plan->next.agent;
    bool is_old = strcmp(agent->id, next->renewing) == 0;
    bool waited = p->verdict->now < next->renew_since || p->verdict->now - next->renew_since > p->conf->agent_wait;

    if (agent->status == STATUS_PAUSED && is_old) {
        renew_agent(p, REASON_RENEWAL_UNFINISHED);
    } else if (agent->status == STATUS_PAUSED && next->paused_by_eins && strcmp(agent->id, next->id) == 0) {
        plan_ops_add(p->plan, OP_UNPAUSE_AGENT, why_back(p), agent->id, agent->name);
    } else if (agent->status == STATUS_RUNNING || (agent->status != STATUS_GONE && !is_old)) {
        *next = (struct state_agent){0}; /* it runs, or ecs-init is just making it */
    } else if (!waited) {
        add_await(p, NULL, REASON_RENEWAL_UNFINISHED, next->renewing);
    } else if (agent->status != STATUS_GONE) {
        plan_ops_add(p->plan, OP_START_AGENT, REASON_RENEWAL_UNFINISHED, next->renewing, p->conf->agent);
    } else {
        plan_ops_note(p->plan, NOTE_AGENT_MISSING, next->renewing, p->conf->agent);
        p->plan->incomplete = true;
        *next = (struct state_agent){0};
    }
}

/* With nothing owed: an agent that somebody paused is mentioned once, and remembered so that an outage does not change
 * whose pause it is. So is one that does not run when the region comes back. */
static void watch_agent(struct planner *p)
{
    const struct container *agent = &p->seen->agent;
    struct state_agent *next = &p->plan->next.agent;

    if (agent->status != STATUS_PAUSED) {
        *next = (struct state_agent){0};
        if (agent->status != STATUS_RUNNING && p->plan->next.fresh)
            plan_ops_note(p->plan, NOTE_AGENT_DOWN, agent->id, p->conf->agent);
    } else if (strcmp(next->id, agent->id) != 0 || next->paused_by_eins) {
        *next = (struct state_agent){0};
        text_copy(next->id, sizeof next->id, agent->id);
        plan_ops_note(p->plan, NOTE_FOREIGN_PAUSE, agent->id, agent->name);
    }
}

static void recover_agent(struct planner *p, size_t removed)
{
    const struct container *agent = &p->seen->agent;
    struct state_agent *known = &p->plan->next.agent;
    bool recorded = strcmp(known->id, agent->id) == 0;

    if (known->renewing[0] != '\0') {
        finish_renewal(p);
        return;
    }
    /* Frozen in the outage, by whomever, unless it was known to be paused before. */
    if (agent->status == STATUS_PAUSED && (recorded ? known->paused_by_eins : p->plan->next.fresh)) {
        text_copy(known->id, sizeof known->id,
                  agent->id); /* should this fail, the next check knows whose pause it is */
        known->paused_by_eins = true;
        if (removed > 0 && !keeps(p) && events_lost(p, removed))
            renew_agent(p, REASON_EVENTS_LOST);
        else
            plan_ops_add(p->plan, OP_UNPAUSE_AGENT, why_back(p), agent->id, agent->name);
        return;
    }
    /* It may only have been renamed, and be as frozen as it was: its id finds it. */
    if (agent->status == STATUS_GONE && known->paused_by_eins) {
        plan_ops_add(p->plan, OP_UNPAUSE_AGENT, why_back(p), known->id, p->conf->agent);
        plan_ops_note(p->plan, NOTE_AGENT_DOWN, known->id, p->conf->agent);
        return;
    }
    watch_agent(p);
}

/* Restarted means that StartedAt differs: RestartCount does not count what dockerd's own start or a person restarts. */
static enum fate judge(const struct planner *p, const struct state_container *known, const struct container *container)
{
    if (keeps(p) || known->guessed)
        return FATE_RESTORE;
    if (known->fate != FATE_NONE)
        return known->fate;
    /* Given back already, by a check that could not write so; what restarted it since is not the outage. */
    if (known->takeover == TAKEOVER_SET && container->policy.kind != POLICY_ON_FAILURE)
        return FATE_RESTORE;
    return strcmp(known->started_at, container->started_at) == 0 ? FATE_RESTORE : FATE_REPLACE;
}

/* Exited ones too: with on-failure left on it, the next start of dockerd would launch it. */
static void add_restore(struct planner *p, const struct state_container *known, struct policy from)
{
    struct op *op = plan_ops_add(p->plan, OP_RESTORE, why_back(p), known->id, known->name);

    op->from = from;
    op->to = known->policy;
}

static void add_replacement(struct planner *p, const struct container *container)
{
    int timeout = container->stop_timeout < 0 ? STOP_TIMEOUT_DEFAULT : container->stop_timeout;
    struct op *stop = plan_ops_add(p->plan, OP_STOP, REASON_RESTARTED, container->id, container->name);
    struct op *removal = plan_ops_add(p->plan, OP_REMOVE, REASON_RESTARTED, container->id, container->name);

    stop->seconds = (timeout < STOP_TIMEOUT_MAX ? timeout : STOP_TIMEOUT_MAX) + STOP_MARGIN;
    plan_ops_depend(p->plan, removal, WHEN_DONE, stop);
}

/* Plans what one kept container is owed. Returns 1 when the container goes, or has gone, and the agent has to learn of
 * it. */
static size_t recover_container(struct planner *p, struct state_container *known)
{
    const struct container *container = model_find(p->seen, known->id);

    if (plan_is_lost(container)) {
        plan_ops_note(p->plan, NOTE_VANISHED, known->id, known->name);
        if (known->fate == FATE_REPLACE)
            p->plan->next.removed++; /* a check that was killed did not come to note it */
        if (container != NULL || known->takeover == TAKEOVER_LEFT || known->fate == FATE_REPLACE) {
            state_remove(&p->plan->next, known);
        } else {
            /* A list may have left it out. Docker's answer to its id tells, and a policy is never left behind. */
            known->fate = FATE_RESTORE;
            known->running = false;
            add_restore(p, known, (struct policy){POLICY_ON_FAILURE, p->conf->retries});
        }
        return 1;
    }
    if (container->inspected != INSPECT_DONE) {
        plan_ops_note(p->plan, NOTE_NOT_UNDERSTOOD, known->id, known->name);
        p->plan->incomplete = true;
        return 0;
    }
    plan_count_restarts(p, known, container);
    known->fate = judge(p, known, container);
    known->running = model_is_up(container->status);
    if (known->takeover != TAKEOVER_LEFT)
        add_restore(p, known, container->policy);
    if (known->fate == FATE_REPLACE) {
        add_replacement(p, container);
        return 1;
    }
    if (known->takeover == TAKEOVER_LEFT)
        state_remove(&p->plan->next, known); /* nothing is owed; the baseline takes it in again */
    return 0;
}

/* What runs now: with it, a reboot into an outage knows what to bring back. */
static void record_baseline(struct planner *p)
{
    struct state *next = &p->plan->next;

    for (size_t i = next->container_count; i-- > 0;) {
        const struct container *container = model_find(p->seen, next->containers[i].id);

        if (next->containers[i].takeover == TAKEOVER_NONE && (container == NULL || !model_is_up(container->status)))
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
    size_t removed = 0;

    if (!plan_all_inspected(p))
        p->plan->wants |= WANT_INSPECT;
    if (p->seen->events_asked == INSPECT_NOT_YET && next->agent.paused_by_eins &&
        p->seen->agent.status == STATUS_PAUSED)
        p->plan->wants |= WANT_EVENTS;
    if (p->plan->wants != 0)
        return;
    for (size_t i = next->container_count; i-- > 0;) {
        if (next->containers[i].takeover != TAKEOVER_NONE)
            removed += recover_container(p, &next->containers[i]);
    }
    recover_agent(p, removed);
    record_baseline(p);
}
