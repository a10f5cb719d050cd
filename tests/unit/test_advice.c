/* SPDX-License-Identifier: MIT-0 */
/* What a dry run warns of, and what of Docker's answers that rests on. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advice.h"
#include "docker_json.h"

#define ID "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define IMAGE "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ARN "arn:aws:ecs:eu-central-1:123456789012:task/plant-7/"

#define MAX 8

struct scene {
    struct container containers[MAX];
    struct snapshot seen;
    struct advice_facts facts;
};

/* A host on which all is well: a running agent and count containers, each of a task of its own. */
static void well(struct scene *scene, size_t count)
{
    *scene = (struct scene){.facts = {.agent = "ecs-agent"}};
    scene->seen = (struct snapshot){.listed = true, .containers = scene->containers, .container_count = count};
    scene->seen.agent = (struct container){.name = "ecs-agent", .status = STATUS_RUNNING};
    for (size_t i = 0; i < count; i++) {
        struct container *container = &scene->containers[i];

        *container = (struct container){.managed = true, .status = STATUS_RUNNING, .inspected = INSPECT_DONE};
        snprintf(container->id, sizeof container->id, "%064zx", i);
        snprintf(container->name, sizeof container->name, "web-%zu", i);
        snprintf(container->task, sizeof container->task, "task-%zu", i);
        snprintf(container->image, sizeof container->image, IMAGE);
    }
}

static struct advice advice_of(const struct scene *scene)
{
    struct advice advice = {0};

    assert_int_equal(advice_make(&scene->seen, &scene->facts, &advice), 0);
    return advice;
}

static void expect_nothing(const struct scene *scene)
{
    struct advice advice = advice_of(scene);

    if (advice.count != 0)
        fail_msg("found: %s: %s", advice_kind_name(advice.findings[0].kind), advice.findings[0].detail);
    advice_clear(&advice);
}

/* Just this one; container is NULL when it is not about a single one. */
static void expect_one(const struct scene *scene, enum advice_kind kind, const struct container *container,
                       const char *detail)
{
    struct advice advice = advice_of(scene);

    assert_int_equal(advice.count, 1);
    assert_string_equal(advice_kind_name(advice.findings[0].kind), advice_kind_name(kind));
    assert_ptr_equal(advice.findings[0].container, container);
    assert_string_equal(advice.findings[0].detail, detail);
    advice_clear(&advice);
}

static void a_host_on_which_all_is_well_is_told_nothing(void **unused)
{
    struct scene scene;

    (void)unused;
    well(&scene, 3);
    expect_nothing(&scene);
    well(&scene, 0);
    expect_nothing(&scene);
}

static void the_host_s_own_troubles_are_told_as_they_are_given(void **unused)
{
    struct scene scene;

    (void)unused;
    well(&scene, 1);
    scene.facts.schedule = "enable it";
    expect_one(&scene, ADVICE_NOT_SCHEDULED, NULL, "enable it");
    well(&scene, 1);
    scene.facts.state_trouble = "/var/lib/eins: Permission denied";
    expect_one(&scene, ADVICE_STATE, NULL, "/var/lib/eins: Permission denied");
    well(&scene, 1);
    scene.facts.docker_trouble = "images: no %s";
    expect_one(&scene, ADVICE_DOCKER, NULL, "images: no %s");
}

static void an_agent_is_missed_unless_the_plan_brings_it(void **unused)
{
    static const enum status down[] = {STATUS_CREATED, STATUS_RESTARTING, STATUS_REMOVING, STATUS_EXITED, STATUS_DEAD};
    struct scene scene;

    (void)unused;
    well(&scene, 1);
    scene.seen.agent = (struct container){.status = STATUS_GONE};
    expect_one(&scene, ADVICE_AGENT_MISSING, NULL, "ecs-agent");
    scene.facts.agent_planned = true;
    expect_nothing(&scene);
    for (size_t i = 0; i < COUNT(down); i++) {
        well(&scene, 1);
        scene.seen.agent.status = down[i];
        expect_one(&scene, ADVICE_AGENT_DOWN, &scene.seen.agent, model_status_name(down[i]));
        scene.facts.agent_planned = true;
        expect_nothing(&scene);
    }
}

static void a_paused_agent_is_as_it_should_be_in_an_outage_only(void **unused)
{
    struct scene scene;

    (void)unused;
    well(&scene, 1);
    scene.seen.agent.status = STATUS_PAUSED;
    expect_one(&scene, ADVICE_AGENT_PAUSED, &scene.seen.agent, "");
    scene.facts.outage = true;
    expect_nothing(&scene);
}

static void of_an_agent_that_nobody_looked_for_nothing_is_said(void **unused)
{
    struct scene scene;

    (void)unused;
    well(&scene, 0);
    scene.seen = (struct snapshot){.listed = false};
    expect_nothing(&scene);
}

static void each_container_that_is_up_is_judged_by_its_own_settings(void **unused)
{
    struct scene scene;

    (void)unused;
    for (int status = STATUS_RUNNING; status <= STATUS_RESTARTING; status++) {
        well(&scene, 3);
        scene.containers[1].status = (enum status)status;
        scene.containers[1].auto_remove = true;
        expect_one(&scene, ADVICE_AUTO_REMOVE, &scene.containers[1], "");
        well(&scene, 3);
        scene.containers[2].status = (enum status)status;
        scene.containers[2].logs_block = true;
        expect_one(&scene, ADVICE_LOGS_BLOCK, &scene.containers[2], "");
        well(&scene, 3);
        scene.containers[0].status = (enum status)status;
        scene.containers[0].image_gone = true;
        expect_one(&scene, ADVICE_IMAGE_GONE, &scene.containers[0], "image " IMAGE);
    }
    well(&scene, 1);
    scene.containers[0].inspected = INSPECT_FAILED;
    expect_one(&scene, ADVICE_NOT_UNDERSTOOD, &scene.containers[0], "");
}

static void what_is_down_has_nothing_to_lose(void **unused)
{
    static const enum status down[] = {STATUS_GONE, STATUS_CREATED, STATUS_REMOVING, STATUS_EXITED, STATUS_DEAD};
    struct scene scene;

    (void)unused;
    for (size_t i = 0; i < COUNT(down); i++) {
        well(&scene, 2);
        scene.containers[0].status = down[i];
        scene.containers[0].auto_remove = scene.containers[0].logs_block = scene.containers[0].image_gone = true;
        snprintf(scene.containers[0].task, sizeof scene.containers[0].task, "%s", scene.containers[1].task);
        expect_nothing(&scene);
    }
}

static void a_task_of_several_containers_is_told_once(void **unused)
{
    struct scene scene;
    struct advice advice;

    (void)unused;
    well(&scene, 6);
    for (size_t i = 1; i < 4; i++)
        snprintf(scene.containers[i].task, sizeof scene.containers[i].task, "abc");
    expect_one(&scene, ADVICE_TASK, NULL, "task abc: 3 containers, one is web-1");
    scene.containers[4].task[0] = scene.containers[5].task[0] = '\0'; /* of no task: they have nothing in common */
    expect_one(&scene, ADVICE_TASK, NULL, "task abc: 3 containers, one is web-1");
    snprintf(scene.containers[4].task, sizeof scene.containers[4].task, "def");
    snprintf(scene.containers[5].task, sizeof scene.containers[5].task, "def");
    advice = advice_of(&scene);
    assert_int_equal(advice.count, 2);
    assert_string_equal(advice.findings[1].detail, "task def: 2 containers, one is web-4");
    advice_clear(&advice);
}

static void a_reset_is_told_only_what_is_in_its_way(void **unused)
{
    struct scene scene;
    struct advice advice;

    (void)unused;
    well(&scene, 2);
    scene.facts = (struct advice_facts){.reset = true, .agent = "ecs-agent", .schedule = "x", .state_trouble = "y"};
    scene.seen.agent.status = STATUS_EXITED;
    scene.containers[0].auto_remove = scene.containers[0].logs_block = scene.containers[0].image_gone = true;
    scene.containers[1].inspected = INSPECT_FAILED;
    snprintf(scene.containers[0].task, sizeof scene.containers[0].task, "%s", scene.containers[1].task);
    advice = advice_of(&scene);
    assert_int_equal(advice.count, 2);
    assert_int_equal(advice.findings[0].kind, ADVICE_STATE);
    assert_int_equal(advice.findings[1].kind, ADVICE_AGENT_DOWN);
    advice_clear(&advice);
}

static void findings_of_one_kind_stand_together_the_host_s_own_first(void **unused)
{
    struct scene scene;
    struct advice advice;

    (void)unused;
    well(&scene, MAX);
    scene.facts.schedule = "x";
    for (size_t i = 0; i < MAX; i++)
        scene.containers[i].auto_remove = scene.containers[i].logs_block = scene.containers[i].image_gone = true;
    advice = advice_of(&scene);
    assert_int_equal(advice.count, 1 + 3 * MAX);
    assert_int_equal(advice.findings[0].kind, ADVICE_NOT_SCHEDULED);
    for (size_t i = 1; i < advice.count; i++) {
        assert_true(advice.findings[i].kind >= advice.findings[i - 1].kind);
        assert_ptr_equal(advice.findings[i].container, &scene.containers[(i - 1) % MAX]);
    }
    advice_clear(&advice);
}

static void every_kind_has_a_name_of_its_own_and_a_sentence(void **unused)
{
    (void)unused;
    for (int kind = 0; kind < ADVICE_KIND_COUNT; kind++) {
        assert_true(strlen(advice_text((enum advice_kind)kind)) > 40);
        assert_true(strlen(advice_kind_name((enum advice_kind)kind)) > 4);
        for (int other = 0; other < kind; other++)
            assert_string_not_equal(advice_kind_name((enum advice_kind)kind),
                                    advice_kind_name((enum advice_kind)other));
    }
}

/* -- what Docker's answers tell -- */

static struct container inspect(const char *image, const char *log_config)
{
    struct container container = {.id = ID};
    struct error error = {.text = ""};
    char text[2048];

    snprintf(text, sizeof text,
             "{\"Id\":\"" ID "\",%s\"RestartCount\":0,\"Config\":{},\"State\":{\"Status\":\"running\","
             "\"OOMKilled\":false,\"Error\":\"\",\"StartedAt\":\"2026-11-25T00:07:45.2Z\",\"ExitCode\":0},"
             "\"HostConfig\":{%s\"RestartPolicy\":{\"Name\":\"no\",\"MaximumRetryCount\":0},\"AutoRemove\":false}}",
             image, log_config);
    if (docker_json_inspect(text, strlen(text), &container, &error) != 0)
        fail_msg("%s: %s", text, error.text);
    return container;
}

static void a_log_driver_blocks_if_it_is_awslogs_and_not_told_otherwise(void **unused)
{
    static const struct {
        const char *log_config;
        bool blocks;
    } cases[] = {
        {"\"LogConfig\":{\"Type\":\"awslogs\",\"Config\":{}},", true},
        {"\"LogConfig\":{\"Type\":\"awslogs\",\"Config\":null},", true},
        {"\"LogConfig\":{\"Type\":\"awslogs\"},", true},
        {"\"LogConfig\":{\"Type\":\"awslogs\",\"Config\":{\"mode\":\"blocking\"}},", true},
        {"\"LogConfig\":{\"Type\":\"awslogs\",\"Config\":{\"mode\":\"non-blocking\"}},", false},
        {"\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"mode\":\"blocking\"}},", false},
        {"\"LogConfig\":{\"Type\":7,\"Config\":[]},", false},
        {"\"LogConfig\":null,", false},
        {"", false},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (inspect("", cases[i].log_config).logs_block != cases[i].blocks)
            fail_msg("%s", cases[i].log_config);
    }
}

static void only_an_id_of_an_image_becomes_part_of_a_request(void **unused)
{
    static const char *const none[] = {"",
                                       "\"Image\":null,",
                                       "\"Image\":7,",
                                       "\"Image\":\"\",",
                                       "\"Image\":\"busybox\",",
                                       "\"Image\":\"sha256:../../containers/prune\",",
                                       "\"Image\":\"" IMAGE "0\",",
                                       "\"Image\":\"" IMAGE "/x\",",
                                       "\"Image\":\"" ID "\","};

    (void)unused;
    assert_string_equal(inspect("\"Image\":\"" IMAGE "\",", "").image, IMAGE);
    for (size_t i = 0; i < COUNT(none); i++)
        assert_string_equal(inspect(none[i], "").image, "");
}

static struct snapshot list(const char *text)
{
    struct snapshot snapshot = {0};
    struct error error = {.text = ""};

    if (docker_json_list(text, strlen(text), "ecs-agent", &snapshot, &error) != 0)
        fail_msg("%s: %s", text, error.text);
    return snapshot;
}

static void the_list_tells_the_task_and_whether_the_image_s_name_still_leads_to_it(void **unused)
{
    static const struct {
        const char *image, *arn, *task;
        bool named;
    } cases[] = {
        {"\"Image\":\"busybox\",\"ImageID\":\"" IMAGE "\"", "\"" ARN "aa00\"", "aa00", true},
        {"\"Image\":\"" IMAGE "\",\"ImageID\":\"" IMAGE "\"", "\"no-slash\"", "no-slash", false},
        {"\"Image\":\"busybox\",\"ImageID\":7", "7", "", false},
        {"\"Image\":null", "null", "", false},
        {"\"Image\":\"busybox\",\"ImageID\":\"" IMAGE "\"", "\"" ARN "\"", "", true},
    };
    char text[1024];

    (void)unused;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct snapshot snapshot;

        snprintf(text, sizeof text,
                 "[{\"Id\":\"" ID "\",\"Names\":[\"/web\"],\"State\":\"running\",%s,\"Labels\":{\"" DOCKER_LABEL_ECS
                 "\":\"plant-7\",\"" DOCKER_LABEL_TASK "\":%s}}]",
                 cases[i].image, cases[i].arn);
        snapshot = list(text);
        assert_int_equal(snapshot.container_count, 1);
        assert_string_equal(snapshot.containers[0].task, cases[i].task);
        assert_int_equal(snapshot.containers[0].image_named, cases[i].named);
        model_snapshot_clear(&snapshot);
    }
}

static void other_containers_are_counted_and_the_agent_is_none_of_them(void **unused)
{
    struct snapshot snapshot = list("[{\"Id\":\"" ID "\",\"Names\":[\"/ecs-agent\"],\"State\":\"running\"},"
                                    "{\"Id\":\"" ID "\",\"Names\":[\"/mine\"],\"State\":\"running\"},"
                                    "{\"Id\":\"" ID "\",\"Names\":[\"/out\"],\"State\":\"exited\",\"Labels\":{"
                                    "\"" DOCKER_LABEL_ECS "\":\"x\",\"" DOCKER_LABEL_ENABLE "\":\"false\"}}]");

    (void)unused;
    assert_int_equal(snapshot.container_count, 0);
    assert_int_equal(snapshot.other_count, 2);
    model_snapshot_clear(&snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_on_which_all_is_well_is_told_nothing),
        cmocka_unit_test(the_host_s_own_troubles_are_told_as_they_are_given),
        cmocka_unit_test(an_agent_is_missed_unless_the_plan_brings_it),
        cmocka_unit_test(a_paused_agent_is_as_it_should_be_in_an_outage_only),
        cmocka_unit_test(of_an_agent_that_nobody_looked_for_nothing_is_said),
        cmocka_unit_test(each_container_that_is_up_is_judged_by_its_own_settings),
        cmocka_unit_test(what_is_down_has_nothing_to_lose),
        cmocka_unit_test(a_task_of_several_containers_is_told_once),
        cmocka_unit_test(a_reset_is_told_only_what_is_in_its_way),
        cmocka_unit_test(findings_of_one_kind_stand_together_the_host_s_own_first),
        cmocka_unit_test(every_kind_has_a_name_of_its_own_and_a_sentence),
        cmocka_unit_test(a_log_driver_blocks_if_it_is_awslogs_and_not_told_otherwise),
        cmocka_unit_test(only_an_id_of_an_image_becomes_part_of_a_request),
        cmocka_unit_test(the_list_tells_the_task_and_whether_the_image_s_name_still_leads_to_it),
        cmocka_unit_test(other_containers_are_counted_and_the_agent_is_none_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
