/* SPDX-License-Identifier: MIT-0 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const reach_names[] = {
    [REACH_REACHABLE] = "reachable",
    [REACH_UNREACHABLE] = "unreachable",
    [REACH_INDETERMINATE] = "indeterminate",
};

static const char *const phase_names[] = {
    [PHASE_CONNECTED] = "connected",
    [PHASE_DISCONNECTED] = "disconnected",
};

static const char *const status_names[] = {
    [STATUS_GONE] = "gone",
    [STATUS_CREATED] = "created",
    [STATUS_RUNNING] = "running",
    [STATUS_PAUSED] = "paused",
    [STATUS_RESTARTING] = "restarting",
    [STATUS_REMOVING] = "removing",
    [STATUS_EXITED] = "exited",
    [STATUS_DEAD] = "dead",
};

static const char *const policy_names[] = {
    [POLICY_NO] = "no",
    [POLICY_ON_FAILURE] = "on-failure",
    [POLICY_ALWAYS] = "always",
    [POLICY_UNLESS_STOPPED] = "unless-stopped",
};

static bool find_name(const char *const *names, size_t count, const char *name, size_t *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

const char *model_reach_name(enum reach reach)
{
    return reach_names[reach];
}

const char *model_phase_name(enum phase phase)
{
    return phase_names[phase];
}

bool model_phase_parse(const char *name, enum phase *ret_phase)
{
    size_t i;

    if (!find_name(phase_names, COUNT(phase_names), name, &i))
        return false;
    *ret_phase = (enum phase)i;
    return true;
}

const char *model_status_name(enum status status)
{
    return status_names[status];
}

bool model_status_parse(const char *name, enum status *ret_status)
{
    size_t i;

    if (!find_name(status_names, COUNT(status_names), name, &i))
        return false;
    *ret_status = (enum status)i;
    return true;
}

const char *model_policy_name(enum policy_kind kind)
{
    return policy_names[kind];
}

bool model_policy_parse(const char *name, enum policy_kind *ret_kind)
{
    size_t i;

    if (!find_name(policy_names, COUNT(policy_names), name[0] == '\0' ? "no" : name, &i))
        return false;
    *ret_kind = (enum policy_kind)i;
    return true;
}

bool model_is_up(enum status status)
{
    return status == STATUS_RUNNING || status == STATUS_PAUSED || status == STATUS_RESTARTING;
}

bool model_policy_equal(struct policy a, struct policy b)
{
    return a.kind == b.kind && a.retries == b.retries;
}

const struct container *model_find(const struct snapshot *snapshot, const char *id)
{
    for (size_t i = 0; i < snapshot->container_count; i++) {
        if (strcmp(snapshot->containers[i].id, id) == 0)
            return &snapshot->containers[i];
    }
    return NULL;
}

void model_snapshot_clear(struct snapshot *snapshot)
{
    free(snapshot->containers);
    free(snapshot->events);
    *snapshot = (struct snapshot){0};
}
