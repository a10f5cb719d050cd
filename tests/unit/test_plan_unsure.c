/* SPDX-License-Identifier: MIT-0 */
/* Out of an outage with something unsure: what could not be inspected, what could not be written down, what only looks
 * like eins's. */
#include "config.h"

#include "unit.h"

#include "plan_stage.h"

static void what_could_not_be_inspected_is_left_to_the_next_check_and_the_agent_is_not(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    stage_crash_web(&s);
    s.how.fail_inspections = true;
    check(&s, REACH_REACHABLE, "unpause-agent");
    assert_true(noted(&s, NOTE_NOT_UNDERSTOOD));
    assert_true(s.trial.incomplete);
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web");
    assert_false(state_owes(&s.eins.disk));
    stage_clear(&s);
}

static void what_was_given_back_without_being_written_down_is_not_judged_again(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    s.eins.unwritable = true;
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    world_stop(&s.world, s.web);
    world_start(&s.world, s.web); /* by a person, after the outage */
    s.eins.unwritable = false;
    check(&s, REACH_REACHABLE, "restore:web restore:db");
    assert_int_equal(s.web->shown.status, STATUS_RUNNING);
    assert_false(state_owes(&s.eins.disk));
    stage_clear(&s);
}

static void lost_state_takes_only_what_has_the_policy_of_eins_for_held(void **unused)
{
    static const struct policy always = {POLICY_ALWAYS, 0}, own = {POLICY_ON_FAILURE, 7};
    struct stage s;
    struct box *cache, *queue;

    (void)unused;
    stage_in_outage(&s);
    cache = world_create(&s.world, "cache", always, true);
    queue = world_create(&s.world, "queue", own, true);
    eins_lose_state(&s.eins);
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    assert_true(noted(&s, NOTE_GUESSED));
    assert_true(model_policy_equal(cache->shown.policy, always));
    assert_true(model_policy_equal(queue->shown.policy, own));
    stage_clear(&s);
}

/* No check leaves a state like that; a person's editor may. */
static void rebuilt_state_keeps_what_it_knows_and_has_nothing_twice(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    s.eins.disk.rebuild = true;
    check(&s, REACH_UNREACHABLE, "");
    assert_int_equal(s.eins.disk.container_count, 2);
    assert_false(noted(&s, NOTE_GUESSED));
    assert_false(s.eins.disk.containers[0].guessed || s.eins.disk.containers[1].guessed);
    stage_clear(&s);
}

static void lost_state_takes_nothing_for_held_that_could_not_be_inspected(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    eins_lose_state(&s.eins);
    s.how.fail_inspections = true;
    check(&s, REACH_REACHABLE, "unpause-agent");
    assert_false(noted(&s, NOTE_GUESSED));
    assert_false(state_owes(&s.eins.disk));
    stage_clear(&s);
}

static void lost_state_before_the_fall_is_reached_changes_nothing_while_the_agent_runs(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    eins_lose_state(&s.eins);
    s.eins.conf.fall = 3;
    check(&s, REACH_UNREACHABLE, "");
    check(&s, REACH_UNREACHABLE, "");
    assert_int_equal(s.eins.disk.phase, PHASE_CONNECTED);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:web hold:db");
    stage_clear(&s);
}

static void lost_state_in_the_outage_starts_nothing_that_is_down(void **unused)
{
    static const struct policy no = {POLICY_NO, 0};
    struct stage s;
    struct box *job;

    (void)unused;
    stage_in_outage(&s);
    job = world_create(&s.world, "job", no, true);
    world_exit(&s.world, job, 1);
    eins_lose_state(&s.eins);
    check(&s, REACH_UNREACHABLE, "");
    assert_int_equal(job->shown.status, STATUS_EXITED);
    stage_clear(&s);
}

/* Else a restart of Docker would not be noticed until everything can be inspected. */
static void lost_state_notes_the_engine_even_if_nothing_could_be_inspected(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    eins_lose_state(&s.eins);
    s.how.fail_inspections = true;
    check(&s, REACH_UNREACHABLE, "");
    assert_string_not_equal(s.eins.disk.generation, "");
    stage_clear(&s);
}

static void next_outage_holds_what_could_neither_be_held_nor_given_back(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.how.fail_kinds = 1u << OP_HOLD;
    check(&s, REACH_UNREACHABLE, "pause-agent hold:web! hold:db!");
    s.how.fail_kinds = 1u << OP_RESTORE;
    check(&s, REACH_REACHABLE, "restore:web! restore:db! unpause-agent");
    check(&s, REACH_UNREACHABLE, "pause-agent hold:web hold:db");
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    assert_true(model_policy_equal(s.db->shown.policy, s.db->original));
    stage_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_could_not_be_inspected_is_left_to_the_next_check_and_the_agent_is_not),
        cmocka_unit_test(what_was_given_back_without_being_written_down_is_not_judged_again),
        cmocka_unit_test(lost_state_takes_only_what_has_the_policy_of_eins_for_held),
        cmocka_unit_test(rebuilt_state_keeps_what_it_knows_and_has_nothing_twice),
        cmocka_unit_test(lost_state_takes_nothing_for_held_that_could_not_be_inspected),
        cmocka_unit_test(lost_state_before_the_fall_is_reached_changes_nothing_while_the_agent_runs),
        cmocka_unit_test(lost_state_in_the_outage_starts_nothing_that_is_down),
        cmocka_unit_test(lost_state_notes_the_engine_even_if_nothing_could_be_inspected),
        cmocka_unit_test(next_outage_holds_what_could_neither_be_held_nor_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
