/* SPDX-License-Identifier: MIT-0 */
/* Into an outage, and through it, as stories: what happens in the world, and what the checks then do. */
#include "config.h"

#include "unit.h"

#include <string.h>

#include "plan_stage.h"

static void connected_check_only_records_what_runs(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_stop(&s.world, s.db);
    check(&s, REACH_REACHABLE, "");
    assert_int_equal(s.trial.rounds, 2);
    assert_int_equal(s.trial.wants[0], WANT_LIST);
    assert_int_equal(s.trial.wants[1], 0);
    assert_int_equal(s.eins.disk.container_count, 1);
    assert_true(kept(&s, s.web)->running);
    assert_false(state_owes(&s.eins.disk));
    stage_clear(&s);
}

static void outage_freezes_the_agent_before_it_looks_at_containers(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.how.kill_at = 2; /* after the intent and the pause, before the containers are known */
    check(&s, REACH_UNREACHABLE, "pause-agent");
    assert_int_equal(s.trial.wants[0], WANT_LIST);
    assert_int_equal(s.trial.wants[1], WANT_INSPECT);
    assert_int_equal(s.world.agent.status, STATUS_PAUSED);
    stage_clear(&s);
}

static void operations_are_staged_agent_first_and_agent_last(void **unused)
{
    (void)unused;
    assert_true(OP_PAUSE_AGENT < OP_HOLD && OP_PAUSE_AGENT < OP_START);
    assert_true(OP_START < OP_HOLD_STARTED); /* never on-failure on one that is down */
    assert_true(OP_RESTORE < OP_STOP && OP_STOP < OP_REMOVE);
    assert_true(OP_REMOVE < OP_KILL_AGENT && OP_KILL_AGENT < OP_AWAIT_AGENT);
    assert_true(OP_AWAIT_AGENT < OP_START_AGENT && OP_REMOVE < OP_UNPAUSE_AGENT && OP_KILL_AGENT < OP_UNPAUSE_AGENT);
}

static void every_reason_and_note_has_words_of_its_own(void **unused)
{
    const char *words[REASON_RENEWAL_UNFINISHED + 1 + NOTE_AGENT_DOWN + 1];
    size_t count = 0;

    (void)unused;
    for (int reason = 0; reason <= REASON_RENEWAL_UNFINISHED; reason++)
        words[count++] = plan_reason_text((enum op_reason)reason);
    for (int kind = 0; kind <= NOTE_AGENT_DOWN; kind++)
        words[count++] = plan_note_text((enum note_kind)kind);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(words[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(words[i], words[j]);
    }
}

static void what_runs_is_held_and_what_restarts_anyway_is_left(void **unused)
{
    static const struct policy always = {POLICY_ALWAYS, 0}, unless_stopped = {POLICY_UNLESS_STOPPED, 0},
                               same = {POLICY_ON_FAILURE, 3};
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.eins.conf.retries = 3;
    world_create(&s.world, "cache", always, true);
    world_create(&s.world, "queue", unless_stopped, true);
    world_create(&s.world, "daemon", same, true);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:web hold:db");
    assert_true(model_policy_equal(s.db->shown.policy, same));
    check(&s, REACH_UNREACHABLE, "");
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    assert_true(model_policy_equal(s.db->shown.policy, s.db->original));
    stage_clear(&s);
}

static void containers_that_are_not_managed_are_never_touched(void **unused)
{
    static const struct policy no = {POLICY_NO, 0};
    struct stage s;
    struct box *other;

    (void)unused;
    stage_set(&s);
    other = world_create(&s.world, "other", no, false);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:web hold:db");
    world_stop(&s.world, other);
    world_start(&s.world, other);
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    stage_clear(&s);
}

static void outage_begins_after_fall_checks_in_a_row_and_ends_after_rise(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.eins.conf.fall = s.eins.conf.rise = 2;
    check(&s, REACH_UNREACHABLE, "");
    check(&s, REACH_REACHABLE, "");
    check(&s, REACH_UNREACHABLE, "");
    assert_int_equal(s.trial.wants[0], 0); /* before fall is reached nothing is to be learnt from Docker */
    check(&s, REACH_UNREACHABLE, "pause-agent hold:web hold:db");
    assert_int_equal(s.eins.disk.outages, 1);
    check(&s, REACH_REACHABLE, "");
    check(&s, REACH_UNREACHABLE, "");
    check(&s, REACH_REACHABLE, "");
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    stage_clear(&s);
}

static void restarts_are_counted_however_docker_counts_them(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    check(&s, REACH_UNREACHABLE, "");
    for (int i = 0; i < 3; i++)
        stage_crash_web(&s); /* three times between two looks, by Docker's counter */
    check(&s, REACH_UNREACHABLE, "");
    assert_int_equal(kept(&s, s.web)->restarts, 3);
    world_restart_engine(&s.world, ENGINE_POWER_LOSS);
    check(&s, REACH_UNREACHABLE, NULL); /* eins starts it, and Docker's counter does not tell */
    check(&s, REACH_UNREACHABLE, "");
    assert_int_equal(kept(&s, s.web)->restarts, 4);
    stage_crash_web(&s);
    check(&s, REACH_REACHABLE, NULL);
    assert_int_equal(s.eins.disk.restarted, 6); /* with the one of db */
    assert_int_equal(s.eins.disk.removed, 2);
    stage_clear(&s);
}

static void failed_probes_just_after_boot_begin_no_outage(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    for (int64_t uptime = 0; uptime < PLAN_BOOT_PATIENCE; uptime += 20) {
        s.how.uptime = uptime;
        check(&s, REACH_UNREACHABLE, "");
        assert_int_equal(s.trial.wants[0], 0);
        assert_int_equal(s.eins.disk.phase, PHASE_CONNECTED);
    }
    check(&s, REACH_UNREACHABLE, "pause-agent hold:web hold:db");
    stage_clear(&s);
}

static void outage_that_a_reboot_came_in_goes_on_at_once(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    world_restart_engine(&s.world, ENGINE_POWER_LOSS);
    s.how.uptime = 5;
    check(&s, REACH_UNREACHABLE, NULL);
    assert_int_equal(s.web->shown.status, STATUS_RUNNING);
    s.how.uptime = 25;
    check(&s, REACH_REACHABLE, NULL);
    assert_int_equal(s.eins.disk.phase, PHASE_CONNECTED);
    stage_clear(&s);
}

static void check_that_cannot_look_changes_nothing_and_counts_nothing(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.eins.conf.fall = 2;
    check(&s, REACH_UNREACHABLE, "");
    check(&s, REACH_INDETERMINATE, "");
    assert_false(s.trial.looked);
    assert_int_equal(s.eins.disk.fall_count, 1);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:web hold:db");
    check(&s, REACH_INDETERMINATE, "");
    check(&s, REACH_UNREACHABLE, "");
    stage_clear(&s);
}

static void agent_that_comes_anew_in_the_outage_is_frozen_again(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    world_end_agent(&s.world, 1);
    check(&s, REACH_UNREACHABLE, "");
    world_make_agent(&s.world);
    check(&s, REACH_UNREACHABLE, "pause-agent");
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    stage_clear(&s);
}

static void make_new_agent(void *world)
{
    world_make_agent(world);
}

static void agent_that_is_replaced_under_the_pause_is_looked_for_at_once(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.how.interrupt_at = 1;
    s.how.interrupt = make_new_agent;
    s.how.context = &s.world;
    check(&s, REACH_UNREACHABLE, "pause-agent? pause-agent hold:web hold:db");
    assert_int_equal(s.world.agent.status, STATUS_PAUSED);
    stage_clear(&s);
}

static void agent_is_looked_for_at_once_where_there_is_nothing_else_to_look_at(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_remove(&s.world, s.web);
    world_remove(&s.world, s.db);
    s.how.interrupt_at = 1;
    s.how.interrupt = make_new_agent;
    s.how.context = &s.world;
    check(&s, REACH_UNREACHABLE, "pause-agent? pause-agent");
    stage_clear(&s);
}

static void hold_that_fails_is_asked_for_again(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.how.fail_kinds = 1u << OP_HOLD;
    check(&s, REACH_UNREACHABLE, "pause-agent hold:web! hold:db!");
    assert_true(s.trial.incomplete);
    s.web->shown.policy =
        (struct policy){POLICY_ON_FAILURE, 0}; /* what an inspection shows then is not to be trusted */
    check(&s, REACH_UNREACHABLE, "hold:web hold:db");
    check(&s, REACH_UNREACHABLE, "");
    stage_clear(&s);
}

static void killed_between_intent_and_apply_it_plans_the_same_again(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    world_exit(&s.world, s.web, 1);
    s.how.kill_at = 3; /* pause intent, pause, intent */
    check(&s, REACH_UNREACHABLE, "pause-agent");
    assert_true(kept(&s, s.web)->starting);
    check(&s, REACH_UNREACHABLE, "hold:db start:web hold-started:web");
    stage_clear(&s);
}

/* What was done is not done again to harm, and what was left is done. */
static void killed_anywhere_the_next_check_ends_in_the_same_place(void **unused)
{
    (void)unused;
    for (int kill_at = 0; kill_at < 8; kill_at++) {
        struct stage calm, killed;

        stage_set(&calm);
        world_exit(&calm.world, calm.web, 1);
        stage_set(&killed);
        world_exit(&killed.world, killed.web, 1);
        check(&calm, REACH_UNREACHABLE, NULL);
        killed.how.kill_at = kill_at;
        check(&killed, REACH_UNREACHABLE, NULL);
        check(&killed, REACH_UNREACHABLE, NULL);
        assert_same_place(&calm, &killed);
        check(&calm, REACH_REACHABLE, NULL);
        killed.how.kill_at = kill_at;
        check(&killed, REACH_REACHABLE, NULL);
        check(&killed, REACH_REACHABLE, NULL);
        assert_same_place(&calm, &killed);
        stage_clear(&calm);
        stage_clear(&killed);
    }
}

static void outage_is_not_taken_over_while_the_state_cannot_be_written(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.eins.unwritable = true;
    check(&s, REACH_UNREACHABLE, "");
    assert_true(s.trial.incomplete);
    s.eins.unwritable = false;
    check(&s, REACH_UNREACHABLE, "pause-agent hold:web hold:db");
    stage_clear(&s);
}

static void same_inputs_give_the_same_plan_and_stay_as_they_are(void **unused)
{
    struct stage s;
    struct snapshot seen = {0};
    struct verdict verdict = {.reach = REACH_REACHABLE, .now = 2000000};
    struct plan plans[2];
    struct state state;
    struct state_container containers[2];
    struct container shown[WORLD_BOXES];

    (void)unused;
    stage_in_outage(&s);
    world_exit(&s.world, s.web, 1);
    world_wait(&s.world, 1);
    world_show(&s.world, &seen);
    state = s.eins.disk;
    state.phase = PHASE_CONNECTED;
    assert_int_equal(state.container_count, COUNT(containers));
    memcpy(containers, state.containers, sizeof containers);
    memcpy(shown, seen.containers, seen.container_count * sizeof *shown);
    for (int i = 0; i < 2; i++)
        assert_int_equal(plan_make(&s.eins.conf, &state, &verdict, &seen, &plans[i]), 0);
    assert_memory_equal(containers, state.containers, sizeof containers);
    assert_memory_equal(shown, seen.containers, seen.container_count * sizeof *shown);
    assert_int_equal(plans[0].op_count, 5);
    assert_int_equal(plans[0].op_count, plans[1].op_count);
    for (size_t i = 0; i < plans[0].op_count; i++) {
        assert_int_equal(plans[0].ops[i].kind, plans[1].ops[i].kind);
        assert_string_equal(plans[0].ops[i].id, plans[1].ops[i].id);
        assert_int_equal(plans[0].ops[i].depends_on, plans[1].ops[i].depends_on);
    }
    assert_same_state(&plans[0].next, &plans[1].next);
    plan_clear(&plans[0]);
    plan_clear(&plans[1]);
    model_snapshot_clear(&seen);
    stage_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connected_check_only_records_what_runs),
        cmocka_unit_test(outage_freezes_the_agent_before_it_looks_at_containers),
        cmocka_unit_test(operations_are_staged_agent_first_and_agent_last),
        cmocka_unit_test(every_reason_and_note_has_words_of_its_own),
        cmocka_unit_test(what_runs_is_held_and_what_restarts_anyway_is_left),
        cmocka_unit_test(containers_that_are_not_managed_are_never_touched),
        cmocka_unit_test(outage_begins_after_fall_checks_in_a_row_and_ends_after_rise),
        cmocka_unit_test(restarts_are_counted_however_docker_counts_them),
        cmocka_unit_test(failed_probes_just_after_boot_begin_no_outage),
        cmocka_unit_test(outage_that_a_reboot_came_in_goes_on_at_once),
        cmocka_unit_test(check_that_cannot_look_changes_nothing_and_counts_nothing),
        cmocka_unit_test(agent_that_comes_anew_in_the_outage_is_frozen_again),
        cmocka_unit_test(agent_that_is_replaced_under_the_pause_is_looked_for_at_once),
        cmocka_unit_test(agent_is_looked_for_at_once_where_there_is_nothing_else_to_look_at),
        cmocka_unit_test(hold_that_fails_is_asked_for_again),
        cmocka_unit_test(killed_between_intent_and_apply_it_plans_the_same_again),
        cmocka_unit_test(killed_anywhere_the_next_check_ends_in_the_same_place),
        cmocka_unit_test(outage_is_not_taken_over_while_the_state_cannot_be_written),
        cmocka_unit_test(same_inputs_give_the_same_plan_and_stay_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
