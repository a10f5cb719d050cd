/* SPDX-License-Identifier: MIT-0 */
/* The event log: who started and stopped what; what is no event is an error. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "docker_fixture.h"

static void a_recorded_event_log_shows_who_stopped_what(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct body body = recorded(versions[v], "events.json");
        struct event *log = NULL;
        struct error error = {0};
        size_t count = 0, lines = 0, kinds[EVENT_UNPAUSE + 1] = {0}, of_containers = 0, killed = 0, terminated = 0;

        for (size_t i = 0; i < body.length; i++)
            lines += body.text[i] == '\n';
        assert_int_equal(docker_json_events(body.text, body.length, &log, &count, &error), 0);
        assert_int_equal(count, lines);
        for (size_t i = 0; i < count; i++) {
            kinds[log[i].kind]++;
            killed += log[i].signal == 9;
            terminated += log[i].signal == 15;
            if (log[i].id[0] == '\0') {
                assert_int_equal(log[i].kind, EVENT_OTHER); /* a network's */
            } else {
                assert_is_id(log[i].id);
                of_containers++;
            }
        }
        assert_int_equal(of_containers, 45);
        assert_int_equal(kinds[EVENT_START], 11);
        assert_int_equal(kinds[EVENT_DIE], 11);
        assert_int_equal(kinds[EVENT_STOP], 2);
        assert_int_equal(kinds[EVENT_KILL], 3);
        assert_int_equal(kinds[EVENT_PAUSE], 2);
        assert_int_equal(kinds[EVENT_UNPAUSE], 1);
        assert_int_equal(killed, 2);
        assert_int_equal(terminated, 1);
        assert_int_equal(log[0].kind, EVENT_OTHER); /* "create" */
        assert_int_equal(log[count - 1].kind, EVENT_STOP);
        assert_string_equal(log[count - 1].id, log[0].id);
        free(log);
        free(body.text);
    }
}

static void a_field_of_an_event_that_is_missing_or_of_another_type_is_an_error(void **state)
{
    static const struct {
        const char *name, *value;
        enum type type;
    } fields[] = {
        {"Type", "\"container\"", TEXT}, /* an unknown type is somebody else's event */
        {"Action", "\"kill\"", TEXT},    /* an unknown action is none that matters */
        {"Actor", "{\"ID\":\"" ID_A "\",\"Attributes\":{\"signal\":\"15\"}}", NONE},
        {"ID", "\"" ID_A "\"", NONE},
        {"Attributes", "{\"signal\":\"15\"}", NONE},
        {"signal", "\"15\"", TEXT},
    };
    static const char *const signals[] = {"\"\"", "\"SIGTERM\"", "\"-1\"", "\"129\"", "\"15 \"", "\"1e1\""};

    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++)
        expect_field_matters(KILLED, fields[i].name, fields[i].value, fields[i].type, false, bad_events);
    for (size_t i = 0; i < COUNT(signals); i++) {
        char *text = replaced(KILLED, "\"15\"", signals[i]);

        bad_events(text, strlen(text));
        free(text);
    }
}

static void an_event_log_without_entries_is_empty(void **state)
{
    static const char *const logs[] = {"", "\n", " \r\n\t\n", NULL}; /* NULL: a reply without a body */

    (void)state;
    for (size_t i = 0; i < COUNT(logs); i++) {
        struct event *log = NULL;
        struct error error = {0};
        size_t count = 77, length = logs[i] == NULL ? 0 : strlen(logs[i]);

        assert_int_equal(docker_json_events(logs[i], length, &log, &count, &error), 0);
        assert_int_equal(count, 0);
        free(log);
    }
}

static void events_need_no_line_of_their_own(void **state)
{
    static const char *const separators[] = {"", " ", "\n", "\r\n", "\n\n\t"};

    (void)state;
    for (size_t i = 0; i < COUNT(separators); i++) {
        struct event *log = NULL;
        struct error error = {0};
        char text[1024];
        size_t count = 0;

        snprintf(text, sizeof text, "%s" KILLED "%s{\"Type\":\"network\",\"time\":3}%s" KILLED "%s", separators[i],
                 separators[i], separators[i], separators[i]);
        assert_int_equal(events(text, strlen(text), &log, &count, &error), 0);
        assert_int_equal(count, 3);
        assert_int_equal(log[0].kind, EVENT_KILL);
        assert_int_equal(log[0].signal, 15);
        assert_string_equal(log[0].id, ID_A);
        assert_int_equal(log[1].kind, EVENT_OTHER);
        assert_string_equal(log[1].id, "");
        assert_string_equal(log[2].id, ID_A);
        free(log);
    }
}

static void only_six_actions_of_containers_matter(void **state)
{
    static const struct {
        const char *type, *action;
        enum event_kind kind;
        int signal;
    } cases[] = {
        {"container", "start", EVENT_START, 0},
        {"container", "die", EVENT_DIE, 0},
        {"container", "stop", EVENT_STOP, 0},
        {"container", "kill", EVENT_KILL, 15},
        {"container", "create", EVENT_OTHER, 0},
        {"container", "destroy", EVENT_OTHER, 0},
        {"container", "pause", EVENT_PAUSE, 0},
        {"container", "exec_start: sh -c start", EVENT_OTHER, 0},
        {"container", "unpause", EVENT_UNPAUSE, 0},
        {"container", "restart", EVENT_OTHER, 0},
        {"container", "oom", EVENT_OTHER, 0},
        {"container", "KILL", EVENT_OTHER, 0},
        {"container", "", EVENT_OTHER, 0},
        {"container", "die ", EVENT_OTHER, 0},
        {"network", "kill", EVENT_OTHER, 0},
        {"volume", "die", EVENT_OTHER, 0},
        {"plugin", "start", EVENT_OTHER, 0},
        {"Container", "start", EVENT_OTHER, 0},
        {"", "stop", EVENT_OTHER, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct event *log = NULL;
        struct error error = {0};
        char text[512];
        size_t count = 0;

        snprintf(text, sizeof text,
                 "{\"Type\":\"%s\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"" ID_A
                 "\",\"Attributes\":{\"signal\":\"15\"}},\"time\":1}",
                 cases[i].type, cases[i].action);
        assert_int_equal(events(text, strlen(text), &log, &count, &error), 0);
        assert_int_equal(count, 1);
        assert_int_equal(log[0].kind, cases[i].kind);
        assert_int_equal(log[0].signal, cases[i].signal);
        assert_string_equal(log[0].id, strcmp(cases[i].type, "container") == 0 ? ID_A : "");
        free(log);
    }
}

static void an_event_log_that_is_no_sequence_of_objects_is_an_error(void **state)
{
    static const char *const logs[] = {
        "[]",          "null", "7 ",        "\"x\"",           "x", "[" KILLED "]", KILLED "," KILLED, KILLED "x",
        KILLED "\n[]", "{}",   KILLED "{}", KILLED "\nnull\n", "}", KILLED "}"};

    (void)state;
    for (size_t i = 0; i < COUNT(logs); i++)
        bad_events(logs[i], strlen(logs[i]));
    bad_events(KILLED, sizeof KILLED); /* with its NUL */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_event_log_shows_who_stopped_what),
        cmocka_unit_test(a_field_of_an_event_that_is_missing_or_of_another_type_is_an_error),
        cmocka_unit_test(an_event_log_without_entries_is_empty),
        cmocka_unit_test(events_need_no_line_of_their_own),
        cmocka_unit_test(only_six_actions_of_containers_matter),
        cmocka_unit_test(an_event_log_that_is_no_sequence_of_objects_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
