/* SPDX-License-Identifier: MIT-0 */
/* Connected: ECS has its agent back, thawed or renewed. */
#include "plan_ops.h"

#include <string.h>

#include "text.h"

/* A frozen agent's stream holds about 1,100 events (FACTS.md, The real agent after an outage); stay well below. */
#define EVENTS_AGENT_HOLDS 1000
/* What a stop and a removal add to it: kill, kill, die, stop, disconnect, unmount, destroy. */
#define EVENTS_PER_REMOVAL 7

bool plan_keeps(const struct planner *p)
{
    return p->conf->recovery == RECOVERY_KEEP || p->verdict->reset;
}

bool plan_adopts(const struct planner *p)
{
    return p->conf->recovery == RECOVERY_ADOPT && !p->verdict->reset;
}

enum op_reason plan_why_back(const struct planner *p)
{
    return p->verdict->reset ? REASON_RESET : REASON_RECOVERED;
}

bool plan_owns_pause(const struct planner *p)
{
    const struct state_agent *known = &p->plan->next.agent;
    bool recorded = strcmp(known->id, p->seen->agent.id) == 0;

    return p->seen->agent.status == STATUS_PAUSED && (recorded ? known->paused_by_eins : p->plan->next.fresh);
}

bool plan_events_lost(const struct planner *p, size_t changed)
{
    const struct container *agent = &p->seen->agent;
    bool has_pause = false;

    for (size_t i = 0; i < p->seen->event_count; i++) {
        const struct event *event = &p->seen->events[i];

        if (strcmp(event->id, agent->id) != 0)
            continue;
        if (event->kind == EVENT_UNPAUSE && !has_pause)
            return true; /* it was thawed in the meantime, after nobody knows how many */
        has_pause |= event->kind == EVENT_PAUSE;
    }
    /* Where its pause is not in the log there were more events since than the log holds, or they are another dockerd's:
     * with live-restore the agent stays frozen when dockerd is restarted, but its stream ended with the old one. */
    return p->seen->events_asked != INSPECT_DONE || !has_pause ||
           p->seen->event_count + changed * EVENTS_PER_REMOVAL > EVENTS_AGENT_HOLDS;
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
        plan_ops_add(p->plan, OP_UNPAUSE_AGENT, plan_why_back(p), agent->id, agent->name);
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
    } else if (strcmp(next->id, agent->id) != 0) {
        *next = (struct state_agent){0};
        text_copy(next->id, sizeof next->id, agent->id);
        plan_ops_note(p->plan, NOTE_FOREIGN_PAUSE, agent->id, agent->name);
    }
}

void plan_give_agent(struct planner *p, size_t changed)
{
    const struct container *agent = &p->seen->agent;
    struct state_agent *known = &p->plan->next.agent;

    if (known->renewing[0] != '\0') {
        finish_renewal(p);
        return;
    }
    if (plan_owns_pause(p)) {
        text_copy(known->id, sizeof known->id,
                  agent->id); /* should this fail, the next check knows whose pause it is */
        known->paused_by_eins = true;
        if (changed > 0 && !plan_keeps(p) && plan_events_lost(p, changed))
            renew_agent(p, REASON_EVENTS_LOST);
        else if (changed > 0 && plan_adopts(p))
            renew_agent(p, REASON_ADOPTION);
        else
            plan_ops_add(p->plan, OP_UNPAUSE_AGENT, plan_why_back(p), agent->id, agent->name);
        return;
    }
    /* It may only have been renamed, and be as frozen as it was: its id finds it. */
    if (agent->status == STATUS_GONE && known->paused_by_eins) {
        plan_ops_add(p->plan, OP_UNPAUSE_AGENT, plan_why_back(p), known->id, p->conf->agent);
        plan_ops_note(p->plan, NOTE_AGENT_DOWN, known->id, p->conf->agent);
        return;
    }
    watch_agent(p);
}
