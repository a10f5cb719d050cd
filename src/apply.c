/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "apply.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#include "text.h"

/* An update that meets the container's exit fails with a 5xx and has half happened: only a repetition that succeeds
 * puts the policy into effect (FACTS.md, Restart policies). The race lasts milliseconds. */
#define UPDATE_TRIES 20
#define KILL_TRIES 3
#define TRY_AGAIN_MS 100
#define AWAIT_POLL_MS 200
/* Stops only wait, so all of them run at once; the limit is for the descriptors. */
#define STOPS_AT_ONCE 256

struct request_shape {
    const char *method;
    const char *action;
    int tries;
};

static struct request_shape shape_of(enum op_kind kind)
{
    switch (kind) {
    case OP_PAUSE_AGENT:
        return (struct request_shape){"POST", "pause", 1};
    case OP_HOLD:
    case OP_HOLD_STARTED:
    case OP_RESTORE:
        return (struct request_shape){"POST", "update", UPDATE_TRIES};
    case OP_START:
    case OP_START_AGENT:
        return (struct request_shape){"POST", "start", 1};
    case OP_RESTART:
        return (struct request_shape){"POST", "restart", 1};
    case OP_STOP:
        return (struct request_shape){"POST", "stop", 1};
    case OP_REMOVE:
        return (struct request_shape){"DELETE", "?v=1", 1}; /* with its anonymous volumes, as the agent does */
    case OP_KILL_AGENT:
        return (struct request_shape){"POST", "kill", KILL_TRIES};
    case OP_UNPAUSE_AGENT:
        return (struct request_shape){"POST", "unpause", 1};
    case OP_AWAIT_AGENT:
    case OP_KIND_COUNT:
        break;
    }
    return (struct request_shape){NULL, NULL, 0};
}

static void nap(int milliseconds)
{
    struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};

    nanosleep(&time, NULL);
}

static bool succeeded(const struct http_request *request)
{
    return request->replied && ((request->status >= 200 && request->status < 300) || request->status == 304);
}

/* A refusal may only mean that what was wanted is so already, or that the container is gone: the state after it tells.
 */
static enum op_outcome outcome_by_status(enum op_kind kind, enum status status)
{
    bool lost = status == STATUS_GONE || status == STATUS_REMOVING || status == STATUS_DEAD;

    switch (kind) {
    case OP_PAUSE_AGENT:
        return status == STATUS_PAUSED ? OUTCOME_DONE : status == STATUS_RUNNING ? OUTCOME_FAILED : OUTCOME_GONE;
    case OP_UNPAUSE_AGENT:
        return lost ? OUTCOME_GONE : status == STATUS_PAUSED ? OUTCOME_FAILED : OUTCOME_DONE;
    case OP_KILL_AGENT:
        return status == STATUS_PAUSED || status == STATUS_RUNNING ? OUTCOME_FAILED : OUTCOME_DONE;
    case OP_START_AGENT:
        return status == STATUS_RUNNING ? OUTCOME_DONE : lost ? OUTCOME_GONE : OUTCOME_FAILED;
    case OP_HOLD:
    case OP_START:
    case OP_HOLD_STARTED:
    case OP_RESTORE:
    case OP_RESTART:
    case OP_STOP:
    case OP_REMOVE:
    case OP_AWAIT_AGENT:
    case OP_KIND_COUNT:
        break;
    }
    return lost ? OUTCOME_GONE : OUTCOME_FAILED;
}

static void conclude(struct docker *docker, struct op *op, const struct http_request *request)
{
    struct container now;
    struct error unused;

    if (succeeded(request)) {
        op->outcome = OUTCOME_DONE;
        return;
    }
    op->outcome = OUTCOME_FAILED;
    docker_request_error(request, shape_of(op->kind).action, &op->error);
    /* A kill whose reply was lost may have worked, and then nobody but a finished renewal starts an agent again. */
    if ((request->replied || op->kind == OP_KILL_AGENT) && docker_look(docker, op->id, &now, &unused) == 0)
        op->outcome = outcome_by_status(op->kind, now.status);
}

/* One stage's operations and their requests, index by index. */
struct stage {
    struct op **ops;
    struct http_request *requests;
    char (*bodies)[96];
    size_t count;
};

static void prepare(const struct docker *docker, const struct conf *conf, struct stage *stage, size_t i)
{
    const struct op *op = stage->ops[i];
    struct request_shape shape = shape_of(op->kind);
    const char *body = NULL;

    if (op->kind == OP_HOLD || op->kind == OP_HOLD_STARTED || op->kind == OP_RESTORE) {
        snprintf(stage->bodies[i], sizeof stage->bodies[i],
                 "{\"RestartPolicy\":{\"Name\":\"%s\",\"MaximumRetryCount\":%d}}", model_policy_name(op->to.kind),
                 op->to.retries);
        body = stage->bodies[i];
    }
    docker_request(docker, shape.method, op->id, shape.action, body,
                   op->kind == OP_STOP || op->kind == OP_RESTART ? op->seconds : conf->docker_timeout,
                   &stage->requests[i]);
}

/* Performs the stage's requests; those that failed on Docker's side are repeated, as often as their kind calls for. */
static void perform(struct docker *docker, const struct conf *conf, struct stage *stage)
{
    enum op_kind kind = stage->ops[0]->kind;
    int parallel = kind == OP_STOP || kind == OP_RESTART ? STOPS_AT_ONCE : conf->parallel;

    for (int tries = shape_of(kind).tries; stage->count > 0 && tries > 0; tries--) {
        size_t again = 0;

        for (size_t i = 0; i < stage->count; i++)
            prepare(docker, conf, stage, i);
        docker_perform(docker, stage->requests, stage->count, parallel);
        for (size_t i = 0; i < stage->count; i++) {
            if (tries > 1 && stage->requests[i].replied && stage->requests[i].status >= 500)
                stage->ops[again++] = stage->ops[i];
            else
                conclude(docker, stage->ops[i], &stage->requests[i]);
            http_request_clear(&stage->requests[i]);
        }
        stage->count = again;
        if (again > 0)
            nap(TRY_AGAIN_MS);
    }
}

static int64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ecs-init makes the new agent half a second to 15 seconds after the old one was killed. */
static void await_agent(struct docker *docker, const struct conf *conf, struct op *op)
{
    int64_t end = monotonic_ms() + (int64_t)op->seconds * 1000;

    do {
        struct container agent;

        nap(AWAIT_POLL_MS);
        if (docker_look(docker, conf->agent, &agent, &op->error) == 0 && agent.status == STATUS_RUNNING &&
            strcmp(agent.id, op->id) != 0) {
            op->outcome = OUTCOME_DONE;
            return;
        }
        if (apply_is_interrupted())
            return;
    } while (monotonic_ms() < end);
    op->outcome = OUTCOME_FAILED;
    error_set(&op->error, EXIT_INCOMPLETE, "ecs-init brought no new agent within %d s", op->seconds);
}

static void run_stage(struct docker *docker, const struct conf *conf, struct plan *plan, enum op_kind kind,
                      struct stage *stage)
{
    stage->count = 0;
    for (size_t i = 0; i < plan->op_count; i++) {
        struct op *op = &plan->ops[i];

        if (op->kind != kind || !plan_op_is_due(plan, op))
            continue;
        if (kind == OP_AWAIT_AGENT)
            await_agent(docker, conf, op);
        else
            stage->ops[stage->count++] = op;
    }
    if (stage->count > 0)
        perform(docker, conf, stage);
}

bool apply_is_interrupted(void)
{
    sigset_t pending;

    return sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1;
}

void apply_plan(struct docker *docker, const struct conf *conf, struct plan *plan)
{
    struct stage stage = {
        .ops = calloc(plan->op_count, sizeof *stage.ops),
        .requests = calloc(plan->op_count, sizeof *stage.requests),
        .bodies = calloc(plan->op_count, sizeof *stage.bodies),
    };

    if (stage.ops != NULL && stage.requests != NULL && stage.bodies != NULL) {
        for (int kind = 0; kind < OP_KIND_COUNT && !apply_is_interrupted(); kind++)
            run_stage(docker, conf, plan, (enum op_kind)kind, &stage);
    } else {
        for (size_t i = 0; i < plan->op_count; i++) {
            plan->ops[i].outcome = OUTCOME_FAILED;
            error_set(&plan->ops[i].error, EXIT_INCOMPLETE, "out of memory");
        }
    }
    free(stage.ops);
    free(stage.requests);
    free(stage.bodies);
}
