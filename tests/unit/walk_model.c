/* SPDX-License-Identifier: MIT-0 */
#include "walk_model.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static void emit(struct world *world, enum event_kind kind, const char *id, int signal)
{
    size_t place = world->event_count++ % WORLD_RING;
    struct event *event = &world->ring[place];

    *event = (struct event){.kind = kind, .signal = signal};
    world->ring_times[place] = world->now;
    text_copy(event->id, sizeof event->id, id);
    world->agent_unread++;
}

/* It ends, which a frozen agent may not hear of. */
static void pass_unheard(const struct world *world, struct box *box)
{
    box->unheard |=
        world->agent.status == STATUS_PAUSED && (world->agent_cut_off || world->agent_unread > WORLD_STREAM);
}

/* A fresh agent inspects everything. */
static void look_anew(struct world *world)
{
    for (size_t i = 0; i < WORLD_BOXES; i++)
        world->boxes[i].unheard = false;
}

static void name_id(struct world *world, char id[MODEL_ID_SIZE])
{
    snprintf(id, MODEL_ID_SIZE, "%064x", ++world->ids);
}

void world_make_agent(struct world *world)
{
    world->agent = (struct container){.status = STATUS_RUNNING, .stop_timeout = -1};
    name_id(world, world->agent.id);
    text_copy(world->agent.name, sizeof world->agent.name, "ecs-agent");
    world->agent_unregistered = true;
    look_anew(world);
    emit(world, EVENT_START, world->agent.id, 0);
}

void world_init(struct world *world)
{
    *world = (struct world){.has_ecs_init = true, .region_up = true, .now = 1000000, .boots = 1};
    world_make_agent(world);
    world->agent_unregistered = false;
}

/* A run begins; not necessarily one that the restart manager began. */
static void run(struct world *world, struct box *box)
{
    box->shown.status = STATUS_RUNNING;
    box->shown.exit_code = 0;
    box->cause = CAUSE_NONE;
    box->began = world->boots;
    box->started = world->event_count;
    snprintf(box->shown.started_at, sizeof box->shown.started_at, "2026-01-01T00:00:00.%09uZ", ++world->starts);
    emit(world, EVENT_START, box->shown.id, 0);
}

struct box *world_create(struct world *world, const char *name, struct policy policy, bool managed)
{
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        struct box *box = &world->boxes[i];

        if (box->shown.status != STATUS_GONE)
            continue;
        *box = (struct box){.follows = policy, .original = policy, .stop_signal = SIGTERM};
        box->shown = (struct container){.managed = managed, .policy = policy, .stop_timeout = -1};
        name_id(world, box->shown.id);
        text_copy(box->shown.name, sizeof box->shown.name, name);
        run(world, box);
        return box;
    }
    return NULL;
}

struct box *world_find(struct world *world, const char *id)
{
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        if (world->boxes[i].shown.status != STATUS_GONE && strcmp(world->boxes[i].shown.id, id) == 0)
            return &world->boxes[i];
    }
    return NULL;
}

bool world_remembers_end(const struct world *world, const struct box *box)
{
    return world->event_count - box->ended <= WORLD_RING;
}

static bool retries_left(const struct policy *policy, const struct box *box)
{
    return policy->kind != POLICY_ON_FAILURE || policy->retries == 0 || box->shown.restart_count < policy->retries;
}

static void end(struct world *world, struct box *box, int exit_code, enum cause cause)
{
    box->shown.status = STATUS_EXITED;
    box->shown.exit_code = exit_code;
    box->cause = cause;
    pass_unheard(world, box);
    if (box->shown.auto_remove)
        world_remove(world, box);
}

void world_exit(struct world *world, struct box *box, int exit_code)
{
    bool wants = box->follows.kind == POLICY_ALWAYS || box->follows.kind == POLICY_UNLESS_STOPPED ||
                 (box->follows.kind == POLICY_ON_FAILURE && exit_code != 0);
    bool sure = model_policy_equal(box->follows, box->shown.policy);

    if (box->shown.status != STATUS_RUNNING)
        return;
    box->ended = world->event_count;
    emit(world, EVENT_DIE, box->shown.id, 0);
    if (wants && retries_left(&box->follows, box)) {
        box->shown.status = STATUS_RESTARTING;
        box->shown.exit_code = exit_code;
        box->shown.restart_count++;
        return;
    }
    end(world, box, exit_code,
        exit_code == 0 ? CAUSE_FINISHED
        : !sure        ? CAUSE_UNCLEAR
        : wants        ? CAUSE_GAVE_UP
                       : CAUSE_CRASHED);
}

void world_oom(struct world *world, struct box *box)
{
    if (box->shown.status != STATUS_RUNNING)
        return;
    box->shown.oom_killed = true;
    world_exit(world, box, 137);
}

void world_start(struct world *world, struct box *box)
{
    if (box->shown.status != STATUS_EXITED && box->shown.status != STATUS_CREATED)
        return;
    box->stopped_by_api = false;
    box->shown.restart_count = 0;
    box->shown.oom_killed = false;
    box->follows = box->shown.policy;
    run(world, box);
}

void world_stop(struct world *world, struct box *box)
{
    bool running = box->shown.status == STATUS_RUNNING || box->shown.status == STATUS_PAUSED;

    if (!model_is_up(box->shown.status))
        return;
    box->ended = world->event_count;
    if (running) {
        emit(world, EVENT_KILL, box->shown.id, box->stop_signal);
        if (box->manners == IGNORES_TERM)
            emit(world, EVENT_KILL, box->shown.id, SIGKILL);
        emit(world, world->stop_before_die ? EVENT_STOP : EVENT_DIE, box->shown.id, 0);
    }
    emit(world, running && world->stop_before_die ? EVENT_DIE : EVENT_STOP, box->shown.id, 0);
    box->stopped_by_api = true;
    end(world, box, !running || box->manners == EXITS_ZERO ? 0 : box->manners == EXITS_143 ? 143 : 137, CAUSE_PERSON);
}

void world_kill(struct world *world, struct box *box, int signal)
{
    if (box->shown.status != STATUS_RUNNING)
        return;
    box->ended = world->event_count;
    emit(world, EVENT_KILL, box->shown.id, signal);
    if (signal != SIGKILL)
        return;
    emit(world, EVENT_DIE, box->shown.id, 0);
    box->stopped_by_api = true;
    end(world, box, 137, CAUSE_PERSON);
}

void world_remove(struct world *world, struct box *box)
{
    if (model_is_up(box->shown.status))
        pass_unheard(world, box);
    box->shown.status = STATUS_GONE;
    emit(world, EVENT_OTHER, box->shown.id, 0);
}

void world_pause(struct world *world, struct box *box)
{
    if (box->shown.status == STATUS_RUNNING)
        box->shown.status = STATUS_PAUSED;
    else if (box->shown.status == STATUS_PAUSED)
        box->shown.status = STATUS_RUNNING;
    emit(world, EVENT_OTHER, box->shown.id, 0);
}

bool world_pause_agent(struct world *world)
{
    if (world->agent.status != STATUS_RUNNING)
        return false;
    world->agent.status = STATUS_PAUSED;
    world->agent_unread = 0;
    world->agent_cut_off = false;
    emit(world, EVENT_PAUSE, world->agent.id, 0);
    return true;
}

bool world_unpause_agent(struct world *world)
{
    if (world->agent.status != STATUS_PAUSED)
        return false;
    world->agent.status = STATUS_RUNNING;
    look_anew(world); /* no: but who thawed it answers for that */
    emit(world, EVENT_UNPAUSE, world->agent.id, 0);
    return true;
}

void world_end_agent(struct world *world, int exit_code)
{
    if (world->agent.status == STATUS_GONE || world->agent.status == STATUS_EXITED)
        return;
    world->agent.status = STATUS_EXITED;
    world->agent.exit_code = exit_code;
    emit(world, EVENT_DIE, world->agent.id, 0);
}

void world_noise(struct world *world, unsigned count)
{
    while (count-- > 0)
        emit(world, EVENT_OTHER, "", 0);
}

void world_wait(struct world *world, int seconds)
{
    world->now += seconds;
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        struct box *box = &world->boxes[i];

        /* Whatever the policy is by now: "no" does not cancel a start that is pending. */
        if (box->shown.status == STATUS_RESTARTING) {
            box->shown.oom_killed = box->shown.oom_killed && !world->clears_marks;
            run(world, box);
            box->follows = box->shown.policy;
        }
    }
    if (world->agent.status == STATUS_RUNNING && world->region_up)
        world->agent_unregistered = false;
    else if (world->agent.status == STATUS_RUNNING && world->agent_unregistered)
        world_end_agent(world, 1);
    else if (world->has_ecs_init && (world->agent.status == STATUS_EXITED || world->agent.status == STATUS_GONE))
        world_make_agent(world);
}

static int exit_code_at_engine_end(const struct world *world, const struct box *box, enum engine_end how)
{
    if (box->shown.status == STATUS_RESTARTING)
        return 0;
    if (how == ENGINE_POWER_LOSS)
        return world->forgets_power_loss ? 0 : 137;
    return box->manners == EXITS_ZERO ? 0 : box->manners == EXITS_143 ? 143 : 137;
}

static bool comes_back(const struct box *box)
{
    switch (box->shown.policy.kind) {
    case POLICY_ALWAYS:
        return true;
    case POLICY_UNLESS_STOPPED:
        return !box->stopped_by_api;
    case POLICY_ON_FAILURE: /* even one that a person had stopped */
        return box->shown.exit_code != 0 && retries_left(&box->shown.policy, box);
    case POLICY_NO:
        break;
    }
    return false;
}

void world_restart_engine(struct world *world, enum engine_end how)
{
    world->boots++;
    world->event_count += WORLD_RING; /* the log is dockerd's memory */
    memset(world->ring_times, 0, sizeof world->ring_times);
    world->agent_cut_off = true;
    if (how == ENGINE_LIVE_RESTORE)
        return;
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        struct box *box = &world->boxes[i];

        if (box->shown.status == STATUS_GONE)
            continue;
        if (model_is_up(box->shown.status))
            end(world, box, exit_code_at_engine_end(world, box, how), CAUSE_ENGINE);
        else
            box->cause = CAUSE_UNCLEAR;
        if (box->shown.status == STATUS_EXITED && comes_back(box)) {
            box->follows = box->shown.policy;
            box->shown.restart_count = 0;
            run(world, box);
        }
    }
    world_end_agent(world, how == ENGINE_POWER_LOSS ? 137 : 0);
}

static enum op_outcome perform_on_agent(struct world *world, const struct op *op)
{
    bool here = world->agent.status != STATUS_GONE && strcmp(world->agent.id, op->id) == 0;

    if (op->kind == OP_AWAIT_AGENT) {
        if (!world->has_ecs_init)
            world->now += op->seconds;
        else if (world->agent.status == STATUS_EXITED || world->agent.status == STATUS_GONE)
            world_make_agent(world);
        return world->agent.status == STATUS_RUNNING && strcmp(world->agent.id, op->id) != 0 ? OUTCOME_DONE
                                                                                             : OUTCOME_FAILED;
    }
    if (!here)
        return OUTCOME_GONE;
    if (op->kind == OP_PAUSE_AGENT)
        return world_pause_agent(world) || world->agent.status == STATUS_PAUSED ? OUTCOME_DONE : OUTCOME_FAILED;
    if (op->kind == OP_UNPAUSE_AGENT)
        return world_unpause_agent(world) || world->agent.status == STATUS_RUNNING ? OUTCOME_DONE : OUTCOME_FAILED;
    if (op->kind == OP_KILL_AGENT)
        world_end_agent(world, 137);
    else if (world->agent.status == STATUS_EXITED) {
        world->agent.status = STATUS_RUNNING;
        look_anew(world);
    }
    return OUTCOME_DONE;
}

enum op_outcome world_perform(struct world *world, const struct op *op)
{
    struct box *box = world_find(world, op->id);

    switch (op->kind) {
    case OP_PAUSE_AGENT:
    case OP_KILL_AGENT:
    case OP_AWAIT_AGENT:
    case OP_START_AGENT:
    case OP_UNPAUSE_AGENT:
        return perform_on_agent(world, op);
    case OP_HOLD:
    case OP_HOLD_STARTED:
    case OP_RESTORE:
        if (box != NULL)
            box->shown.policy = box->follows = op->to;
        break;
    case OP_START:
        if (box != NULL)
            world_start(world, box);
        break;
    case OP_RESTART:
        if (box != NULL) {
            world_stop(world, box);
            world_start(world, box);
        }
        break;
    case OP_STOP:
        if (box != NULL)
            world_stop(world, box);
        break;
    case OP_REMOVE:
        if (box != NULL && model_is_up(box->shown.status))
            return OUTCOME_FAILED;
        if (box != NULL)
            world_remove(world, box);
        break;
    case OP_KIND_COUNT:
        break;
    }
    return box == NULL ? OUTCOME_GONE : OUTCOME_DONE;
}
