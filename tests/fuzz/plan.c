/* SPDX-License-Identifier: MIT-0 */
/* The planner and its settling, check after check, with a Docker made of the input's bytes: as src/check.c drives it,
 * killed anywhere, and every state through the text of its file. */
#include "config.h"

#include "plan.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "plan_docker.h"

#define CHECKS_MAX 12
#define ROUNDS_MAX 8 /* as in check.c */

/* One check. */
struct run {
    struct fuzz_bytes *bytes;
    struct fuzz_docker *docker;
    struct conf conf;
    struct verdict verdict;
    struct snapshot seen;
    struct state state;
    struct state disk; /* what the next check finds */
    bool unwritable, killed;
};

static char *render(const struct state *state)
{
    size_t length;
    char *text = state_render(state, NULL, &length);

    FUZZ_REQUIRE(text != NULL);
    return text;
}

static bool same_container(const struct state_container *a, const struct state_container *b)
{
    return strcmp(a->id, b->id) == 0 && strcmp(a->name, b->name) == 0 && a->running == b->running &&
           a->takeover == b->takeover && model_policy_equal(a->policy, b->policy) &&
           strcmp(a->started_at, b->started_at) == 0 && a->revived == b->revived && a->starting == b->starting &&
           a->guessed == b->guessed && a->restarts == b->restarts && a->restart_count == b->restart_count &&
           strcmp(a->last_start, b->last_start) == 0 && a->fate == b->fate;
}

/* Begins with a state, if a file can hold it. */
static bool begin(struct run *run, const struct state *state)
{
    char *text = render(state);
    struct error error;
    bool readable = state_parse(text, strlen(text), "state.ini", &run->disk, NULL, &error) == 0;

    free(text);
    return readable;
}

/* What is written is read again, as the same. */
static void write_state(struct run *run, const struct state *state)
{
    char *text = render(state), *before = render(&run->disk), *again;
    struct error error = {.text = ""};
    struct state read;

    if (strcmp(text, before) != 0) {
        FUZZ_REQUIRE(state_parse(text, strlen(text), "state.ini", &read, NULL, &error) == 0);
        again = render(&read);
        FUZZ_REQUIRE(strcmp(text, again) == 0);
        free(again);
        state_clear(&run->disk);
        run->disk = read;
    }
    FUZZ_REQUIRE(run->disk.container_count == state->container_count);
    for (size_t i = 0; i < state->container_count; i++)
        FUZZ_REQUIRE(same_container(&run->disk.containers[i], &state->containers[i]));
    free(before);
    free(text);
}

static bool is_on_agent(enum op_kind kind)
{
    return kind == OP_PAUSE_AGENT || kind >= OP_KILL_AGENT;
}

static bool is_policy(enum op_kind kind)
{
    return kind == OP_HOLD || kind == OP_HOLD_STARTED || kind == OP_RESTORE;
}

static bool takes_away(enum op_kind kind)
{
    return kind == OP_STOP || kind == OP_REMOVE;
}

static void judge_agent_op(const struct run *run, const struct op *op)
{
    FUZZ_REQUIRE(op->id[0] != '\0');
    FUZZ_REQUIRE(strcmp(op->id, run->seen.agent.id) == 0 || strcmp(op->id, run->state.agent.id) == 0 ||
                 strcmp(op->id, run->state.agent.renewing) == 0);
}

static void judge_container_op(const struct run *run, const struct plan *plan, const struct op *op)
{
    const struct container *container = model_find(&run->seen, op->id);
    const struct state_container *known = state_find(&plan->next, op->id);

    /* Who is killed right after the operation must find it in the state. */
    FUZZ_REQUIRE(known != NULL && known->takeover != TAKEOVER_NONE);
    FUZZ_REQUIRE(container != NULL || op->kind == OP_RESTORE);
    if (container != NULL)
        FUZZ_REQUIRE(container->inspected == INSPECT_DONE);
    if (op->kind == OP_HOLD)
        FUZZ_REQUIRE(model_is_up(container->status));
    if (op->kind == OP_RESTORE)
        FUZZ_REQUIRE(model_policy_equal(op->to, known->policy));
    else if (is_policy(op->kind))
        FUZZ_REQUIRE(op->to.kind == POLICY_ON_FAILURE && op->to.retries == run->conf.retries);
    if (takes_away(op->kind)) {
        FUZZ_REQUIRE(strcmp(container->started_at, known->started_at) != 0);
        FUZZ_REQUIRE(run->conf.recovery != RECOVERY_KEEP && !run->verdict.reset);
    }
    if (op->kind == OP_RESTART) { /* decided once: by a check that ran with `adopt` */
        const struct state_container *before = state_find(&run->state, op->id);

        FUZZ_REQUIRE(run->conf.recovery == RECOVERY_ADOPT || (before != NULL && before->fate >= FATE_ADOPT));
        FUZZ_REQUIRE(run->conf.recovery != RECOVERY_KEEP && !run->verdict.reset);
    }
    /* While an outage lasts a guessed one is kept like any other. */
    if (known->guessed && plan->next.phase == PHASE_CONNECTED)
        FUZZ_REQUIRE(op->kind == OP_RESTORE);
}

/* What belongs to an outage and what to its end. */
static void judge_phase(const struct plan *plan, const struct op *op)
{
    if (plan->next.phase == PHASE_DISCONNECTED)
        FUZZ_REQUIRE(op->kind <= OP_RESTORE);
    else
        FUZZ_REQUIRE(op->kind >= OP_RESTORE);
}

static void judge_plan(const struct run *run, const struct plan *plan)
{
    FUZZ_REQUIRE(plan->op_count * sizeof *plan->ops <= malloc_usable_size(plan->ops));
    FUZZ_REQUIRE(plan->note_count * sizeof *plan->notes <= malloc_usable_size(plan->notes));
    FUZZ_REQUIRE((plan->wants & ~(unsigned)(WANT_LIST | WANT_INSPECT | WANT_EVENTS)) == 0);
    for (size_t i = 0; i < plan->op_count; i++) {
        const struct op *op = &plan->ops[i];

        FUZZ_REQUIRE(op->kind < OP_KIND_COUNT && op->outcome == OUTCOME_NOT_RUN);
        FUZZ_REQUIRE(op->when == WHEN_ALWAYS || (op->depends_on < plan->op_count && op->depends_on != i &&
                                                 plan->ops[op->depends_on].kind < op->kind));
        judge_phase(plan, op);
        if (is_on_agent(op->kind))
            judge_agent_op(run, op);
        else
            judge_container_op(run, plan, op);
        for (size_t j = 0; j < i; j++)
            FUZZ_REQUIRE(plan->ops[j].kind != op->kind || strcmp(plan->ops[j].id, op->id) != 0);
    }
}

/* A host that could not look changes nothing. */
static void judge_indeterminate(const struct run *run, const struct plan *plan)
{
    char *before = render(&run->state), *after = render(&plan->next);

    FUZZ_REQUIRE(plan->op_count == 0 && plan->note_count == 0 && plan->wants == 0 && !plan->incomplete);
    FUZZ_REQUIRE(strcmp(before, after) == 0);
    free(before);
    free(after);
}

static void keep_safe(struct plan *plan)
{
    plan_keep_safe(plan);
    FUZZ_REQUIRE(plan->incomplete);
    for (size_t i = 0; i < plan->op_count; i++)
        FUZZ_REQUIRE(plan->ops[i].kind == OP_RESTORE || plan->ops[i].kind == OP_UNPAUSE_AGENT);
}

static void apply(struct run *run, struct plan *plan)
{
    for (int kind = 0; kind < OP_KIND_COUNT; kind++) {
        for (size_t i = 0; i < plan->op_count; i++) {
            struct op *op = &plan->ops[i];

            if ((int)op->kind != kind || !plan_op_is_due(plan, op))
                continue;
            run->killed = run->killed || fuzz_one_in(run->bytes, 24);
            if (run->killed)
                return;
            op->outcome = fuzz_docker_perform(run->docker, op, run->bytes);
        }
    }
}

/* Returns what has to be looked at before the next round, 0 when there is none. */
static unsigned run_round(struct run *run, struct plan *plan)
{
    unsigned wants = plan->wants;

    if (plan->op_count > 0) {
        if (run->unwritable)
            keep_safe(plan);
        else
            write_state(run, &plan->next);
        apply(run, plan);
    }
    if (run->killed)
        return 0;
    plan_settle(plan);
    wants = plan->wants | (wants != 0 && plan->op_count > 0 ? WANT_LIST : 0);
    state_clear(&run->state);
    run->state = plan->next;
    plan->next = (struct state){0};
    return wants;
}

static void run_check(struct run *run)
{
    unsigned wants = 1;

    run->seen = (struct snapshot){0};
    run->killed = false;
    FUZZ_REQUIRE(state_copy(&run->disk, 0, &run->state) == 0);
    if (run->verdict.reset)
        run->verdict = plan_reset(run->verdict.now, &run->state);
    else
        run->verdict = plan_verdict(&run->conf, run->verdict.reach, run->verdict.now,
                                    fuzz_one_in(run->bytes, 8) ? 0 : PLAN_BOOT_PATIENCE, &run->state);
    for (int i = 0; i < ROUNDS_MAX && wants != 0; i++) {
        struct plan plan;

        FUZZ_REQUIRE(plan_make(&run->conf, &run->state, &run->verdict, &run->seen, &plan) == 0);
        judge_plan(run, &plan);
        if (run->verdict.reach == REACH_INDETERMINATE)
            judge_indeterminate(run, &plan);
        wants = run_round(run, &plan);
        plan_clear(&plan);
        if (wants == 0 || fuzz_one_in(run->bytes, 24)) /* Docker does not answer */
            break;
        fuzz_docker_look(run->docker, wants, &run->state, run->bytes, &run->seen);
    }
    if (!run->killed && !run->unwritable)
        write_state(run, &run->state);
    state_clear(&run->state);
    model_snapshot_clear(&run->seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes bytes = {data, size};
    struct fuzz_docker docker;
    struct run run = {.bytes = &bytes, .docker = &docker, .verdict.now = 2000};
    struct state state;
    bool usable;

    run.conf = (struct conf){.fall = 1 + (int)fuzz_below(&bytes, 2),
                             .rise = 1 + (int)fuzz_below(&bytes, 2),
                             .agent = "ecs-agent",
                             .retries = (int)fuzz_below(&bytes, 3),
                             .recovery = (int)fuzz_below(&bytes, RECOVERY_ADOPT + 1),
                             .agent_wait = 20};
    fuzz_docker_init(&docker, &bytes);
    fuzz_docker_state(&docker, &bytes, &state);
    usable = begin(&run, &state);
    state_clear(&state);
    for (int i = 0; usable && i < CHECKS_MAX && bytes.left > 0; i++) {
        run.verdict.reach = (enum reach)fuzz_below(&bytes, REACH_INDETERMINATE + 1);
        run.verdict.now += 10 * (int)fuzz_below(&bytes, 4) - 5;
        run.verdict.reset = fuzz_one_in(&bytes, 16);
        run.unwritable = fuzz_one_in(&bytes, 16);
        if (fuzz_one_in(&bytes, 16))
            run.conf.recovery = (int)fuzz_below(&bytes, RECOVERY_ADOPT + 1);
        fuzz_docker_shake(&docker, &bytes);
        run_check(&run);
    }
    state_clear(&run.disk);
    return 0;
}
