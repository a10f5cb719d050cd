/* SPDX-License-Identifier: MIT-0 */
/* The agent, as stories: thawed or renewed when the region is back, and left alone when it is somebody else's. */
#include "config.h"

#include "unit.h"

#include <string.h>

#include "plan_stage.h"

static void agent_is_renewed_as_soon_as_its_pause_has_left_the_event_log(void **unused)
{
    (void)unused;
    for (unsigned events = WORLD_RING; events <= WORLD_RING + 1; events++) {
        struct stage s;

        stage_in_outage(&s);
        stage_crash_web(&s);
        world_noise(&s.world, events - 3); /* the pause, the crash and the restart are events too */
        check(&s, REACH_REACHABLE,
              events <= WORLD_RING ? "restore:web restore:db stop:web remove:web unpause-agent"
                                   : "restore:web restore:db stop:web remove:web kill-agent await-agent");
        assert_int_equal(s.world.agent.status, STATUS_RUNNING);
        assert_false(state_owes(&s.eins.disk));
        stage_clear(&s);
    }
}

static void agent_that_somebody_paused_in_the_outage_is_thawed_when_all_since_is_known(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    world_end_agent(&s.world, 1);
    check(&s, REACH_UNREACHABLE, "");
    world_make_agent(&s.world);
    world_pause_agent(&s.world); /* by somebody, in the outage */
    check(&s, REACH_UNREACHABLE, "");
    stage_crash_web(&s);
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web unpause-agent");
    stage_clear(&s);
}

/* Its stream of events ended with the old dockerd. */
static void agent_that_stayed_frozen_when_dockerd_was_restarted_is_renewed(void **unused)
{
    struct stage s;

    (void)unused;
    for (int changed = 0; changed < 2; changed++) {
        stage_in_outage(&s);
        world_restart_engine(&s.world, ENGINE_LIVE_RESTORE);
        if (changed == 1)
            stage_crash_web(&s);
        check(&s, REACH_REACHABLE,
              changed == 1 ? "restore:web restore:db stop:web remove:web kill-agent await-agent"
                           : "restore:web restore:db unpause-agent");
        stage_clear(&s);
    }
}

static void agent_has_to_learn_of_what_ended_in_the_outage(void **unused)
{
    struct stage s;

    (void)unused;
    for (int lost = 0; lost < 2; lost++) {
        stage_in_outage(&s);
        world_exit(&s.world, s.web, 0);
        world_noise(&s.world, lost == 1 ? WORLD_RING : 0);
        check(&s, REACH_REACHABLE,
              lost == 1 ? "restore:web restore:db kill-agent await-agent" : "restore:web restore:db unpause-agent");
        stage_clear(&s);
    }
}

/* A recovery that did all but thaw the agent, which then was cut off from Docker's events. */
static void leave_frozen(struct stage *s)
{
    stage_in_outage(s);
    s->how.fail_kinds = 1u << OP_UNPAUSE_AGENT;
    check(s, REACH_REACHABLE, "restore:web restore:db unpause-agent!");
    world_restart_engine(&s->world, ENGINE_LIVE_RESTORE);
}

static void agent_has_to_learn_of_what_ended_after_a_recovery_that_could_not_thaw_it(void **unused)
{
    struct stage s;

    (void)unused;
    leave_frozen(&s);
    world_exit(&s.world, s.web, 1);
    check(&s, REACH_REACHABLE, "kill-agent await-agent");
    stage_clear(&s);
}

static void agent_has_to_learn_of_what_went_between_two_outages_in_which_it_stayed_frozen(void **unused)
{
    struct stage s;

    (void)unused;
    leave_frozen(&s);
    world_remove(&s.world, s.web);
    check(&s, REACH_UNREACHABLE, "hold:db");
    check(&s, REACH_REACHABLE, "restore:db kill-agent await-agent");
    stage_clear(&s);
}

static void agent_knows_of_what_went_while_it_was_awake(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_remove(&s.world, s.web);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:db");
    assert_int_equal(s.eins.disk.container_count, 1);
    world_noise(&s.world, WORLD_RING);
    check(&s, REACH_REACHABLE, "restore:db unpause-agent");
    stage_clear(&s);
}

static void agent_that_need_not_learn_of_removals_is_thawed(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    world_noise(&s.world, 2000);
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    stage_clear(&s);
}

static void agent_has_to_learn_of_what_a_person_removed(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    world_remove(&s.world, s.web);
    world_noise(&s.world, 300);
    check(&s, REACH_REACHABLE, "restore:web? restore:db kill-agent await-agent");
    assert_true(noted(&s, NOTE_VANISHED));
    stage_clear(&s);
}

static void agent_that_was_renamed_in_the_outage_is_found_by_its_id(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    s.how.empty_list = true;
    check(&s, REACH_UNREACHABLE, "");
    s.how.empty_list = true;
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    assert_true(noted(&s, NOTE_AGENT_DOWN));
    assert_int_equal(s.world.agent.status, STATUS_RUNNING);
    assert_false(state_owes(&s.eins.disk));
    check(&s, REACH_REACHABLE, "");
    stage_clear(&s);
}

static void agent_that_does_not_run_when_the_region_is_back_is_mentioned_once(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    s.world.has_ecs_init = false;
    world_end_agent(&s.world, 0);
    check(&s, REACH_UNREACHABLE, "");
    check(&s, REACH_REACHABLE, "restore:web restore:db");
    assert_true(noted(&s, NOTE_AGENT_DOWN));
    check(&s, REACH_REACHABLE, "");
    assert_false(noted(&s, NOTE_AGENT_DOWN));
    stage_clear(&s);
}

/* Recovery with a renewal, the state lost in none of it. */
static void begin_renewal(struct stage *s, bool has_ecs_init)
{
    stage_in_outage(s);
    s->world.has_ecs_init = has_ecs_init;
    stage_crash_web(s);
    world_noise(&s->world, 300);
}

static void agent_that_cannot_be_killed_is_thawed(void **unused)
{
    struct stage s;

    (void)unused;
    begin_renewal(&s, true);
    s.how.fail_kinds = 1u << OP_KILL_AGENT;
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web kill-agent! unpause-agent");
    assert_int_equal(s.world.agent.status, STATUS_RUNNING);
    stage_clear(&s);
}

static void old_agent_is_started_when_nobody_makes_a_new_one(void **unused)
{
    struct stage s;

    (void)unused;
    begin_renewal(&s, false);
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web kill-agent await-agent! start-agent");
    assert_int_equal(s.world.agent.status, STATUS_RUNNING);
    assert_false(state_owes(&s.eins.disk));
    stage_clear(&s);
}

static void renewal_is_finished_wherever_it_was_killed(void **unused)
{
    (void)unused;
    for (int kill_at = 0; kill_at < 9; kill_at++) {
        for (int has_ecs_init = 0; has_ecs_init < 2; has_ecs_init++) {
            struct stage s;
            struct container old;

            begin_renewal(&s, has_ecs_init == 1);
            old = s.world.agent;
            s.how.kill_at = kill_at;
            check(&s, REACH_REACHABLE, NULL);
            /* The one that has missed events must never be thawed as it is. */
            assert_false(strcmp(s.world.agent.id, old.id) == 0 && s.world.agent.status == STATUS_RUNNING &&
                         s.world.agent.exit_code == 0);
            check(&s, REACH_REACHABLE, NULL);
            assert_false(strcmp(s.world.agent.id, old.id) == 0 && s.world.agent.exit_code == 0);
            assert_int_equal(s.world.agent.status, STATUS_RUNNING);
            assert_int_equal(s.web->shown.status, STATUS_GONE);
            assert_false(state_owes(&s.eins.disk));
            check(&s, REACH_REACHABLE, "");
            stage_clear(&s);
        }
    }
}

static void renewal_that_was_given_up_is_reported_and_forgotten_after_the_wait(void **unused)
{
    struct stage s;

    (void)unused;
    begin_renewal(&s, false);
    s.how.kill_at = 6; /* after the agent was killed */
    check(&s, REACH_REACHABLE, NULL);
    assert_string_not_equal(s.eins.disk.agent.renewing, "");
    s.world.agent.status = STATUS_GONE;
    check(&s, REACH_REACHABLE, "restore:db await-agent! start-agent?");
    assert_true(s.trial.incomplete);
    check(&s, REACH_REACHABLE, ""); /* the wait is over */
    assert_true(noted(&s, NOTE_AGENT_MISSING));
    assert_true(s.trial.incomplete);
    check(&s, REACH_REACHABLE, "");
    assert_false(noted(&s, NOTE_AGENT_MISSING));
    stage_clear(&s);
}

static void outage_in_the_middle_of_a_renewal_freezes_the_new_agent(void **unused)
{
    struct stage s;

    (void)unused;
    begin_renewal(&s, true);
    s.how.kill_at = 6;
    check(&s, REACH_REACHABLE, NULL);
    world_wait(&s.world, 1);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:db");
    /* Nothing of the old renewal is left, so that the new agent is renewed when it has to be. */
    world_exit(&s.world, s.db, 1);
    world_wait(&s.world, 1);
    world_noise(&s.world, 300);
    check(&s, REACH_REACHABLE, "restore:db stop:db remove:db kill-agent await-agent");
    stage_clear(&s);
}

static void new_agent_that_somebody_paused_in_the_next_outage_is_thawed(void **unused)
{
    struct stage s;

    (void)unused;
    begin_renewal(&s, true);
    s.how.kill_at = 6;
    check(&s, REACH_REACHABLE, NULL);
    check(&s, REACH_UNREACHABLE, "hold:db"); /* no agent yet */
    world_wait(&s.world, 1);
    world_pause_agent(&s.world);
    check(&s, REACH_UNREACHABLE, "");
    check(&s, REACH_REACHABLE, "restore:db unpause-agent");
    assert_int_equal(s.world.agent.status, STATUS_RUNNING);
    stage_clear(&s);
}

static void agent_that_somebody_paused_while_connected_is_left_alone(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_pause_agent(&s.world);
    check(&s, REACH_REACHABLE, "");
    assert_true(noted(&s, NOTE_FOREIGN_PAUSE));
    check(&s, REACH_REACHABLE, "");
    assert_false(noted(&s, NOTE_FOREIGN_PAUSE)); /* said once */
    check(&s, REACH_UNREACHABLE, "hold:web hold:db");
    check(&s, REACH_REACHABLE, "restore:web restore:db");
    assert_int_equal(s.world.agent.status, STATUS_PAUSED);
    stage_clear(&s);
}

static void agent_paused_just_before_the_outage_was_noticed_is_left_alone(void **unused)
{
    (void)unused;
    for (int docker_down = 0; docker_down < 2; docker_down++) {
        struct stage s;

        stage_set(&s);
        world_pause_agent(&s.world);
        s.how.docker_down = docker_down == 1; /* the check that notices the outage cannot look */
        check(&s, REACH_UNREACHABLE, docker_down == 1 ? "" : "hold:web hold:db");
        check(&s, REACH_UNREACHABLE, docker_down == 1 ? "hold:web hold:db" : "");
        check(&s, REACH_REACHABLE, "restore:web restore:db");
        stage_clear(&s);
    }
}

static void agent_that_somebody_paused_in_the_outage_is_thawed_even_at_the_second_try(void **unused)
{
    (void)unused;
    for (int fails = 0; fails < 2; fails++) {
        struct stage s;

        stage_in_outage(&s);
        world_end_agent(&s.world, 1);
        check(&s, REACH_UNREACHABLE, "");
        world_make_agent(&s.world);
        world_pause_agent(&s.world); /* eins never sees this one but paused, and only when the outage is over */
        s.how.fail_kinds = fails == 1 ? 1u << OP_UNPAUSE_AGENT : 0;
        check(&s, REACH_REACHABLE,
              fails == 1 ? "restore:web restore:db unpause-agent!" : "restore:web restore:db unpause-agent");
        check(&s, REACH_REACHABLE, fails == 1 ? "unpause-agent" : "");
        assert_int_equal(s.world.agent.status, STATUS_RUNNING);
        stage_clear(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agent_is_renewed_as_soon_as_its_pause_has_left_the_event_log),
        cmocka_unit_test(agent_that_somebody_paused_in_the_outage_is_thawed_when_all_since_is_known),
        cmocka_unit_test(agent_that_stayed_frozen_when_dockerd_was_restarted_is_renewed),
        cmocka_unit_test(agent_has_to_learn_of_what_ended_in_the_outage),
        cmocka_unit_test(agent_has_to_learn_of_what_ended_after_a_recovery_that_could_not_thaw_it),
        cmocka_unit_test(agent_has_to_learn_of_what_went_between_two_outages_in_which_it_stayed_frozen),
        cmocka_unit_test(agent_knows_of_what_went_while_it_was_awake),
        cmocka_unit_test(agent_that_need_not_learn_of_removals_is_thawed),
        cmocka_unit_test(agent_has_to_learn_of_what_a_person_removed),
        cmocka_unit_test(agent_that_was_renamed_in_the_outage_is_found_by_its_id),
        cmocka_unit_test(agent_that_does_not_run_when_the_region_is_back_is_mentioned_once),
        cmocka_unit_test(agent_that_cannot_be_killed_is_thawed),
        cmocka_unit_test(old_agent_is_started_when_nobody_makes_a_new_one),
        cmocka_unit_test(renewal_is_finished_wherever_it_was_killed),
        cmocka_unit_test(renewal_that_was_given_up_is_reported_and_forgotten_after_the_wait),
        cmocka_unit_test(outage_in_the_middle_of_a_renewal_freezes_the_new_agent),
        cmocka_unit_test(new_agent_that_somebody_paused_in_the_next_outage_is_thawed),
        cmocka_unit_test(agent_that_somebody_paused_while_connected_is_left_alone),
        cmocka_unit_test(agent_paused_just_before_the_outage_was_noticed_is_left_alone),
        cmocka_unit_test(agent_that_somebody_paused_in_the_outage_is_thawed_even_at_the_second_try),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
