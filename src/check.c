/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "check.h"

#include <signal.h>
#include <string.h>

#include "apply.h"
#include "generation.h"
#include "log.h"
#include "report.h"

/* List, pause, list again, inspect, events, operations; twice as many for an agent that is replaced under the pause. */
#define ROUNDS_MAX 8

void check_worsen(struct check *check, enum exit_code code)
{
    static const enum exit_code order[] = {EXIT_DONE, EXIT_INCOMPLETE, EXIT_DOCKER, EXIT_STATE};
    size_t now = 0, then = 0;

    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        now = order[i] == check->code ? i : now;
        then = order[i] == code ? i : then;
    }
    check->code = order[then > now ? then : now];
}

bool check_save(struct check *check, const struct state *state, bool bump)
{
    struct error error;

    record_follow(&check->store.record, state->phase, state->since, state->outages, state->restarted, state->removed);
    if (state_save(&check->store, state, bump, &error) == 0)
        return true;
    if (!check->unwritable)
        log_write(LOG_LEVEL_ERROR, "end",
                  "%s; until it can be written no outage is taken over, and at the end of one nothing is removed",
                  error.text);
    check->unwritable = true;
    check_worsen(check, EXIT_STATE);
    return false;
}

static int look_list(struct check *check, struct error *error)
{
    char generation[MODEL_GENERATION_SIZE];

    model_snapshot_clear(&check->seen);
    if (check->docker == NULL)
        check->docker = docker_open(check->conf, error);
    /* Read before the list: an engine that restarts in between is then noticed by the next check. */
    generation_read(check->conf, generation);
    if (check->docker == NULL || docker_list(check->docker, &check->seen, error) < 0)
        return -1;
    memcpy(check->seen.generation, generation, sizeof generation);
    return 0;
}

static int look_inspect(struct check *check)
{
    bool *marked = calloc(check->seen.container_count + 1, sizeof *marked);
    struct error error;

    if (marked == NULL)
        return -1;
    for (size_t i = 0; i < check->seen.container_count; i++)
        marked[i] = plan_inspects(&check->state, &check->seen.containers[i]);
    if (docker_inspect(check->docker, &check->seen, marked, &error) > 0)
        log_write(LOG_LEVEL_ERROR, "begin", "Docker's answer cannot be used: %s", error.text);
    free(marked);
    return 0;
}

/* Adds to the snapshot what the planner wants. A dry run sees all of it at once, for a plan in one piece. */
static int look(struct check *check, unsigned wants, struct error *error)
{
    struct error events;

    if ((wants & WANT_LIST) != 0) {
        if (look_list(check, error) < 0)
            return -1;
        if (check->dry_run)
            wants |= WANT_INSPECT | WANT_EVENTS;
    }
    if ((wants & WANT_INSPECT) != 0 && look_inspect(check) < 0)
        return error_set(error, EXIT_DOCKER, "out of memory");
    /* Without its events the planner takes the careful way. */
    if ((wants & WANT_EVENTS) != 0 && docker_events(check->docker, &check->seen, &events) < 0)
        log_write(LOG_LEVEL_WARNING, "begin", "Docker's event log cannot be read: %s", events.text);
    return 0;
}

/* Writes the intent, runs the plan, and carries the outcomes over. */
static void carry_out(struct check *check, struct plan *plan)
{
    sigset_t term, before;

    /* A host that shuts down in the middle of a transition finishes what is in flight, and writes down how far it came.
     */
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    if (plan->op_count > 0 && !check_save(check, &plan->next, false))
        plan_keep_safe(plan);
    if (plan->op_count > 0)
        apply_plan(check->docker, check->conf, plan);
    plan_settle(plan);
    report_plan(plan, &check->store.record);
    if (plan->op_count > 0 && apply_is_interrupted()) {
        log_write(LOG_LEVEL_WARNING, "end", "stopped by SIGTERM: the next check goes on from here");
        check_save(check, &plan->next, false);
    }
    sigprocmask(SIG_SETMASK, &before, NULL); /* a SIGTERM that came meanwhile ends it here */
}

void check_reconcile(struct check *check, struct plan *ret_plan)
{
    unsigned wants;

    *ret_plan = (struct plan){0};
    for (int round = 0; round < ROUNDS_MAX; round++) {
        struct plan plan;

        if (plan_make(check->conf, &check->state, &check->verdict, &check->seen, &plan) < 0) {
            error_set(&check->trouble, EXIT_INCOMPLETE, "out of memory");
            log_write(LOG_LEVEL_ERROR, "begin", "%s", check->trouble.text);
            check_worsen(check, EXIT_INCOMPLETE);
            return;
        }
        wants = plan.wants;
        if (check->dry_run && wants == 0) {
            *ret_plan = plan;
            return;
        }
        if (!check->dry_run) {
            carry_out(check, &plan);
            wants =
                plan.wants | (wants != 0 && plan.op_count > 0 ? WANT_LIST : 0); /* what was seen before is stale now */
            state_clear(&check->state);
            check->state = plan.next;
            plan.next = (struct state){0};
        }
        if (wants == 0 && plan.incomplete)
            check_worsen(check, EXIT_INCOMPLETE);
        plan_clear(&plan);
        if (wants == 0)
            return;
        if (look(check, wants, &check->trouble) < 0) {
            log_write(LOG_LEVEL_ERROR, "begin", "%s", check->trouble.text);
            check_worsen(check, check->trouble.code);
            return;
        }
    }
    /* Docker changes faster than it can be looked at; the next check goes on. */
    check_worsen(check, EXIT_INCOMPLETE);
}

void check_clear(struct check *check)
{
    docker_close(check->docker);
    model_snapshot_clear(&check->seen);
    state_clear(&check->state);
    state_store_clear(&check->store);
}
