/* SPDX-License-Identifier: MIT-0 */
/* Somebody else removes a container between a check's look and its operations; and --reset after other mishaps. */
#include "config.h"

#include "unit.h"

#include "plan_stage.h"

/* Removes web before the first operation of that kind. */
struct remover {
    struct stage *stage;
    enum op_kind kind;
};

static void remove_web(void *context, const struct op *op)
{
    struct remover *remover = context;

    if (op->kind == remover->kind && remover->stage->web->shown.status != STATUS_GONE)
        world_remove(&remover->stage->world, remover->stage->web);
}

static void what_goes_at_any_moment_of_its_replacement_is_owed_nothing(void **unused)
{
    static const struct {
        enum op_kind before;
        const char *ops;
        int removed; /* by eins */
    } cases[] = {
        {OP_RESTORE, "restore:web? restore:db stop:web? unpause-agent", 0},
        {OP_STOP, "restore:web restore:db stop:web? unpause-agent", 0},
        {OP_REMOVE, "restore:web restore:db stop:web remove:web? unpause-agent", 1},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stage s;
        struct remover remover = {.stage = &s, .kind = cases[i].before};

        stage_in_outage(&s);
        stage_crash_web(&s);
        s.how.before_op = remove_web;
        s.how.context = &remover;
        check(&s, REACH_REACHABLE, cases[i].ops);
        assert_false(s.trial.incomplete);
        assert_null(state_find(&s.eins.disk, s.web->shown.id));
        assert_int_equal(s.eins.disk.removed, cases[i].removed);
        assert_false(state_owes(&s.eins.disk));
        check(&s, REACH_REACHABLE, "");
        stage_clear(&s);
    }
}

static void what_goes_before_it_is_kept_counts_as_removed_when_the_outage_ends(void **unused)
{
    static const struct {
        enum op_kind before;
        const char *ops;
    } cases[] = {
        {OP_HOLD, "pause-agent hold:web? hold:db"},
        {OP_START, "pause-agent start:web? hold:db"},
        {OP_HOLD_STARTED, "pause-agent start:web hold-started:web? hold:db"},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stage s;
        struct remover remover = {.stage = &s, .kind = cases[i].before};

        stage_set(&s);
        if (cases[i].before != OP_HOLD)
            world_exit(&s.world, s.web, 1);
        s.how.before_op = remove_web;
        s.how.context = &remover;
        check(&s, REACH_UNREACHABLE, cases[i].ops);
        assert_false(s.trial.incomplete);
        assert_false(kept(&s, s.web)->running);
        world_noise(&s.world, 300);
        check(&s, REACH_REACHABLE, "restore:web? restore:db kill-agent await-agent"); /* the agent has to learn of it */
        assert_true(noted(&s, NOTE_VANISHED));
        assert_false(state_owes(&s.eins.disk));
        stage_clear(&s);
    }
}

/* Docker says once that it is gone, and the next time nothing at all. */
static void what_went_before_a_restart_that_failed_is_owed_nothing(void **unused)
{
    struct stage s;
    struct remover remover = {.stage = &s, .kind = OP_RESTORE};

    (void)unused;
    stage_in_outage(&s);
    s.eins.conf.recovery = RECOVERY_ADOPT;
    world_oom(&s.world, s.web);
    world_wait(&s.world, 1);
    s.how.before_op = remove_web;
    s.how.context = &remover;
    s.how.fail_kinds = 1u << OP_RESTART;
    check(&s, REACH_REACHABLE, "restore:web? restore:db restart:web! kill-agent await-agent");
    assert_true(s.trial.incomplete);
    assert_null(state_find(&s.eins.disk, s.web->shown.id));
    check(&s, REACH_REACHABLE, "");
    assert_false(s.trial.incomplete);
    stage_clear(&s);
}

/* What --reset would do now. */
static void plan_the_reset(struct stage *s, struct plan *ret_plan)
{
    struct snapshot seen = {0};
    struct verdict verdict = plan_reset(s->world.now, &s->eins.disk);

    world_show(&s->world, &seen);
    assert_int_equal(plan_make(&s->eins.conf, &s->eins.disk, &verdict, &seen, ret_plan), 0);
    model_snapshot_clear(&seen);
}

static void assert_only_gives_back(const struct plan *plan)
{
    bool unpaused = false;

    assert_int_equal(plan->op_count, 3); /* two policies and the agent */
    for (size_t i = 0; i < plan->op_count; i++) {
        assert_true(plan->ops[i].kind == OP_RESTORE || plan->ops[i].kind == OP_UNPAUSE_AGENT);
        unpaused |= plan->ops[i].kind == OP_UNPAUSE_AGENT;
    }
    assert_true(unpaused);
}

static void reset_gives_back_at_once_even_if_the_state_was_lost(void **unused)
{
    struct stage s;
    struct plan plan;

    (void)unused;
    stage_in_outage(&s);
    eins_lose_state(&s.eins);
    s.eins.conf.rise = 3;
    plan_the_reset(&s, &plan);
    assert_only_gives_back(&plan);
    plan_clear(&plan);
    stage_clear(&s);
}

static void reset_thaws_the_agent_even_if_what_it_kept_was_removed_and_what_runs_is_marked(void **unused)
{
    struct stage s;
    struct plan plan;

    (void)unused;
    stage_in_outage(&s);
    s.eins.conf.recovery = RECOVERY_ADOPT;
    world_remove(&s.world, s.web);
    s.db->shown.oom_killed = true;
    plan_the_reset(&s, &plan);
    assert_only_gives_back(&plan);
    plan_clear(&plan);
    stage_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_at_any_moment_of_its_replacement_is_owed_nothing),
        cmocka_unit_test(what_goes_before_it_is_kept_counts_as_removed_when_the_outage_ends),
        cmocka_unit_test(what_went_before_a_restart_that_failed_is_owed_nothing),
        cmocka_unit_test(reset_gives_back_at_once_even_if_the_state_was_lost),
        cmocka_unit_test(reset_thaws_the_agent_even_if_what_it_kept_was_removed_and_what_runs_is_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
