/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "report.h"

#include <string.h>
#include <time.h>

#include "log.h"
#include "text.h"

#define SENTENCE_SIZE 640

static const char *policy_text(struct policy policy, char *buffer, size_t size)
{
    if (policy.kind == POLICY_ON_FAILURE && policy.retries > 0)
        snprintf(buffer, size, "on-failure:%d", policy.retries);
    else
        snprintf(buffer, size, "%s", model_policy_name(policy.kind));
    return buffer;
}

const char *report_op_text(const struct op *op, char *buffer, size_t size)
{
    static const char *const verbs[] = {
        [OP_PAUSE_AGENT] = "pause the agent",
        [OP_HOLD] = "restart policy",
        [OP_START] = "start",
        [OP_HOLD_STARTED] = "restart policy",
        [OP_RESTORE] = "restart policy",
        [OP_RESTART] = "restart",
        [OP_STOP] = "stop",
        [OP_REMOVE] = "remove",
        [OP_KILL_AGENT] = "kill the paused agent, for ecs-init to bring a fresh one",
        [OP_AWAIT_AGENT] = "wait for the fresh agent",
        [OP_START_AGENT] = "start the old agent, if no fresh one has come",
        [OP_UNPAUSE_AGENT] = "unpause the agent",
    };
    char from[32], to[32];

    if (op->kind == OP_HOLD || op->kind == OP_HOLD_STARTED || op->kind == OP_RESTORE)
        snprintf(buffer, size, "%s %s -> %s", verbs[op->kind], policy_text(op->from, from, sizeof from),
                 policy_text(op->to, to, sizeof to));
    else if (op->kind == OP_UNPAUSE_AGENT && op->when == WHEN_FAILED)
        snprintf(buffer, size, "%s, if the kill fails", verbs[op->kind]);
    else
        snprintf(buffer, size, "%s", verbs[op->kind]);
    return buffer;
}

const char *report_counter_text(const struct conf *conf, const struct state *after, char *buffer, size_t size)
{
    buffer[0] = '\0';
    if (after->phase == PHASE_CONNECTED && after->fall_count >= conf->fall)
        snprintf(buffer, size, "; the host has just booted, its network may be late: an outage begins %d s after boot",
                 PLAN_BOOT_PATIENCE);
    else if (after->phase == PHASE_CONNECTED && after->fall_count > 0)
        snprintf(buffer, size, "; failed probe %d of %d that begin an outage", after->fall_count, conf->fall);
    else if (after->phase == PHASE_DISCONNECTED && after->rise_count > 0)
        snprintf(buffer, size, "; good probe %d of %d that end the outage", after->rise_count, conf->rise);
    return buffer;
}

void report_verdict(const struct conf *conf, const struct state *before, const struct state *after,
                    const struct probe_result *probe)
{
    bool changed = before->phase != after->phase;
    bool counted = before->fall_count != after->fall_count || before->rise_count != after->rise_count;
    enum log_level level = changed ? LOG_LEVEL_WARNING : counted ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
    char counter[REPORT_COUNTER_SIZE];

    if (probe->reach == REACH_INDETERMINATE) {
        log_write(LOG_LEVEL_ERROR, "connect", "%s: %s; nothing is changed", conf->endpoint, probe->explanation);
        return;
    }
    report_counter_text(conf, after, counter, sizeof counter);
    log_write(level, "connect", "%s is %s: %s (%s%s%.3f s)%s", conf->endpoint, model_reach_name(probe->reach),
              probe->explanation, probe->address, probe->address[0] != '\0' ? ", " : "", probe->seconds, counter);
    if (changed && after->phase == PHASE_DISCONNECTED)
        log_write(LOG_LEVEL_WARNING, "ecs-offline", "outage %lld begins: Docker takes over from ECS",
                  (long long)after->outages);
    else if (changed)
        log_write(LOG_LEVEL_WARNING, "ecs-online", "outage %lld ends after %lld s: ECS takes over again",
                  (long long)after->outages, (long long)(after->since - before->since));
}

const char *report_id_text(const char *id)
{
    return id[0] != '\0' ? id : "not there";
}

static void log_op(const struct op *op, const char *tag, struct record *record)
{
    static const char *const endings[] = {
        [OUTCOME_NOT_RUN] = "not needed",
        [OUTCOME_DONE] = "done",
        [OUTCOME_GONE] = "it is gone",
        [OUTCOME_FAILED] = "failed",
    };
    bool failed = op->outcome == OUTCOME_FAILED;
    char what[128], text[2 * SENTENCE_SIZE], escaped[2 * SENTENCE_SIZE];

    if (op->outcome == OUTCOME_NOT_RUN)
        return;
    report_op_text(op, what, sizeof what);
    log_write(failed ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, tag, "container %s (%.12s): %s: %s%s%s (%s)", op->name, op->id,
              what, endings[op->outcome], failed ? ": " : "", failed ? op->error.text : "",
              plan_reason_text(op->reason));
    /* That nobody brings a fresh agent is what starting the old one is for. */
    if (failed && op->kind != OP_AWAIT_AGENT) {
        snprintf(text, sizeof text, "%s: %s: %s", op->name, what, op->error.text);
        record_text(&record->failures, text_escape(escaped, sizeof escaped, text));
    }
}

static void log_note(const struct note *note, const char *tag, struct record *record)
{
    char text[SENTENCE_SIZE], escaped[SENTENCE_SIZE];

    log_write(note->kind == NOTE_ADOPTED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, tag, "container %s (%.12s): %s",
              note->name, report_id_text(note->id), plan_note_text(note->kind));
    if (note->kind == NOTE_ADOPTED)
        return; /* as it should be */
    snprintf(text, sizeof text, "%s: %s", note->name, plan_note_text(note->kind));
    record_text(note->kind == NOTE_NOT_UNDERSTOOD ? &record->failures : &record->warnings,
                text_escape(escaped, sizeof escaped, text));
}

void report_plan(const struct plan *plan, struct record *record)
{
    const char *tag = plan->next.phase == PHASE_DISCONNECTED ? "ecs-offline" : "ecs-online";

    for (size_t i = 0; i < plan->note_count; i++)
        log_note(&plan->notes[i], tag, record);
    for (int kind = 0; kind < OP_KIND_COUNT; kind++) {
        for (size_t i = 0; i < plan->op_count; i++) {
            if (plan->ops[i].kind == (enum op_kind)kind)
                log_op(&plan->ops[i], tag, record);
        }
    }
}

const char *report_summary(char *buffer, size_t size, const struct state *state, enum exit_code code)
{
    size_t kept = 0, running = 0;
    struct tm local = {0};
    char since[32] = "", trouble[96] = "";
    time_t when = (time_t)state->since;

    for (size_t i = 0; i < state->container_count; i++) {
        kept += state->containers[i].takeover != TAKEOVER_NONE;
        running += state->containers[i].running;
    }
    if (localtime_r(&when, &local) != NULL)
        strftime(since, sizeof since, "%Y-%m-%d %H:%M:%S", &local);
    if (code != EXIT_DONE)
        snprintf(trouble, sizeof trouble, "; exit code %d: %s", (int)code, error_exit_text(code));
    if (state->phase == PHASE_CONNECTED)
        snprintf(buffer, size, "connected since %s: %zu containers of ECS run%s", since, running, trouble);
    else
        snprintf(buffer, size, "outage %lld since %s: %zu containers kept, %zu of them run, %s%s",
                 (long long)state->outages, since, kept, running,
                 state->agent.paused_by_eins ? "the agent is paused" : "the agent is not there", trouble);
    return buffer;
}
