/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "plan_docker.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define EVENTS_MAX 300

static const int numbers[] = {0, 0, 0, 1, 1, 2, 3, 5, -1, 137, 1000, INT_MAX};

static int number(struct fuzz_bytes *bytes)
{
    return numbers[fuzz_below(bytes, COUNT(numbers))];
}

static int not_negative(struct fuzz_bytes *bytes)
{
    int value = number(bytes);

    return value < 0 ? 0 : value;
}

/* What is read from Docker or from a state is no more. */
static int count(struct fuzz_bytes *bytes)
{
    int chosen = not_negative(bytes);

    return chosen > MODEL_COUNT_MAX ? MODEL_COUNT_MAX : chosen;
}

static struct policy policy(struct fuzz_bytes *bytes)
{
    enum policy_kind kind = (enum policy_kind)fuzz_below(bytes, POLICY_UNLESS_STOPPED + 1);

    return (struct policy){kind, kind == POLICY_ON_FAILURE ? (int)fuzz_below(bytes, 4) : 0};
}

static void new_id(struct fuzz_docker *docker, char id[MODEL_ID_SIZE])
{
    snprintf(id, MODEL_ID_SIZE, "%064x", ++docker->ids);
}

static void started_at(unsigned starts, char time[MODEL_TIME_SIZE])
{
    snprintf(time, MODEL_TIME_SIZE, "2026-01-01T00:00:00.%09uZ", starts);
}

/* A fresh container, or none, in place of what is there. */
static void replace_box(struct fuzz_docker *docker, size_t i, enum status status)
{
    struct container *box = &docker->boxes[i];

    *box = (struct container){.managed = true, .status = status, .stop_timeout = -1};
    new_id(docker, box->id);
    snprintf(box->name, sizeof box->name, "box-%u", docker->ids);
    started_at(++docker->starts[i], box->started_at);
}

static void change_box(struct fuzz_docker *docker, size_t i, struct fuzz_bytes *bytes)
{
    struct container *box = &docker->boxes[i];

    switch (fuzz_below(bytes, 12)) {
    case 0:
        replace_box(docker, i, (enum status)fuzz_below(bytes, STATUS_DEAD + 1));
        break;
    case 1:
        box->policy = policy(bytes);
        break;
    case 2:
        box->restart_count = count(bytes);
        break;
    case 3:
        box->exit_code = number(bytes);
        break;
    case 4:
        box->oom_killed = !box->oom_killed;
        break;
    case 5:
        box->has_error = !box->has_error;
        break;
    case 6:
        box->auto_remove = !box->auto_remove;
        break;
    case 7:
        box->stop_timeout = number(bytes);
        break;
    case 8:
        box->status = STATUS_EXITED;
        box->exit_code = number(bytes);
        break;
    case 9:
        box->status = (enum status)fuzz_below(bytes, STATUS_DEAD + 1);
        break;
    default:
        box->status = STATUS_RUNNING;
        started_at(++docker->starts[i], box->started_at);
        break;
    }
}

static void change_agent(struct fuzz_docker *docker, struct fuzz_bytes *bytes)
{
    struct container *agent = &docker->agent;

    if (agent->id[0] == '\0' || fuzz_one_in(bytes, 4)) {
        *agent = (struct container){.name = "ecs-agent", .stop_timeout = -1};
        new_id(docker, agent->id);
    }
    agent->status = (enum status)fuzz_below(bytes, STATUS_DEAD + 1);
}

static void change_generation(struct fuzz_docker *docker, struct fuzz_bytes *bytes)
{
    static const char *const generations[] = {"boot 1", "boot 2", "new 1", "boot -", "- 1", "", "strange"};

    text_copy(docker->generation, sizeof docker->generation, generations[fuzz_below(bytes, COUNT(generations))]);
}

void fuzz_docker_init(struct fuzz_docker *docker, struct fuzz_bytes *bytes)
{
    *docker = (struct fuzz_docker){0};
    change_agent(docker, bytes);
    change_generation(docker, bytes);
    for (size_t i = 0; i < FUZZ_BOXES; i++) {
        replace_box(docker, i, i < 2 ? STATUS_RUNNING : STATUS_GONE);
        docker->boxes[i].policy = policy(bytes);
    }
}

void fuzz_docker_shake(struct fuzz_docker *docker, struct fuzz_bytes *bytes)
{
    for (unsigned changes = fuzz_below(bytes, 5); changes > 0; changes--) {
        unsigned what = fuzz_below(bytes, FUZZ_BOXES + 2);

        if (what < FUZZ_BOXES)
            change_box(docker, what, bytes);
        else if (what == FUZZ_BOXES)
            change_agent(docker, bytes);
        else
            change_generation(docker, bytes);
    }
}

static void show_list(const struct fuzz_docker *docker, struct fuzz_bytes *bytes, struct snapshot *snapshot)
{
    model_snapshot_clear(snapshot);
    snapshot->listed = true;
    text_copy(snapshot->generation, sizeof snapshot->generation, docker->generation);
    if (docker->agent.status != STATUS_GONE && !fuzz_one_in(bytes, 16))
        snapshot->agent = docker->agent;
    snapshot->containers = calloc(FUZZ_BOXES, sizeof *snapshot->containers);
    FUZZ_REQUIRE(snapshot->containers != NULL);
    for (size_t i = 0; i < FUZZ_BOXES; i++) {
        struct container *listed = &snapshot->containers[snapshot->container_count];

        if (docker->boxes[i].status == STATUS_GONE || fuzz_one_in(bytes, 16))
            continue;
        *listed = (struct container){.managed = true, .status = docker->boxes[i].status, .stop_timeout = -1};
        memcpy(listed->id, docker->boxes[i].id, sizeof listed->id);
        memcpy(listed->name, docker->boxes[i].name, sizeof listed->name);
        if (fuzz_one_in(bytes, 32)) /* a state that is not known */
            listed->inspected = INSPECT_FAILED;
        snapshot->container_count++;
    }
}

static void show_inspect(const struct fuzz_docker *docker, const struct state *state, struct fuzz_bytes *bytes,
                         struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->container_count; i++) {
        struct container *container = &snapshot->containers[i];
        const struct container *box = NULL;

        if (container->inspected != INSPECT_NOT_YET || !plan_inspects(state, container))
            continue;
        for (size_t j = 0; j < FUZZ_BOXES; j++) {
            if (docker->boxes[j].status != STATUS_GONE && strcmp(docker->boxes[j].id, container->id) == 0)
                box = &docker->boxes[j];
        }
        if (box != NULL)
            *container = *box;
        else
            container->status = STATUS_GONE;
        container->inspected = fuzz_one_in(bytes, 8) ? INSPECT_FAILED : INSPECT_DONE;
    }
}

static void show_events(const struct fuzz_docker *docker, struct fuzz_bytes *bytes, struct snapshot *snapshot)
{
    size_t count = fuzz_one_in(bytes, 8) ? EVENTS_MAX : fuzz_below(bytes, 8);

    snapshot->events_asked = fuzz_one_in(bytes, 8) ? INSPECT_FAILED : INSPECT_DONE;
    if (snapshot->events != NULL || snapshot->events_asked == INSPECT_FAILED)
        return;
    snapshot->events = calloc(EVENTS_MAX, sizeof *snapshot->events);
    FUZZ_REQUIRE(snapshot->events != NULL);
    for (; snapshot->event_count < count; snapshot->event_count++) {
        struct event *event = &snapshot->events[snapshot->event_count];

        size_t place = fuzz_below(bytes, FUZZ_BOXES + 1);

        event->kind = (enum event_kind)fuzz_below(bytes, EVENT_UNPAUSE + 1);
        event->signal = event->kind == EVENT_KILL ? (int)fuzz_below(bytes, 16) : 0;
        memcpy(event->id, place < FUZZ_BOXES ? docker->boxes[place].id : docker->agent.id, sizeof event->id);
    }
}

void fuzz_docker_look(const struct fuzz_docker *docker, unsigned wants, const struct state *state,
                      struct fuzz_bytes *bytes, struct snapshot *snapshot)
{
    if ((wants & WANT_LIST) != 0)
        show_list(docker, bytes, snapshot);
    if ((wants & WANT_INSPECT) != 0)
        show_inspect(docker, state, bytes, snapshot);
    if ((wants & WANT_EVENTS) != 0)
        show_events(docker, bytes, snapshot);
}

static void perform_on_agent(struct fuzz_docker *docker, const struct op *op, struct fuzz_bytes *bytes)
{
    if (op->kind == OP_AWAIT_AGENT) {
        docker->agent.status = STATUS_GONE;
        docker->agent.id[0] = '\0';
        change_agent(docker, bytes);
    } else if (strcmp(docker->agent.id, op->id) == 0) {
        docker->agent.status = op->kind == OP_PAUSE_AGENT  ? STATUS_PAUSED
                               : op->kind == OP_KILL_AGENT ? STATUS_EXITED
                                                           : STATUS_RUNNING;
    }
}

static void perform_on_box(struct fuzz_docker *docker, size_t i, const struct op *op)
{
    struct container *box = &docker->boxes[i];

    if (op->kind == OP_HOLD || op->kind == OP_HOLD_STARTED || op->kind == OP_RESTORE)
        box->policy = op->to;
    if (op->kind == OP_STOP)
        box->status = STATUS_EXITED;
    if (op->kind == OP_REMOVE)
        box->status = STATUS_GONE;
    if (op->kind == OP_START || op->kind == OP_RESTART) {
        box->status = STATUS_RUNNING;
        box->oom_killed = box->has_error = false;
        started_at(++docker->starts[i], box->started_at);
    }
}

enum op_outcome fuzz_docker_perform(struct fuzz_docker *docker, const struct op *op, struct fuzz_bytes *bytes)
{
    unsigned how = fuzz_below(bytes, 8);

    if (how == 5)
        return OUTCOME_GONE;
    if (how == 6)
        return OUTCOME_FAILED;
    if (op->kind == OP_PAUSE_AGENT || op->kind >= OP_KILL_AGENT)
        perform_on_agent(docker, op, bytes);
    for (size_t i = 0; i < FUZZ_BOXES; i++) {
        if (docker->boxes[i].status != STATUS_GONE && strcmp(docker->boxes[i].id, op->id) == 0)
            perform_on_box(docker, i, op);
    }
    return how == 7 ? OUTCOME_FAILED : OUTCOME_DONE;
}

static void state_of_box(const struct fuzz_docker *docker, size_t i, struct fuzz_bytes *bytes,
                         struct state_container *known)
{
    unsigned recorded = fuzz_below(bytes, docker->starts[i] + 1), last = recorded + fuzz_below(bytes, 2);

    known->running = fuzz_one_in(bytes, 2);
    known->takeover = (enum takeover)fuzz_below(bytes, TAKEOVER_SET + 1);
    known->policy = policy(bytes);
    started_at(recorded, known->started_at);
    started_at(last > docker->starts[i] ? docker->starts[i] : last, known->last_start);
    known->revived = fuzz_one_in(bytes, 4);
    known->starting = known->takeover != TAKEOVER_NONE && fuzz_one_in(bytes, 4);
    known->guessed = fuzz_one_in(bytes, 4);
    known->restarts = count(bytes);
    known->restart_count = count(bytes);
    /* Only what was restarted, and not by guess, is ever judged to be replaced. */
    if (known->takeover != TAKEOVER_NONE)
        known->fate = (enum fate)fuzz_below(bytes, FATE_RESTART + 1);
    if ((known->fate == FATE_REPLACE && (recorded == docker->starts[i] || known->guessed)) ||
        (known->fate == FATE_RESTART && known->guessed))
        known->fate = FATE_NONE;
}

void fuzz_docker_state(const struct fuzz_docker *docker, struct fuzz_bytes *bytes, struct state *ret_state)
{
    struct state empty;

    state_init(&empty, 1000);
    FUZZ_REQUIRE(state_copy(&empty, FUZZ_BOXES, ret_state) == 0);
    if (!fuzz_one_in(bytes, 2))
        return;
    ret_state->rebuild = fuzz_one_in(bytes, 8);
    ret_state->phase = (enum phase)fuzz_below(bytes, PHASE_DISCONNECTED + 1);
    ret_state->fresh = fuzz_one_in(bytes, 4);
    ret_state->fall_count = count(bytes) / 2;
    ret_state->rise_count = count(bytes) / 2;
    ret_state->outages = fuzz_one_in(bytes, 16) ? STATE_TOTAL_MAX / 2 : not_negative(bytes);
    ret_state->restarted = fuzz_one_in(bytes, 16) ? STATE_TOTAL_MAX / 2 : not_negative(bytes);
    ret_state->removed = fuzz_one_in(bytes, 16) ? STATE_TOTAL_MAX / 2 : not_negative(bytes);
    text_copy(ret_state->generation, sizeof ret_state->generation, fuzz_one_in(bytes, 2) ? "boot 1" : "");
    if (fuzz_one_in(bytes, 2))
        text_copy(ret_state->agent.id, sizeof ret_state->agent.id, docker->agent.id);
    ret_state->agent.paused_by_eins = ret_state->agent.id[0] != '\0' && fuzz_one_in(bytes, 2);
    ret_state->agent.paused_at = not_negative(bytes);
    if (fuzz_one_in(bytes, 4))
        text_copy(ret_state->agent.renewing, sizeof ret_state->agent.renewing, docker->agent.id);
    ret_state->agent.renew_since = not_negative(bytes);
    for (size_t i = 0; i < FUZZ_BOXES; i++) {
        if (fuzz_one_in(bytes, 2))
            state_of_box(docker, i, bytes, state_add(ret_state, docker->boxes[i].id, docker->boxes[i].name));
    }
}
