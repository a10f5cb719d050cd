/* SPDX-License-Identifier: MIT-0 */
/* The list of containers, as Docker shows it: which is the agent, which are managed, and how each is. */
#include "config.h"

#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "docker_fixture.h"

static void a_recorded_list_shows_the_agent_and_the_managed_containers(void **state)
{
    static const struct {
        const char *name;
        enum status status;
    } expected[] = {
        {"ecs-web-3-init-aa00bb11cc22dd33ee01", STATUS_CREATED},
        {"ecs-cache-2-sidecar-a1b2c3d4e5f6a7b8d902", STATUS_EXITED},
        {"ecs-cache-2-redis-a1b2c3d4e5f6a7b8c901", STATUS_RUNNING},
        {"ecs-batch-7-worker-c1d2e3f4a5b6c7d8e901", STATUS_RESTARTING},
        {"ecs-db-1-postgres-9ad3c6f0e1b7a5d2c801", STATUS_RUNNING},
        {"ecs-mqtt-12-broker-e2c0a4f6b8d29c81f701", STATUS_RUNNING},
        {"ecs-web-3-proxy-b6a9f0d3e8c4a1f2d901", STATUS_EXITED},
        {"ecs-web-3-web-d4f1b8c2a0e6f39a7b01", STATUS_RUNNING},
    };

    (void)state;
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct body body = recorded(versions[v], "list.json");
        struct snapshot snapshot = {0};
        struct error error = {0};
        char id[128];

        assert_int_equal(docker_json_list(body.text, body.length, AGENT, &snapshot, &error), 0);
        assert_true(snapshot.listed);
        assert_int_equal(snapshot.events_asked, INSPECT_NOT_YET);
        assert_int_equal(snapshot.container_count, COUNT(expected));
        for (size_t i = 0; i < COUNT(expected); i++) {
            const struct container *container = &snapshot.containers[i];

            assert_string_equal(container->name, expected[i].name);
            assert_int_equal(container->status, expected[i].status);
            assert_true(container->managed);
            assert_int_equal(container->inspected, INSPECT_NOT_YET);
            assert_int_equal(container->stop_timeout, -1);
            assert_is_id(container->id);
            assert_ptr_equal(model_find(&snapshot, container->id), container);
        }
        assert_string_equal(snapshot.containers[0].id, quoted(&body, "[{\"Id\":\"", id, sizeof id));
        assert_string_equal(snapshot.agent.name, AGENT);
        assert_int_equal(snapshot.agent.status, STATUS_PAUSED);
        assert_false(snapshot.agent.managed);
        assert_is_id(snapshot.agent.id);
        model_snapshot_clear(&snapshot);
        free(body.text);
    }
}

static void the_agent_is_found_by_name_and_never_managed(void **state)
{
    struct snapshot snapshot =
        good_list("[{\"Id\":\"" ID_B "\",\"Names\":[\"/ecs-agent\"]," LABELS ",\"State\":\"running\"}," MANAGED "]");

    (void)state;
    assert_string_equal(snapshot.agent.id, ID_B);
    assert_int_equal(snapshot.agent.status, STATUS_RUNNING);
    assert_false(snapshot.agent.managed);
    assert_int_equal(snapshot.container_count, 1);
    assert_string_equal(snapshot.containers[0].id, ID_A);
    assert_string_equal(snapshot.containers[0].name, "web");
    model_snapshot_clear(&snapshot);
}

static void a_name_that_only_resembles_the_agents_is_not_the_agent(void **state)
{
    static const char *const names[] = {
        "[\"/ecs-agent2\"]",
        "[\"/ecs-agen\"]",
        "[\"/ECS-AGENT\"]",
        "[\"ecs-agent\"]",
        "[\"//ecs-agent\"]",
        "[\"\"]",
        "[\"/\"]",
        "[\"/ecs-agent/alias\"]",
        "[\"/proxy/ecs-agent\"]",
        "[]",
        "null",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char *entry = replaced("[" THE_AGENT "]", "[\"/ecs-agent\"]", names[i]);
        struct snapshot snapshot = good_list(entry);

        if (snapshot.agent.status != STATUS_GONE)
            fail_msg("taken for the agent: %s", names[i]);
        assert_string_equal(snapshot.agent.id, "");
        assert_int_equal(snapshot.container_count, 0);
        model_snapshot_clear(&snapshot);
        free(entry);
    }
}

static void a_link_is_not_a_name(void **state)
{
    static const struct {
        const char *names, *name;
    } cases[] = {
        {"[\"/proxy/db\",\"/web\"]", "web"},
        {"[\"/web\",\"/proxy/db\"]", "web"},
        {"[\"/proxy/db\",\"/web\",\"/proxy/other\"]", "web"},
        /* Nameless ones show by their short id. */
        {"[\"/proxy/db\"]", "aaaaaaaaaaaa"},
        {"[]", "aaaaaaaaaaaa"},
        {"null", "aaaaaaaaaaaa"},
        {"\"/web\"", "aaaaaaaaaaaa"},
        {"[17,null,{},\"web\"]", "aaaaaaaaaaaa"},
        {"[17,null,{},\"/web\"]", "web"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *entry = replaced("[" MANAGED "]", "[\"/web\"]", cases[i].names);
        struct snapshot snapshot = good_list(entry);

        assert_int_equal(snapshot.container_count, 1);
        assert_string_equal(snapshot.containers[0].name, cases[i].name);
        model_snapshot_clear(&snapshot);
        free(entry);
    }
}

static void a_name_that_is_too_long_is_cut(void **state)
{
    char text[1024], name[601];
    struct snapshot snapshot;

    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(text, sizeof text, "[{\"Id\":\"" ID_A "\",\"Names\":[\"/%s\"]," LABELS ",\"State\":\"exited\"}]", name);
    snapshot = good_list(text);
    assert_int_equal(strlen(snapshot.containers[0].name), MODEL_NAME_SIZE - 1);
    model_snapshot_clear(&snapshot);
}

static void the_label_decides_what_is_managed_and_its_owner_may_opt_out(void **state)
{
    static const struct {
        const char *labels;
        bool managed;
    } cases[] = {
        {"{\"com.amazonaws.ecs.cluster\":\"plant-7\"}", true},
        {"{\"com.amazonaws.ecs.cluster\":\"\"}", true},
        {"{\"com.amazonaws.ecs.cluster\":\"x\",\"eins.enable\":\"false\"}", false},
        {"{\"com.amazonaws.ecs.cluster\":\"x\",\"eins.enable\":\"False\"}", false},
        {"{\"com.amazonaws.ecs.cluster\":\"x\",\"eins.enable\":\"FALSE\"}", false},
        {"{\"com.amazonaws.ecs.cluster\":\"x\",\"eins.enable\":\"true\"}", true},
        {"{\"com.amazonaws.ecs.cluster\":\"x\",\"eins.enable\":\"\"}", true},
        {"{\"com.amazonaws.ecs.cluster\":\"x\",\"eins.enable\":\"falsehood\"}", true},
        {"{\"com.amazonaws.ecs.cluster\":\"x\",\"EINS.ENABLE\":\"false\"}", true},
        {"{\"eins.enable\":\"true\"}", false},
        {"{\"com.amazonaws.ecs.clusters\":\"x\"}", false},
        {"{\"com.amazonaws.ecs.Cluster\":\"x\"}", false},
        {"{\"com.amazonaws.ecs.task-arn\":\"x\"}", false},
        {"{}", false},
        {"null", false},
        {"{\"com.amazonaws.ecs.cluster\":null}", false},
        {"{\"com.amazonaws.ecs.cluster\":7}", false},
        {"{\"com.amazonaws.ecs.cluster\":[\"x\"]}", false},
        {"[\"com.amazonaws.ecs.cluster\"]", false},
        {"\"com.amazonaws.ecs.cluster\"", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *entry = replaced("[" MANAGED "]", "{\"com.amazonaws.ecs.cluster\":\"plant-7\"}", cases[i].labels);
        struct snapshot snapshot = good_list(entry);

        if (snapshot.container_count != (cases[i].managed ? 1 : 0))
            fail_msg("managed: %zu with %s", snapshot.container_count, cases[i].labels);
        model_snapshot_clear(&snapshot);
        free(entry);
    }
}

static void a_managed_container_in_an_unknown_state_is_not_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(unknown_states); i++) {
        char *text = replaced("[" MANAGED "," THE_AGENT "]", "\"running\"", unknown_states[i]);
        struct snapshot snapshot = good_list(text);

        assert_int_equal(snapshot.container_count, 1);
        assert_int_equal(snapshot.containers[0].inspected, INSPECT_FAILED);
        assert_false(model_is_up(snapshot.containers[0].status));
        assert_int_not_equal(snapshot.containers[0].status, STATUS_GONE);
        assert_int_equal(snapshot.agent.status, STATUS_PAUSED);
        model_snapshot_clear(&snapshot);
        free(text);
    }
}

static void an_agent_in_an_unknown_state_is_an_error(void **state)
{
    char *without = replaced("[" THE_AGENT "]", ",\"State\":\"paused\"", "");

    (void)state;
    for (size_t i = 0; i < COUNT(unknown_states); i++) {
        char *text = replaced("[" MANAGED "," THE_AGENT "]", "\"paused\"", unknown_states[i]);

        bad_list(text, strlen(text));
        free(text);
    }
    bad_list(without, strlen(without));
    free(without);
}

static void a_state_of_somebody_elses_container_does_not_matter(void **state)
{
    struct snapshot snapshot =
        good_list("[{\"Id\":\"" ID_A "\"},{\"Id\":\"" ID_A "\",\"State\":\"odd\",\"Names\":[\"/x\"]}," THE_AGENT "]");

    (void)state;
    assert_int_equal(snapshot.container_count, 0);
    assert_int_equal(snapshot.agent.status, STATUS_PAUSED);
    model_snapshot_clear(&snapshot);
}

static void an_empty_list_is_a_host_without_containers(void **state)
{
    static const char *const lists[] = {"[]", " [ ] ", "\r\n[\t]\n"};

    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct snapshot snapshot = good_list(lists[i]);

        assert_int_equal(snapshot.container_count, 0);
        assert_int_equal(snapshot.agent.status, STATUS_GONE);
        model_snapshot_clear(&snapshot);
    }
}

static void an_entry_of_the_list_that_is_no_container_is_an_error(void **state)
{
    static const char *const lists[] = {
        "[null]", "[7]", "[\"" ID_A "\"]", "[[]]", "[{}]", "[{\"id\":\"" ID_A "\"}]", "[" MANAGED ",null]"};

    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++)
        bad_list(lists[i], strlen(lists[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_list_shows_the_agent_and_the_managed_containers),
        cmocka_unit_test(the_agent_is_found_by_name_and_never_managed),
        cmocka_unit_test(a_name_that_only_resembles_the_agents_is_not_the_agent),
        cmocka_unit_test(a_link_is_not_a_name),
        cmocka_unit_test(a_name_that_is_too_long_is_cut),
        cmocka_unit_test(the_label_decides_what_is_managed_and_its_owner_may_opt_out),
        cmocka_unit_test(a_managed_container_in_an_unknown_state_is_not_understood),
        cmocka_unit_test(an_agent_in_an_unknown_state_is_an_error),
        cmocka_unit_test(a_state_of_somebody_elses_container_does_not_matter),
        cmocka_unit_test(an_empty_list_is_a_host_without_containers),
        cmocka_unit_test(an_entry_of_the_list_that_is_no_container_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
