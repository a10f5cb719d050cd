/* SPDX-License-Identifier: MIT-0 */
/* What both forms of a dry run have to find out. */
#include "dry_run.h"

#include <stdlib.h>
#include <string.h>

const struct op **dry_run_sort(const struct plan *plan)
{
    const struct op **ops = calloc(plan->op_count + 1, sizeof *ops);
    size_t count = 0;

    for (int kind = 0; ops != NULL && kind < OP_KIND_COUNT; kind++) {
        for (size_t i = 0; i < plan->op_count; i++) {
            if (plan->ops[i].kind == (enum op_kind)kind)
                ops[count++] = &plan->ops[i];
        }
    }
    return ops;
}

static bool is_touched(const struct plan *plan, const char *id)
{
    for (size_t i = 0; plan != NULL && i < plan->op_count; i++) {
        if (strcmp(plan->ops[i].id, id) == 0)
            return true;
    }
    return false;
}

struct dry_run_left dry_run_left(const struct dry_run *view)
{
    const struct snapshot *seen = view->seen;
    struct dry_run_left left = {
        .others = seen->other_count,
        .agent = seen->agent.status != STATUS_GONE && !is_touched(view->plan, seen->agent.id),
    };

    for (size_t i = 0; i < seen->container_count; i++) {
        const struct container *container = &seen->containers[i];

        if (container->status == STATUS_GONE || is_touched(view->plan, container->id))
            continue;
        left.up += model_is_up(container->status);
        left.down += !model_is_up(container->status);
    }
    return left;
}
