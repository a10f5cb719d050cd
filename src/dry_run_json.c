/* SPDX-License-Identifier: MIT-0 */
/* A dry run for machines. */
#include "config.h"

#include "dry_run.h"

#include "error.h"
#include "json_out.h"

static const char *const cause_names[] = {
    [PROBE_STATUS] = "status",         [PROBE_NAME] = "name", [PROBE_PROXY] = "proxy",
    [PROBE_CONNECTION] = "connection", [PROBE_TLS] = "tls",   [PROBE_TIMEOUT] = "timeout",
    [PROBE_NOT_HTTP] = "not-http",     [PROBE_HOST] = "host",
};

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

static const char *const note_names[] = {
    [NOTE_FOREIGN_PAUSE] = "foreign-pause",   [NOTE_GUESSED] = "guessed",
    [NOTE_NOT_UNDERSTOOD] = "not-understood", [NOTE_AUTO_REMOVE] = "auto-remove",
    [NOTE_DEATH_UNKNOWN] = "death-unknown",   [NOTE_VANISHED] = "vanished",
    [NOTE_AGENT_MISSING] = "agent-missing",   [NOTE_ADOPTED] = "adopted",
    [NOTE_AGENT_DOWN] = "agent-down",
};

static void add_known_text(struct json_out *out, struct json_object *object, const char *key, const char *text)
{
    json_out_text(out, object, key, text[0] == '\0' ? NULL : text);
}

/* Of a step that the probe did not get through, null. */
static void add_step(struct json_out *out, struct json_object *object, const char *key, double seconds)
{
    if (seconds > 0)
        json_out_seconds(out, object, key, seconds);
    else
        json_out_text(out, object, key, NULL);
}

static void add_number_or_null(struct json_out *out, struct json_object *object, const char *key, int64_t value)
{
    if (value > 0)
        json_out_int(out, object, key, value);
    else
        json_out_text(out, object, key, NULL);
}

static void add_probe(struct json_out *out, const struct dry_run *view)
{
    const struct probe_result *probe = view->probe;
    struct json_object *object, *seconds;

    if (probe == NULL) {
        json_out_text(out, out->root, "probe", NULL);
        return;
    }
    object = json_out_object(out, out->root, "probe");
    json_out_text(out, object, "endpoint", view->conf->endpoint);
    json_out_text(out, object, "reach", model_reach_name(probe->reach));
    json_out_text(out, object, "cause", cause_names[probe->cause]);
    json_out_text(out, object, "why", probe->explanation);
    add_number_or_null(out, object, "status", probe->status);
    add_known_text(out, object, "address", probe->address);
    json_out_bool(out, object, "proxied", probe->proxied);
    add_known_text(out, object, "tls_version", probe->tls_version);
    add_known_text(out, object, "cipher", probe->cipher);
    seconds = json_out_object(out, object, "seconds");
    add_step(out, seconds, "name", probe->steps.name);
    add_step(out, seconds, "connection", probe->steps.connection);
    add_step(out, seconds, "tls", probe->steps.tls);
    add_step(out, seconds, "first_byte", probe->steps.first_byte);
    json_out_seconds(out, seconds, "total", probe->seconds);
}

static void add_phase(struct json_out *out, const struct dry_run *view)
{
    const struct state *before = view->before;
    struct json_object *object;

    if (before == NULL) {
        json_out_text(out, out->root, "phase", NULL);
        return;
    }
    object = json_out_object(out, out->root, "phase");
    json_out_text(out, object, "before", before->rebuild ? NULL : model_phase_name(before->phase));
    json_out_text(out, object, "after", model_phase_name(view->after->phase));
    json_out_time(out, object, "since", before->rebuild ? 0 : before->since);
}

/* container may have no id: an agent that is not there. */
static void add_container(struct json_out *out, struct json_object *object, const char *id, const char *name)
{
    struct json_object *container = json_out_object(out, object, "container");

    add_known_text(out, container, "id", id);
    json_out_text(out, container, "name", name);
}

static void add_policy(struct json_out *out, struct json_object *object, const char *key, const struct op *op,
                       const struct policy *policy)
{
    struct json_object *child;

    if (op->kind != OP_HOLD && op->kind != OP_HOLD_STARTED && op->kind != OP_RESTORE) {
        json_out_text(out, object, key, NULL);
        return;
    }
    child = json_out_object(out, object, key);
    json_out_text(out, child, "policy", model_policy_name(policy->kind));
    json_out_int(out, child, "policy_retries", policy->retries);
}

/* The operation whose end decides whether this one runs. */
static void add_condition(struct json_out *out, struct json_object *object, const struct plan *plan,
                          const struct op *const *ops, const struct op *op)
{
    struct json_object *condition;

    if (op->when == WHEN_ALWAYS) {
        json_out_text(out, object, "only_if", NULL);
        return;
    }
    condition = json_out_object(out, object, "only_if");
    for (size_t i = 0; i < plan->op_count; i++) {
        if (ops[i] == &plan->ops[op->depends_on])
            json_out_int(out, condition, "order", (int64_t)i + 1);
    }
    json_out_text(out, condition, "ended", op->when == WHEN_DONE ? "done" : "failed");
}

static void add_operations(struct json_out *out, const struct plan *plan)
{
    cleanup_free const struct op **ops = plan == NULL ? NULL : dry_run_sort(plan);
    struct json_object *list;
    int stage = 0;

    if (plan == NULL) {
        json_out_text(out, out->root, "operations", NULL);
        return;
    }
    list = json_out_list(out, out->root, "operations");
    out->failed |= ops == NULL;
    for (size_t i = 0; ops != NULL && i < plan->op_count; i++) {
        const struct op *op = ops[i];
        struct json_object *object = json_out_item(out, list);

        stage += i == 0 || ops[i - 1]->kind != op->kind;
        json_out_int(out, object, "order", (int64_t)i + 1);
        json_out_int(out, object, "stage", stage);
        json_out_text(out, object, "kind", op_names[op->kind]);
        add_container(out, object, op->id, op->name);
        json_out_text(out, object, "why", plan_reason_text(op->reason));
        add_policy(out, object, "from", op, &op->from);
        add_policy(out, object, "to", op, &op->to);
        add_number_or_null(out, object, "seconds", op->seconds);
        add_condition(out, object, plan, ops, op);
    }
}

static void add_left(struct json_out *out, const struct dry_run *view)
{
    struct dry_run_left left = dry_run_left(view);
    struct json_object *object;

    if (view->plan == NULL || !view->seen->listed) {
        json_out_text(out, out->root, "left", NULL);
        return;
    }
    object = json_out_object(out, out->root, "left");
    json_out_int(out, object, "up", (int64_t)left.up);
    json_out_int(out, object, "down", (int64_t)left.down);
    json_out_int(out, object, "others", (int64_t)left.others);
    json_out_bool(out, object, "agent", left.agent);
}

static void add_notes(struct json_out *out, const struct plan *plan)
{
    struct json_object *list;

    if (plan == NULL) {
        json_out_text(out, out->root, "notes", NULL);
        return;
    }
    list = json_out_list(out, out->root, "notes");
    for (size_t i = 0; i < plan->note_count; i++) {
        const struct note *note = &plan->notes[i];
        struct json_object *object = json_out_item(out, list);

        json_out_text(out, object, "kind", note_names[note->kind]);
        add_container(out, object, note->id, note->name);
        json_out_text(out, object, "text", plan_note_text(note->kind));
    }
}

static void add_warnings(struct json_out *out, const struct advice *advice)
{
    struct json_object *list = json_out_list(out, out->root, "warnings");

    for (size_t i = 0; i < advice->count; i++) {
        const struct finding *finding = &advice->findings[i];
        struct json_object *object = json_out_item(out, list);

        json_out_text(out, object, "kind", advice_kind_name(finding->kind));
        if (finding->container != NULL)
            add_container(out, object, finding->container->id, finding->container->name);
        else
            json_out_text(out, object, "container", NULL);
        add_known_text(out, object, "detail", finding->detail);
        json_out_text(out, object, "text", advice_text(finding->kind));
    }
}

int dry_run_json(FILE *stream, const struct dry_run *view)
{
    struct json_out out;

    json_out_begin(&out, "dry-run");
    json_out_bool(&out, out.root, "reset", view->before == NULL);
    json_out_text(&out, out.root, "error", view->error);
    add_probe(&out, view);
    add_phase(&out, view);
    add_operations(&out, view->plan);
    add_left(&out, view);
    add_notes(&out, view->plan);
    add_warnings(&out, view->advice);
    return json_out_end(&out, stream);
}
