/* SPDX-License-Identifier: MIT-0 */
/* A renewal of the agent that meets something else: a person, the next outage, a clock that was set back, more removals
 * than an agent can hold. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_stage.h"
#include "text.h"

/* web is replaced, and the check is killed after it has killed the old agent. */
static void kill_check_in_renewal(struct stage *s, bool has_ecs_init)
{
    stage_in_outage(s);
    s->world.has_ecs_init = has_ecs_init;
    stage_crash_web(s);
    world_noise(&s->world, 300);
    s->how.kill_at = 6;
    check(s, REACH_REACHABLE, NULL);
    assert_string_not_equal(s->eins.disk.agent.renewing, "");
    assert_int_equal(s->world.agent.status, STATUS_EXITED);
}

static void new_agent_that_somebody_paused_before_the_next_check_is_left_alone(void **unused)
{
    struct stage s;

    (void)unused;
    kill_check_in_renewal(&s, true);
    world_make_agent(&s.world);
    world_pause_agent(&s.world);
    check(&s, REACH_REACHABLE, "restore:db");
    assert_string_equal(s.eins.disk.agent.renewing, "");
    check(&s, REACH_REACHABLE, "");
    assert_int_equal(s.world.agent.status, STATUS_PAUSED);
    assert_true(noted(&s, NOTE_FOREIGN_PAUSE));
    stage_clear(&s);
}

static void new_agent_that_somebody_paused_before_the_next_outage_is_left_alone_after_it(void **unused)
{
    struct stage s;

    (void)unused;
    kill_check_in_renewal(&s, true);
    world_make_agent(&s.world);
    world_pause_agent(&s.world);
    check(&s, REACH_UNREACHABLE, "hold:db");
    assert_true(noted(&s, NOTE_FOREIGN_PAUSE));
    check(&s, REACH_REACHABLE, "restore:db");
    assert_int_equal(s.world.agent.status, STATUS_PAUSED);
    stage_clear(&s);
}

static void old_agent_is_started_at_once_when_the_clock_was_set_back_in_the_wait(void **unused)
{
    struct stage s;

    (void)unused;
    kill_check_in_renewal(&s, false);
    s.world.now -= 86400; /* the wait would end tomorrow */
    check(&s, REACH_REACHABLE, "restore:db start-agent");
    assert_int_equal(s.world.agent.status, STATUS_RUNNING);
    assert_false(state_owes(&s.eins.disk));
    stage_clear(&s);
}

static void agent_that_was_paused_in_the_future_may_have_missed_events(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    stage_crash_web(&s);
    s.world.now -= 86400;
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web kill-agent await-agent");
    stage_clear(&s);
}

static void remove_agent(void *context, const struct op *op)
{
    struct world *world = context;

    if (op->kind == OP_UNPAUSE_AGENT)
        world->agent.status = STATUS_GONE;
}

static void agent_that_went_before_it_could_be_thawed_is_owed_nothing(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    s.world.has_ecs_init = false;
    s.how.before_op = remove_agent;
    s.how.context = &s.world;
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent?");
    assert_false(state_owes(&s.eins.disk));
    check(&s, REACH_REACHABLE, "");
    stage_clear(&s);
}

/* Whether the agent is renewed when so many containers were restarted in the outage; the only event in the log is this
 * one, of the container that has this id. */
static bool renews(size_t restarted, enum inspected events_asked, enum event_kind kind, const char *id)
{
    const struct conf conf = {.fall = 1, .rise = 1, .agent = "ecs-agent", .agent_wait = 20};
    const struct verdict verdict = {.reach = REACH_REACHABLE, .now = 2000};
    struct snapshot seen = {.listed = true, .events_asked = events_asked, .container_count = restarted};
    struct state empty = {0}, state;
    struct plan plan;
    bool renewed = false;

    seen.events = calloc(1, sizeof *seen.events);
    assert_non_null(seen.events);
    seen.events[0] = (struct event){.kind = kind};
    text_copy(seen.events[0].id, MODEL_ID_SIZE, id);
    seen.event_count = 1;
    assert_int_equal(state_copy(&empty, restarted, &state), 0);
    state.agent = (struct state_agent){.id = "agent", .paused_by_eins = true, .paused_at = 1000};
    seen.agent = (struct container){.id = "agent", .status = STATUS_PAUSED};
    seen.containers = calloc(restarted, sizeof *seen.containers);
    assert_non_null(seen.containers);
    for (size_t i = 0; i < restarted; i++) {
        struct container *shown = &seen.containers[i];
        struct state_container *known;

        *shown = (struct container){.managed = true, .status = STATUS_RUNNING, .inspected = INSPECT_DONE};
        shown->policy.kind = POLICY_ON_FAILURE;
        snprintf(shown->id, sizeof shown->id, "%064zu", i);
        strcpy(shown->started_at, "later");
        known = state_add(&state, shown->id, "web");
        known->takeover = TAKEOVER_SET;
        strcpy(known->started_at, "earlier");
    }
    assert_int_equal(plan_make(&conf, &state, &verdict, &seen, &plan), 0);
    for (size_t i = 0; i < plan.op_count; i++)
        renewed |= plan.ops[i].kind == OP_KILL_AGENT && plan.ops[i].reason == REASON_EVENTS_LOST;
    plan_clear(&plan);
    model_snapshot_clear(&seen);
    state_clear(&state);
    return renewed;
}

/* Each removal is seven events, and a frozen agent loses them after about a thousand. */
static void agent_is_renewed_when_the_removals_alone_are_more_than_it_can_hold(void **unused)
{
    (void)unused;
    assert_false(renews(142, INSPECT_DONE, EVENT_PAUSE, "agent"));
    assert_true(renews(143, INSPECT_DONE, EVENT_PAUSE, "agent"));
}

static void agent_is_renewed_to_be_safe_when_the_events_cannot_be_had(void **unused)
{
    (void)unused;
    assert_false(renews(1, INSPECT_DONE, EVENT_PAUSE, "agent"));
    assert_true(renews(1, INSPECT_FAILED, EVENT_PAUSE, "agent"));
}

static void agent_whose_pause_is_not_among_the_events_is_renewed_to_be_safe(void **unused)
{
    (void)unused;
    assert_true(renews(1, INSPECT_DONE, EVENT_PAUSE, "another"));
    assert_true(renews(1, INSPECT_DONE, EVENT_OTHER, "agent")); /* its health check */
}

/* While it was frozen first, it may have lost the end of what it is thought to have heard of. */
static void agent_that_somebody_thawed_and_that_is_frozen_again_is_renewed(void **unused)
{
    (void)unused;
    for (int by_eins = 0; by_eins < 2; by_eins++) {
        struct stage s;

        stage_in_outage(&s);
        world_noise(&s.world, 2 * WORLD_STREAM);
        world_exit(&s.world, s.web, 0);
        world_unpause_agent(&s.world);
        if (by_eins == 1)
            check(&s, REACH_UNREACHABLE, "pause-agent");
        else
            world_pause_agent(&s.world);
        check(&s, REACH_REACHABLE, "restore:web restore:db kill-agent await-agent");
        stage_clear(&s);
    }
}

static void agent_has_to_learn_also_of_what_could_not_be_inspected(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    world_exit(&s.world, s.web, 0);
    world_noise(&s.world, WORLD_RING);
    s.how.fail_inspections = true;
    check(&s, REACH_REACHABLE, "kill-agent await-agent");
    assert_true(s.trial.incomplete);
    check(&s, REACH_REACHABLE, "restore:web restore:db");
    stage_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_agent_that_somebody_paused_before_the_next_check_is_left_alone),
        cmocka_unit_test(new_agent_that_somebody_paused_before_the_next_outage_is_left_alone_after_it),
        cmocka_unit_test(old_agent_is_started_at_once_when_the_clock_was_set_back_in_the_wait),
        cmocka_unit_test(agent_that_was_paused_in_the_future_may_have_missed_events),
        cmocka_unit_test(agent_that_went_before_it_could_be_thawed_is_owed_nothing),
        cmocka_unit_test(agent_is_renewed_when_the_removals_alone_are_more_than_it_can_hold),
        cmocka_unit_test(agent_is_renewed_to_be_safe_when_the_events_cannot_be_had),
        cmocka_unit_test(agent_whose_pause_is_not_among_the_events_is_renewed_to_be_safe),
        cmocka_unit_test(agent_that_somebody_thawed_and_that_is_frozen_again_is_renewed),
        cmocka_unit_test(agent_has_to_learn_also_of_what_could_not_be_inspected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
