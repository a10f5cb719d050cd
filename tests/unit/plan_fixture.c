/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "plan_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "unit.h"

static const char *const op_names[] = {
    [OP_PAUSE_AGENT] = "pause-agent",
    [OP_HOLD] = "hold",
    [OP_START] = "start",
    [OP_HOLD_STARTED] = "hold-started",
    [OP_RESTORE] = "restore",
    [OP_RESTART] = "restart",
    [OP_STOP] = "stop",
    [OP_REMOVE] = "remove",
    [OP_KILL_AGENT] = "kill-agent",
    [OP_AWAIT_AGENT] = "await-agent",
    [OP_START_AGENT] = "start-agent",
    [OP_UNPAUSE_AGENT] = "unpause-agent",
};

struct conf fixture_conf(void)
{
    return (struct conf){.fall = 1, .rise = 1, .agent = "ecs-agent", .recovery = RECOVERY_REPLACE, .agent_wait = 20};
}

void eins_init(struct eins *eins)
{
    *eins = (struct eins){.conf = fixture_conf()};
    state_init(&eins->disk, 0);
}

void eins_clear(struct eins *eins)
{
    state_clear(&eins->disk);
}

void eins_copy(const struct eins *from, struct eins *ret_copy)
{
    *ret_copy = *from;
    assert_int_equal(state_copy(&from->disk, 0, &ret_copy->disk), 0);
}

void eins_lose_state(struct eins *eins)
{
    state_clear(&eins->disk);
    state_init(&eins->disk, 0);
}

struct trial trial_init(enum reach reach)
{
    return (struct trial){.reach = reach, .uptime = PLAN_BOOT_PATIENCE, .kill_at = -1, .interrupt_at = -1};
}

bool id_set_has(const struct id_set *set, const char *id)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->ids[i], id) == 0)
            return true;
    }
    return false;
}

static void id_set_add(struct id_set *set, const char *id)
{
    if (!id_set_has(set, id) && set->count < WORLD_BOXES)
        text_copy(set->ids[set->count++], MODEL_ID_SIZE, id);
}

/* True in one of so many cases; which ones, the trial's seed decides. */
static bool one_in(struct trial *trial, unsigned many)
{
    if (trial->chaos == 0)
        return false;
    trial->chaos = trial->chaos * 1664525u + 1013904223u;
    return (trial->chaos >> 16) % many == 0;
}

/* Every instruction begins here. Returns false when the check is dead. */
static bool step(struct trial *trial)
{
    int here = trial->instruction++;

    if (here == trial->kill_at)
        trial->killed = true;
    if (here == trial->interrupt_at && trial->interrupt != NULL)
        trial->interrupt(trial->context);
    return !trial->killed;
}

/* Returns false when the state could not be written. */
static bool write_state(struct trial *trial, struct eins *eins, const struct state *state)
{
    struct state before = eins->disk;
    struct error error;
    size_t length;

    if (!step(trial))
        return true;
    if (eins->unwritable)
        return false;
    if (eins->through_text) {
        cleanup_free char *text = state_render(state, NULL, &length);

        assert_non_null(text);
        if (state_parse(text, length, "state.ini", &eins->disk, NULL, &error) != 0)
            fail_msg("%s", error.text);
    } else {
        assert_int_equal(state_copy(state, 0, &eins->disk), 0);
    }
    if (trial->after_write != NULL)
        trial->after_write(trial->context, &before, &eins->disk);
    state_clear(&before);
    return true;
}

static void run_op(struct trial *trial, struct world *world, struct op *op)
{
    size_t used = strlen(trial->ops);
    bool fails = (trial->fail_kinds & 1u << op->kind) != 0;

    if (trial->before_op != NULL)
        trial->before_op(trial->context, op);
    if (!fails && !one_in(trial, 4)) {
        op->outcome = world_perform(world, op);
    } else {
        /* A request that times out may have had its effect. */
        if (!fails && one_in(trial, 2))
            world_perform(world, op);
        op->outcome = OUTCOME_FAILED;
    }
    if (op->kind == OP_START && op->outcome == OUTCOME_FAILED)
        id_set_add(&trial->failed_starts, op->id);
    snprintf(trial->ops + used, sizeof trial->ops - used, "%s%s%s%s%s", used > 0 ? " " : "", op_names[op->kind],
             op->kind < OP_KILL_AGENT && op->kind != OP_PAUSE_AGENT ? ":" : "",
             op->kind < OP_KILL_AGENT && op->kind != OP_PAUSE_AGENT ? op->name : "",
             op->outcome == OUTCOME_FAILED ? "!"
             : op->outcome == OUTCOME_GONE ? "?"
                                           : "");
}

static void apply(struct trial *trial, struct world *world, struct plan *plan)
{
    for (int kind = 0; kind < OP_KIND_COUNT; kind++) {
        for (size_t i = 0; i < plan->op_count; i++) {
            struct op *op = &plan->ops[i];

            if ((int)op->kind != kind || !plan_op_is_due(plan, op))
                continue;
            if (!step(trial))
                return;
            run_op(trial, world, op);
        }
    }
}

static void show_generation(const struct world *world, struct snapshot *snapshot)
{
    snprintf(snapshot->generation, sizeof snapshot->generation, "boot %u.1795564799", world->boots);
}

static void show_list(const struct world *world, struct snapshot *snapshot)
{
    model_snapshot_clear(snapshot);
    show_generation(world, snapshot);
    snapshot->listed = true;
    snapshot->agent = world->agent;
    snapshot->containers = calloc(WORLD_BOXES, sizeof *snapshot->containers);
    for (size_t i = 0; i < WORLD_BOXES && snapshot->containers != NULL; i++) {
        const struct container *box = &world->boxes[i].shown;

        if (box->status == STATUS_GONE || !box->managed)
            continue;
        /* The list has none of what decides: policy, StartedAt and exit code are the inspection's. */
        struct container *listed = &snapshot->containers[snapshot->container_count++];

        *listed = (struct container){.managed = true, .status = box->status, .stop_timeout = -1};
        memcpy(listed->id, box->id, sizeof listed->id);
        memcpy(listed->name, box->name, sizeof listed->name);
    }
}

static void show_inspect(struct world *world, const struct state *state, struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->container_count; i++) {
        struct container *container = &snapshot->containers[i];
        const struct box *box = world_find(world, container->id);

        if (container->inspected != INSPECT_NOT_YET || !plan_inspects(state, container))
            continue;
        if (box != NULL)
            *container = box->shown;
        else
            container->status = STATUS_GONE;
        container->inspected = INSPECT_DONE;
    }
}

static void show_events(const struct world *world, struct snapshot *snapshot)
{
    uint64_t first = world->event_count > WORLD_RING ? world->event_count - WORLD_RING : 0;

    snapshot->events = calloc(WORLD_RING, sizeof *snapshot->events);
    for (uint64_t i = first; i < world->event_count && snapshot->events != NULL; i++) {
        int64_t time = world->ring_times[i % WORLD_RING];

        if (time != 0 && time <= world->now) /* none that has still to come, when the clock was set back */
            snapshot->events[snapshot->event_count++] = world->ring[i % WORLD_RING];
    }
    snapshot->events_asked = INSPECT_DONE;
}

void world_show(struct world *world, struct snapshot *snapshot)
{
    const struct state everything = {.rebuild = true};

    show_list(world, snapshot);
    show_inspect(world, &everything, snapshot);
    show_events(world, snapshot);
}

static void look(struct trial *trial, unsigned wants, const struct state *state, struct world *world,
                 struct snapshot *seen)
{
    if ((wants & WANT_LIST) != 0)
        show_list(world, seen);
    if (trial->empty_list) {
        seen->container_count = 0;
        seen->agent = (struct container){.status = STATUS_GONE};
    }
    if ((wants & WANT_INSPECT) != 0)
        show_inspect(world, state, seen);
    for (size_t i = 0; (wants & WANT_INSPECT) != 0 && i < seen->container_count; i++) {
        if (seen->containers[i].inspected == INSPECT_DONE && (trial->fail_inspections || one_in(trial, 8))) {
            seen->containers[i].inspected = INSPECT_FAILED;
            id_set_add(&trial->unseen, seen->containers[i].id);
        }
    }
    if ((wants & WANT_EVENTS) != 0)
        show_events(world, seen);
}

/* Returns what has to be looked at before the next round, 0 when there is none. */
static unsigned round_of(struct trial *trial, struct eins *eins, struct world *world, struct state *state,
                         struct plan *plan)
{
    unsigned wants = plan->wants;

    trial->wants[trial->rounds++] = wants;
    if (plan->op_count > 0 && !write_state(trial, eins, &plan->next)) {
        plan_keep_safe(plan);
        trial->incomplete = true;
    }
    if (!trial->killed)
        apply(trial, world, plan);
    if (trial->killed)
        return 0;
    plan_settle(plan);
    for (size_t i = 0; i < plan->note_count; i++)
        trial->notes |= 1u << plan->notes[i].kind;
    wants = plan->wants | (wants != 0 && plan->op_count > 0 ? WANT_LIST : 0);
    trial->incomplete |= wants == 0 && plan->incomplete;
    state_clear(state);
    *state = plan->next;
    plan->next = (struct state){0};
    return wants;
}

void trial_run(struct trial *trial, struct eins *eins, struct world *world)
{
    struct snapshot seen = {0};
    struct state state;
    struct verdict verdict;
    unsigned wants = 1;

    assert_int_equal(state_copy(&eins->disk, 0, &state), 0);
    verdict = plan_verdict(&eins->conf, trial->reach, world->now, trial->uptime, &state);
    while (wants != 0 && trial->rounds < TRIAL_ROUNDS_MAX && !trial->killed) {
        struct plan plan;

        assert_int_equal(plan_make(&eins->conf, &state, &verdict, &seen, &plan), 0);
        wants = round_of(trial, eins, world, &state, &plan);
        plan_clear(&plan);
        if (wants != 0 && trial->docker_down) {
            trial->incomplete = true;
            break;
        }
        trial->looked |= wants != 0;
        look(trial, wants, &state, world, &seen);
    }
    if (!trial->killed)
        write_state(trial, eins, &state);
    model_snapshot_clear(&seen);
    state_clear(&state);
}
