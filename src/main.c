/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "conf.h"
#include "file.h"
#include "http.h"
#include "log.h"
#include "notify.h"
#include "options.h"
#include "report.h"
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
    return options->action == ACTION_RESET ? 0 : conf_finish(builder, error); /* a reset asks no region */
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

static void conclude(struct check *check)
{
    record_code(&check->store.record, exit_code(check));
    check_save(check, &check->state, true);
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

    if (load(check, now, &error) < 0 || http_init(&error) < 0)
        return fail(&error);
    before = check->state; /* its numbers only: the containers stay where they are */
    probe_region(conf, &check->probe);
    (void)clock_gettime(CLOCK_BOOTTIME, &uptime);
    record_probe(&check->store.record, check->probe.reach, check->probe.explanation);
    check->verdict = plan_verdict(conf, check->probe.reach, now, uptime.tv_sec, &check->state);
    report_verdict(conf, &before, &check->state, &check->probe);
    check_reconcile(check, &plan);
    if (!check->dry_run)
        conclude(check);
    else if (check->code == EXIT_DONE)
        report_dry_run(stdout, conf, &before, &plan.next, &check->probe, &plan);
    else
        report_dry_run(stdout, conf, &before, &check->state, &check->probe, NULL);
    plan_clear(&plan);
    return exit_code(check);
}

/* Everything back, whatever the region is like, and then eins knows nothing any more. */
static enum exit_code reset(struct check *check)
{
    struct error error;
    struct plan plan = {0};

    if (load(check, time(NULL), &error) < 0 || http_init(&error) < 0)
        return fail(&error);
    check->verdict = plan_reset(time(NULL), &check->state);
    if (check->state.rebuild || state_owes(&check->state)) /* otherwise a Docker that is gone already is not missed */
        check_reconcile(check, &plan);
    if (check->dry_run) {
        report_reset(stdout, check->code == EXIT_DONE ? &plan : NULL);
    } else if (check->code == EXIT_DONE) {
        if (state_forget(&check->store, &error) < 0)
            return fail(&error);
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
    struct check check = {.conf = &builder.conf};
    cleanup_close int lock_fd = -1;
    enum exit_code code;
    char summary[256];

    open_standard_streams();
    conf_init(&builder);
    if (options_parse(argc, argv, &builder, &options, &error) < 0)
        return complain(&error);
    if (options.action == ACTION_HELP)
        return options_print_help(stdout), EXIT_DONE;
    if (options.action == ACTION_VERSION)
        return puts(PACKAGE_STRING), EXIT_DONE;
    if (configure(&builder, &options, &error) < 0)
        return complain(&error);
    check.dry_run = options.dry_run;
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
