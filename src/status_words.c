/* SPDX-License-Identifier: MIT-0 */
/* --status for people: what matters at 3 a.m. first, 80 columns wide. */
#include "config.h"

#include "status.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "model.h"
#include "terminal.h"

#define LABEL_WIDTH 14
#define SENTENCE_SIZE 1024
#define QUIET_ROWS 10 /* of containers that run and were never restarted; --json has all */

/* "8 s", "12 min 5 s", "3 h 20 min", "2 d 4 h". Returns buffer. */
static const char *duration_text(int64_t seconds, char *buffer, size_t size)
{
    long long s = seconds > 0 ? seconds : 0;

    if (s < 60)
        snprintf(buffer, size, "%lld s", s);
    else if (s < 3600)
        snprintf(buffer, size, "%lld min %lld s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(buffer, size, "%lld h %lld min", s / 3600, s / 60 % 60);
    else
        snprintf(buffer, size, "%lld d %lld h", s / 86400, s / 3600 % 24);
    return buffer;
}

/* Local time, in one of these forms: "2026-07-10 09:39:43", with its zone, or without seconds. Returns buffer. */
enum time_form { TIME_PLAIN, TIME_ZONED, TIME_SHORT };

static const char *time_text(int64_t when, enum time_form form, char *buffer, size_t size)
{
    time_t seconds = (time_t)when;
    struct tm local = {0};
    size_t length = 0;

    if (localtime_r(&seconds, &local) != NULL)
        length = form == TIME_PLAIN   ? strftime(buffer, size, "%Y-%m-%d %H:%M:%S", &local)
                 : form == TIME_ZONED ? strftime(buffer, size, "%Y-%m-%d %H:%M:%S %Z", &local)
                                      : strftime(buffer, size, "%Y-%m-%d %H:%M", &local);
    if (length == 0)
        snprintf(buffer, size, "%lld", (long long)when);
    return buffer;
}

__attribute__((format(printf, 4, 5))) static void print_row(const struct terminal *terminal, const char *label,
                                                            enum terminal_style style, const char *format, ...)
{
    char text[SENTENCE_SIZE], padded[LABEL_WIDTH + 1];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(padded, sizeof padded, "%-*s", LABEL_WIDTH, label);
    terminal_print(terminal, style, padded);
    terminal_wrap(terminal, LABEL_WIDTH, LABEL_WIDTH, text);
}

/* Whether Docker could not be looked at since the phase began. */
static bool is_unseen(const struct state *state)
{
    return state->rebuild || state->fresh;
}

/* What the phase means for the containers just now. */
static const char *consequence_of(const struct state *state)
{
    if (state->phase == PHASE_DISCONNECTED && is_unseen(state))
        return "Docker could not be looked at, so nothing is taken over yet.";
    if (state->phase == PHASE_DISCONNECTED)
        return "Docker restarts what fails; ECS takes over again when the region is back.";
    if (state_owes(state))
        return "The region is back, but not everything is given back yet: checks go on trying.";
    if (is_unseen(state))
        return "Docker could not be looked at yet.";
    return "ECS looks after its containers.";
}

static void print_phase(const struct terminal *terminal, const struct status_view *status)
{
    const struct state *state = status->state;
    bool connected = state->phase == PHASE_CONNECTED;
    enum terminal_style style = state_owes(state) || is_unseen(state) ? STYLE_WARNING : STYLE_GOOD;
    char since[64], lasted[40];

    terminal_print(terminal, connected ? style : STYLE_BAD, connected ? "CONNECTED" : "DISCONNECTED");
    fprintf(terminal->stream, " for %s, since %s\n", duration_text(status->now - state->since, lasted, sizeof lasted),
            time_text(state->since, TIME_ZONED, since, sizeof since));
    fprintf(terminal->stream, "%s\n\n", consequence_of(state));
}

static void print_last_check(const struct terminal *terminal, const struct status_view *status)
{
    const struct record *record = status->record;
    const char *meaning = error_exit_text((enum exit_code)record->code);
    char age[40], at[64], code[24] = "";

    duration_text(status_age(status), age, sizeof age);
    time_text(status->checked_at, TIME_PLAIN, at, sizeof at);
    if (record->code != EXIT_DONE)
        snprintf(code, sizeof code, "exit code %d: ", record->code);
    else
        meaning = "done";
    if (status_age(status) < 0 && status_is_stale(status))
        print_row(terminal, "Last check", STYLE_WARNING, "%s, which is in the future: was the clock set back?", at);
    else if (!record->checked)
        print_row(terminal, "Last check", STYLE_STRONG, "%s ago, %s", age, at);
    else
        print_row(terminal, "Last check", record->code == EXIT_DONE ? STYLE_STRONG : STYLE_WARNING, "%s ago, %s; %s%s",
                  age, at, code, meaning != NULL ? meaning : "");
    if (status_age(status) > STATUS_STALE)
        print_row(terminal, "  WARNING", STYLE_BAD,
                  "no check for %s: the timer may not run. See systemctl list-timers ecs-eins.timer, and journalctl -u "
                  "ecs-eins.service",
                  age);
}

static void print_region(const struct terminal *terminal, const struct status_view *status)
{
    const struct state *state = status->state;
    const struct record *record = status->record;
    const struct record_outage *outage = status_outage(status);
    char counter[80] = "";

    if (state->phase == PHASE_CONNECTED && state->fall_count >= status->conf->fall)
        snprintf(counter, sizeof counter, "; the host has just booted, an outage begins a little later");
    else if (state->phase == PHASE_CONNECTED && state->fall_count > 0)
        snprintf(counter, sizeof counter, "; failed probe %d of %d that begin an outage", state->fall_count,
                 status->conf->fall);
    else if (state->phase == PHASE_DISCONNECTED && state->rise_count > 0)
        snprintf(counter, sizeof counter, "; good probe %d of %d that end the outage", state->rise_count,
                 status->conf->rise);
    if (record->checked)
        print_row(terminal, "Region", STYLE_STRONG, "%s%s%s%s", model_reach_name(record->reach),
                  record->why[0] != '\0' ? ": " : "", record->why, counter);
    if (outage != NULL)
        print_row(terminal, "Outage", STYLE_STRONG, "number %lld, began with: %s", (long long)outage->number,
                  outage->cause[0] != '\0' ? outage->cause : "(not known)");
}

static void print_agent(const struct terminal *terminal, const struct state *state)
{
    const struct state_agent *agent = &state->agent;
    char at[64] = "";

    if (agent->renewing[0] != '\0')
        print_row(terminal, "Agent", STYLE_WARNING, "being replaced by a fresh one, since %s",
                  time_text(agent->renew_since, TIME_PLAIN, at, sizeof at));
    else if (agent->paused_by_eins && state->phase == PHASE_CONNECTED)
        print_row(terminal, "Agent", STYLE_WARNING, "still paused by eins");
    else if (agent->paused_by_eins)
        print_row(terminal, "Agent", STYLE_STRONG, "paused by eins%s%s", agent->paused_at != 0 ? " since " : "",
                  agent->paused_at != 0 ? time_text(agent->paused_at, TIME_PLAIN, at, sizeof at) : "");
    else if (agent->id[0] != '\0')
        print_row(terminal, "Agent", STYLE_WARNING, "paused by somebody else, so it is left alone");
    else if (is_unseen(state))
        print_row(terminal, "Agent", STYLE_WARNING, "not looked at yet");
    else if (state->phase == PHASE_CONNECTED)
        print_row(terminal, "Agent", STYLE_STRONG, "not held");
    else
        print_row(terminal, "Agent", STYLE_WARNING, "not paused: none was seen that runs");
}

static void print_counts(const struct terminal *terminal, const struct state *state)
{
    struct status_counts counts = status_count(state);
    size_t down = counts.kept - counts.kept_running;
    char restarts[80] = "none was restarted";

    if (counts.restarted > 0)
        snprintf(restarts, sizeof restarts, "%zu restarted, %lld time%s in all", counts.restarted,
                 (long long)counts.restarts, counts.restarts == 1 ? "" : "s");
    if (is_unseen(state) && counts.kept == 0)
        print_row(terminal, "Containers", STYLE_WARNING, "%zu running when Docker was last looked at", counts.running);
    else if (state->phase == PHASE_DISCONNECTED)
        print_row(terminal, "Containers", down > 0 ? STYLE_WARNING : STYLE_STRONG,
                  "%zu kept: %zu running, %zu down; %s", counts.kept, counts.kept_running, down, restarts);
    else if (counts.kept > 0)
        print_row(terminal, "Containers", STYLE_WARNING, "%zu running; %zu still kept", counts.running, counts.kept);
    else
        print_row(terminal, "Containers", STYLE_STRONG, "%zu running", counts.running);
}

/* The ones to look at first: down, then often restarted. */
static int compare_containers(const void *a, const void *b)
{
    const struct state_container *first = *(const struct state_container *const *)a;
    const struct state_container *second = *(const struct state_container *const *)b;

    if (first->running != second->running)
        return first->running ? 1 : -1;
    if (first->restarts != second->restarts)
        return first->restarts > second->restarts ? -1 : 1;
    return strcmp(first->name, second->name);
}

/* What an operator would not expect of a kept container, or NULL. */
static const char *remark_of(const struct state_container *container)
{
    if (container->starting)
        return "eins is starting it";
    if (container->takeover == TAKEOVER_ASKED)
        return "its restart policy is not set yet: if it fails now, the next check has to notice";
    if (container->guessed)
        return "the state was lost: taken for one that eins held";
    if (container->takeover == TAKEOVER_LEFT && container->running && container->policy.kind == POLICY_NO)
        return "Docker removes it when it ends: it will not be restarted";
    return NULL;
}

static void print_container(const struct terminal *terminal, const struct state_container *container)
{
    const char *remark = remark_of(container);
    char cells[64];

    snprintf(cells, sizeof cells, "  %-7s", container->running ? "running" : "down");
    terminal_print(terminal, container->running ? STYLE_PLAIN : STYLE_BAD, cells);
    snprintf(cells, sizeof cells, "  %8d", container->restarts);
    terminal_print(terminal, container->restarts > 0 ? STYLE_WARNING : STYLE_PLAIN, cells);
    fprintf(terminal->stream, "  %.12s  ", container->id);
    terminal_cut(terminal, 35, container->name);
    if (remark != NULL) {
        fputs("           ", terminal->stream);
        terminal_wrap(terminal, 11, 11, remark);
    }
}

static void print_containers(const struct terminal *terminal, const struct state *state)
{
    cleanup_free const struct state_container **kept = calloc(state->container_count + 1, sizeof *kept);
    size_t count = 0, quiet = 0;

    for (size_t i = 0; kept != NULL && i < state->container_count; i++) {
        if (state->containers[i].takeover != TAKEOVER_NONE)
            kept[count++] = &state->containers[i];
    }
    if (count == 0)
        return;
    qsort(kept, count, sizeof *kept, compare_containers);
    fputc('\n', terminal->stream);
    terminal_print(terminal, STYLE_FAINT, "  STATE    RESTARTS  ID            NAME");
    fputc('\n', terminal->stream);
    for (size_t i = 0; i < count; i++) {
        bool dull = kept[i]->running && kept[i]->restarts == 0 && remark_of(kept[i]) == NULL;

        quiet += dull;
        if (!dull || quiet <= QUIET_ROWS)
            print_container(terminal, kept[i]);
    }
    if (quiet > QUIET_ROWS)
        fprintf(terminal->stream, "  and %zu more that run and were not restarted (all of them: --json)\n",
                quiet - QUIET_ROWS);
}

static void print_texts(const struct terminal *terminal, const char *title, const struct record_texts *texts)
{
    if (texts->count == 0)
        return;
    fputc('\n', terminal->stream);
    terminal_print(terminal, STYLE_WARNING, title);
    fputc('\n', terminal->stream);
    for (size_t i = 0; i < texts->count; i++) {
        fputs("  - ", terminal->stream);
        terminal_wrap(terminal, 4, 4, texts->texts[i]);
    }
    if (texts->more > 0)
        fprintf(terminal->stream, "    and %lld more, see the log\n", (long long)texts->more);
}

static void print_outages(const struct terminal *terminal, const struct status_view *status)
{
    const struct record *record = status->record;
    const struct state *state = status->state;
    char began[64], lasted[40];

    if (record->outage_count == 0)
        return;
    fputc('\n', terminal->stream);
    terminal_print(terminal, STYLE_STRONG, "Last outages");
    fputc('\n', terminal->stream);
    terminal_print(terminal, STYLE_FAINT, "   NO  BEGAN             LASTED       RESTARTS  REMOVED  CAUSE");
    fputc('\n', terminal->stream);
    for (size_t i = record->outage_count; i-- > 0;) {
        const struct record_outage *outage = &record->outages[i];

        fprintf(terminal->stream, "%5lld  %-16s  %-11s  %8lld  %7lld  ", (long long)outage->number,
                time_text(outage->began, TIME_SHORT, began, sizeof began),
                outage->ended == 0 ? "goes on" : duration_text(outage->ended - outage->began, lasted, sizeof lasted),
                (long long)outage->restarted, (long long)outage->removed);
        terminal_cut(terminal, 57, outage->cause);
    }
    fprintf(terminal->stream, "  All in all: %lld outage%s, %s in those that are over; %lld restart%s, %lld removed\n",
            (long long)state->outages, state->outages == 1 ? "" : "s",
            duration_text(record->outage_seconds, lasted, sizeof lasted), (long long)state->restarted,
            state->restarted == 1 ? "" : "s", (long long)state->removed);
}

void status_print(FILE *stream, const struct status_view *status)
{
    const struct terminal terminal = terminal_of(stream);

    print_phase(&terminal, status);
    print_last_check(&terminal, status);
    print_region(&terminal, status);
    print_agent(&terminal, status->state);
    print_counts(&terminal, status->state);
    print_containers(&terminal, status->state);
    print_texts(&terminal, "The last check could not do:", &status->record->failures);
    print_texts(&terminal, "Warnings since the phase began:", &status->record->warnings);
    print_outages(&terminal, status);
}
