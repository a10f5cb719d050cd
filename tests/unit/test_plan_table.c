/* SPDX-License-Identifier: MIT-0 */
/* Every combination of what a check can find, held against rules of its own: ordered, the first that matches counts. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "table_scene.h"

enum box_rule {
    UNTOUCHED, /* nothing is done, nothing is learnt */
    FORGET,
    BASELINE,
    LEAVE_DOWN, /* and remember that it is */
    LET_GO,     /* the same, with its own policy back: Docker's next start must not launch it */
    LEAVE,      /* kept, with the policy that it has */
    HOLD,
    REVIVE,
    GIVE_BACK,
    ASK_BY_ID, /* give back what the list does not show: Docker tells whether it is there */
    REPLACE,
    ADOPT,      /* its policy back, and it runs on */
    RESTART_IT, /* the same, restarted first */
};

enum agent_rule { KNOWN_AS_IT_IS, NO_AGENT, PAUSE, FOREIGN, TAKEN_OVER, UNPAUSE, RENEW };

static bool is_blind(const struct combo *c)
{
    return c->situation == BLIND_CONNECTED || c->situation == BLIND_OFFLINE || c->situation == FALLING;
}

static bool is_outage(const struct combo *c)
{
    return c->situation == FELL || c->situation == OFFLINE || c->situation == RISING;
}

static bool is_up(const struct combo *c)
{
    return c->box == RUNNING || c->box == MARKED || c->box == PAUSED || c->box == RESTARTING;
}

static bool is_lost(const struct combo *c)
{
    return c->box == DEAD || c->box == REMOVING || c->box == GONE;
}

static bool used_up(const struct combo *c)
{
    return c->policy == OWN_USED_UP || c->policy == HELD_USED_UP;
}

static bool restarts_by_itself(const struct combo *c)
{
    return c->policy == ALWAYS || c->policy == UNLESS_STOPPED || c->policy == HELD || c->policy == HELD_USED_UP;
}

static enum box_rule stay_down(const struct combo *c)
{
    bool held = c->kept && (c->takeover == TAKEOVER_ASKED || c->takeover == TAKEOVER_SET);

    return held && c->box != EXITED_0 && !used_up(c) ? LET_GO : LEAVE_DOWN;
}

static enum box_rule rule_of_outage(const struct combo *c)
{
    bool is_held = c->policy == HELD || c->policy == HELD_USED_UP;

    if (is_lost(c))
        return c->known ? LEAVE_DOWN : UNTOUCHED; /* nothing can be done with what is on its way out */
    if (is_up(c) && !c->kept)
        return restarts_by_itself(c) ? LEAVE : HOLD;
    if (is_up(c) && c->takeover == TAKEOVER_LEFT)
        return restarts_by_itself(c) ? LEAVE : HOLD; /* let go while it was down, and started by somebody */
    if (is_up(c) && c->takeover == TAKEOVER_SET && is_held && c->fate == FATE_NONE)
        return LEAVE; /* Docker said 200, and still shows it */
    if (is_up(c))
        return HOLD; /* asked only, changed by somebody, or given back by a recovery that was not finished */
    if (!c->known)
        return UNTOUCHED; /* it was down before eins came */
    if (c->starting)
        return REVIVE; /* a check was killed before it knew whether it had; no start is in the log since then */
    if (used_up(c) && !(c->ran && c->engine_restarted))
        return LEAVE_DOWN; /* one that ran on its last retry when the engine went had not used it up */
    /* Never one that a person stopped; but a new engine's events would say the same of its own stops. */
    if (c->box == BY_HAND && !c->engine_restarted)
        return stay_down(c);
    if (!c->ran)
        return stay_down(c); /* eins saw it down, and let it be */
    if (c->engine_restarted)
        return REVIVE; /* whatever its exit code */
    if (c->box == CRASHED)
        return REVIVE;
    return stay_down(c); /* it had finished, or a person may have stopped it */
}

/* What was restarted, and is not to be removed. */
static enum box_rule rule_of_adoption(const struct combo *c)
{
    bool agent_runs = c->agent == RUNS || c->agent == NEW_RUNS;

    if (c->box != MARKED || c->guessed)
        return ADOPT;
    if (!agent_runs)
        return RESTART_IT;                      /* a fresh one takes it for dead, unless the mark goes before */
    return c->same_start ? GIVE_BACK : REPLACE; /* it has taken it for dead; but what was not restarted stays */
}

static enum box_rule rule_of_box(const struct combo *c)
{
    if (is_blind(c))
        return UNTOUCHED;
    if (is_outage(c))
        return rule_of_outage(c);
    if (!c->kept)
        return is_up(c) ? BASELINE : FORGET; /* connected, nothing owed: nothing but the baseline */
    if (c->box == GONE && c->takeover != TAKEOVER_LEFT && c->fate != FATE_REPLACE)
        return ASK_BY_ID;
    if (is_lost(c))
        return FORGET;
    if (c->recovery == RECOVERY_KEEP || (c->guessed && c->recovery == RECOVERY_REPLACE))
        return GIVE_BACK; /* never removed, whatever else is known */
    if (c->guessed || c->fate == FATE_ADOPT || c->fate == FATE_RESTART)
        return rule_of_adoption(c);
    if (c->fate == FATE_NONE && c->takeover == TAKEOVER_SET &&
        (c->policy == NO || c->policy == ALWAYS || c->policy == UNLESS_STOPPED))
        return GIVE_BACK; /* a check that could not write has given it back already: a restart since then is not the
                             outage's */
    if (c->fate == FATE_NONE && !c->same_start && c->recovery == RECOVERY_ADOPT && !c->revived)
        return rule_of_adoption(c);
    if (c->fate == FATE_REPLACE || (c->fate == FATE_NONE && !c->same_start))
        return REPLACE;
    return GIVE_BACK;
}

static enum agent_rule rule_of_agent(const struct combo *c)
{
    bool entered = c->situation == FELL || c->situation == ROSE;
    enum box_rule rule = rule_of_box(c);
    bool changed = rule == REPLACE || rule == ADOPT || rule == RESTART_IT || (c->kept && is_lost(c));
    bool ended = c->known && !is_up(c);

    if (is_blind(c) || c->agent == PAUSED_BY_OTHERS)
        return KNOWN_AS_IT_IS;
    if (is_outage(c) && (c->agent == RUNS || c->agent == NEW_RUNS))
        return PAUSE;
    if (is_outage(c) && c->agent == PAUSED_BY_EINS)
        return KNOWN_AS_IT_IS;
    if (c->agent == NEW_PAUSED && (is_outage(c) ? entered : !entered))
        return FOREIGN; /* paused while connected is somebody's will */
    if (is_outage(c) && c->agent == NEW_PAUSED)
        return TAKEN_OVER; /* paused in the outage, it must not stay so */
    if (c->agent == ABSENT)
        return is_outage(c) ? KNOWN_AS_IT_IS : UNPAUSE; /* the one that eins paused may only have another name now */
    if (c->agent != PAUSED_BY_EINS && c->agent != NEW_PAUSED)
        return NO_AGENT;
    if (changed && c->recovery == RECOVERY_ADOPT)
        return RENEW; /* only a fresh agent keeps what was restarted */
    if ((changed || ended) && scene_pause_is_unheard_of(c) && c->recovery != RECOVERY_KEEP)
        return RENEW; /* the agent may have missed what became of it */
    return UNPAUSE;
}

static const struct scene *current;

static void expect_at(bool holds, const char *what, int line)
{
    const struct combo *c = &current->combo;

    if (holds)
        return;
    fail_msg("line %d: %s\nsituation %d agent %d box %d policy %d known %d kept %d takeover %d ran %d same_start %d "
             "guessed %d starting %d "
             "fate %d engine_restarted %d recovery %d",
             line, what, (int)c->situation, (int)c->agent, (int)c->box, (int)c->policy, c->known, c->kept,
             (int)c->takeover, c->ran, c->same_start, c->guessed, c->starting, (int)c->fate, c->engine_restarted,
             (int)c->recovery);
}

#define expect(condition) expect_at(condition, #condition, __LINE__)

static const struct op *find_op(const struct plan *plan, enum op_kind kind)
{
    for (size_t i = 0; i < plan->op_count; i++) {
        if (plan->ops[i].kind == kind)
            return &plan->ops[i];
    }
    return NULL;
}

static const char *agent_id(const struct scene *s)
{
    return s->combo.agent == ABSENT ? s->state.agent.id : s->truth.agent.id;
}

static void expect_ops(const struct scene *s, enum box_rule rule, enum agent_rule agent_rule)
{
    bool left = s->combo.takeover == TAKEOVER_LEFT;
    bool holds_after = !s->combo.kept || left ? !restarts_by_itself(&s->combo)
                                              : s->combo.takeover == TAKEOVER_ASKED ||
                                                    (s->combo.takeover == TAKEOVER_SET && s->combo.fate != FATE_NONE);
    unsigned wanted = 0, planned = 0;

    if (rule == HOLD)
        wanted = 1u << OP_HOLD;
    else if (rule == REVIVE)
        wanted = 1u << OP_START | (holds_after ? 1u << OP_HOLD_STARTED : 0);
    else if (rule == LET_GO || rule == ASK_BY_ID || ((rule == GIVE_BACK || rule == ADOPT) && !left))
        wanted = 1u << OP_RESTORE;
    else if (rule == RESTART_IT)
        wanted = 1u << OP_RESTART | (left ? 0 : 1u << OP_RESTORE);
    else if (rule == REPLACE)
        wanted = 1u << OP_STOP | 1u << OP_REMOVE | (left ? 0 : 1u << OP_RESTORE);
    if (agent_rule == PAUSE)
        wanted |= 1u << OP_PAUSE_AGENT;
    else if (agent_rule == UNPAUSE)
        wanted |= 1u << OP_UNPAUSE_AGENT;
    else if (agent_rule == RENEW)
        wanted |= 1u << OP_KILL_AGENT | 1u << OP_AWAIT_AGENT | 1u << OP_START_AGENT | 1u << OP_UNPAUSE_AGENT;
    for (size_t i = 0; i < s->plan.op_count; i++) {
        const struct op *op = &s->plan.ops[i];
        bool is_agents = op->kind == OP_PAUSE_AGENT || op->kind >= OP_KILL_AGENT;

        expect((planned & 1u << op->kind) == 0);
        planned |= 1u << op->kind;
        expect(strcmp(op->id, is_agents ? agent_id(s) : BOX) == 0); /* nothing else is eins's to touch */
    }
    expect(planned == wanted);
}

static void expect_op_details(const struct scene *s)
{
    static const enum op_kind follow[][2] = {
        {OP_HOLD_STARTED, OP_START}, {OP_REMOVE, OP_STOP}, {OP_AWAIT_AGENT, OP_KILL_AGENT}};
    static const enum op_kind instead[][2] = {{OP_START_AGENT, OP_AWAIT_AGENT}};
    const struct plan *plan = &s->plan;
    const struct op *op;

    for (size_t i = 0; i < COUNT(follow); i++) {
        op = find_op(plan, follow[i][0]);
        expect(op == NULL || (op->when == WHEN_DONE && &plan->ops[op->depends_on] == find_op(plan, follow[i][1])));
    }
    for (size_t i = 0; i < COUNT(instead); i++) {
        op = find_op(plan, instead[i][0]);
        expect(op == NULL || (op->when == WHEN_FAILED && &plan->ops[op->depends_on] == find_op(plan, instead[i][1])));
    }
    op = find_op(plan, OP_UNPAUSE_AGENT);
    expect(op == NULL || find_op(plan, OP_KILL_AGENT) == NULL || op->when == WHEN_FAILED);
    op = find_op(plan, OP_HOLD);
    expect(op == NULL || (model_policy_equal(op->to, scene_hold) && model_policy_equal(op->from, s->box.policy)));
    op = find_op(plan, OP_RESTORE);
    expect(op == NULL || (model_policy_equal(op->to, scene_saved) &&
                          model_policy_equal(op->from, s->combo.box == GONE ? scene_hold : s->box.policy)));
}

/* What is taken over now has the policy that Docker shows; what was taken over before keeps what was saved then. */
static void expect_kept(const struct scene *s, enum box_rule rule, const struct state_container *next)
{
    const struct combo *c = &s->combo;
    bool begins_anew = !c->kept || (is_outage(c) && !is_lost(c) && c->fate == FATE_RESTORE);

    expect(next != NULL && next->takeover != TAKEOVER_NONE);
    expect(model_policy_equal(next->policy, c->kept ? scene_saved : s->box.policy));
    expect(strcmp(next->started_at, begins_anew || c->same_start ? "t1" : "t0") == 0);
    expect(next->guessed == c->guessed);
    if (c->kept && c->takeover == TAKEOVER_LEFT && !(rule == HOLD || (rule == REVIVE && !restarts_by_itself(c))))
        expect(next->takeover == TAKEOVER_LEFT);
    if (rule == LEAVE)
        expect(next->takeover == (c->kept ? c->takeover : TAKEOVER_LEFT) && next->running);
    if (rule == HOLD)
        expect(next->takeover == TAKEOVER_ASKED && next->running && !next->starting && next->fate == FATE_NONE);
    if (rule == REVIVE)
        expect(next->running && next->starting && next->fate == FATE_NONE);
    if (rule == REVIVE && !c->starting)
        expect(next->revived ==
               (c->revived || (c->box == CRASHED && !c->engine_restarted))); /* a death that the agent may have seen */
    if (rule == LEAVE_DOWN || rule == LET_GO)
        expect(!next->running && !next->starting);
    if (rule == GIVE_BACK || rule == ASK_BY_ID)
        expect(next->fate == FATE_RESTORE && next->running == is_up(c));
    if (rule == REPLACE)
        expect(next->fate == FATE_REPLACE);
    if (rule == ADOPT)
        expect(next->fate == FATE_ADOPT && next->running == is_up(c));
    if (rule == RESTART_IT)
        expect(next->fate == FATE_RESTART);
    expect(((s->notes & 1u << NOTE_ADOPTED) != 0) == (rule == ADOPT && is_up(c) && !c->guessed));
}

static void expect_box(const struct scene *s, enum box_rule rule)
{
    const struct state_container *next = state_find(&s->plan.next, BOX);
    bool owes_nothing = (rule == GIVE_BACK || rule == ADOPT) && s->combo.takeover == TAKEOVER_LEFT;

    expect(s->plan.next.container_count == (next == NULL ? 0 : 1));
    if (rule == UNTOUCHED && s->combo.known)
        expect(next != NULL && memcmp(next, &s->kept, sizeof *next) == 0);
    else if (rule == UNTOUCHED || rule == FORGET || (owes_nothing && !is_up(&s->combo)))
        expect(next == NULL);
    else if (rule == BASELINE || owes_nothing)
        expect(next != NULL && next->takeover == TAKEOVER_NONE && next->running);
    else if (rule == LEAVE_DOWN && !s->combo.kept)
        expect(next == NULL || (next->takeover == TAKEOVER_NONE && !next->running));
    else
        expect_kept(s, rule, next);
}

static bool agent_is_down(const struct combo *c)
{
    bool stopped = c->agent == ENDED || c->agent == RESTARTS;

    return (c->agent == ABSENT && (c->situation == ONLINE || c->situation == ROSE)) ||
           (stopped && c->situation == ROSE);
}

static void expect_agent(const struct scene *s, enum agent_rule rule)
{
    const struct state_agent *next = &s->plan.next.agent;
    bool is_this = strcmp(next->id, agent_id(s)) == 0;

    expect((s->notes & 1u << NOTE_FOREIGN_PAUSE) == (rule == FOREIGN ? 1u << NOTE_FOREIGN_PAUSE : 0));
    expect(((s->notes & 1u << NOTE_AGENT_DOWN) != 0) == agent_is_down(&s->combo));
    expect((strcmp(next->renewing, agent_id(s)) == 0 && next->renew_since == NOW) == (rule == RENEW));
    switch (rule) {
    case UNPAUSE: /* should it fail, the next check has to know that it may do it */
    case RENEW:
        expect(is_this && next->paused_by_eins);
        break;
    case KNOWN_AS_IT_IS:
        expect(strcmp(next->id, s->state.agent.id) == 0 && next->paused_by_eins == s->state.agent.paused_by_eins);
        break;
    case NO_AGENT:
        expect(next->id[0] == '\0' && !next->paused_by_eins);
        break;
    case PAUSE:
        expect(is_this && next->paused_by_eins && next->paused_at == NOW);
        break;
    case FOREIGN:
        expect(is_this && !next->paused_by_eins);
        break;
    case TAKEN_OVER:
        expect(is_this && next->paused_by_eins && next->paused_at == 0);
        break;
    }
}

/* List before inspections before events; and nothing that is not needed. */
static void expect_wants(const struct scene *s)
{
    unsigned all = 0;

    expect(s->rounds < COUNT(s->wants));
    expect(!s->too_early);
    for (size_t i = 0; i < s->rounds; i++) {
        expect((all & s->wants[i]) == 0);
        expect(i > 0 || s->wants[i] == WANT_LIST);
        all |= s->wants[i];
    }
    expect(is_blind(&s->combo) == (all == 0));
    if (s->combo.situation == ONLINE && !s->combo.kept && s->combo.agent != PAUSED_BY_EINS &&
        s->combo.agent != NEW_PAUSED)
        expect(all == WANT_LIST);
}

static void every_combination_ends_as_the_rules_say(void **unused)
{
    static struct scene scene;

    (void)unused;
    current = &scene;
    for (unsigned long number = 0; number < COMBINATIONS; number++) {
        enum box_rule box_rule;
        enum agent_rule agent_rule;

        scene_set(&scene, number);
        scene_run(&scene);
        box_rule = rule_of_box(&scene.combo);
        agent_rule = rule_of_agent(&scene.combo);
        expect_ops(&scene, box_rule, agent_rule);
        expect_op_details(&scene);
        expect_box(&scene, box_rule);
        expect_agent(&scene, agent_rule);
        expect_wants(&scene);
        plan_clear(&scene.plan);
    }
    printf("%lu combinations\n", COMBINATIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_ends_as_the_rules_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
