/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "conf.h"
#include "conf_print.h"
#include "dry_look.h"
#include "dry_run.h"
#include "file.h"
#include "http.h"
#include "log.h"
#include "metrics.h"
#include "notify.h"
#include "options.h"
#include "report.h"
#include "status.h"
#include "text.h"

/* A closed standard stream would be reused by the first file that is opened, and then be written to as if it were the
 * stream. */
static void open_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* Says on standard error what is wrong with the call or the configuration, for the person or the journal that is there.
 */
static int complain(const struct error *error)
{
    char shown[sizeof error->text * 2];

    fprintf(stderr, "eins-check: %s\n", text_escape(shown, sizeof shown, error->text));
    return (int)error->code;
}

static enum exit_code fail(const struct error *error)
{
    log_write(LOG_LEVEL_ERROR, "begin", "%s", error->text);
    return error->code;
}

static int configure(struct conf_builder *builder, const struct options *options, struct error *error)
{
    if (conf_read_file(builder, options->config, options->config_given, error) < 0 ||
        conf_read_environment(builder, error) < 0)
        return -1;
    conf_read_ecs(builder, "/etc/ecs/ecs.config");
    conf_read_ecs(builder, "/var/lib/ecs/ecs.config");
    if (options->action == ACTION_RESET || options->action == ACTION_STATUS)
        return 0; /* they ask no region */
    return conf_finish(builder, error);
}

static int lock(const struct conf *conf, int *ret_fd, struct error *error)
{
    char path[CONF_TEXT_SIZE + 8];
    pid_t holder = 0;
    int result;

    snprintf(path, sizeof path, "%s.lock", conf->state_file);
    result = file_lock(path, ret_fd, &holder);
    if (result == -EWOULDBLOCK && holder > 0)
        return error_set(error, EXIT_LOCKED, "another check is running: process %d holds %s", (int)holder, path);
    if (result == -EWOULDBLOCK)
        return error_set(error, EXIT_LOCKED, "another check is running: it holds %s", path);
    if (result == -ENOENT)
        return error_set(error, EXIT_STATE,
                         "%s: cannot be created: its folder is missing, make it or set `file` in [state]", path);
    if (result < 0)
        return error_set(error, EXIT_STATE, "%s: cannot be locked: %s", path, strerror(-result));
    return 0;
}

static int load(struct check *check, time_t now, struct error *error)
{
    check->store.path = check->conf->state_file;
    error->text[0] = '\0';
    if (state_load(&check->store, check->dry_run, now, &check->state, error) < 0)
        return -1;
    if (error->text[0] != '\0')
        log_write(LOG_LEVEL_WARNING, "begin", "%s; the state is rebuilt from what Docker shows", error->text);
    return 0;
}

static enum exit_code exit_code(const struct check *check)
{
    return check->probe.reach == REACH_INDETERMINATE ? EXIT_PROBE : check->code;
}

static int64_t monotonic_ms(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What is left for the next check, and for those who watch. */
static void conclude(struct check *check)
{
    struct metrics metrics = {.state = &check->state,
                              .record = &check->store.record,
                              .reach = check->probe.reach,
                              .now = check->verdict.now,
                              .check_seconds = (double)(monotonic_ms() - check->began) / 1000,
                              .probe_seconds = check->probe.seconds,
                              .version = PACKAGE_VERSION};
    enum exit_code code = exit_code(check);
    struct error error;

    record_code(&check->store.record, code);
    if (!check_save(check, &check->state, true) && exit_code(check) != code)
        record_code(&check->store.record, exit_code(check)); /* for the metrics: no state file has it */
    if (check->conf->metrics_file[0] != '\0' && metrics_write(check->conf->metrics_file, &metrics, &error) < 0)
        log_write(LOG_LEVEL_ERROR, "end", "%s", error.text);
}

/* before is NULL for a reset. */
static void show_plan(struct check *check, const struct state *before, const struct plan *plan)
{
    bool planned = check->code == EXIT_DONE;
    struct advice advice = {0};
    struct dry_run view = {.conf = check->conf,
                           .before = before,
                           .after = planned && before != NULL ? &plan->next : &check->state,
                           .probe = before != NULL ? &check->probe : NULL,
                           .plan = planned ? plan : NULL,
                           .error = planned                          ? NULL
                                    : check->trouble.text[0] != '\0' ? check->trouble.text
                                                                     : error_exit_text(check->code),
                           .seen = &check->seen,
                           .advice = &advice};
    int result = dry_look(check->conf, before == NULL, view.after->phase, view.plan, &check->seen, &advice);

    if (result == 0)
        result = check->json ? dry_run_json(stdout, &view) : dry_run_print(stdout, &view);
    if (result < 0) {
        log_write(LOG_LEVEL_ERROR, "end", "what would be done cannot be printed");
        check_worsen(check, EXIT_STATE);
    }
    advice_clear(&advice);
}

/* One check, from the state to the report. */
static enum exit_code run(struct check *check)
{
    const struct conf *conf = check->conf;
    time_t now = time(NULL);
    struct timespec uptime = {.tv_sec = PLAN_BOOT_PATIENCE};
    struct error error;
    struct state before;
    struct plan plan;

    if (http_init(&error) < 0 || load(check, now, &error) < 0)
        return fail(&error);
    before = check->state; /* its numbers only: the containers stay where they are */
    probe_region(conf, &check->probe);
    (void)clock_gettime(CLOCK_BOOTTIME, &uptime);
    record_probe(&check->store.record, check->probe.reach, check->probe.explanation);
    check->verdict = plan_verdict(conf, check->probe.reach, now, uptime.tv_sec, &check->state);
    report_verdict(conf, &before, &check->state, &check->probe);
    check_reconcile(check, &plan);
    if (check->dry_run)
        show_plan(check, &before, &plan);
    else
        conclude(check);
    plan_clear(&plan);
    return exit_code(check);
}

/* Everything back, whatever the region is like, and then eins knows nothing any more. */
static enum exit_code reset(struct check *check)
{
    struct error error;
    struct plan plan = {0};

    if (http_init(&error) < 0 || load(check, time(NULL), &error) < 0)
        return fail(&error);
    check->verdict = plan_reset(time(NULL), &check->state);
    if (check->state.rebuild || state_owes(&check->state)) /* otherwise a Docker that is gone already is not missed */
        check_reconcile(check, &plan);
    if (check->dry_run) {
        show_plan(check, NULL, &plan);
    } else if (check->code == EXIT_DONE) {
        if (state_forget(&check->store, &error) < 0)
            return fail(&error);
        if (check->conf->metrics_file[0] != '\0')
            (void)file_remove(check->conf->metrics_file); /* else they would be taken for those of a check that hangs */
        log_write(LOG_LEVEL_WARNING, "end", "reset: eins holds nothing any more, and its state is forgotten");
    } else {
        if (!check->state.rebuild)
            check_save(check, &check->state, false);
        log_write(LOG_LEVEL_ERROR, "end", "reset: not everything could be given back; run it again");
    }
    plan_clear(&plan);
    return check->code;
}

int main(int argc, char **argv)
{
    struct conf_builder builder;
    struct options options;
    struct error error;
    struct check check = {.conf = &builder.conf, .began = monotonic_ms()};
    cleanup_close int lock_fd = -1;
    enum exit_code code;
    char summary[256];

    open_standard_streams();
    signal(SIGXFSZ, SIG_IGN); /* a limit to the size of files is an error of write(), like a full disk */
    conf_init(&builder);
    if (options_parse(argc, argv, &builder, &options, &error) < 0)
        return complain(&error);
    if (options.action == ACTION_HELP)
        return options_print_help(stdout), EXIT_DONE;
    if (options.action == ACTION_VERSION)
        return puts(PACKAGE_STRING), EXIT_DONE;
    if (configure(&builder, &options, &error) < 0)
        return complain(&error);
    if (options.action == ACTION_CHECK_CONFIG)
        return conf_print(stdout, &builder, options.json) < 0 ? EXIT_STATE : EXIT_DONE;
    if (options.action == ACTION_STATUS)
        return status_run(stdout, check.conf, options.json);
    check.dry_run = options.dry_run;
    check.json = options.json;
    /* A dry run writes no file; who asked for it, or for a reset, is at the terminal. */
    log_setup(check.dry_run ? NULL : check.conf->log_file,
              check.dry_run ? LOG_LEVEL_ERROR : (enum log_level)check.conf->log_level,
              options.verbose || check.dry_run || options.action == ACTION_RESET);
    if (!check.dry_run && lock(check.conf, &lock_fd, &error) < 0)
        return complain(&error);
    log_write(LOG_LEVEL_DEBUG, "startup", "%s, endpoint %s, Docker at %s", PACKAGE_STRING, check.conf->endpoint,
              check.conf->docker_host);
    code = options.action == ACTION_RESET ? reset(&check) : run(&check);
    notify_status(report_summary(summary, sizeof summary, &check.state, code));
    log_write(LOG_LEVEL_DEBUG, "end", "exit code %d", (int)code);
    check_clear(&check);
    log_close();
    return (int)code;
}
