/* SPDX-License-Identifier: MIT-0 */
/* What is down in an outage, as stories: what is started again, and what is left. */
#include "config.h"

#include "unit.h"

#include <signal.h>

#include "plan_stage.h"

static void crash_before_the_hold_is_revived_and_held_once_it_runs(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_exit(&s.world, s.web, 1);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:db start:web hold-started:web");
    assert_true(kept(&s, s.web)->revived);
    check(&s, REACH_UNREACHABLE, "");
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web unpause-agent");
    stage_clear(&s);
}

static void start_that_fails_is_tried_again_and_nothing_is_held_while_down(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_exit(&s.world, s.web, 128);
    s.how.fail_kinds = 1u << OP_START;
    check(&s, REACH_UNREACHABLE, "pause-agent hold:db start:web!");
    assert_true(s.trial.incomplete);
    assert_int_equal(s.web->shown.policy.kind, POLICY_NO);
    check(&s, REACH_UNREACHABLE, "start:web hold-started:web");
    assert_false(s.trial.incomplete);
    stage_clear(&s);
}

static void what_a_person_stopped_stays_down(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.web->manners = EXITS_143;
    for (int order = 0; order < 2; order++) {
        s.world.stop_before_die = order == 1;
        world_stop(&s.world, s.web);
        world_kill(&s.world, s.db, SIGKILL);
        check(&s, REACH_UNREACHABLE, "pause-agent");
        check(&s, REACH_REACHABLE, "unpause-agent");
        world_start(&s.world, s.web);
        world_start(&s.world, s.db);
        check(&s, REACH_REACHABLE, "");
    }
    stage_clear(&s);
}

/* With on-failure left on it, the next start of dockerd would launch it. */
static void what_stays_down_has_its_policy_back_and_is_held_again_when_it_runs_again(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    s.web->manners = EXITS_143;
    world_stop(&s.world, s.web);
    check(&s, REACH_UNREACHABLE, "restore:web");
    assert_int_equal(s.web->shown.policy.kind, POLICY_NO);
    check(&s, REACH_UNREACHABLE, "");
    world_start(&s.world, s.web);
    check(&s, REACH_UNREACHABLE, "hold:web");
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web unpause-agent"); /* it was restarted */
    stage_clear(&s);
}

static void what_a_person_stopped_after_a_restart_of_the_engine_stays_down(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    world_restart_engine(&s.world, ENGINE_POWER_LOSS);
    world_wait(&s.world, 1);
    world_stop(&s.world, s.web);
    check(&s, REACH_UNREACHABLE, "pause-agent");
    check(&s, REACH_UNREACHABLE, "");
    stage_clear(&s);
}

static void what_a_person_stopped_after_a_check_that_was_killed_had_started_it_stays_down(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_exit(&s.world, s.web, 1);
    s.how.kill_at = 5; /* it has been started, and the state does not know */
    check(&s, REACH_UNREACHABLE, "pause-agent hold:db start:web");
    world_stop(&s.world, s.web);
    check(&s, REACH_UNREACHABLE, "hold:db");
    stage_clear(&s);
}

static void stop_with_a_signal_of_its_own_is_a_stop(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.web->manners = EXITS_143;
    s.web->stop_signal = SIGQUIT;
    world_stop(&s.world, s.web);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:db");
    stage_clear(&s);
}

static void signal_that_is_a_message_does_not_make_a_crash_a_stop(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_kill(&s.world, s.web, SIGHUP);
    world_exit(&s.world, s.web, 1);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:db start:web hold-started:web");
    stage_clear(&s);
}

static void what_else_people_did_to_it_does_not_make_a_crash_a_stop(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_pause(&s.world, s.web);
    world_pause(&s.world, s.web); /* and thawed it */
    world_exit(&s.world, s.web, 1);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:db start:web hold-started:web");
    stage_clear(&s);
}

static void stop_of_an_earlier_run_does_not_explain_a_later_crash(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_stop(&s.world, s.web);
    world_start(&s.world, s.web);
    world_exit(&s.world, s.web, 1);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:db start:web hold-started:web");
    stage_clear(&s);
}

static void death_that_the_event_log_has_forgotten_is_left_and_mentioned(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_exit(&s.world, s.web, 1);
    world_noise(&s.world, WORLD_RING);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:db");
    assert_true(noted(&s, NOTE_DEATH_UNKNOWN));
    check(&s, REACH_UNREACHABLE, "");
    assert_false(noted(&s, NOTE_DEATH_UNKNOWN));
    stage_clear(&s);
}

static void what_finished_with_0_stays_down(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    world_exit(&s.world, s.web, 0);
    check(&s, REACH_UNREACHABLE, "");
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    stage_clear(&s);
}

static void what_has_used_up_its_retries_stays_down(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.eins.conf.retries = 1;
    check(&s, REACH_UNREACHABLE, "pause-agent hold:web hold:db");
    world_exit(&s.world, s.web, 1);
    world_wait(&s.world, 1);
    world_exit(&s.world, s.web, 1);
    assert_int_equal(s.web->cause, CAUSE_GAVE_UP);
    check(&s, REACH_UNREACHABLE, "");
    stage_clear(&s);
}

static void engine_restart_in_the_outage_is_undone_whatever_the_exit_codes(void **unused)
{
    static const char *const starts[] = {
        [EXITS_ZERO] = "pause-agent start:web", [EXITS_143] = "pause-agent", [IGNORES_TERM] = "pause-agent"};

    (void)unused;
    for (int manners = EXITS_ZERO; manners <= IGNORES_TERM; manners++) {
        struct stage s;

        stage_in_outage(&s);
        s.web->manners = (enum manners)manners;
        s.db->manners = IGNORES_TERM;
        world_restart_engine(&s.world, ENGINE_STOPPED);
        world_wait(&s.world, 1);
        check(&s, REACH_UNREACHABLE, starts[manners]);
        assert_int_equal(s.web->shown.status, STATUS_RUNNING);
        check(&s, REACH_REACHABLE, "restore:web restore:db stop:web stop:db remove:web remove:db unpause-agent");
        stage_clear(&s);
    }
}

static void reboot_into_an_outage_brings_back_the_baseline(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_restart_engine(&s.world, ENGINE_POWER_LOSS);
    check(&s, REACH_UNREACHABLE, "start:web hold-started:web hold:db"); /* db has a policy of its own */
    stage_clear(&s);
}

static void what_came_back_before_it_was_recorded_is_part_of_the_baseline(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_stop(&s.world, s.web);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:db");
    world_start(&s.world, s.web);
    check(&s, REACH_REACHABLE, "restore:db unpause-agent");
    world_restart_engine(&s.world, ENGINE_POWER_LOSS);
    check(&s, REACH_UNREACHABLE, "start:web hold-started:web hold:db");
    stage_clear(&s);
}

static void engine_restart_is_remembered_for_what_could_not_be_inspected(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_restart_engine(&s.world, ENGINE_POWER_LOSS);
    s.how.fail_inspections = true;
    check(&s, REACH_UNREACHABLE, "");
    assert_true(s.trial.incomplete);
    check(&s, REACH_UNREACHABLE, "start:web hold-started:web hold:db");
    stage_clear(&s);
}

static void container_that_docker_removes_at_its_end_is_left_and_mentioned(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.web->shown.auto_remove = true;
    check(&s, REACH_UNREACHABLE, "pause-agent hold:db");
    assert_true(noted(&s, NOTE_AUTO_REMOVE));
    check(&s, REACH_UNREACHABLE, "");
    assert_false(noted(&s, NOTE_AUTO_REMOVE));
    stage_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crash_before_the_hold_is_revived_and_held_once_it_runs),
        cmocka_unit_test(start_that_fails_is_tried_again_and_nothing_is_held_while_down),
        cmocka_unit_test(what_a_person_stopped_stays_down),
        cmocka_unit_test(what_stays_down_has_its_policy_back_and_is_held_again_when_it_runs_again),
        cmocka_unit_test(what_a_person_stopped_after_a_restart_of_the_engine_stays_down),
        cmocka_unit_test(what_a_person_stopped_after_a_check_that_was_killed_had_started_it_stays_down),
        cmocka_unit_test(stop_with_a_signal_of_its_own_is_a_stop),
        cmocka_unit_test(signal_that_is_a_message_does_not_make_a_crash_a_stop),
        cmocka_unit_test(what_else_people_did_to_it_does_not_make_a_crash_a_stop),
        cmocka_unit_test(stop_of_an_earlier_run_does_not_explain_a_later_crash),
        cmocka_unit_test(death_that_the_event_log_has_forgotten_is_left_and_mentioned),
        cmocka_unit_test(what_finished_with_0_stays_down),
        cmocka_unit_test(what_has_used_up_its_retries_stays_down),
        cmocka_unit_test(engine_restart_in_the_outage_is_undone_whatever_the_exit_codes),
        cmocka_unit_test(reboot_into_an_outage_brings_back_the_baseline),
        cmocka_unit_test(what_came_back_before_it_was_recorded_is_part_of_the_baseline),
        cmocka_unit_test(engine_restart_is_remembered_for_what_could_not_be_inspected),
        cmocka_unit_test(container_that_docker_removes_at_its_end_is_left_and_mentioned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
