/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "metrics.h"

#include <errno.h>
#include <string.h>

#include "file.h"
#include "record.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* All numbers are doubles, as Prometheus itself has them: exact for seconds since the epoch, and for counters up to
 * 10^15. */
#define NUMBER "%.15g"

static void write_head(FILE *stream, const char *name, const char *type, const char *help)
{
    fprintf(stream, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A sample with a label; in its value the format wants three characters escaped. */
static void write_labelled(FILE *stream, const char *name, const char *label, const char *text, double number)
{
    fprintf(stream, "%s{%s=\"", name, label);
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            fputs("\\n", stream);
        else if (*text == '\\' || *text == '"')
            fprintf(stream, "\\%c", *text);
        else
            fputc(*text, stream);
    }
    fprintf(stream, "\"} " NUMBER "\n", number);
}

static size_t count_kept(const struct state *state)
{
    size_t kept = 0;

    for (size_t i = 0; i < state->container_count; i++)
        kept += state->containers[i].takeover != TAKEOVER_NONE;
    return kept;
}

/* Those of the running outage are counted as record.c will count them at its end, so that the sum does not jump then.
 */
static double outage_seconds(const struct record *record, int64_t now)
{
    const struct record_outage *last = record->outage_count > 0 ? &record->outages[record->outage_count - 1] : NULL;
    double seconds = (double)record->outage_seconds;

    if (last != NULL && last->ended == 0 && now > last->began)
        seconds += (double)(now - last->began);
    return seconds;
}

/* What is one number each. */
static void write_plain(FILE *stream, const struct metrics *metrics)
{
    const struct state *state = metrics->state;
    bool outage = state->phase == PHASE_DISCONNECTED;
    const struct {
        const char *name, *type, *help;
        double number;
    } samples[] = {
        {"eins_outage_start_timestamp_seconds", "gauge", "When the running outage began, 0 when there is none.",
         outage ? (double)state->since : 0},
        {"eins_last_check_timestamp_seconds", "gauge", "When the last check was made.", (double)metrics->now},
        {"eins_check_duration_seconds", "gauge", "How long the last check took.", metrics->check_seconds},
        {"eins_probe_duration_seconds", "gauge", "How long its probe of the region took.", metrics->probe_seconds},
        {"eins_containers_kept", "gauge", "Containers that eins has taken over and not given back yet.",
         (double)count_kept(state)},
        {"eins_containers_restarted_total", "counter", "Restarts of containers that were seen in outages.",
         (double)state->restarted},
        {"eins_containers_removed_total", "counter", "Containers removed at the end of outages, for ECS to replace.",
         (double)state->removed},
        {"eins_outages_total", "counter", "Outages that have begun.", (double)state->outages},
        {"eins_outage_seconds_total", "counter", "Length of all outages, with the running one.",
         outage_seconds(metrics->record, metrics->now)},
    };

    for (size_t i = 0; i < COUNT(samples); i++) {
        write_head(stream, samples[i].name, samples[i].type, samples[i].help);
        fprintf(stream, "%s " NUMBER "\n", samples[i].name, samples[i].number);
    }
}

static void write_all(FILE *stream, const struct metrics *metrics)
{
    static const enum phase phases[] = {PHASE_CONNECTED, PHASE_DISCONNECTED};

    if (metrics->reach != REACH_INDETERMINATE) {
        write_head(stream, "eins_region_reachable", "gauge", "Whether the last probe found the region reachable.");
        fprintf(stream, "eins_region_reachable %d\n", metrics->reach == REACH_REACHABLE);
    }
    write_head(stream, "eins_phase", "gauge", "Who looks after the containers: 1 for the phase that eins is in.");
    for (size_t i = 0; i < COUNT(phases); i++)
        write_labelled(stream, "eins_phase", "phase", model_phase_name(phases[i]), metrics->state->phase == phases[i]);
    write_plain(stream, metrics);
    write_head(stream, "eins_errors_total", "counter", "Checks that did not end well, by what was wrong.");
    for (int kind = 0; kind < RECORD_ERROR_COUNT; kind++)
        write_labelled(stream, "eins_errors_total", "kind", record_error_name((enum record_error)kind),
                       (double)metrics->record->errors[kind]);
    write_head(stream, "eins_build_info", "gauge", "Always 1; its label is the version of eins-check.");
    write_labelled(stream, "eins_build_info", "version", metrics->version, 1);
}

char *metrics_render(const struct metrics *metrics, size_t *ret_length)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    bool complete;

    if (stream == NULL)
        return NULL;
    write_all(stream, metrics);
    complete = ferror(stream) == 0;
    if (fclose(stream) != 0 || !complete) {
        free(text);
        return NULL;
    }
    *ret_length = length;
    return text;
}

int metrics_write(const char *path, const struct metrics *metrics, struct error *error)
{
    size_t length = 0;
    cleanup_free char *text = metrics_render(metrics, &length);
    int result;

    if (text == NULL)
        return error_set(error, EXIT_STATE, "%s: cannot be written: out of memory", path);
    result = file_write_atomic(path, text, length, 0644);
    if (result == -ENOENT)
        return error_set(error, EXIT_STATE,
                         "%s: cannot be written: its folder is missing, make it or set `file` in [metrics]", path);
    if (result == -EACCES || result == -EROFS)
        return error_set(error, EXIT_STATE,
                         "%s: cannot be written: %s; eins.conf(5) says in [metrics] how to let the service write there",
                         path, strerror(-result));
    if (result < 0)
        return error_set(error, EXIT_STATE, "%s: cannot be written: %s", path, strerror(-result));
    return 0;
}
