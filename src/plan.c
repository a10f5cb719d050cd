/* SPDX-License-Identifier: MIT-0 */
#include "plan.h"

#include <string.h>

#include "plan_ops.h"
#include "text.h"

static void enter(struct state *state, enum phase phase, int64_t now)
{
    state->phase = phase;
    state->fresh = true;
    state->since = now;
    state->fall_count = 0;
    state->rise_count = 0;
    if (phase == PHASE_DISCONNECTED)
        state->outages++;
}

struct verdict plan_verdict(const struct conf *conf, enum reach reach, int64_t now, int64_t uptime, struct state *state)
{
    struct verdict verdict = {.reach = reach, .now = now};

    if (reach == REACH_INDETERMINATE)
        return verdict;
    if (state->phase == PHASE_CONNECTED) {
        state->fall_count = reach == REACH_UNREACHABLE ? state->fall_count + 1 : 0;
        if (state->fall_count >= conf->fall && uptime >= PLAN_BOOT_PATIENCE)
            enter(state, PHASE_DISCONNECTED, now);
    } else {
        state->rise_count = reach == REACH_REACHABLE ? state->rise_count + 1 : 0;
        if (state->rise_count >= conf->rise)
            enter(state, PHASE_CONNECTED, now);
    }
    return verdict;
}

struct verdict plan_reset(int64_t now, struct state *state)
{
    if (state->phase == PHASE_DISCONNECTED)
        enter(state, PHASE_CONNECTED, now);
    return (struct verdict){.reach = REACH_REACHABLE, .now = now, .reset = true};
}

bool plan_inspects(const struct state *state, const struct container *container)
{
    const struct state_container *known = state_find(state, container->id);

    if (state->rebuild || (known != NULL && known->takeover != TAKEOVER_NONE))
        return true;
    return state->phase == PHASE_DISCONNECTED && (model_is_up(container->status) || (known != NULL && known->running));
}

bool plan_all_inspected(const struct planner *p)
{
    for (size_t i = 0; i < p->seen->container_count; i++) {
        const struct container *container = &p->seen->containers[i];

        if (container->status != STATUS_GONE && container->inspected == INSPECT_NOT_YET &&
            plan_inspects(&p->plan->next, container))
            return false;
    }
    return true;
}

bool plan_is_lost(const struct container *container)
{
    return container == NULL || container->status == STATUS_GONE || container->status == STATUS_REMOVING ||
           container->status == STATUS_DEAD;
}

/* "BOOT ENGINE": a part that could not be read is "-" and says nothing. */
static bool generation_changed(const char *before, const char *now)
{
    char boot[2][MODEL_GENERATION_SIZE] = {{0}}, engine[2][MODEL_GENERATION_SIZE] = {{0}};
    const char *texts[2] = {before, now};

    for (int i = 0; i < 2; i++) {
        const char *blank = strchr(texts[i], ' ');

        if (blank == NULL)
            return false;
        memcpy(boot[i], texts[i], (size_t)(blank - texts[i]));
        text_copy(engine[i], sizeof engine[i], blank + 1);
    }
    if (strcmp(boot[0], "-") != 0 && strcmp(boot[1], "-") != 0 && strcmp(boot[0], boot[1]) != 0)
        return true;
    return strcmp(engine[0], "-") != 0 && strcmp(engine[1], "-") != 0 && strcmp(engine[0], engine[1]) != 0;
}

void plan_record_generation(struct planner *p)
{
    if (p->seen->generation[0] != '\0')
        text_copy(p->plan->next.generation, sizeof p->plan->next.generation, p->seen->generation);
}

/* The state was lost. A paused agent is the trace of an outage: it counts as paused by eins, and containers with the
 * policy that eins would have set as held by it. What the original policy was can only be guessed: ECS gives its tasks
 * none. What is known stays as it is known. Returns false when the containers must be looked at first. */
static bool rebuild(struct planner *p)
{
    struct state *next = &p->plan->next;

    if (!next->rebuild)
        return true;
    if (p->seen->agent.status == STATUS_PAUSED) {
        if (!plan_all_inspected(p)) {
            p->plan->wants |= WANT_INSPECT;
            return false;
        }
        text_copy(next->agent.id, sizeof next->agent.id, p->seen->agent.id);
        next->agent.paused_by_eins = true;
        for (size_t i = 0; i < p->seen->container_count; i++) {
            const struct container *container = &p->seen->containers[i];
            struct state_container *known;

            if (container->inspected != INSPECT_DONE || container->policy.kind != POLICY_ON_FAILURE ||
                container->policy.retries != p->conf->retries || state_find(next, container->id) != NULL)
                continue;
            known = state_add(next, container->id, container->name);
            known->running = model_is_up(container->status);
            known->takeover = TAKEOVER_SET;
            known->guessed = true;
            text_copy(known->started_at, sizeof known->started_at, container->started_at);
            plan_ops_note(p->plan, NOTE_GUESSED, container->id, container->name);
        }
        if (next->phase == PHASE_CONNECTED && !p->verdict->reset &&
            (p->verdict->reach == REACH_UNREACHABLE || p->conf->rise > 1)) {
            next->phase = PHASE_DISCONNECTED;
            next->since = p->verdict->now;
            next->outages++;
            next->fall_count = 0;
            next->rise_count = p->verdict->reach == REACH_REACHABLE;
        }
    }
    next->rebuild = false;
    return true;
}

int plan_make(const struct conf *conf, const struct state *state, const struct verdict *verdict,
              const struct snapshot *snapshot, struct plan *ret_plan)
{
    struct plan plan = {0};
    struct planner planner = {.conf = conf, .verdict = verdict, .seen = snapshot, .plan = &plan};

    if (state_copy(state, snapshot->container_count, &plan.next) < 0 ||
        plan_ops_alloc(&plan, state->container_count + snapshot->container_count) < 0) {
        plan_clear(&plan);
        return -1;
    }
    planner.engine_restarted = generation_changed(state->generation, snapshot->generation);
    /* A host that could not look knows nothing; and before `fall` is reached nothing is to be done, nor to be learnt:
     * the baseline stays that of the last good look. */
    if (verdict->reach == REACH_INDETERMINATE ||
        (state->phase == PHASE_CONNECTED && verdict->reach == REACH_UNREACHABLE && !state->rebuild)) {
        /* nothing */
    } else if (!snapshot->listed) {
        plan.wants = WANT_LIST;
    } else if (rebuild(&planner)) {
        if (plan.next.phase == PHASE_DISCONNECTED)
            plan_hold(&planner);
        else if (verdict->reach == REACH_REACHABLE)
            plan_recover(&planner);
    }
    *ret_plan = plan;
    return 0;
}
