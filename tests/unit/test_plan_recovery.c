/* SPDX-License-Identifier: MIT-0 */
/* Out of an outage, as stories: policies given back, what was restarted replaced, with or without a state that can be
 * trusted. */
#include "config.h"

#include "unit.h"

#include "plan_stage.h"

static void what_was_restarted_is_replaced_and_the_rest_stays(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    stage_crash_web(&s);
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web unpause-agent");
    assert_int_equal(s.web->shown.status, STATUS_GONE);
    assert_int_equal(s.db->shown.status, STATUS_RUNNING);
    assert_true(model_policy_equal(s.db->shown.policy, s.db->original));
    assert_false(state_owes(&s.eins.disk));
    check(&s, REACH_REACHABLE, "");
    assert_int_equal(s.trial.rounds, 2);
    stage_clear(&s);
}

static void exited_containers_get_their_policy_back_too(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    world_exit(&s.world, s.web, 0);
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    assert_int_equal(s.web->shown.policy.kind, POLICY_NO);
    stage_clear(&s);
}

static void policy_that_cannot_be_given_back_does_not_keep_the_agent_frozen(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    s.how.fail_kinds = 1u << OP_RESTORE;
    check(&s, REACH_REACHABLE, "restore:web! restore:db! unpause-agent");
    assert_true(s.trial.incomplete);
    /* Restarted by the policy that is still there, but after the outage: not to be removed. */
    stage_crash_web(&s);
    check(&s, REACH_REACHABLE, "restore:web restore:db");
    assert_int_equal(s.web->shown.policy.kind, POLICY_NO);
    stage_clear(&s);
}

static void container_that_does_not_stop_is_not_removed_and_tried_again(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    stage_crash_web(&s);
    s.how.fail_kinds = 1u << OP_STOP;
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web! unpause-agent");
    assert_true(s.trial.incomplete);
    check(&s, REACH_REACHABLE, "restore:web stop:web remove:web");
    assert_false(s.trial.incomplete);
    stage_clear(&s);
}

static void container_that_eins_stopped_is_not_brought_back_because_it_could_not_be_removed(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    stage_crash_web(&s);
    s.how.fail_kinds = 1u << OP_REMOVE;
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web! unpause-agent");
    world_restart_engine(&s.world, ENGINE_POWER_LOSS);
    check(&s, REACH_UNREACHABLE, "hold:db");
    check(&s, REACH_REACHABLE, NULL);
    assert_int_equal(s.web->shown.status, STATUS_GONE);
    stage_clear(&s);
}

static int seconds_of_stop;

static void look_at_stop(void *unused, const struct op *op)
{
    (void)unused;
    if (op->kind == OP_STOP)
        seconds_of_stop = op->seconds;
}

static void stop_outlasts_the_containers_own_timeout(void **unused)
{
    static const int timeouts[][2] = {{-1, 10}, {0, 0}, {30, 30}};

    (void)unused;
    for (size_t i = 0; i < COUNT(timeouts); i++) {
        struct stage s;

        stage_in_outage(&s);
        stage_crash_web(&s);
        s.web->shown.stop_timeout = timeouts[i][0];
        s.how.before_op = look_at_stop;
        check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web unpause-agent");
        assert_true(seconds_of_stop >= timeouts[i][1] + 12);
        stage_clear(&s);
    }
}

static void container_that_asks_for_hours_does_not_freeze_the_agent_so_long(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    stage_crash_web(&s);
    s.web->shown.stop_timeout = 36000;
    s.how.before_op = look_at_stop;
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web unpause-agent");
    assert_in_range(seconds_of_stop, 60, 900);
    stage_clear(&s);
}

static void keeping_removes_nothing_and_thaws_whatever_was_lost(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    s.eins.conf.recovery = RECOVERY_KEEP;
    stage_crash_web(&s);
    world_remove(&s.world, s.db);
    world_noise(&s.world, 300);
    check(&s, REACH_REACHABLE, "restore:web restore:db? unpause-agent");
    for (size_t i = 0; i < s.trial.rounds; i++)
        assert_int_equal(s.trial.wants[i] & WANT_EVENTS, 0); /* an answer that nothing depends on is not waited for */
    stage_clear(&s);
}

static void keeping_holds_for_what_was_to_be_replaced_before_it_was_configured(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    stage_crash_web(&s);
    s.how.fail_kinds = 1u << OP_STOP;
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web! unpause-agent");
    s.eins.conf.recovery = RECOVERY_KEEP;
    check(&s, REACH_REACHABLE, "restore:web");
    stage_clear(&s);
}

static void next_outage_before_the_recovery_was_finished(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    stage_crash_web(&s);
    s.how.fail_kinds = 1u << OP_RESTORE | 1u << OP_STOP;
    check(&s, REACH_REACHABLE, "restore:web! restore:db! stop:web! unpause-agent");
    assert_int_equal(kept(&s, s.web)->fate, FATE_REPLACE);
    assert_int_equal(kept(&s, s.db)->fate, FATE_RESTORE);
    /* db restarted between the outages, and not in one: it stays. */
    world_exit(&s.world, s.db, 1);
    world_wait(&s.world, 1);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:web hold:db");
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web unpause-agent");
    assert_true(model_policy_equal(s.db->shown.policy, s.db->original));
    stage_clear(&s);
}

static void recovery_goes_on_while_the_state_cannot_be_written(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    stage_crash_web(&s);
    world_noise(&s.world, 300);
    s.eins.unwritable = true;
    check(&s, REACH_REACHABLE,
          "restore:web restore:db unpause-agent"); /* not by renewal: its intent could not be kept */
    assert_true(s.trial.incomplete);
    stage_clear(&s);
}

/* ---- the state was lost ---- */

static void lose_state_in_the_outage(struct stage *s)
{
    stage_in_outage(s);
    stage_crash_web(s);
    eins_lose_state(&s->eins);
}

static void lost_state_in_the_outage_goes_on_with_it_and_removes_nothing(void **unused)
{
    struct stage s;

    (void)unused;
    lose_state_in_the_outage(&s);
    check(&s, REACH_UNREACHABLE, "");
    assert_true(noted(&s, NOTE_GUESSED));
    assert_int_equal(s.eins.disk.phase, PHASE_DISCONNECTED);
    stage_crash_web(&s);
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    assert_int_equal(s.web->shown.policy.kind, POLICY_NO);
    stage_clear(&s);
}

static void lost_state_with_the_region_back_gives_back_and_removes_nothing(void **unused)
{
    struct stage s;

    (void)unused;
    lose_state_in_the_outage(&s);
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    check(&s, REACH_REACHABLE, "");
    stage_clear(&s);
}

static void lost_state_does_not_make_the_rise_shorter(void **unused)
{
    struct stage s;

    (void)unused;
    lose_state_in_the_outage(&s);
    s.eins.conf.rise = 3;
    check(&s, REACH_REACHABLE, "");
    check(&s, REACH_REACHABLE, "");
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    stage_clear(&s);
}

static void lost_state_before_the_fall_is_reached_sees_the_outage_by_the_paused_agent(void **unused)
{
    struct stage s;

    (void)unused;
    lose_state_in_the_outage(&s);
    s.eins.conf.fall = 3;
    check(&s, REACH_UNREACHABLE, "");
    assert_int_equal(s.eins.disk.phase, PHASE_DISCONNECTED);
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    stage_clear(&s);
}

static void lost_state_while_connected_is_just_a_first_check(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    eins_lose_state(&s.eins);
    check(&s, REACH_REACHABLE, "");
    assert_false(noted(&s, NOTE_GUESSED));
    check(&s, REACH_UNREACHABLE, "pause-agent hold:web hold:db");
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    stage_clear(&s);
}

static void lost_state_waits_for_a_check_that_can_look(void **unused)
{
    struct stage s;

    (void)unused;
    lose_state_in_the_outage(&s);
    check(&s, REACH_INDETERMINATE, "");
    assert_true(s.eins.disk.rebuild);
    s.how.docker_down = true;
    check(&s, REACH_UNREACHABLE, "");
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    stage_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_restarted_is_replaced_and_the_rest_stays),
        cmocka_unit_test(exited_containers_get_their_policy_back_too),
        cmocka_unit_test(policy_that_cannot_be_given_back_does_not_keep_the_agent_frozen),
        cmocka_unit_test(container_that_does_not_stop_is_not_removed_and_tried_again),
        cmocka_unit_test(container_that_eins_stopped_is_not_brought_back_because_it_could_not_be_removed),
        cmocka_unit_test(stop_outlasts_the_containers_own_timeout),
        cmocka_unit_test(container_that_asks_for_hours_does_not_freeze_the_agent_so_long),
        cmocka_unit_test(keeping_removes_nothing_and_thaws_whatever_was_lost),
        cmocka_unit_test(keeping_holds_for_what_was_to_be_replaced_before_it_was_configured),
        cmocka_unit_test(next_outage_before_the_recovery_was_finished),
        cmocka_unit_test(recovery_goes_on_while_the_state_cannot_be_written),
        cmocka_unit_test(lost_state_in_the_outage_goes_on_with_it_and_removes_nothing),
        cmocka_unit_test(lost_state_with_the_region_back_gives_back_and_removes_nothing),
        cmocka_unit_test(lost_state_does_not_make_the_rise_shorter),
        cmocka_unit_test(lost_state_before_the_fall_is_reached_sees_the_outage_by_the_paused_agent),
        cmocka_unit_test(lost_state_while_connected_is_just_a_first_check),
        cmocka_unit_test(lost_state_waits_for_a_check_that_can_look),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
