/* SPDX-License-Identifier: MIT-0 */
/* recovery = adopt: what was restarted in the outage runs on, and a fresh agent takes it over. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "plan_stage.h"
#include "text.h"

static void begin(struct stage *s)
{
    stage_in_outage(s);
    s->eins.conf.recovery = RECOVERY_ADOPT;
}

static void what_was_restarted_runs_on_and_the_agent_is_renewed(void **unused)
{
    struct container web, agent;
    struct stage s;

    (void)unused;
    begin(&s);
    stage_crash_web(&s);
    web = s.web->shown;
    agent = s.world.agent;
    check(&s, REACH_REACHABLE, "restore:web restore:db kill-agent await-agent");
    assert_true(noted(&s, NOTE_ADOPTED));
    assert_string_equal(s.web->shown.id, web.id);
    assert_string_equal(s.web->shown.started_at, web.started_at);
    assert_int_equal(s.web->shown.policy.kind, POLICY_NO);
    assert_string_not_equal(s.world.agent.id, agent.id);
    assert_false(state_owes(&s.eins.disk));
    check(&s, REACH_REACHABLE, "");
    stage_clear(&s);
}

static void agent_is_thawed_when_nothing_was_restarted(void **unused)
{
    struct stage s;

    (void)unused;
    begin(&s);
    world_noise(&s.world, 2000);
    check(&s, REACH_REACHABLE, "restore:web restore:db unpause-agent");
    stage_clear(&s);
}

static void agent_is_renewed_for_what_only_ended_if_it_cannot_have_heard_of_it(void **unused)
{
    (void)unused;
    for (int lost = 0; lost < 2; lost++) {
        struct stage s;

        begin(&s);
        world_exit(&s.world, s.web, 0);
        world_noise(&s.world, lost == 1 ? WORLD_RING : 0);
        check(&s, REACH_REACHABLE,
              lost == 1 ? "restore:web restore:db kill-agent await-agent" : "restore:web restore:db unpause-agent");
        stage_clear(&s);
    }
}

static void nothing_is_restarted_for_an_agent_that_others_have_paused(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.eins.conf.recovery = RECOVERY_ADOPT;
    world_pause_agent(&s.world);
    check(&s, REACH_REACHABLE, "");
    check(&s, REACH_UNREACHABLE, "hold:web hold:db");
    world_exit(&s.world, s.web, 0);
    s.db->shown.oom_killed = true;
    check(&s, REACH_REACHABLE, "restore:web restore:db");
    stage_clear(&s);
}

static void agent_is_renewed_for_what_a_person_removed(void **unused)
{
    struct stage s;

    (void)unused;
    begin(&s);
    world_remove(&s.world, s.web);
    check(&s, REACH_REACHABLE, "restore:web? restore:db kill-agent await-agent");
    stage_clear(&s);
}

static void what_runs_after_it_was_out_of_memory_is_restarted_first(void **unused)
{
    struct stage s;

    (void)unused;
    begin(&s);
    world_oom(&s.world, s.web);
    world_wait(&s.world, 1);
    assert_true(s.web->shown.oom_killed && s.web->shown.status == STATUS_RUNNING);
    check(&s, REACH_REACHABLE, "restore:web restore:db restart:web kill-agent await-agent");
    assert_false(s.web->shown.oom_killed);
    assert_int_equal(s.web->shown.status, STATUS_RUNNING);
    assert_false(state_owes(&s.eins.disk));
    stage_clear(&s);
}

/* An error that a start left, say of a port that was taken at first. */
static void what_runs_with_an_error_mark_is_restarted_first(void **unused)
{
    struct stage s;

    (void)unused;
    begin(&s);
    stage_crash_web(&s);
    s.web->shown.has_error = true;
    check(&s, REACH_REACHABLE, "restore:web restore:db restart:web kill-agent await-agent");
    assert_int_equal(s.web->shown.status, STATUS_RUNNING);
    stage_clear(&s);
}

static void mark_from_before_the_outage_counts_only_when_the_agent_is_renewed(void **unused)
{
    struct stage s;

    (void)unused;
    for (int other = 0; other < 2; other++) {
        begin(&s);
        s.db->shown.oom_killed = true;
        if (other == 1)
            stage_crash_web(&s);
        check(&s, REACH_REACHABLE,
              other == 1 ? "restore:web restore:db restart:db kill-agent await-agent"
                         : "restore:web restore:db unpause-agent");
        stage_clear(&s);
    }
}

static void marked_container_that_cannot_be_restarted_is_replaced(void **unused)
{
    struct stage s;

    (void)unused;
    begin(&s);
    world_oom(&s.world, s.web);
    world_wait(&s.world, 1);
    s.how.fail_kinds = 1u << OP_RESTART;
    check(&s, REACH_REACHABLE, "restore:web restore:db restart:web! kill-agent await-agent");
    assert_true(s.trial.incomplete);
    check(&s, REACH_REACHABLE, "restore:web stop:web remove:web"); /* the fresh agent has taken it for dead */
    assert_false(state_owes(&s.eins.disk));
    stage_clear(&s);
}

static void restarted_container_whose_policy_could_not_be_given_back_gets_it_later_and_runs_on(void **unused)
{
    struct container web;
    struct stage s;

    (void)unused;
    begin(&s);
    world_oom(&s.world, s.web);
    world_wait(&s.world, 1);
    s.how.fail_kinds = 1u << OP_RESTORE;
    check(&s, REACH_REACHABLE, "restore:web! restore:db! restart:web kill-agent await-agent");
    web = s.web->shown;
    check(&s, REACH_REACHABLE, "restore:web restore:db");
    assert_string_equal(s.web->shown.started_at, web.started_at);
    assert_int_equal(s.web->shown.policy.kind, POLICY_NO);
    assert_false(state_owes(&s.eins.disk));
    stage_clear(&s);
}

static void marked_container_is_replaced_where_the_agent_runs_already(void **unused)
{
    struct stage s;

    (void)unused;
    begin(&s);
    world_oom(&s.world, s.web);
    world_wait(&s.world, 1);
    world_unpause_agent(&s.world); /* by a person, and it has looked */
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web");
    stage_clear(&s);
}

static void lost_state_restarts_nothing_that_is_marked(void **unused)
{
    struct container web;
    struct stage s;

    (void)unused;
    begin(&s);
    world_oom(&s.world, s.web);
    world_wait(&s.world, 1);
    web = s.web->shown;
    eins_lose_state(&s.eins);
    check(&s, REACH_REACHABLE, "restore:web restore:db kill-agent await-agent");
    assert_string_equal(s.web->shown.started_at, web.started_at);
    stage_clear(&s);
}

static void marked_container_that_was_not_restarted_is_never_removed(void **unused)
{
    struct stage s;

    (void)unused;
    begin(&s);
    s.db->shown.oom_killed = true;
    stage_crash_web(&s);
    s.how.fail_kinds = 1u << OP_RESTART;
    check(&s, REACH_REACHABLE, "restore:web restore:db restart:db! kill-agent await-agent");
    check(&s, REACH_REACHABLE, "restore:db");
    assert_int_equal(s.db->shown.status, STATUS_RUNNING);
    stage_clear(&s);
}

/* Its restart is decided and written down; then the check is killed, and somebody else starts the agent. */
static void marked_container_that_was_not_restarted_stays_although_the_agent_came_first(void **unused)
{
    (void)unused;
    for (int kill_at = 0; kill_at < 10; kill_at++) {
        struct stage s;

        begin(&s);
        s.db->shown.oom_killed = true;
        stage_crash_web(&s);
        s.how.kill_at = kill_at;
        check(&s, REACH_REACHABLE, NULL);
        s.world.agent.status = STATUS_RUNNING;
        check(&s, REACH_REACHABLE, NULL);
        check(&s, REACH_REACHABLE, NULL);
        assert_int_equal(s.db->shown.status, STATUS_RUNNING);
        assert_true(model_policy_equal(s.db->shown.policy, s.db->original));
        assert_false(state_owes(&s.eins.disk));
        stage_clear(&s);
    }
}

static void what_eins_revived_is_replaced(void **unused)
{
    struct stage s;

    (void)unused;
    stage_set(&s);
    s.eins.conf.recovery = RECOVERY_ADOPT;
    world_exit(&s.world, s.web, 1);
    check(&s, REACH_UNREACHABLE, "pause-agent hold:db start:web hold-started:web");
    check(&s, REACH_UNREACHABLE, "");
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web kill-agent await-agent");
    stage_clear(&s);
}

static void what_came_back_after_a_power_cut_runs_on(void **unused)
{
    struct stage s;

    (void)unused;
    begin(&s);
    world_restart_engine(&s.world, ENGINE_POWER_LOSS);
    check(&s, REACH_UNREACHABLE, NULL);
    check(&s, REACH_UNREACHABLE, NULL);
    assert_int_equal(s.web->shown.status, STATUS_RUNNING);
    world_pause_agent(&s.world);
    check(&s, REACH_REACHABLE, NULL);
    assert_int_equal(s.web->shown.status, STATUS_RUNNING);
    assert_int_equal(s.web->shown.policy.kind, POLICY_NO);
    assert_false(state_owes(&s.eins.disk));
    stage_clear(&s);
}

static void what_is_down_is_left_to_the_fresh_agent(void **unused)
{
    struct stage s;

    (void)unused;
    begin(&s);
    stage_crash_web(&s);
    world_exit(&s.world, s.web, 0); /* restarted, then finished */
    check(&s, REACH_REACHABLE, "restore:web restore:db kill-agent await-agent");
    assert_false(noted(&s, NOTE_ADOPTED));
    assert_int_equal(s.web->shown.status, STATUS_EXITED);
    stage_clear(&s);
}

static void lost_state_in_the_outage_renews_the_agent_and_touches_nothing_else(void **unused)
{
    struct stage s;

    (void)unused;
    begin(&s);
    stage_crash_web(&s);
    eins_lose_state(&s.eins);
    check(&s, REACH_REACHABLE, "restore:web restore:db kill-agent await-agent");
    assert_int_equal(s.web->shown.status, STATUS_RUNNING);
    assert_false(state_owes(&s.eins.disk));
    stage_clear(&s);
}

static void killed_anywhere_the_next_checks_end_in_the_same_place(void **unused)
{
    (void)unused;
    for (int kill_at = 0; kill_at < 10; kill_at++) {
        for (int has_ecs_init = 0; has_ecs_init < 2; has_ecs_init++) {
            struct stage s;
            struct container db;

            begin(&s);
            s.world.has_ecs_init = has_ecs_init == 1;
            world_oom(&s.world, s.web);
            world_exit(&s.world, s.db, 1);
            world_wait(&s.world, 1);
            check(&s, REACH_UNREACHABLE, NULL);
            db = s.db->shown;
            s.how.kill_at = kill_at;
            check(&s, REACH_REACHABLE, NULL);
            check(&s, REACH_REACHABLE, NULL);
            check(&s, REACH_REACHABLE, NULL);
            assert_int_equal(s.world.agent.status, STATUS_RUNNING);
            assert_int_equal(s.web->shown.status, STATUS_RUNNING);
            assert_false(s.web->shown.oom_killed);
            assert_string_equal(s.db->shown.started_at, db.started_at);
            assert_true(model_policy_equal(s.db->shown.policy, s.db->original));
            assert_false(state_owes(&s.eins.disk));
            stage_clear(&s);
        }
    }
}

static void without_adopt_a_mark_means_nothing(void **unused)
{
    struct stage s;

    (void)unused;
    stage_in_outage(&s);
    s.db->shown.oom_killed = true;
    stage_crash_web(&s);
    check(&s, REACH_REACHABLE, "restore:web restore:db stop:web remove:web unpause-agent");
    stage_clear(&s);
}

static void reset_adopts_nothing_and_thaws_the_agent(void **unused)
{
    struct stage s;
    struct snapshot seen = {0};
    struct verdict verdict;
    struct plan plan;

    (void)unused;
    begin(&s);
    stage_crash_web(&s);
    verdict = plan_reset(s.world.now, &s.eins.disk);
    world_show(&s.world, &seen);
    assert_int_equal(plan_make(&s.eins.conf, &s.eins.disk, &verdict, &seen, &plan), 0);
    for (size_t i = 0; i < plan.op_count; i++)
        assert_true(plan.ops[i].kind == OP_RESTORE || plan.ops[i].kind == OP_UNPAUSE_AGENT);
    assert_int_equal(plan.op_count, 3);
    plan_clear(&plan);
    model_snapshot_clear(&seen);
    stage_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_restarted_runs_on_and_the_agent_is_renewed),
        cmocka_unit_test(agent_is_thawed_when_nothing_was_restarted),
        cmocka_unit_test(agent_is_renewed_for_what_only_ended_if_it_cannot_have_heard_of_it),
        cmocka_unit_test(nothing_is_restarted_for_an_agent_that_others_have_paused),
        cmocka_unit_test(agent_is_renewed_for_what_a_person_removed),
        cmocka_unit_test(what_runs_after_it_was_out_of_memory_is_restarted_first),
        cmocka_unit_test(what_runs_with_an_error_mark_is_restarted_first),
        cmocka_unit_test(mark_from_before_the_outage_counts_only_when_the_agent_is_renewed),
        cmocka_unit_test(marked_container_that_cannot_be_restarted_is_replaced),
        cmocka_unit_test(restarted_container_whose_policy_could_not_be_given_back_gets_it_later_and_runs_on),
        cmocka_unit_test(marked_container_is_replaced_where_the_agent_runs_already),
        cmocka_unit_test(lost_state_restarts_nothing_that_is_marked),
        cmocka_unit_test(marked_container_that_was_not_restarted_is_never_removed),
        cmocka_unit_test(marked_container_that_was_not_restarted_stays_although_the_agent_came_first),
        cmocka_unit_test(what_eins_revived_is_replaced),
        cmocka_unit_test(what_came_back_after_a_power_cut_runs_on),
        cmocka_unit_test(what_is_down_is_left_to_the_fresh_agent),
        cmocka_unit_test(lost_state_in_the_outage_renews_the_agent_and_touches_nothing_else),
        cmocka_unit_test(killed_anywhere_the_next_checks_end_in_the_same_place),
        cmocka_unit_test(without_adopt_a_mark_means_nothing),
        cmocka_unit_test(reset_adopts_nothing_and_thaws_the_agent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
