/* SPDX-License-Identifier: MIT-0 */
/* The inspection of a container: its state, its policy, its flags; a field that is missing or odd is an error. */
#include "config.h"

#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "docker_fixture.h"

static void a_recorded_inspection_shows_what_the_planner_needs(void **state)
{
    enum { NO, YES, ON_20_10 };
    static const struct {
        const char *name;
        enum status status;
        struct policy policy;
        int restart_count, exit_code, stop_timeout;
        bool auto_remove;
        int oom_killed;
        bool has_error;
    } expected[] = {
        {"running", STATUS_RUNNING, {POLICY_NO, 0}, 0, 0, -1, false, NO, false},
        /* 20.10 shows an empty name for these where the others say "no". */
        {"paused", STATUS_PAUSED, {POLICY_NO, 0}, 0, 0, -1, false, NO, false},
        {"exited-137", STATUS_EXITED, {POLICY_NO, 0}, 0, 137, -1, false, NO, false},
        {"auto-remove", STATUS_RUNNING, {POLICY_NO, 0}, 0, 0, -1, true, NO, false},
        {"always-stop-timeout", STATUS_RUNNING, {POLICY_ALWAYS, 0}, 0, 0, 90, false, NO, false},
        {"on-failure", STATUS_RUNNING, {POLICY_ON_FAILURE, 5}, 0, 0, -1, false, NO, false},
        {"restarting", STATUS_RESTARTING, {POLICY_ON_FAILURE, 0}, 6, 3, -1, false, NO, false},
        {"oom-killed-exited", STATUS_EXITED, {POLICY_NO, 0}, 0, 137, -1, false, YES, false},
        /* Only the old engine keeps the flag once the container runs again (FACTS.md). */
        {"oom-killed-running", STATUS_RUNNING, {POLICY_ON_FAILURE, 0}, 1, 0, -1, false, ON_20_10, false},
        {"start-failed", STATUS_CREATED, {POLICY_NO, 0}, 0, 127, -1, false, NO, true},
    };

    (void)state;
    for (size_t v = 0; v < COUNT(versions); v++) {
        for (size_t i = 0; i < COUNT(expected); i++) {
            struct container container = {.managed = true, .name = "web"};
            struct error error = {0};
            struct body body;
            char name[64], text[256];

            snprintf(name, sizeof name, "inspect-%s.json", expected[i].name);
            body = recorded(versions[v], name);
            if (docker_json_inspect(body.text, body.length, &container, &error) != 0)
                fail_msg("%s of %s: %s", name, versions[v], error.text);
            assert_int_equal(container.inspected, INSPECT_DONE);
            assert_int_equal(container.status, expected[i].status);
            assert_true(model_policy_equal(container.policy, expected[i].policy));
            assert_int_equal(container.restart_count, expected[i].restart_count);
            assert_int_equal(container.exit_code, expected[i].exit_code);
            assert_int_equal(container.stop_timeout, expected[i].stop_timeout);
            assert_int_equal(container.auto_remove, expected[i].auto_remove);
            assert_int_equal(container.oom_killed,
                             expected[i].oom_killed == YES || (expected[i].oom_killed == ON_20_10 && v == 0));
            assert_int_equal(container.has_error, expected[i].has_error);
            assert_string_equal(container.id, quoted(&body, "{\"Id\":\"", text, sizeof text));
            assert_string_equal(container.started_at, quoted(&body, "\"StartedAt\":\"", text, sizeof text));
            /* Those are the list's. */
            assert_true(container.managed);
            assert_string_equal(container.name, "web");
            free(body.text);
        }
    }
}

static void every_state_of_docker_is_read(void **state)
{
    static const enum status statuses[] = {STATUS_CREATED,  STATUS_RUNNING, STATUS_PAUSED, STATUS_RESTARTING,
                                           STATUS_REMOVING, STATUS_EXITED,  STATUS_DEAD};

    (void)state;
    for (size_t i = 0; i < COUNT(statuses); i++) {
        char quoted_name[32];
        char *entry, *inspected;
        struct snapshot snapshot;

        snprintf(quoted_name, sizeof quoted_name, "\"%s\"", model_status_name(statuses[i]));
        entry = replaced("[" MANAGED "]", "\"running\"", quoted_name);
        inspected = replaced(INSPECTED, "\"running\"", quoted_name);
        snapshot = good_list(entry);
        assert_int_equal(snapshot.containers[0].status, statuses[i]);
        assert_int_equal(snapshot.containers[0].inspected, INSPECT_NOT_YET);
        assert_int_equal(good_inspection(inspected).status, statuses[i]);
        model_snapshot_clear(&snapshot);
        free(entry);
        free(inspected);
    }
}

static void an_inspection_is_about_the_container_that_was_asked_for(void **state)
{
    struct container container, before;
    struct error error = {0};

    (void)state;
    memset(&container, 0, sizeof container);
    memcpy(container.id, ID_B, sizeof ID_B);
    memcpy(&before, &container, sizeof container);
    expect_refusal(inspect(INSPECTED, strlen(INSPECTED), &container, &error), &error, INSPECTED);
    assert_memory_equal(&container, &before, sizeof container);
    memcpy(container.id, ID_A, sizeof ID_A);
    assert_int_equal(inspect(INSPECTED, strlen(INSPECTED), &container, &error), 0);
    assert_int_equal(container.inspected, INSPECT_DONE);
    assert_string_equal(container.id, ID_A);
    container.id[0] = '\0';
    assert_int_equal(inspect(INSPECTED, strlen(INSPECTED), &container, &error), 0);
    assert_string_equal(container.id, ID_A);
}

static void a_policy_keeps_its_retries_only_where_they_mean_something(void **state)
{
    static const struct {
        const char *shown;
        struct policy policy;
    } cases[] = {
        {"{\"Name\":\"\",\"MaximumRetryCount\":0}", {POLICY_NO, 0}},
        {"{\"Name\":\"\",\"MaximumRetryCount\":4}", {POLICY_NO, 0}},
        {"{\"Name\":\"no\",\"MaximumRetryCount\":4}", {POLICY_NO, 0}},
        {"{\"Name\":\"always\",\"MaximumRetryCount\":4}", {POLICY_ALWAYS, 0}},
        {"{\"Name\":\"unless-stopped\",\"MaximumRetryCount\":4}", {POLICY_UNLESS_STOPPED, 0}},
        {"{\"Name\":\"on-failure\",\"MaximumRetryCount\":4}", {POLICY_ON_FAILURE, 4}},
        {"{\"Name\":\"on-failure\",\"MaximumRetryCount\":0}", {POLICY_ON_FAILURE, 0}},
        {"{\"Name\":\"on-failure\",\"MaximumRetryCount\":-1}", {POLICY_ON_FAILURE, 0}},
        {"{\"Name\":\"on-failure\",\"MaximumRetryCount\":2147483647}", {POLICY_ON_FAILURE, 2147483647}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = replaced(INSPECTED, POLICY, cases[i].shown);
        struct container container = good_inspection(text);

        assert_int_equal(container.policy.kind, cases[i].policy.kind);
        assert_int_equal(container.policy.retries, cases[i].policy.retries);
        free(text);
    }
}

static void a_stop_timeout_may_be_missing_and_may_be_endless(void **state)
{
    static const struct {
        const char *config;
        int seconds;
    } cases[] = {
        {"{}", -1},
        {"{\"StopTimeout\":null}", -1},
        {"{\"StopTimeout\":0}", 0},
        {"{\"StopTimeout\":90}", 90},
        {"{\"StopTimeout\":-1}", 86400},
        {"{\"StopTimeout\":-2147483648}", 86400},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = replaced(INSPECTED, CONFIG, cases[i].config);

        assert_int_equal(good_inspection(text).stop_timeout, cases[i].seconds);
        free(text);
    }
}

static void the_flags_of_an_inspection_are_read(void **state)
{
    char *auto_remove = replaced(INSPECTED, "\"AutoRemove\":false", "\"AutoRemove\":true");
    char *oom_killed = replaced(INSPECTED, "\"OOMKilled\":false", "\"OOMKilled\":true");
    char *failed = replaced(INSPECTED, "\"Error\":\"\"", "\"Error\":\"no such device\"");
    struct container container = good_inspection(INSPECTED);

    (void)state;
    assert_false(container.auto_remove || container.oom_killed || container.has_error);
    assert_int_equal(container.restart_count, 2);
    container = good_inspection(auto_remove);
    assert_true(container.auto_remove && !container.oom_killed && !container.has_error);
    container = good_inspection(oom_killed);
    assert_true(!container.auto_remove && container.oom_killed && !container.has_error);
    container = good_inspection(failed);
    assert_true(!container.auto_remove && !container.oom_killed && container.has_error);
    free(auto_remove);
    free(oom_killed);
    free(failed);
}

static void a_field_of_an_inspection_that_is_missing_or_of_another_type_is_an_error(void **state)
{
    static const struct {
        const char *name, *value;
        enum type type;
        bool optional;
    } fields[] = {
        {"Id", "\"" ID_A "\"", NONE, false},      {"State", STATE, NONE, false},
        {"Status", "\"running\"", NONE, false},   {"OOMKilled", "false", BOOLEAN, false},
        {"Error", "\"\"", TEXT, false},           {"StartedAt", "\"2026-11-25T00:07:45.2Z\"", TEXT, false},
        {"ExitCode", "0", NUMBER, false},         {"RestartCount", "2", NUMBER, false},
        {"HostConfig", HOST_CONFIG, NONE, false}, {"RestartPolicy", POLICY, NONE, false},
        {"Name", "\"on-failure\"", NONE, false},  {"MaximumRetryCount", "5", NUMBER, false},
        {"AutoRemove", "false", BOOLEAN, false},  {"Config", CONFIG, OBJECT, false},
        {"StopTimeout", "30", NUMBER, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++)
        expect_field_matters(INSPECTED, fields[i].name, fields[i].value, fields[i].type, fields[i].optional,
                             bad_inspection);
}

static void a_value_that_cannot_be_is_an_error(void **state)
{
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"\"ExitCode\":0", "\"ExitCode\":2147483648"},
        {"\"ExitCode\":0", "\"ExitCode\":-2147483649"},
        {"\"ExitCode\":0", "\"ExitCode\":18446744073709551615"},
        {"\"ExitCode\":0", "\"ExitCode\":99999999999999999999999999"},
        {"\"RestartCount\":2", "\"RestartCount\":4294967298"},
        {"\"RestartCount\":2", "\"RestartCount\":-1"},
        {"\"RestartCount\":2", "\"RestartCount\":1073741824"},
        {"\"MaximumRetryCount\":5", "\"MaximumRetryCount\":4294967301"},
        {"\"StopTimeout\":30", "\"StopTimeout\":4294967326"},
        {"\"on-failure\"", "\"sometimes\""},
        {"\"on-failure\"", "\"On-Failure\""},
        {"\"on-failure\"", "\" \""},
        {"\"2026-11-25T00:07:45.2Z\"", "\"\""},
        {"\"2026-11-25T00:07:45.2Z\"", "\"2026-11-25T00:07:45.000000000000000000000000000Z\""}, /* 48 */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = replaced(INSPECTED, cases[i].from, cases[i].to);

        bad_inspection(text, strlen(text));
        free(text);
    }
    for (size_t i = 0; i < COUNT(unknown_states); i++) {
        char *text = replaced(INSPECTED, "\"running\"", unknown_states[i]);

        bad_inspection(text, strlen(text));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_inspection_shows_what_the_planner_needs),
        cmocka_unit_test(every_state_of_docker_is_read),
        cmocka_unit_test(an_inspection_is_about_the_container_that_was_asked_for),
        cmocka_unit_test(a_policy_keeps_its_retries_only_where_they_mean_something),
        cmocka_unit_test(a_stop_timeout_may_be_missing_and_may_be_endless),
        cmocka_unit_test(the_flags_of_an_inspection_are_read),
        cmocka_unit_test(a_field_of_an_inspection_that_is_missing_or_of_another_type_is_an_error),
        cmocka_unit_test(a_value_that_cannot_be_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
