/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "docker_json.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX_62 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define AGENT "ecs-agent"
#define LABELS "\"Labels\":{\"com.amazonaws.ecs.cluster\":\"plant-7\"}"
#define MANAGED "{\"Id\":\"" ID_A "\",\"Names\":[\"/web\"]," LABELS ",\"State\":\"running\"}"
#define THE_AGENT "{\"Id\":\"" ID_B "\",\"Names\":[\"/ecs-agent\"],\"Labels\":{},\"State\":\"paused\"}"
#define STATE                                                                                                          \
    "{\"Status\":\"running\",\"OOMKilled\":false,\"Error\":\"\",\"StartedAt\":\"2026-11-25T00:07:45.2Z\","             \
    "\"ExitCode\":0}"
#define POLICY "{\"Name\":\"on-failure\",\"MaximumRetryCount\":5}"
#define HOST_CONFIG "{\"RestartPolicy\":" POLICY ",\"AutoRemove\":false}"
#define CONFIG "{\"StopTimeout\":30}"
#define INSPECTED                                                                                                      \
    "{\"Id\":\"" ID_A "\",\"State\":" STATE ",\"RestartCount\":2,\"HostConfig\":" HOST_CONFIG ",\"Config\":" CONFIG "}"
#define KILLED                                                                                                         \
    "{\"Type\":\"container\",\"Action\":\"kill\",\"Actor\":{\"ID\":\"" ID_A "\",\"Attributes\":{\"signal\":\"15\"}},"  \
    "\"time\":1795565267}"

static const char *const versions[] = {"20.10", "26.1", "28.5"};

/* A body of exactly its length, without a NUL behind it, so that a sanitizer sees the first byte read too far. */
struct body {
    char *text;
    size_t length;
};

static struct body body_of(const char *text, size_t length)
{
    struct body body = {malloc(length == 0 ? 1 : length), length};

    assert_non_null(body.text);
    memcpy(body.text, text, length);
    return body;
}

static struct body recorded(const char *version, const char *name)
{
    const char *srcdir = getenv("srcdir");
    char path[512], text[65536];
    size_t length;
    FILE *stream;

    snprintf(path, sizeof path, "%s/tests/unit/data/%s/%s", srcdir != NULL ? srcdir : ".", version, name);
    stream = fopen(path, "r");
    if (stream == NULL)
        fail_msg("cannot open %s", path);
    length = fread(text, 1, sizeof text, stream);
    fclose(stream);
    assert_in_range(length, 1, sizeof text - 1);
    return body_of(text, length);
}

static int list(const char *text, size_t length, struct snapshot *ret_snapshot, struct error *error)
{
    struct body body = body_of(text, length);
    int result = docker_json_list(body.text, body.length, AGENT, ret_snapshot, error);

    free(body.text);
    return result;
}

static int inspect(const char *text, size_t length, struct container *container, struct error *error)
{
    struct body body = body_of(text, length);
    int result = docker_json_inspect(body.text, body.length, container, error);

    free(body.text);
    return result;
}

static int events(const char *text, size_t length, struct event **ret_events, size_t *ret_count, struct error *error)
{
    struct body body = body_of(text, length);
    int result = docker_json_events(body.text, body.length, ret_events, ret_count, error);

    free(body.text);
    return result;
}

static struct snapshot good_list(const char *text)
{
    struct snapshot snapshot = {0};
    struct error error = {0};

    if (list(text, strlen(text), &snapshot, &error) != 0)
        fail_msg("%s: %s", text, error.text);
    assert_true(snapshot.listed);
    return snapshot;
}

static struct container good_inspection(const char *text)
{
    struct container container = {0};
    struct error error = {0};

    if (inspect(text, strlen(text), &container, &error) != 0)
        fail_msg("%s: %s", text, error.text);
    assert_int_equal(container.inspected, INSPECT_DONE);
    return container;
}

static void expect_refusal(int result, const struct error *error, const char *text)
{
    if (result != -1)
        fail_msg("taken: %s", text);
    assert_int_equal(error->code, EXIT_DOCKER);
    assert_string_not_equal(error->text, "");
}

/* What a failure must not touch is filled with a pattern first. */
static void bad_list(const char *text, size_t length)
{
    struct snapshot snapshot, before;
    struct error error = {0};

    memset(&snapshot, 0x5a, sizeof snapshot);
    memcpy(&before, &snapshot, sizeof snapshot);
    expect_refusal(list(text, length, &snapshot, &error), &error, text);
    assert_memory_equal(&snapshot, &before, sizeof snapshot);
}

static void bad_inspection(const char *text, size_t length)
{
    struct container container, before;
    struct error error = {0};

    memset(&container, 0, sizeof container);
    memset(container.name, 'n', 5);
    container.managed = true;
    container.status = STATUS_DEAD;
    memcpy(&before, &container, sizeof container);
    expect_refusal(inspect(text, length, &container, &error), &error, text);
    assert_memory_equal(&container, &before, sizeof container);
}

static void bad_events(const char *text, size_t length)
{
    struct event sentinel, *log = &sentinel;
    struct error error = {0};
    size_t count = 77;

    expect_refusal(events(text, length, &log, &count, &error), &error, text);
    assert_ptr_equal(log, &sentinel);
    assert_int_equal(count, 77);
}

/* text with the one place where `from` is replaced; the caller's. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *place = strstr(text, from);
    char *result = NULL;

    if (place == NULL || strstr(place + 1, from) != NULL)
        fail_msg("not exactly once in %s: %s", text, from);
    if (asprintf(&result, "%.*s%s%s", (int)(place - text), text, to, place + strlen(from)) < 0)
        fail();
    return result;
}

/* The text between `before` and the next quote in a recorded body, found without a JSON parser. */
static const char *quoted(const struct body *body, const char *before, char *buffer, size_t size)
{
    const char *start = memmem(body->text, body->length, before, strlen(before));
    const char *end;

    assert_non_null(start);
    start += strlen(before);
    end = memchr(start, '"', body->length - (size_t)(start - body->text));
    assert_non_null(end);
    snprintf(buffer, size, "%.*s", (int)(end - start), start);
    return buffer;
}

static void assert_is_id(const char *id)
{
    assert_int_equal(strlen(id), 64);
    assert_int_equal(strspn(id, "0123456789abcdef"), 64);
}

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

static void a_recorded_event_log_shows_who_stopped_what(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct body body = recorded(versions[v], "events.json");
        struct event *log = NULL;
        struct error error = {0};
        size_t count = 0, lines = 0, kinds[EVENT_KILL + 1] = {0}, of_containers = 0, killed = 0, terminated = 0;

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
            assert_in_range(log[i].time, 1795565260, 1795565280);
            assert_true(i == 0 || log[i].time >= log[i - 1].time);
        }
        assert_int_equal(of_containers, 45);
        assert_int_equal(kinds[EVENT_START], 11);
        assert_int_equal(kinds[EVENT_DIE], 11);
        assert_int_equal(kinds[EVENT_STOP], 2);
        assert_int_equal(kinds[EVENT_KILL], 3);
        assert_int_equal(killed, 2);
        assert_int_equal(terminated, 1);
        assert_int_equal(log[0].kind, EVENT_OTHER); /* "create" */
        assert_int_equal(log[count - 1].kind, EVENT_STOP);
        assert_string_equal(log[count - 1].id, log[0].id);
        free(log);
        free(body.text);
    }
}

/* The recorded bodies are for 20.10, 26.1 and 28.5 in turn; of a long one only the beginning. */
static void a_recorded_error_gives_its_reason(void **state)
{
    static const struct {
        const char *name, *reason[COUNT(versions)];
    } expected[] = {
        {"404-page-not-found.json", {"page not found", "page not found", "page not found"}},
        {"404-no-such-container.json", {"No such container: ", "No such container: ", "No such container: "}},
        {"400-client-too-new.json",
         {"client version 1.99 is too new. Maximum supported API version is 1.41",
          "client version 1.99 is too new. Maximum supported API version is 1.45",
          "client version 1.99 is too new. Maximum supported API version is 1.51"}},
        {"400-client-too-old.txt", /* plain text, JSON, plain text */
         {"client version 1.10 is too old. Minimum supported API version is 1.12, please upgrade your client to a "
          "newer version",
          "client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade your client to a "
          "newer version",
          "client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade your client to a "
          "newer version"}},
        {"400-no-content-type.json",
         {"Content-Type specified () must be 'application/json'",
          "malformed Content-Type header (): mime: no media type",
          "malformed Content-Type header (): mime: no media type"}},
        {"400-retries-with-always.json",
         {"maximum retry count cannot be used with restart policy 'always'",
          "invalid restart policy: maximum retry count can only be used with 'on-failure'",
          "invalid restart policy: maximum retry count can only be used with 'on-failure'"}},
        {"400-start-failed.json",
         {"failed to create shim task: OCI runtime create failed: runc create failed: unable to start container "
          "process: exec: "
          "\"/nonesuch\": stat /nonesuch: no such file or directory: unknown",
          "failed to create task for container: failed to create shim task: ",
          "failed to create task for container: failed to create shim task: "}},
        {"409-start-paused.json",
         {"cannot start a paused container, try unpause instead",
          "cannot start a paused container, try unpause instead",
          "cannot start a paused container, try unpause instead"}},
        {"409-delete-running.json",
         {"You cannot remove a running container ", "cannot remove container \"/ecs-web-3-tmp-",
          "cannot remove container \""}},
        {"409-kill-exited.json", {"Cannot kill container: ", "cannot kill container: ", "cannot kill container: "}},
        {"409-pause-exited.json", {"Container ", "container ", "container "}},
        {"409-pause-paused.json", {"Container ", "Container ", "Container "}},
        {"409-update-auto-remove.json",
         {"Cannot update container ", "Cannot update container ", "Cannot update container "}},
        {"500-unpause-running.json", {"Container ", "Container ", "Container "}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(expected); i++) {
        for (size_t v = 0; v < COUNT(versions); v++) {
            const char *reason = expected[i].reason[v];
            char name[64], buffer[400];
            struct body body;

            snprintf(name, sizeof name, "error-%s", expected[i].name);
            body = recorded(versions[v], name);
            assert_ptr_equal(docker_json_message(body.text, body.length, buffer, sizeof buffer), buffer);
            assert_null(strpbrk(buffer, "{}\r\n"));
            if (strchr(" \"-", reason[strlen(reason) - 1]) != NULL)
                assert_int_equal(strncmp(buffer, reason, strlen(reason)), 0);
            else
                assert_string_equal(buffer, reason);
            /* An error that comes with 200 all the same is no answer to anything. */
            bad_list(body.text, body.length);
            bad_inspection(body.text, body.length);
            bad_events(body.text, body.length);
            free(body.text);
        }
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

/* "gone" is a word of eins, not of Docker. */
static const char *const unknown_states[] = {"\"gone\"", "\"Running\"", "\"stopping\"", "\"\"", "null",
                                             "7",        "true",        "[]",           "{}"};

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

static void an_unusable_id_is_an_error(void **state)
{
    static const char *const ids[] = {
        "\"\"",
        "\"" HEX_62 "a\"",
        "\"" HEX_62 "aaa\"",
        "\"" HEX_62 "aA\"",
        "\"" HEX_62 "ag\"",
        "\"" HEX_62 "a/\"",
        "\"" HEX_62 "..\"",
        "\"../" HEX_62 "\"",
        "\"" HEX_62 "a?\"",
        "\"" HEX_62 "a \"",
        "\" " HEX_62 "a\"",
        "\"" HEX_62 "\\r\\n\"",
        "\"" HEX_62 "a\\u0000\"",
        "\"" HEX_62 "\\u0000a\"",
        "\"" ID_A "\\u0000\"",
        "\"" ID_A "\\u0000/../../images/prune\"",
        "\"\\u0000" HEX_62 "a\"",
        "\"" HEX_62 "\xc3\xa4\"",
        "\"sha256:" ID_A "\"",
        "null",
        "7",
        "1111111111111111111111111111111111111111111111111111111111111111",
        "true",
        "[\"" ID_A "\"]",
        "{\"Id\":\"" ID_A "\"}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(ids); i++) {
        char *managed = replaced("[" MANAGED "]", "\"" ID_A "\"", ids[i]);
        char *agent = replaced("[" THE_AGENT "]", "\"" ID_B "\"", ids[i]);
        char *inspected = replaced(INSPECTED, "\"" ID_A "\"", ids[i]);
        char *killed = replaced(KILLED, "\"" ID_A "\"", ids[i]);

        bad_list(managed, strlen(managed));
        bad_list(agent, strlen(agent));
        bad_inspection(inspected, strlen(inspected));
        bad_events(killed, strlen(killed));
        free(managed);
        free(agent);
        free(inspected);
        free(killed);
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

enum type { TEXT, NUMBER, BOOLEAN, OBJECT, NONE };

/* Puts everything that does not belong there in the place of a field. Without it, as under another name, the rest is no
 * good either, unless it is optional. */
static void expect_field_matters(const char *text, const char *name, const char *value, enum type type, bool optional,
                                 void (*bad)(const char *, size_t))
{
    static const struct {
        enum type type;
        const char *value;
    } values[] = {{TEXT, "\"0\""}, {NUMBER, "0"}, {BOOLEAN, "true"}, {OBJECT, "{}"}, {NONE, "[]"},
                  {NONE, "0.5"},   {NONE, "1.0"}, {NONE, "1e300"},   {NONE, "[{}]"}, {NONE, "null"}};
    char field[512], other[512];

    snprintf(field, sizeof field, "\"%s\":%s", name, value);
    for (size_t i = 0; i < COUNT(values) - optional; i++) {
        if (values[i].type == type && type != NONE)
            continue;
        snprintf(other, sizeof other, "\"%s\":%s", name, values[i].value);
        char *broken = replaced(text, field, other);
        bad(broken, strlen(broken));
        free(broken);
    }
    for (size_t i = 0; i < 2 && !optional; i++) {
        char *broken;

        memcpy(other, field, sizeof field);
        other[1] = i == 0 ? '_' : (char)(other[1] ^ 0x20); /* the other case */
        broken = replaced(text, field, other);
        bad(broken, strlen(broken));
        free(broken);
    }
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
        {"time", "1795565267", NUMBER},
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
        assert_int_equal(log[0].time, 1795565267);
        assert_string_equal(log[0].id, ID_A);
        assert_int_equal(log[1].kind, EVENT_OTHER);
        assert_int_equal(log[1].time, 3);
        assert_string_equal(log[1].id, "");
        assert_string_equal(log[2].id, ID_A);
        free(log);
    }
}

static void only_four_actions_of_containers_matter(void **state)
{
    static const struct {
        const char *type, *action;
        enum event_kind kind;
        int signal;
    } cases[] = {
        {"container", "start", EVENT_START, 0},   {"container", "die", EVENT_DIE, 0},
        {"container", "stop", EVENT_STOP, 0},     {"container", "kill", EVENT_KILL, 15},
        {"container", "create", EVENT_OTHER, 0},  {"container", "destroy", EVENT_OTHER, 0},
        {"container", "pause", EVENT_OTHER, 0},   {"container", "exec_start: sh -c start", EVENT_OTHER, 0},
        {"container", "restart", EVENT_OTHER, 0}, {"container", "oom", EVENT_OTHER, 0},
        {"container", "KILL", EVENT_OTHER, 0},    {"container", "", EVENT_OTHER, 0},
        {"container", "die ", EVENT_OTHER, 0},    {"network", "kill", EVENT_OTHER, 0},
        {"volume", "die", EVENT_OTHER, 0},        {"plugin", "start", EVENT_OTHER, 0},
        {"Container", "start", EVENT_OTHER, 0},   {"", "stop", EVENT_OTHER, 0},
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

static void what_is_not_json_is_an_error(void **state)
{
    static const char *const texts[] = {
        "",        " ",        "null",      "nul",      "true",
        "7",       "7 ",       "\"text\"",  "NaN",      "Infinity",
        "-",       "{",        "[",         "]",        "}",
        "[1,]",    "{\"a\":}", "{\"a\"}",   "{a:1}",    "{'a':1}",
        "['a']",   "[01]",     "[\"\\x\"]", "[\"\n",    "\xef\xbb\xbf[]",
        "/* */[]", "<html>",   "OK",        "[\"\\ud8", "\xff\xfe",
    };
    struct error error = {0};
    struct snapshot snapshot = {0};
    struct container container = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        bad_list(texts[i], strlen(texts[i]));
        bad_inspection(texts[i], strlen(texts[i]));
    }
    bad_list("{}", 2);
    bad_inspection("[]", 2);
    bad_inspection("{}", 2);
    bad_list("\0", 1);
    /* The body of a reply without any. */
    expect_refusal(docker_json_list(NULL, 0, AGENT, &snapshot, &error), &error, "nothing");
    expect_refusal(docker_json_inspect(NULL, 0, &container, &error), &error, "nothing");
}

static void an_error_says_what_is_wrong_with_the_answer(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[" MANAGED, "list of containers: the answer is not JSON: it ends too early"},
        {"null\n", "list of containers: the answer is not JSON: it is null"},
        {"[]x", "list of containers: the answer is not JSON: something follows its end"},
        {"{}", "the list of containers is not an array"},
        {"[{}]", "the list of containers has an entry without a usable Id"},
        {"[{\"Id\":\"" ID_B "\",\"Names\":[\"/ecs-agent\"]}]",
         "the agent ecs-agent is in a state that is not known: none"},
        {"[{\"Id\":\"" ID_B "\",\"Names\":[\"/ecs-agent\"],\"State\":\"odd\"}]",
         "the agent ecs-agent is in a state that is not known: odd"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct snapshot snapshot = {0};
        struct error error = {0};

        assert_int_equal(list(cases[i].text, strlen(cases[i].text), &snapshot, &error), -1);
        assert_string_equal(error.text, cases[i].message);
    }
}

static void only_white_space_may_follow_the_end(void **state)
{
    static const char *const rest[] = {
        "x", "]", "}", "[]", "{}", ",", "\"", "\v", "\f", " \n x", "HTTP/1.1 200 OK\r\n", "\xc2\xa0"};
    static const char list_with_nul[] = "[" MANAGED "]\0", inspected_with_nul[] = INSPECTED "\0";
    struct snapshot snapshot = good_list("[" MANAGED "] \t\r\n\n");

    (void)state;
    model_snapshot_clear(&snapshot);
    good_inspection(INSPECTED " \t\r\n\n");
    for (size_t i = 0; i < COUNT(rest); i++) {
        char text[1024];

        snprintf(text, sizeof text, "[" MANAGED "]%s", rest[i]);
        bad_list(text, strlen(text));
        snprintf(text, sizeof text, INSPECTED "%s", rest[i]);
        bad_inspection(text, strlen(text));
    }
    bad_list(list_with_nul, sizeof list_with_nul - 1);
    bad_inspection(inspected_with_nul, sizeof inspected_with_nul - 1);
}

static void a_recorded_inspection_cut_anywhere_is_an_error(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct body inspected = recorded(versions[v], "inspect-on-failure.json");

        assert_int_equal(inspected.text[inspected.length - 1], '\n'); /* which need not be there */
        for (size_t length = 0; length < inspected.length - 1; length++)
            bad_inspection(inspected.text, length);
        free(inspected.text);
    }
}

static void a_recorded_list_cut_anywhere_is_an_error(void **state)
{
    struct body listed = recorded("28.5", "list.json");

    (void)state;
    assert_int_equal(listed.text[listed.length - 1], '\n');
    for (size_t length = 0; length < listed.length - 1; length++)
        bad_list(listed.text, length);
    free(listed.text);
}

/* Cut between two entries, the log is merely shorter. */
static void a_recorded_event_log_cut_inside_an_entry_is_an_error(void **state)
{
    struct body log = recorded("28.5", "events.json");
    size_t complete = 0;

    (void)state;
    for (size_t length = 0; length < log.length && complete < 8; length++) {
        bool between = length == 0 || log.text[length - 1] == '\n' || log.text[length] == '\n';
        struct event *shorter = NULL;
        struct error error = {0};
        size_t count = 77;

        if (between) {
            assert_int_equal(events(log.text, length, &shorter, &count, &error), 0);
            complete += length > 0 && log.text[length] == '\n';
            assert_int_equal(count, complete);
            free(shorter);
        } else {
            bad_events(log.text, length);
        }
    }
    assert_int_equal(complete, 8);
    free(log.text);
}

/* Whatever comes of it must hold together; that nothing is read or written out of bounds is for the sanitizers to see.
 */
static void read_as_anything(const char *text, size_t length)
{
    struct snapshot snapshot = {0};
    struct container container = {0};
    struct event *log = NULL;
    struct error error = {0};
    struct body body = body_of(text, length);
    size_t count = 0;
    char buffer[64];

    if (list(text, length, &snapshot, &error) == 0) {
        assert_in_range(snapshot.container_count, 0, 2);
        for (size_t i = 0; i < snapshot.container_count; i++) {
            assert_is_id(snapshot.containers[i].id);
            assert_true(snapshot.containers[i].managed);
        }
        if (snapshot.agent.status != STATUS_GONE)
            assert_is_id(snapshot.agent.id);
    }
    model_snapshot_clear(&snapshot);
    if (inspect(text, length, &container, &error) == 0) {
        assert_is_id(container.id);
        assert_int_not_equal(container.status, STATUS_GONE);
        assert_string_not_equal(container.started_at, "");
    }
    if (events(text, length, &log, &count, &error) == 0 && count > 0 && log[0].kind != EVENT_OTHER)
        assert_is_id(log[0].id);
    free(log);
    docker_json_message(body.text, body.length, buffer, sizeof buffer);
    assert_in_range(strlen(buffer), 1, sizeof buffer - 1);
    free(body.text);
}

static void any_byte_may_be_wrong(void **state)
{
    static const char *const texts[] = {"[" MANAGED "," THE_AGENT "]", INSPECTED, KILLED "\n" KILLED,
                                        "{\"message\":\"no \\u00fc\"}"};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        size_t length = strlen(texts[i]);
        struct body body = body_of(texts[i], length);

        for (size_t at = 0; at < length; at++) {
            for (int flip = 1; flip < 0x200; flip <<= 1) {
                body.text[at] = (char)(texts[i][at] ^ (flip == 0x100 ? 0xff : flip));
                read_as_anything(body.text, length);
            }
            body.text[at] = '\0';
            read_as_anything(body.text, length);
            body.text[at] = texts[i][at];
        }
        free(body.text);
    }
}

static void depth_is_bounded(void **state)
{
    enum { DEPTH = 10000 };
    static const struct {
        const char *before, *open, *inside, *close, *after;
    } cases[] = {
        {"", "[", "", "", ""},
        {"", "[", "", "]", ""},
        {"", "{\"a\":", "", "", ""},
        {"", "{\"a\":", "0", "}", ""},
        {"{\"message\":", "[", "", "]", "}"},
        {"[{\"Id\":\"" ID_A "\",\"Ports\":", "[", "", "]", "}]"},
        {"[{\"Id\":\"" ID_A "\",\"Labels\":", "{\"a\":", "0", "}", "}]"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t size = DEPTH * (strlen(cases[i].open) + strlen(cases[i].close)) + 256;
        char *text = malloc(size), *end, buffer[64];

        assert_non_null(text);
        end = stpcpy(text, cases[i].before);
        for (int depth = 0; depth < DEPTH; depth++)
            end = stpcpy(end, cases[i].open);
        end = stpcpy(end, cases[i].inside);
        for (int depth = 0; depth < DEPTH; depth++)
            end = stpcpy(end, cases[i].close);
        end = stpcpy(end, cases[i].after);
        bad_list(text, (size_t)(end - text));
        bad_inspection(text, (size_t)(end - text));
        bad_events(text, (size_t)(end - text));
        docker_json_message(text, (size_t)(end - text), buffer, sizeof buffer);
        assert_int_equal(strlen(buffer), sizeof buffer - 1);
        free(text);
    }
}

/* A body of `count` entries. */
static struct body repeated(const char *before, const char *separator, const char *after, size_t count,
                            int (*print)(char *, size_t, size_t))
{
    size_t size = count * 256 + 16;
    struct body body = {malloc(size), 0};
    char *end;

    assert_non_null(body.text);
    end = stpcpy(body.text, before);
    for (size_t i = 0; i < count; i++) {
        end = stpcpy(end, i == 0 ? "" : separator);
        end += print(end, 256, i);
    }
    end = stpcpy(end, after);
    body.length = (size_t)(end - body.text);
    return body;
}

static int print_minimal(char *text, size_t size, size_t i)
{
    return snprintf(text, size, "{\"Id\":\"%064zx\"}", i);
}

static int print_managed(char *text, size_t size, size_t i)
{
    return snprintf(text, size, "{\"Id\":\"%064zx\"," LABELS ",\"State\":\"running\"}", i);
}

static int print_event(char *text, size_t size, size_t i)
{
    return snprintf(text, size,
                    "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"%064zx\"},\"time\":%zu}", i, i);
}

/* Seconds of this process, which a busy machine does not lengthen. */
static double used(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Takes well under a second, and half a minute under valgrind; were it quadratic, it would be hours. */
static void a_hundred_thousand_entries_take_bounded_time(void **state)
{
    enum { MANY = 100000, BOUND = 120 };
    double start = used();
    struct body minimal = repeated("[", ",", "]", MANY, print_minimal);
    struct body managed = repeated("[", ",", "]", MANY, print_managed);
    struct body long_log = repeated("", "\n", "\n", MANY, print_event);
    struct snapshot snapshot = {0};
    struct event *log = NULL;
    struct error error = {0};
    size_t count = 0;
    char id[65];

    (void)state;
    snprintf(id, sizeof id, "%064x", MANY - 1);
    assert_int_equal(docker_json_list(minimal.text, minimal.length, AGENT, &snapshot, &error), 0);
    assert_int_equal(snapshot.container_count, 0);
    model_snapshot_clear(&snapshot);
    assert_int_equal(docker_json_list(managed.text, managed.length, AGENT, &snapshot, &error), -1);
    assert_string_equal(error.text, "list of containers: more than 10000 are managed by ECS");
    assert_int_equal(snapshot.container_count, 0);
    assert_int_equal(docker_json_events(long_log.text, long_log.length, &log, &count, &error), 0);
    assert_int_equal(count, MANY);
    assert_string_equal(log[MANY - 1].id, id);
    assert_int_equal(log[MANY - 1].time, MANY - 1);
    free(log);
    free(minimal.text);
    free(managed.text);
    free(long_log.text);
    assert_true(used() - start < BOUND);
}

static void the_reason_of_an_error_is_one_line(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"message\":\"no such container\"}\n", "no such container"},
        {"{\"message\":\"one\\ntwo\"}", "one"},
        {"{\"message\":\"one\\r\\ntwo\"}", "one"},
        {"{\"message\":\"\\n one\\ntwo\"}", "one"},
        {"{\"message\":\"\"}", "no reason given"},
        {"{\"message\":\"\\n\"}", "no reason given"},
        {"{\"message\":\"\\u0000x\"}", "no reason given"},
        {"{\"message\":null}", "no reason given"},
        {"{\"message\":7}", "no reason given"},
        {"{\"message\":{\"message\":\"x\"}}", "no reason given"},
        {"{\"error\":\"x\"}", "no reason given"},
        {"{}", "no reason given"},
        {"plain text", "plain text"},
        {"plain text\n", "plain text"},
        {"plain\r\ntext", "plain"},
        {"\nplain text", "plain text"},
        {" \r\n\t plain text", "plain text"},
        {"", "no reason given"},
        {"\n", "no reason given"},
        {" \r\n\t", "no reason given"},
        {"{\"message\":\"cut", "{\"message\":\"cut"},
        {"{\"message\":\"x\"} behind", "{\"message\":\"x\"} behind"},
        {"[\"message\"]", "[\"message\"]"},
        {"<html>\n<h1>502</h1>", "<html>"},
        {"100%s%n of it", "100%s%n of it"},
    };
    char buffer[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct body body = body_of(cases[i].text, strlen(cases[i].text));

        assert_string_equal(docker_json_message(body.text, body.length, buffer, sizeof buffer), cases[i].message);
        free(body.text);
    }
    assert_string_equal(docker_json_message(NULL, 0, buffer, sizeof buffer), "no reason given");
    /* The length counts, not a NUL. */
    assert_string_equal(docker_json_message("plain text", 5, buffer, sizeof buffer), "plain");
    assert_string_equal(docker_json_message("\0x", 2, buffer, sizeof buffer), "no reason given");
}

static void a_long_reason_is_cut(void **state)
{
    enum { LONG = 10000 };
    static const char *const frames[][2] = {{"", ""}, {"{\"message\":\"", "\"}"}};

    (void)state;
    for (size_t i = 0; i < COUNT(frames); i++) {
        for (size_t size = 1; size < 40; size++) {
            char reason[LONG + 1], expected[40] = "", *text = NULL, *buffer = malloc(size);
            struct body body;
            int length;

            assert_non_null(buffer);
            memset(reason, 'r', LONG);
            reason[LONG] = '\0';
            length = asprintf(&text, "%s%s%s", frames[i][0], reason, frames[i][1]);
            assert_true(length > LONG - 1);
            body = body_of(text, (size_t)length);
            memset(expected, 'r', size - 1);
            assert_string_equal(docker_json_message(body.text, body.length, buffer, size), expected);
            free(body.text);
            free(text);
            free(buffer);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_list_shows_the_agent_and_the_managed_containers),
        cmocka_unit_test(a_recorded_inspection_shows_what_the_planner_needs),
        cmocka_unit_test(a_recorded_event_log_shows_who_stopped_what),
        cmocka_unit_test(a_recorded_error_gives_its_reason),
        cmocka_unit_test(the_agent_is_found_by_name_and_never_managed),
        cmocka_unit_test(a_name_that_only_resembles_the_agents_is_not_the_agent),
        cmocka_unit_test(a_link_is_not_a_name),
        cmocka_unit_test(a_name_that_is_too_long_is_cut),
        cmocka_unit_test(the_label_decides_what_is_managed_and_its_owner_may_opt_out),
        cmocka_unit_test(every_state_of_docker_is_read),
        cmocka_unit_test(a_managed_container_in_an_unknown_state_is_not_understood),
        cmocka_unit_test(an_agent_in_an_unknown_state_is_an_error),
        cmocka_unit_test(a_state_of_somebody_elses_container_does_not_matter),
        cmocka_unit_test(an_empty_list_is_a_host_without_containers),
        cmocka_unit_test(an_unusable_id_is_an_error),
        cmocka_unit_test(an_entry_of_the_list_that_is_no_container_is_an_error),
        cmocka_unit_test(an_inspection_is_about_the_container_that_was_asked_for),
        cmocka_unit_test(a_policy_keeps_its_retries_only_where_they_mean_something),
        cmocka_unit_test(a_stop_timeout_may_be_missing_and_may_be_endless),
        cmocka_unit_test(the_flags_of_an_inspection_are_read),
        cmocka_unit_test(a_field_of_an_inspection_that_is_missing_or_of_another_type_is_an_error),
        cmocka_unit_test(a_value_that_cannot_be_is_an_error),
        cmocka_unit_test(a_field_of_an_event_that_is_missing_or_of_another_type_is_an_error),
        cmocka_unit_test(an_event_log_without_entries_is_empty),
        cmocka_unit_test(events_need_no_line_of_their_own),
        cmocka_unit_test(only_four_actions_of_containers_matter),
        cmocka_unit_test(an_event_log_that_is_no_sequence_of_objects_is_an_error),
        cmocka_unit_test(what_is_not_json_is_an_error),
        cmocka_unit_test(an_error_says_what_is_wrong_with_the_answer),
        cmocka_unit_test(only_white_space_may_follow_the_end),
        cmocka_unit_test(a_recorded_inspection_cut_anywhere_is_an_error),
        cmocka_unit_test(a_recorded_list_cut_anywhere_is_an_error),
        cmocka_unit_test(a_recorded_event_log_cut_inside_an_entry_is_an_error),
        cmocka_unit_test(any_byte_may_be_wrong),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(a_hundred_thousand_entries_take_bounded_time),
        cmocka_unit_test(the_reason_of_an_error_is_one_line),
        cmocka_unit_test(a_long_reason_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
