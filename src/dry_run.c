/* SPDX-License-Identifier: MIT-0 */
/* A dry run in words. */
#include "config.h"

#include "dry_run.h"

#include <string.h>
#include <time.h>

#include "error.h"
#include "report.h"
#include "terminal.h"
#include "text.h"

#define LABEL_WIDTH 9
#define SENTENCE_SIZE 1024
#define NUMBER_WIDTH 6 /* "  1.  " */

static void print_label(const struct terminal *terminal, const char *label)
{
    char padded[LABEL_WIDTH + 1];

    snprintf(padded, sizeof padded, "%-*s", LABEL_WIDTH, label);
    terminal_print(terminal, STYLE_STRONG, padded);
}

static void print_heading(const struct terminal *terminal, enum terminal_style style, const char *heading)
{
    fputc('\n', terminal->stream);
    terminal_print(terminal, style, heading);
    fputc('\n', terminal->stream);
}

/* A line that begins with a container. The whole of what follows its name goes to a line of its own where a terminal is
 * too narrow for both. */
static void print_container(const struct terminal *terminal, int column, const char *name, const char *id,
                            const char *what)
{
    char head[MODEL_NAME_SIZE + 32], line[SENTENCE_SIZE];

    snprintf(head, sizeof head, "%s (%.12s)%s", name, report_id_text(id), what[0] != '\0' ? ":" : "");
    snprintf(line, sizeof line, "%s%s%s", head, what[0] != '\0' ? " " : "", what);
    if (terminal->width == 0 || column + (int)strlen(line) <= terminal->width) {
        terminal_wrap(terminal, column, column, line);
        return;
    }
    terminal_wrap(terminal, column, column, head);
    if (what[0] != '\0') {
        fprintf(terminal->stream, "%*s", column, "");
        terminal_wrap(terminal, column, column, what);
    }
}

/* In milliseconds: what takes long is to be seen at a glance. */
static void print_steps(const struct terminal *terminal, const struct probe_result *probe)
{
    const struct {
        const char *name;
        double seconds;
    } steps[] = {{"name", probe->steps.name},
                 {"connection", probe->steps.connection},
                 {"TLS", probe->steps.tls},
                 {"first byte", probe->steps.first_byte}};
    char text[SENTENCE_SIZE];
    size_t used = (size_t)snprintf(text, sizeof text, "%.1f ms", probe->seconds * 1000);

    for (size_t i = 0, shown = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i].seconds > 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %.1f", shown++ == 0 ? ": " : ", ",
                                     steps[i].name, steps[i].seconds * 1000);
    }
    print_label(terminal, "Time:");
    terminal_wrap(terminal, LABEL_WIDTH, LABEL_WIDTH, text);
}

static void print_probe(const struct terminal *terminal, const struct probe_result *probe)
{
    static const enum terminal_style styles[] = {
        [REACH_REACHABLE] = STYLE_GOOD, [REACH_UNREACHABLE] = STYLE_BAD, [REACH_INDETERMINATE] = STYLE_WARNING};
    const char *reach = model_reach_name(probe->reach);
    char text[SENTENCE_SIZE];

    print_label(terminal, "Probe:");
    terminal_print(terminal, styles[probe->reach], reach);
    fputs(": ", terminal->stream);
    terminal_wrap(terminal, LABEL_WIDTH + (int)strlen(reach) + 2, LABEL_WIDTH, probe->explanation);
    if (probe->address[0] != '\0') {
        snprintf(text, sizeof text, "%s%s%s%s%s%s", probe->address, probe->proxied ? " (the proxy)" : "",
                 probe->tls_version[0] != '\0' ? ", " : "", probe->tls_version, probe->cipher[0] != '\0' ? " " : "",
                 probe->cipher);
        print_label(terminal, "Address:");
        terminal_wrap(terminal, LABEL_WIDTH, LABEL_WIDTH, text);
    }
    print_steps(terminal, probe);
}

static void print_phase(const struct terminal *terminal, const struct dry_run *view)
{
    const struct state *before = view->before;
    char text[SENTENCE_SIZE], counter[REPORT_COUNTER_SIZE], since[40] = "";
    time_t when = (time_t)before->since;
    struct tm local = {0};

    print_label(terminal, "Phase:");
    snprintf(
        text, sizeof text, "%s -> %s%s", before->rebuild ? "not known yet (no state)" : model_phase_name(before->phase),
        model_phase_name(view->after->phase), report_counter_text(view->conf, view->after, counter, sizeof counter));
    terminal_wrap(terminal, LABEL_WIDTH, LABEL_WIDTH, text);
    if (before->rebuild || localtime_r(&when, &local) == NULL ||
        strftime(since, sizeof since, "%Y-%m-%d %H:%M:%S %Z", &local) == 0)
        return;
    print_label(terminal, "Since:");
    if (before->phase == PHASE_DISCONNECTED)
        snprintf(text, sizeof text, "%s, outage %lld", since, (long long)before->outages);
    else
        snprintf(text, sizeof text, "%s", since);
    terminal_wrap(terminal, LABEL_WIDTH, LABEL_WIDTH, text);
}

static void print_head(const struct terminal *terminal, const struct dry_run *view)
{
    if (view->before == NULL) {
        print_label(terminal, "Reset:");
        terminal_wrap(terminal, LABEL_WIDTH, LABEL_WIDTH,
                      "everything that eins holds is given back, and its state is forgotten");
        return;
    }
    print_label(terminal, "Region:");
    terminal_wrap(terminal, LABEL_WIDTH, LABEL_WIDTH, view->conf->endpoint);
    print_probe(terminal, view->probe);
    print_phase(terminal, view);
}

/* Once for all that are of one kind and have the same reason. */
static void print_why(const struct terminal *terminal, int first, int last, const struct op *op)
{
    char text[SENTENCE_SIZE], wait[32] = "";

    if (op->kind == OP_AWAIT_AGENT)
        snprintf(wait, sizeof wait, "for up to %d s, ", op->seconds);
    if (first < last)
        snprintf(text, sizeof text, "%d to %d side by side, because %s", first, last, plan_reason_text(op->reason));
    else
        snprintf(text, sizeof text, "%sbecause %s", wait, plan_reason_text(op->reason));
    fprintf(terminal->stream, "%*s", NUMBER_WIDTH, "");
    terminal_wrap(terminal, NUMBER_WIDTH, NUMBER_WIDTH, text);
}

static int print_ops(const struct terminal *terminal, const struct plan *plan)
{
    cleanup_free const struct op **ops = dry_run_sort(plan);
    int first = 1;

    if (ops == NULL)
        return -1;
    if (plan->op_count == 0) {
        print_heading(terminal, STYLE_STRONG, "Nothing would be done.");
        return 0;
    }
    print_heading(terminal, STYLE_STRONG, "Would be done, in this order:");
    for (int i = 1; i <= (int)plan->op_count; i++) {
        const struct op *op = ops[i - 1], *next = ops[i]; /* behind the last one there is NULL */
        char what[128];
        int column = fprintf(terminal->stream, "%3d.  ", i);

        print_container(terminal, column, op->name, op->id, report_op_text(op, what, sizeof what));
        if (next == NULL || next->kind != op->kind || next->reason != op->reason) {
            print_why(terminal, first, i, op);
            first = i + 1;
        }
    }
    return 0;
}

static void print_left(const struct terminal *terminal, const struct dry_run *view)
{
    struct dry_run_left left = dry_run_left(view);
    char text[SENTENCE_SIZE];

    if (!view->seen->listed)
        return;
    snprintf(text, sizeof text, "managed containers: %zu up, %zu down; other containers: %zu%s", left.up, left.down,
             left.others, left.agent ? "; the agent" : "");
    fputc('\n', terminal->stream);
    terminal_print(terminal, STYLE_STRONG, "Left as it is: ");
    terminal_wrap(terminal, (int)strlen("Left as it is: "), LABEL_WIDTH, text);
}

/* A warning says the same, and what to do. */
static bool is_advised(const struct dry_run *view, const struct note *note)
{
    for (size_t i = 0; i < view->advice->count; i++) {
        const struct finding *finding = &view->advice->findings[i];

        if ((note->kind == NOTE_AUTO_REMOVE && finding->kind == ADVICE_AUTO_REMOVE &&
             strcmp(finding->container->id, note->id) == 0) ||
            (note->kind == NOTE_FOREIGN_PAUSE && finding->kind == ADVICE_AGENT_PAUSED) ||
            (note->kind == NOTE_AGENT_DOWN &&
             (finding->kind == ADVICE_AGENT_DOWN || finding->kind == ADVICE_AGENT_MISSING)))
            return true;
    }
    return false;
}

static void print_notes(const struct terminal *terminal, const struct dry_run *view)
{
    bool begun = false;

    for (size_t i = 0; i < view->plan->note_count; i++) {
        const struct note *note = &view->plan->notes[i];

        if (is_advised(view, note))
            continue;
        if (!begun)
            print_heading(terminal, STYLE_STRONG, "To be known:");
        begun = true;
        fputs("  ", terminal->stream);
        print_container(terminal, 2, note->name, note->id, plan_note_text(note->kind));
    }
}

static void print_finding(const struct terminal *terminal, const struct finding *finding)
{
    if (finding->container == NULL && finding->detail[0] == '\0')
        return;
    fprintf(terminal->stream, "%*s", NUMBER_WIDTH, "");
    if (finding->container != NULL)
        print_container(terminal, NUMBER_WIDTH, finding->container->name, finding->container->id, finding->detail);
    else
        terminal_wrap(terminal, NUMBER_WIDTH, NUMBER_WIDTH, finding->detail);
}

/* Once what it is and what to do, then whom it is about. */
static void print_advice(const struct terminal *terminal, const struct dry_run *view)
{
    const struct advice *advice = view->advice;

    if (advice->count == 0 && view->before != NULL && view->seen->listed)
        print_heading(terminal, STYLE_GOOD, "Nothing was found that would go wrong in an outage.");
    if (advice->count == 0)
        return;
    print_heading(terminal, STYLE_WARNING, view->before == NULL ? "In the way:" : "Would go wrong in an outage:");
    for (size_t i = 0; i < advice->count; i++) {
        if (i == 0 || advice->findings[i - 1].kind != advice->findings[i].kind) {
            terminal_print(terminal, STYLE_WARNING, "  ! ");
            terminal_wrap(terminal, 4, 4, advice_text(advice->findings[i].kind));
        }
        print_finding(terminal, &advice->findings[i]);
    }
}

int dry_run_print(FILE *stream, const struct dry_run *view)
{
    struct terminal terminal = terminal_of(stream);
    int result = 0;

    fprintf(stream, "Dry run: nothing is changed, in Docker or on disk.\n\n");
    print_head(&terminal, view);
    if (view->plan != NULL) {
        result = print_ops(&terminal, view->plan);
        print_left(&terminal, view);
        print_notes(&terminal, view);
    } else {
        print_heading(&terminal, STYLE_BAD, "What would be done is not known: Docker could not be looked at.");
        terminal_wrap(&terminal, 0, 0, view->error);
    }
    print_advice(&terminal, view);
    return fflush(stream) == 0 && !ferror(stream) ? result : -1;
}
