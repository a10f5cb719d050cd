/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "table_scene.h"

#include <string.h>

#include "text.h"
#include "unit.h"

const struct policy scene_saved = {POLICY_ON_FAILURE, 7};
const struct policy scene_hold = {POLICY_ON_FAILURE, 3};
static const struct policy shown_policies[] = {
    [NO] = {POLICY_NO, 0},
    [OWN] = {POLICY_ON_FAILURE, 5},
    [OWN_USED_UP] = {POLICY_ON_FAILURE, 5},
    [ALWAYS] = {POLICY_ALWAYS, 0},
    [UNLESS_STOPPED] = {POLICY_UNLESS_STOPPED, 0},
    [HELD] = {POLICY_ON_FAILURE, 3},
    [HELD_USED_UP] = {POLICY_ON_FAILURE, 3},
};

static unsigned long take(unsigned long *index, unsigned long count)
{
    unsigned long digit = *index % count;

    *index /= count;
    return digit;
}

static struct combo combo_of(unsigned long index)
{
    struct combo c = {.situation = (enum situation)take(&index, 8), .agent = (enum agent_case)take(&index, 8)};
    unsigned long knows;

    c.box = (enum box_case)take(&index, 11);
    c.policy = (enum policy_case)take(&index, 7);
    c.engine_restarted = take(&index, 2) == 1;
    c.recovery = (enum recovery)take(&index, 3);
    knows = take(&index, 243);
    c.known = knows > 0;
    c.kept = knows > 2;
    c.ran = knows == 1;
    if (!c.kept)
        return c;
    knows -= 3;
    c.takeover = (enum takeover)(TAKEOVER_LEFT + take(&knows, 3));
    c.fate = (enum fate)take(&knows, 5);
    c.ran = take(&knows, 2) == 1;
    c.same_start = take(&knows, 2) == 1;
    c.guessed = knows == 1;
    c.starting = knows == 2;
    c.revived = knows == 3;
    return c;
}

static void set_agent(struct scene *s)
{
    static const enum status statuses[] = {
        [ABSENT] = STATUS_GONE,           [RUNS] = STATUS_RUNNING,
        [PAUSED_BY_EINS] = STATUS_PAUSED, [PAUSED_BY_OTHERS] = STATUS_PAUSED,
        [ENDED] = STATUS_EXITED,          [RESTARTS] = STATUS_RESTARTING,
        [NEW_RUNS] = STATUS_RUNNING,      [NEW_PAUSED] = STATUS_PAUSED,
    };
    enum agent_case agent = s->combo.agent;

    s->truth.agent = (struct container){.status = statuses[agent]};
    if (agent != ABSENT)
        text_copy(s->truth.agent.id, MODEL_ID_SIZE, agent == NEW_RUNS || agent == NEW_PAUSED ? NEW_AGENT : OLD_AGENT);
    if (agent == RUNS)
        return;
    text_copy(s->state.agent.id, MODEL_ID_SIZE, OLD_AGENT);
    s->state.agent.paused_by_eins = agent != PAUSED_BY_OTHERS;
    s->state.agent.paused_at = NOW - 100;
}

bool scene_pause_is_unheard_of(const struct combo *c)
{
    return c->engine_restarted || c->box == NOBODY_KNOWS;
}

static void set_events(struct scene *s)
{
    static const struct event by_hand[] = {
        {.kind = EVENT_KILL, .signal = 15}, {.kind = EVENT_DIE}, {.kind = EVENT_STOP}};

    size_t deaths = s->combo.box == BY_HAND ? 3 : s->combo.box == CRASHED ? 1 : s->combo.box == NOBODY_KNOWS ? RING : 0;
    size_t pauses = s->truth.agent.status == STATUS_PAUSED && !scene_pause_is_unheard_of(&s->combo) ? 1 : 0;

    s->truth.events = s->events;
    s->truth.event_count = pauses + deaths;
    if (pauses > 0) {
        s->events[0] = (struct event){.kind = EVENT_PAUSE};
        text_copy(s->events[0].id, MODEL_ID_SIZE, s->truth.agent.id);
    }
    for (size_t i = 0; i < deaths; i++) {
        struct event *event = &s->events[pauses + i];

        *event = s->combo.box == BY_HAND ? by_hand[i] : (struct event){.kind = EVENT_DIE};
        text_copy(event->id, MODEL_ID_SIZE, s->combo.box == NOBODY_KNOWS ? "d" : BOX);
    }
}

static void set_box(struct scene *s)
{
    static const enum status statuses[] = {
        [RUNNING] = STATUS_RUNNING,     [PAUSED] = STATUS_PAUSED,  [RESTARTING] = STATUS_RESTARTING,
        [EXITED_0] = STATUS_EXITED,     [CRASHED] = STATUS_EXITED, [BY_HAND] = STATUS_EXITED,
        [NOBODY_KNOWS] = STATUS_EXITED, [DEAD] = STATUS_DEAD,      [REMOVING] = STATUS_REMOVING,
        [GONE] = STATUS_GONE,           [MARKED] = STATUS_RUNNING,
    };
    const struct combo *c = &s->combo;

    s->box = (struct container){.id = BOX,
                                .name = "web",
                                .managed = true,
                                .status = statuses[c->box],
                                .started_at = "t1",
                                .policy = shown_policies[c->policy],
                                .restart_count = c->policy == OWN_USED_UP || c->policy == HELD_USED_UP ? 5 : 0,
                                .stop_timeout = -1,
                                .oom_killed = c->box == MARKED,
                                .exit_code = c->box == EXITED_0 ? 0 : 1};
    s->truth.containers = &s->box;
    s->truth.container_count = c->box == GONE ? 0 : 1;
    s->kept = (struct state_container){.id = BOX, .name = "web", .running = c->ran};
    s->state.containers = &s->kept;
    s->state.container_count = s->state.container_capacity = c->known ? 1 : 0;
    if (!c->kept)
        return;
    s->kept.takeover = c->takeover;
    s->kept.policy = scene_saved;
    s->kept.fate = c->fate;
    s->kept.guessed = c->guessed;
    s->kept.starting = c->starting;
    s->kept.revived = c->revived;
    text_copy(s->kept.started_at, sizeof s->kept.started_at, c->same_start ? "t1" : "t0");
}

void scene_set(struct scene *s, unsigned long number)
{
    static const enum reach reaches[] = {
        [BLIND_CONNECTED] = REACH_INDETERMINATE,
        [BLIND_OFFLINE] = REACH_INDETERMINATE,
        [ONLINE] = REACH_REACHABLE,
        [FALLING] = REACH_UNREACHABLE,
        [FELL] = REACH_UNREACHABLE,
        [OFFLINE] = REACH_UNREACHABLE,
        [RISING] = REACH_REACHABLE,
        [ROSE] = REACH_REACHABLE,
    };
    struct combo c = combo_of(number);
    bool connected =
        c.situation == BLIND_CONNECTED || c.situation == ONLINE || c.situation == FALLING || c.situation == FELL;

    memset(s, 0, offsetof(struct scene, events));
    s->combo = c;
    s->conf = (struct conf){.fall = c.situation == FALLING ? 2 : 1,
                            .rise = c.situation == RISING ? 2 : 1,
                            .agent = "ecs-agent",
                            .retries = scene_hold.retries,
                            .recovery = (int)c.recovery,
                            .agent_wait = 20};
    s->state.phase = connected ? PHASE_CONNECTED : PHASE_DISCONNECTED;
    text_copy(s->state.generation, MODEL_GENERATION_SIZE, "boot 1.1");
    text_copy(s->truth.generation, MODEL_GENERATION_SIZE, c.engine_restarted ? "boot 2.2" : "boot 1.1");
    set_agent(s);
    set_events(s);
    set_box(s);
    s->verdict = plan_verdict(&s->conf, reaches[c.situation], NOW, PLAN_BOOT_PATIENCE, &s->state);
}

/* Shows what is wanted, and nothing else. */
static void show(const struct scene *s, const struct state *state, unsigned wants, struct snapshot *seen,
                 struct container *box)
{
    if ((wants & WANT_LIST) != 0) {
        *seen = s->truth;
        seen->listed = true;
        seen->containers = box;
        seen->events = NULL;
        seen->event_count = 0;
        *box = (struct container){.managed = true, .status = s->box.status};
        memcpy(box->id, s->box.id, sizeof box->id);
    }
    if ((wants & WANT_INSPECT) != 0 && plan_inspects(state, box)) {
        *box = s->box;
        box->inspected = INSPECT_DONE;
    }
    if ((wants & WANT_EVENTS) != 0) {
        seen->events = s->truth.events;
        seen->event_count = s->truth.event_count;
        seen->events_asked = INSPECT_DONE;
    }
}

void scene_run(struct scene *s)
{
    struct snapshot seen = {0};
    struct container box;
    struct state state = s->state;

    memcpy(seen.generation, s->truth.generation, sizeof seen.generation);
    for (s->rounds = 0; s->rounds < COUNT(s->wants); s->rounds++) {
        assert_int_equal(plan_make(&s->conf, &state, &s->verdict, &seen, &s->plan), 0);
        if (state.containers != &s->kept)
            state_clear(&state);
        for (size_t i = 0; i < s->plan.note_count; i++)
            s->notes |= 1u << s->plan.notes[i].kind;
        s->wants[s->rounds] = s->plan.wants;
        if (s->plan.wants == 0)
            return;
        for (size_t i = 0; i < s->plan.op_count; i++)
            s->too_early |= s->plan.ops[i].kind != OP_PAUSE_AGENT;
        show(s, &s->plan.next, s->plan.wants, &seen, &box);
        state = s->plan.next;
        s->plan.next = (struct state){0};
        plan_clear(&s->plan);
    }
}
