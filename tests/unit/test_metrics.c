/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "folder.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "metrics.h"

#define NOW INT64_C(1795564799)
#define FILE_NAME "eins.prom"

/* A check in the third outage: two containers are kept, and a third only ran at the last look. */
struct scene {
    struct state_container containers[3];
    struct state state;
    struct record record;
    struct metrics metrics;
};

static void make_scene(struct scene *scene)
{
    *scene = (struct scene){
        .containers = {{.takeover = TAKEOVER_SET}, {.takeover = TAKEOVER_NONE}, {.takeover = TAKEOVER_LEFT}},
        .state = {.phase = PHASE_DISCONNECTED, .since = NOW - 90, .outages = 3, .restarted = 7, .removed = 5},
        .record = {.errors = {[RECORD_INCOMPLETE] = 4, [RECORD_STATE] = 1},
                   .outage_seconds = 1000,
                   .outages = {{.number = 2, .began = NOW - 5000, .ended = NOW - 4000},
                               {.number = 3, .began = NOW - 90}},
                   .outage_count = 2},
        .metrics =
            {.reach = REACH_UNREACHABLE, .now = NOW, .check_seconds = 1.25, .probe_seconds = 0.05, .version = "1.2.3"},
    };
    scene->state.containers = scene->containers;
    scene->state.container_count = COUNT(scene->containers);
    scene->metrics.state = &scene->state;
    scene->metrics.record = &scene->record;
}

static char *render(const struct scene *scene)
{
    size_t length = 0;
    char *text = metrics_render(&scene->metrics, &length);

    assert_non_null(text);
    assert_int_equal(length, strlen(text));
    return text;
}

/* Asserts that the line is among the metrics. */
static void assert_line(const struct scene *scene, const char *line)
{
    char *text = render(scene);
    char whole[256];

    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (strstr(text, whole) == NULL)
        fail_msg("there is no line %s in:\n%s", line, text);
    free(text);
}

static void a_whole_file_in_the_exposition_format(void **state)
{
    static const char *const expected =
        "# HELP eins_region_reachable Whether the last probe found the region reachable.\n"
        "# TYPE eins_region_reachable gauge\n"
        "eins_region_reachable 0\n"
        "# HELP eins_phase Who looks after the containers: 1 for the phase that eins is in.\n"
        "# TYPE eins_phase gauge\n"
        "eins_phase{phase=\"connected\"} 0\n"
        "eins_phase{phase=\"disconnected\"} 1\n"
        "# HELP eins_outage_start_timestamp_seconds When the running outage began, 0 when there is none.\n"
        "# TYPE eins_outage_start_timestamp_seconds gauge\n"
        "eins_outage_start_timestamp_seconds 1795564709\n"
        "# HELP eins_last_check_timestamp_seconds When the last check was made.\n"
        "# TYPE eins_last_check_timestamp_seconds gauge\n"
        "eins_last_check_timestamp_seconds 1795564799\n"
        "# HELP eins_check_duration_seconds How long the last check took.\n"
        "# TYPE eins_check_duration_seconds gauge\n"
        "eins_check_duration_seconds 1.25\n"
        "# HELP eins_probe_duration_seconds How long its probe of the region took.\n"
        "# TYPE eins_probe_duration_seconds gauge\n"
        "eins_probe_duration_seconds 0.05\n"
        "# HELP eins_containers_kept Containers that eins has taken over and not given back yet.\n"
        "# TYPE eins_containers_kept gauge\n"
        "eins_containers_kept 2\n"
        "# HELP eins_containers_restarted_total Restarts of containers that were seen in outages.\n"
        "# TYPE eins_containers_restarted_total counter\n"
        "eins_containers_restarted_total 7\n"
        "# HELP eins_containers_removed_total Containers removed at the end of outages, for ECS to replace.\n"
        "# TYPE eins_containers_removed_total counter\n"
        "eins_containers_removed_total 5\n"
        "# HELP eins_outages_total Outages that have begun.\n"
        "# TYPE eins_outages_total counter\n"
        "eins_outages_total 3\n"
        "# HELP eins_outage_seconds_total Length of all outages, with the running one.\n"
        "# TYPE eins_outage_seconds_total counter\n"
        "eins_outage_seconds_total 1090\n"
        "# HELP eins_errors_total Checks that did not end well, by what was wrong.\n"
        "# TYPE eins_errors_total counter\n"
        "eins_errors_total{kind=\"incomplete\"} 4\n"
        "eins_errors_total{kind=\"docker\"} 0\n"
        "eins_errors_total{kind=\"probe\"} 0\n"
        "eins_errors_total{kind=\"state\"} 1\n"
        "# HELP eins_build_info Always 1; its label is the version of eins-check.\n"
        "# TYPE eins_build_info gauge\n"
        "eins_build_info{version=\"1.2.3\"} 1\n";
    struct scene scene;
    char *text;

    (void)state;
    make_scene(&scene);
    text = render(&scene);
    assert_string_equal(text, expected);
    free(text);
}

static void connected_and_reachable(void **state)
{
    struct scene scene;

    (void)state;
    make_scene(&scene);
    scene.state.phase = PHASE_CONNECTED;
    scene.record.outages[1].ended = NOW - 10;
    scene.record.outage_seconds += 80;
    scene.metrics.reach = REACH_REACHABLE;
    assert_line(&scene, "eins_region_reachable 1");
    assert_line(&scene, "eins_phase{phase=\"connected\"} 1");
    assert_line(&scene, "eins_phase{phase=\"disconnected\"} 0");
    assert_line(&scene, "eins_outage_start_timestamp_seconds 0");
    assert_line(&scene, "eins_outage_seconds_total 1080");
}

static void an_indeterminate_probe_says_nothing_of_the_region(void **state)
{
    struct scene scene;
    char *text;

    (void)state;
    make_scene(&scene);
    scene.metrics.reach = REACH_INDETERMINATE;
    text = render(&scene);
    assert_null(strstr(text, "eins_region_reachable"));
    free(text);
    assert_line(&scene, "eins_phase{phase=\"disconnected\"} 1");
}

static void a_host_without_outages_has_all_counters_at_zero(void **state)
{
    struct scene scene = {.metrics = {.now = NOW, .version = "1"}};

    (void)state;
    scene.metrics.state = &scene.state;
    scene.metrics.record = &scene.record;
    assert_line(&scene, "eins_outages_total 0");
    assert_line(&scene, "eins_outage_seconds_total 0");
    assert_line(&scene, "eins_containers_kept 0");
    assert_line(&scene, "eins_containers_restarted_total 0");
    assert_line(&scene, "eins_containers_removed_total 0");
    assert_line(&scene, "eins_errors_total{kind=\"incomplete\"} 0");
    assert_line(&scene, "eins_errors_total{kind=\"docker\"} 0");
    assert_line(&scene, "eins_errors_total{kind=\"probe\"} 0");
    assert_line(&scene, "eins_errors_total{kind=\"state\"} 0");
}

static void the_sum_of_outages_does_not_jump_when_one_ends(void **state)
{
    struct scene scene;

    (void)state;
    make_scene(&scene);
    assert_line(&scene, "eins_outage_seconds_total 1090");
    record_follow(&scene.record, PHASE_CONNECTED, NOW, 3, 7, 5);
    scene.state.phase = PHASE_CONNECTED;
    assert_line(&scene, "eins_outage_seconds_total 1090");
}

static void a_clock_that_was_set_back_makes_no_outage_negative(void **state)
{
    struct scene scene;

    (void)state;
    make_scene(&scene);
    scene.metrics.now = NOW - 100000;
    assert_line(&scene, "eins_outage_seconds_total 1000");
}

static void large_numbers_are_written_in_full(void **state)
{
    struct scene scene;

    (void)state;
    make_scene(&scene);
    scene.state.restarted = INT64_C(123456789012345);
    scene.metrics.check_seconds = 3600.125;
    assert_line(&scene, "eins_containers_restarted_total 123456789012345");
    assert_line(&scene, "eins_check_duration_seconds 3600.125");
}

static void a_label_is_escaped(void **state)
{
    struct scene scene;

    (void)state;
    make_scene(&scene);
    scene.metrics.version = "a\"b\\c\nd\\\\";
    assert_line(&scene, "eins_build_info{version=\"a\\\"b\\\\c\\nd\\\\\\\\\"} 1");
}

static void write_scene(const struct scene *scene)
{
    struct error error;

    assert_int_equal(metrics_write(FILE_NAME, &scene->metrics, &error), 0);
}

static void the_file_holds_what_was_rendered_and_everybody_may_read_it(void **state)
{
    struct scene scene;
    struct stat info;
    char *text, *written;
    mode_t before = umask(0077);

    (void)state;
    make_scene(&scene);
    write_scene(&scene);
    umask(before);
    assert_int_equal(lstat(FILE_NAME, &info), 0);
    assert_int_equal(info.st_mode, S_IFREG | 0644);
    text = render(&scene);
    assert_int_equal(file_read(FILE_NAME, 1 << 20, &written, NULL), 0);
    assert_string_equal(written, text);
    free(written);
    free(text);
}

static void a_reader_keeps_the_metrics_of_one_check(void **state)
{
    struct scene scene;
    struct stat first, second;

    (void)state;
    make_scene(&scene);
    write_scene(&scene);
    assert_int_equal(link(FILE_NAME, "open"), 0); /* as a reader holds it */
    write_scene(&scene);
    assert_int_equal(stat("open", &first), 0);
    assert_int_equal(stat(FILE_NAME, &second), 0);
    assert_int_not_equal(first.st_ino, second.st_ino);
}

static void a_planted_link_is_replaced_and_not_followed(void **state)
{
    struct scene scene;
    struct stat info;

    (void)state;
    make_scene(&scene);
    assert_int_equal(symlink("victim", FILE_NAME), 0);
    write_scene(&scene);
    assert_int_equal(lstat(FILE_NAME, &info), 0);
    assert_true(S_ISREG(info.st_mode));
    assert_int_not_equal(lstat("victim", &info), 0);
}

static void assert_refused(const char *path, const char *words)
{
    struct scene scene;
    struct error error = {0};

    make_scene(&scene);
    assert_int_equal(metrics_write(path, &scene.metrics, &error), -1);
    assert_int_equal(error.code, EXIT_STATE);
    assert_non_null(strstr(error.text, path));
    if (strstr(error.text, words) == NULL)
        fail_msg("no \"%s\" in: %s", words, error.text);
}

static void a_missing_folder_is_named(void **state)
{
    struct stat info;

    (void)state;
    assert_refused("none/eins.prom", "its folder is missing");
    assert_int_not_equal(stat("none", &info), 0);
}

static void what_is_no_file_is_left_as_it_is(void **state)
{
    struct stat info;

    (void)state;
    assert_int_equal(mkdir(FILE_NAME, 0755), 0);
    assert_refused(FILE_NAME, "cannot be written");
    assert_int_equal(stat(FILE_NAME, &info), 0);
    assert_true(S_ISDIR(info.st_mode));
}

static void what_could_not_be_written_leaves_the_last_metrics(void **state)
{
    struct scene scene;
    struct rlimit before, none;
    char *was, *is;

    (void)state;
    make_scene(&scene);
    write_scene(&scene);
    assert_int_equal(file_read(FILE_NAME, 1 << 20, &was, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    scene.state.outages++;
    assert_refused(FILE_NAME, "cannot be written");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(file_read(FILE_NAME, 1 << 20, &is, NULL), 0);
    assert_string_equal(is, was);
    free(is);
    free(was);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_in_the_exposition_format),
        cmocka_unit_test(connected_and_reachable),
        cmocka_unit_test(an_indeterminate_probe_says_nothing_of_the_region),
        cmocka_unit_test(a_host_without_outages_has_all_counters_at_zero),
        cmocka_unit_test(the_sum_of_outages_does_not_jump_when_one_ends),
        cmocka_unit_test(a_clock_that_was_set_back_makes_no_outage_negative),
        cmocka_unit_test(large_numbers_are_written_in_full),
        cmocka_unit_test(a_label_is_escaped),
        cmocka_unit_test_setup_teardown(the_file_holds_what_was_rendered_and_everybody_may_read_it, folder_enter,
                                        folder_leave),
        cmocka_unit_test_setup_teardown(a_reader_keeps_the_metrics_of_one_check, folder_enter, folder_leave),
        cmocka_unit_test_setup_teardown(a_planted_link_is_replaced_and_not_followed, folder_enter, folder_leave),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_named, folder_enter, folder_leave),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_left_as_it_is, folder_enter, folder_leave),
        cmocka_unit_test_setup_teardown(what_could_not_be_written_leaves_the_last_metrics, folder_enter, folder_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
