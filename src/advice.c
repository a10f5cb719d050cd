/* SPDX-License-Identifier: MIT-0 */
#include "advice.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "text.h"

struct adviser {
    const struct snapshot *seen;
    const struct advice_facts *facts;
    struct advice advice;
    size_t capacity;
    bool no_memory;
};

static const struct {
    const char *name;
    const char *text;
} kinds[] = {
    [ADVICE_NOT_SCHEDULED] = {"not-scheduled", "Nothing starts eins-check on this host: no outage would be noticed."},
    [ADVICE_STATE] =
        {"state-not-writable",
         "Who runs this cannot write the state, and without it no outage is taken over: give the folder to "
         "that user, or run eins-check as another one."},
    [ADVICE_DOCKER] = {"docker-not-asked",
                       "Docker did not answer all that was asked, so there may be more to warn of: run this again."},
    [ADVICE_AGENT_MISSING] = {"agent-missing", "There is no ECS agent, so ECS does nothing on this host. Unless "
                                               "ecs-init brings one by itself: systemctl restart ecs"},
    [ADVICE_AGENT_DOWN] = {"agent-not-running", "The ECS agent does not run, so ECS does nothing on this host. Unless "
                                                "ecs-init brings it back by itself: systemctl restart ecs"},
    [ADVICE_AGENT_PAUSED] = {"agent-paused",
                             "The ECS agent is paused, and not by eins, so ECS does nothing on this host. "
                             "Unless that is meant to be: docker unpause ecs-agent"},
    [ADVICE_NOT_UNDERSTOOD] = {"not-understood", "Docker's answer about it could not be used, and in an outage eins "
                                                 "would leave it alone: see docker inspect."},
    [ADVICE_AUTO_REMOVE] = {"auto-remove", "Docker removes it when it ends (AutoRemove) and refuses it a restart "
                                           "policy: a crash in an outage is its end. Run it without --rm."},
    [ADVICE_LOGS_BLOCK] = {"awslogs-blocking",
                           "Its log driver awslogs waits for the region: in an outage Docker cannot start it again. "
                           "Set \"mode\": \"non-blocking\" in the log options of its task definition."},
    [ADVICE_IMAGE_GONE] = {"image-missing", "Its image was removed from this host. Docker can restart it all the same, "
                                            "but once it is removed it comes back only by a pull: see that its "
                                            "registry can be reached, or pull the image now."},
    [ADVICE_TASK] = {"task-of-several", "Docker restarts each container of a task by itself, without the order and "
                                        "the conditions of dependsOn: see that each can start before the others."},
};

static void find(struct adviser *adviser, enum advice_kind kind, const struct container *container, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

static void find(struct adviser *adviser, enum advice_kind kind, const struct container *container, const char *format,
                 ...)
{
    struct advice *advice = &adviser->advice;
    struct finding *finding;
    va_list arguments;

    if (advice->count == adviser->capacity) {
        size_t capacity = adviser->capacity * 2 + 16;
        struct finding *grown = reallocarray(advice->findings, capacity, sizeof *grown);

        if (grown == NULL) {
            adviser->no_memory = true;
            return;
        }
        advice->findings = grown;
        adviser->capacity = capacity;
    }
    finding = &advice->findings[advice->count++];
    *finding = (struct finding){.kind = kind, .container = container};
    va_start(arguments, format);
    vsnprintf(finding->detail, sizeof finding->detail, format, arguments);
    va_end(arguments);
}

static void find_on_host(struct adviser *adviser, enum advice_kind kind)
{
    const struct advice_facts *facts = adviser->facts;
    const char *trouble = kind == ADVICE_NOT_SCHEDULED ? facts->reset ? NULL : facts->schedule
                          : kind == ADVICE_STATE       ? facts->state_trouble
                                                       : facts->docker_trouble;

    if (trouble != NULL)
        find(adviser, kind, NULL, "%s", trouble);
}

static void find_agent(struct adviser *adviser, enum advice_kind kind)
{
    const struct container *agent = &adviser->seen->agent;
    bool paused = agent->status == STATUS_PAUSED;

    if (!adviser->seen->listed || adviser->facts->agent_planned)
        return;
    if (kind == ADVICE_AGENT_MISSING && agent->status == STATUS_GONE)
        find(adviser, kind, NULL, "%s", adviser->facts->agent);
    if (kind == ADVICE_AGENT_DOWN && agent->status != STATUS_GONE && agent->status != STATUS_RUNNING && !paused)
        find(adviser, kind, agent, "%s", model_status_name(agent->status));
    if (kind == ADVICE_AGENT_PAUSED && paused && !adviser->facts->outage)
        find(adviser, kind, agent, "%s", "");
}

static bool is_found(enum advice_kind kind, const struct container *container)
{
    if (kind == ADVICE_NOT_UNDERSTOOD)
        return container->inspected == INSPECT_FAILED;
    if (!model_is_up(container->status) || container->inspected != INSPECT_DONE)
        return false;
    return kind == ADVICE_AUTO_REMOVE  ? container->auto_remove
           : kind == ADVICE_LOGS_BLOCK ? container->logs_block
           : kind == ADVICE_IMAGE_GONE ? container->image_gone
                                       : false;
}

static void find_containers(struct adviser *adviser, enum advice_kind kind)
{
    for (size_t i = 0; i < adviser->seen->container_count; i++) {
        const struct container *container = &adviser->seen->containers[i];

        if (is_found(kind, container) && kind == ADVICE_IMAGE_GONE)
            find(adviser, kind, container, "image %s", container->image);
        else if (is_found(kind, container))
            find(adviser, kind, container, "%s", "");
    }
}

static bool same_task(const struct container *one, const struct container *other)
{
    return model_is_up(one->status) && model_is_up(other->status) && one->task[0] != '\0' &&
           strcmp(one->task, other->task) == 0;
}

/* Once a task, with the first of its containers. */
static void find_tasks(struct adviser *adviser)
{
    const struct snapshot *seen = adviser->seen;

    for (size_t i = 0; i < seen->container_count; i++) {
        size_t before = 0, after = 0;

        for (size_t other = 0; other < seen->container_count && before == 0; other++) {
            before += other < i && same_task(&seen->containers[i], &seen->containers[other]);
            after += other > i && same_task(&seen->containers[i], &seen->containers[other]);
        }
        if (before == 0 && after > 0)
            find(adviser, ADVICE_TASK, NULL, "task %s: %zu containers, one is %s", seen->containers[i].task, after + 1,
                 seen->containers[i].name);
    }
}

static void find_kind(struct adviser *adviser, enum advice_kind kind)
{
    switch (kind) {
    case ADVICE_NOT_SCHEDULED:
    case ADVICE_STATE:
    case ADVICE_DOCKER:
        find_on_host(adviser, kind);
        break;
    case ADVICE_AGENT_MISSING:
    case ADVICE_AGENT_DOWN:
    case ADVICE_AGENT_PAUSED:
        find_agent(adviser, kind);
        break;
    case ADVICE_NOT_UNDERSTOOD:
    case ADVICE_AUTO_REMOVE:
    case ADVICE_LOGS_BLOCK:
    case ADVICE_IMAGE_GONE:
        if (!adviser->facts->reset)
            find_containers(adviser, kind);
        break;
    case ADVICE_TASK:
        if (!adviser->facts->reset)
            find_tasks(adviser);
        break;
    case ADVICE_KIND_COUNT:
        break;
    }
}

int advice_make(const struct snapshot *seen, const struct advice_facts *facts, struct advice *ret_advice)
{
    struct adviser adviser = {.seen = seen, .facts = facts};

    for (int kind = 0; kind < ADVICE_KIND_COUNT; kind++)
        find_kind(&adviser, (enum advice_kind)kind);
    if (adviser.no_memory) {
        free(adviser.advice.findings);
        return -1;
    }
    *ret_advice = adviser.advice;
    return 0;
}

void advice_clear(struct advice *advice)
{
    free(advice->findings);
    *advice = (struct advice){0};
}

const char *advice_text(enum advice_kind kind)
{
    return kinds[kind].text;
}

const char *advice_kind_name(enum advice_kind kind)
{
    return kinds[kind].name;
}
