/* SPDX-License-Identifier: MIT-0 */
/* What is down in an outage, and little is known of why: events that cannot be had, parts of the engine's generation
 * that cannot be read, what a failed start leaves. Each look at Docker is made by hand. */
#include "config.h"

#include "unit.h"

#include <string.h>

#include "plan.h"

#define ID_AGENT "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_WEB "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* One container that ran at the last look of the same outage, and what Docker shows of it now. */
struct scene {
    struct conf conf;
    struct verdict verdict;
    struct state state;
    struct state_container known;
    struct snapshot seen;
    struct container shown;
    struct event events[4];
    struct plan plan;
};

static void scene_set(struct scene *scene)
{
    *scene = (struct scene){
        .conf = {.fall = 1, .rise = 1, .agent = "ecs-agent", .agent_wait = 20},
        .verdict = {.reach = REACH_UNREACHABLE, .now = 2000},
        .state = {.phase = PHASE_DISCONNECTED, .generation = "boot engine"},
        .known = {.id = ID_WEB, .name = "web", .running = true, .takeover = TAKEOVER_SET, .started_at = "T1"},
        .seen = {.listed = true, .events_asked = INSPECT_DONE, .container_count = 1, .generation = "boot engine"},
        .shown = {.id = ID_WEB,
                  .name = "web",
                  .managed = true,
                  .status = STATUS_EXITED,
                  .inspected = INSPECT_DONE,
                  .policy = {POLICY_ON_FAILURE, 0},
                  .started_at = "T1",
                  .exit_code = 1,
                  .stop_timeout = -1},
    };
    scene->seen.agent = (struct container){.id = ID_AGENT, .status = STATUS_PAUSED};
    strcpy(scene->state.agent.id, ID_AGENT);
    scene->state.agent.paused_by_eins = true;
    scene->state.containers = &scene->known;
    scene->state.container_count = 1;
    scene->seen.containers = &scene->shown;
    scene->seen.events = scene->events;
}

static void happened(struct scene *scene, enum event_kind kind)
{
    struct event *event = &scene->events[scene->seen.event_count++];

    assert_true(scene->seen.event_count <= COUNT(scene->events));
    *event = (struct event){.kind = kind, .id = ID_WEB};
}

static void scene_plan(struct scene *scene)
{
    assert_int_equal(plan_make(&scene->conf, &scene->state, &scene->verdict, &scene->seen, &scene->plan), 0);
}

/* Whether it is started, and why. */
static bool starts(const struct scene *scene, enum op_reason reason)
{
    for (size_t i = 0; i < scene->plan.op_count; i++) {
        if (scene->plan.ops[i].kind == OP_START) {
            assert_int_equal(scene->plan.ops[i].reason, reason);
            return true;
        }
    }
    return false;
}

static void crash_of_which_the_events_cannot_be_had_is_left_and_mentioned(void **unused)
{
    struct scene scene;

    (void)unused;
    scene_set(&scene);
    happened(&scene, EVENT_DIE);
    scene_plan(&scene);
    assert_true(starts(&scene, REASON_DIED_BEFORE_HOLD));
    plan_clear(&scene.plan);

    scene.seen.events_asked = INSPECT_FAILED;
    scene_plan(&scene);
    assert_false(starts(&scene, REASON_DIED_BEFORE_HOLD));
    assert_int_equal(scene.plan.note_count, 1);
    assert_int_equal(scene.plan.notes[0].kind, NOTE_DEATH_UNKNOWN);
    assert_int_equal(scene.plan.wants, 0); /* they are not asked for again and again */
    plan_clear(&scene.plan);
}

static void part_of_the_generation_that_cannot_be_read_says_nothing(void **unused)
{
    static const struct {
        const char *before, *now;
        bool restarted;
    } cases[] = {
        {"b1 e1", "b1 e1", false}, {"b1 e1", "b1 e2", true}, {"b1 e1", "b2 e1", true}, {"b1 -", "b1 e2", false},
        {"b1 e1", "b1 -", false},  {"- e1", "b2 e1", false}, {"b1 e1", "- e1", false}, {"b1 -", "b2 e2", true},
        {"- e1", "- e2", true},    {"", "b1 e1", false},     {"b1 e1", "", false},     {"- -", "b1 e1", false},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene scene;

        scene_set(&scene);
        scene.shown.exit_code = 0; /* finished, unless it went down with the engine */
        strcpy(scene.state.generation, cases[i].before);
        strcpy(scene.seen.generation, cases[i].now);
        scene_plan(&scene);
        if (starts(&scene, REASON_ENGINE_RESTARTED) != cases[i].restarted)
            fail_msg("from \"%s\" to \"%s\"", cases[i].before, cases[i].now);
        plan_clear(&scene.plan);
    }
}

/* A start that fails leaves a container that ran before as "created". */
static void created_container_is_started_only_if_it_is_known_to_have_run(void **unused)
{
    static const struct {
        bool running, starting, restarted, started;
    } cases[] = {
        {true, false, false, false}, {true, false, true, true},  {false, false, true, false},
        {true, true, false, true},   {false, true, false, true},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene scene;

        scene_set(&scene);
        scene.shown.status = STATUS_CREATED;
        scene.shown.exit_code = 128;
        scene.known.running = cases[i].running;
        scene.known.starting = cases[i].starting;
        if (cases[i].restarted)
            strcpy(scene.seen.generation, "boot later");
        scene_plan(&scene);
        assert_int_equal(starts(&scene, cases[i].starting ? REASON_START_UNFINISHED : REASON_ENGINE_RESTARTED),
                         cases[i].started);
        plan_clear(&scene.plan);
    }
}

static void what_was_started_after_a_restart_of_the_engine_and_ended_for_good_stays_down(void **unused)
{
    static const struct {
        int exit_code, retries, restart_count;
        bool started;
    } cases[] = {{1, 0, 9, true}, {0, 0, 0, false}, {1, 3, 2, true}, {1, 3, 3, false}};

    (void)unused;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene scene;

        scene_set(&scene);
        strcpy(scene.seen.generation, "boot later");
        happened(&scene, EVENT_START);
        happened(&scene, EVENT_DIE);
        scene.shown.exit_code = cases[i].exit_code;
        scene.shown.policy.retries = cases[i].retries;
        scene.shown.restart_count = cases[i].restart_count;
        scene_plan(&scene);
        assert_int_equal(starts(&scene, REASON_ENGINE_RESTARTED), cases[i].started);
        plan_clear(&scene.plan);
    }
}

static void container_that_is_gone_or_on_its_way_out_is_waited_for_by_nobody(void **unused)
{
    static const enum status statuses[] = {STATUS_GONE, STATUS_REMOVING, STATUS_DEAD};

    (void)unused;
    for (size_t i = 0; i < COUNT(statuses); i++) {
        struct scene scene;

        scene_set(&scene);
        scene.shown.status = statuses[i];
        scene_plan(&scene);
        assert_int_equal(scene.plan.wants, 0);
        assert_int_equal(scene.plan.op_count, 0);
        assert_false(scene.plan.next.containers[0].running);
        plan_clear(&scene.plan);

        scene.state.phase = PHASE_CONNECTED; /* at the end of the outage somebody else has removed it */
        scene.verdict.reach = REACH_REACHABLE;
        scene_plan(&scene);
        assert_int_equal(scene.plan.next.container_count, 0);
        assert_int_equal(scene.plan.notes[0].kind, NOTE_VANISHED);
        plan_clear(&scene.plan);
    }
}

static void count_of_restarts_stops_at_its_limit(void **unused)
{
    struct scene scene;

    (void)unused;
    scene_set(&scene);
    scene.shown.status = STATUS_RUNNING;
    scene.shown.restart_count = 5;
    strcpy(scene.shown.started_at, "T2");
    strcpy(scene.known.last_start, "T1");
    scene.known.restarts = MODEL_COUNT_MAX - 2;
    scene_plan(&scene);
    assert_int_equal(scene.plan.next.containers[0].restarts, MODEL_COUNT_MAX);
    assert_int_equal(scene.plan.next.restarted, 5);
    plan_clear(&scene.plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crash_of_which_the_events_cannot_be_had_is_left_and_mentioned),
        cmocka_unit_test(part_of_the_generation_that_cannot_be_read_says_nothing),
        cmocka_unit_test(created_container_is_started_only_if_it_is_known_to_have_run),
        cmocka_unit_test(what_was_started_after_a_restart_of_the_engine_and_ended_for_good_stays_down),
        cmocka_unit_test(container_that_is_gone_or_on_its_way_out_is_waited_for_by_nobody),
        cmocka_unit_test(count_of_restarts_stops_at_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
