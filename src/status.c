/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "status.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "json_out.h"
#include "model.h"
#include "text.h"

#define CLOCK_TOLERANCE 60 /* seconds that a file may come from the future */

struct status_counts status_count(const struct state *state)
{
    struct status_counts counts = {.known = state->container_count};

    for (size_t i = 0; i < state->container_count; i++) {
        const struct state_container *container = &state->containers[i];
        bool kept = container->takeover != TAKEOVER_NONE;

        counts.running += container->running;
        counts.kept += kept;
        counts.kept_running += kept && container->running;
        counts.restarted += kept && container->restarts > 0;
        counts.restarts += kept ? container->restarts : 0;
    }
    return counts;
}

int64_t status_age(const struct status_view *status)
{
    return status->now - status->checked_at;
}

bool status_is_stale(const struct status_view *status)
{
    return status_age(status) > STATUS_STALE || status_age(status) < -CLOCK_TOLERANCE;
}

const struct record_outage *status_outage(const struct status_view *status)
{
    const struct record *record = status->record;
    const struct record_outage *last = record->outage_count == 0 ? NULL : &record->outages[record->outage_count - 1];

    return last != NULL && last->ended == 0 && status->state->phase == PHASE_DISCONNECTED ? last : NULL;
}

static const char *takeover_text(enum takeover takeover)
{
    static const char *const texts[] = {
        [TAKEOVER_NONE] = "none", [TAKEOVER_LEFT] = "left", [TAKEOVER_ASKED] = "asked", [TAKEOVER_SET] = "set"};

    return texts[takeover];
}

static void add_known_text(struct json_out *out, struct json_object *object, const char *key, const char *text)
{
    json_out_text(out, object, key, text[0] == '\0' ? NULL : text);
}

/* Without a [last] in it, the file is an older program's: then the check is known only by its time. */
static void add_last_check(struct json_out *out, const struct status_view *status)
{
    const struct record *record = status->record;
    struct json_object *check = json_out_object(out, out->root, "last_check");

    json_out_time(out, check, "at", status->checked_at);
    json_out_int(out, check, "age", status_age(status));
    json_out_bool(out, check, "stale", status_is_stale(status));
    if (record->checked)
        json_out_int(out, check, "code", record->code);
    else
        json_out_text(out, check, "code", NULL);
    json_out_text(out, check, "meaning", record->checked ? error_exit_text((enum exit_code)record->code) : NULL);
    json_out_text(out, check, "reach", record->checked ? model_reach_name(record->reach) : NULL);
    add_known_text(out, check, "why", record->why);
}

static void add_agent(struct json_out *out, const struct state_agent *agent)
{
    struct json_object *object = json_out_object(out, out->root, "agent");

    add_known_text(out, object, "id", agent->id);
    json_out_bool(out, object, "paused_by_eins", agent->paused_by_eins);
    json_out_time(out, object, "paused_at", agent->paused_at);
    add_known_text(out, object, "renewing", agent->renewing);
    json_out_time(out, object, "renewing_since", agent->renew_since);
}

static void add_counts(struct json_out *out, const struct state *state)
{
    struct status_counts counts = status_count(state);
    struct json_object *object = json_out_object(out, out->root, "counts");

    json_out_int(out, object, "known", (int64_t)counts.known);
    json_out_int(out, object, "running", (int64_t)counts.running);
    json_out_int(out, object, "kept", (int64_t)counts.kept);
    json_out_int(out, object, "kept_running", (int64_t)counts.kept_running);
    json_out_int(out, object, "restarted", (int64_t)counts.restarted);
    json_out_int(out, object, "restarts", counts.restarts);
}

static void add_containers(struct json_out *out, const struct state *state)
{
    struct json_object *list = json_out_list(out, out->root, "containers");

    for (size_t i = 0; i < state->container_count; i++) {
        const struct state_container *container = &state->containers[i];
        bool kept = container->takeover != TAKEOVER_NONE;
        struct json_object *object = json_out_item(out, list);

        json_out_text(out, object, "id", container->id);
        json_out_text(out, object, "name", container->name);
        json_out_bool(out, object, "running", container->running);
        json_out_bool(out, object, "kept", kept);
        json_out_text(out, object, "takeover", takeover_text(container->takeover));
        json_out_text(out, object, "policy", kept ? model_policy_name(container->policy.kind) : NULL);
        if (kept)
            json_out_int(out, object, "policy_retries", container->policy.retries);
        else
            json_out_text(out, object, "policy_retries", NULL);
        json_out_int(out, object, "restarts", container->restarts);
        add_known_text(out, object, "started_at", container->started_at);
        json_out_bool(out, object, "revived", container->revived);
        json_out_bool(out, object, "starting", container->starting);
        json_out_bool(out, object, "guessed", container->guessed);
    }
}

static void fill_outage(struct json_out *out, struct json_object *object, const struct record_outage *outage,
                        int64_t now)
{
    int64_t seconds = (outage->ended != 0 ? outage->ended : now) - outage->began;

    json_out_int(out, object, "number", outage->number);
    json_out_time(out, object, "began", outage->began);
    json_out_time(out, object, "ended", outage->ended);
    json_out_int(out, object, "seconds", seconds > 0 ? seconds : 0);
    add_known_text(out, object, "cause", outage->cause);
    json_out_int(out, object, "restarted", outage->restarted);
    json_out_int(out, object, "removed", outage->removed);
}

static void add_outages(struct json_out *out, const struct status_view *status)
{
    const struct record_outage *running = status_outage(status);
    struct json_object *list;

    if (running != NULL)
        fill_outage(out, json_out_object(out, out->root, "outage"), running, status->now);
    else
        json_out_text(out, out->root, "outage", NULL);
    list = json_out_list(out, out->root, "outages");
    for (size_t i = 0; i < status->record->outage_count; i++)
        fill_outage(out, json_out_item(out, list), &status->record->outages[i], status->now);
}

static void add_totals(struct json_out *out, const struct status_view *status)
{
    struct json_object *totals = json_out_object(out, out->root, "totals");
    struct json_object *errors;

    json_out_int(out, totals, "outages", status->state->outages);
    json_out_int(out, totals, "outage_seconds", status->record->outage_seconds);
    json_out_int(out, totals, "restarted", status->state->restarted);
    json_out_int(out, totals, "removed", status->state->removed);
    errors = json_out_object(out, totals, "errors");
    for (int kind = 0; kind < RECORD_ERROR_COUNT; kind++)
        json_out_int(out, errors, record_error_name((enum record_error)kind), status->record->errors[kind]);
}

static void add_texts(struct json_out *out, const char *key, const struct record_texts *texts)
{
    struct json_object *object = json_out_object(out, out->root, key);
    struct json_object *list;

    json_out_int(out, object, "count", (int64_t)texts->count + texts->more);
    list = json_out_list(out, object, "texts");
    for (size_t i = 0; i < texts->count; i++)
        json_out_item_text(out, list, texts->texts[i]);
}

static void add_state(struct json_out *out, const struct status_view *status)
{
    const struct state *state = status->state;
    int64_t seconds = status->now - state->since;

    json_out_text(out, out->root, "phase", model_phase_name(state->phase));
    json_out_time(out, out->root, "since", state->since);
    json_out_int(out, out->root, "seconds", seconds > 0 ? seconds : 0);
    json_out_bool(out, out->root, "docker_seen", !state->fresh && !state->rebuild);
    json_out_int(out, out->root, "fall_count", state->fall_count);
    json_out_int(out, out->root, "rise_count", state->rise_count);
    add_last_check(out, status);
    add_agent(out, &state->agent);
    add_counts(out, state);
    add_containers(out, state);
    add_outages(out, status);
    add_totals(out, status);
    add_texts(out, "failures", &status->record->failures);
    add_texts(out, "warnings", &status->record->warnings);
}

/* state is NULL in status when there is none that can be used; problem says why then, and is NULL otherwise. */
static int print_json(FILE *stream, const struct status_view *status, const char *problem)
{
    static const char *const unknown[] = {"phase",      "since",      "seconds", "docker_seen", "fall_count",
                                          "rise_count", "last_check", "agent",   "counts",      "containers",
                                          "outage",     "outages",    "totals",  "failures",    "warnings"};
    struct json_out out;

    json_out_begin(&out, "status");
    json_out_text(&out, out.root, "state_file", status->conf->state_file);
    json_out_text(&out, out.root, "problem", problem);
    json_out_int(&out, out.root, "fall", status->conf->fall);
    json_out_int(&out, out.root, "rise", status->conf->rise);
    if (status->state != NULL)
        add_state(&out, status);
    for (size_t i = 0; status->state == NULL && i < sizeof unknown / sizeof *unknown; i++)
        json_out_text(&out, out.root, unknown[i], NULL);
    return json_out_end(&out, stream);
}

/* Returns the exit code, with error->text set where there is no state. */
static int load(struct state_store *store, int64_t now, struct state *state, struct error *error)
{
    if (state_load(store, true, now, state, error) < 0)
        return EXIT_STATE;
    if (store->text != NULL)
        return state->phase == PHASE_CONNECTED ? STATUS_CONNECTED : STATUS_DISCONNECTED;
    if (error->text[0] != '\0')
        return EXIT_STATE;
    error_set(error, EXIT_STATE, "%s: there is no state yet: no check has run here, or none could write it",
              store->path);
    return STATUS_UNKNOWN;
}

int status_run(FILE *stream, const struct conf *conf, bool json)
{
    struct state_store store = {.path = conf->state_file};
    struct status_view status = {.conf = conf, .record = &store.record, .now = time(NULL)};
    struct error error = {.text = ""};
    struct state state = {0};
    struct stat info;
    char shown[sizeof error.text * 2];
    int code = load(&store, status.now, &state, &error);
    int printed = 0;

    if (store.text != NULL) {
        status.state = &state;
        /* One that has just been removed was checked a moment ago. */
        status.checked_at = stat(conf->state_file, &info) == 0 ? (int64_t)info.st_mtime : status.now;
    } else {
        fprintf(stderr, "eins-check: %s\n", text_escape(shown, sizeof shown, error.text));
    }
    if (json)
        printed = print_json(stream, &status, status.state == NULL ? error.text : NULL);
    else if (status.state != NULL)
        status_print(stream, &status);
    if (printed == 0 && (fflush(stream) != 0 || ferror(stream)))
        printed = -1;
    if (printed < 0)
        fprintf(stderr, "eins-check: the status cannot be printed: %s\n", strerror(errno));
    state_clear(&state);
    state_store_clear(&store);
    return printed < 0 ? EXIT_STATE : code;
}
