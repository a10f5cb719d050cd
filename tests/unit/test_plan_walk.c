/* SPDX-License-Identifier: MIT-0 */
/* Thousands of random stories of outages, in the model of Docker; after every step the promises must hold. A story that
 * breaks one is printed, without the steps that it does not need. EINS_WALK_SEEDS: how many, EINS_WALK_SEED: the first.
 */
#include "config.h"

#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "walk_promises.h"

#define STEPS 60
#define SEEDS_DEFAULT 12000

enum action {
    CHECK,
    CHECK_BLIND,
    CHECK_KILLED,
    CHECK_KILLED_OR_NOT,
    CHECK_FAILING,
    CHECK_RACED,
    CHECK_WITHOUT_DOCKER,
    TURN_REGION,
    WAIT,
    CRASH,
    OUT_OF_MEMORY,
    FINISH,
    STOP,
    START,
    KILL,
    HANG_UP,
    REMOVE,
    PAUSE,
    CREATE,
    PAUSE_AGENT,
    UNPAUSE_AGENT,
    REPLACE_AGENT,
    NOISE,
    RESTART_ENGINE,
    LOSE_STATE,
    ACTION_COUNT,
};

struct step {
    enum action action;
    uint32_t arg; /* all that is random in it */
    bool dropped;
};

static const struct {
    const char *name;
    unsigned weight;
} actions[] = {
    [CHECK] = {"check", 30},
    [CHECK_BLIND] = {"check-that-cannot-look", 2},
    [CHECK_KILLED] = {"check-killed", 6},
    [CHECK_KILLED_OR_NOT] = {"check-killed, then check", 6},
    [CHECK_FAILING] = {"check-with-failures", 5},
    [CHECK_RACED] = {"check-interrupted-by", 6},
    [CHECK_WITHOUT_DOCKER] = {"check-without-docker", 2},
    [TURN_REGION] = {"region-goes-or-comes", 14},
    [WAIT] = {"wait", 14},
    [CRASH] = {"crash", 12},
    [OUT_OF_MEMORY] = {"out-of-memory", 4},
    [FINISH] = {"finish", 4},
    [STOP] = {"stop", 5},
    [START] = {"start", 4},
    [KILL] = {"kill", 3},
    [HANG_UP] = {"hang-up", 2},
    [REMOVE] = {"remove", 2},
    [PAUSE] = {"pause-or-unpause", 2},
    [CREATE] = {"create", 5},
    [PAUSE_AGENT] = {"pause-agent", 3},
    [UNPAUSE_AGENT] = {"unpause-agent", 3},
    [REPLACE_AGENT] = {"replace-agent", 4},
    [NOISE] = {"noise", 4},
    [RESTART_ENGINE] = {"restart-engine", 6},
    [LOSE_STATE] = {"lose-state", 1},
};

static uint32_t next_random(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*random >> 33);
}

static const struct policy policies[] = {
    {POLICY_NO, 0},         {POLICY_NO, 0},         {POLICY_NO, 0},
    {POLICY_NO, 0},         {POLICY_ON_FAILURE, 0}, {POLICY_ON_FAILURE, 5},
    {POLICY_ON_FAILURE, 2}, {POLICY_ALWAYS, 0},     {POLICY_UNLESS_STOPPED, 0},
};

static void create(struct story *story, uint32_t arg, bool managed)
{
    char name[16];
    struct box *box;

    snprintf(name, sizeof name, "%s-%u", managed ? "task" : "other", story->world.ids + 1);
    box = world_create(&story->world, name, policies[arg % COUNT(policies)], managed);
    if (box == NULL)
        return;
    box->manners = (enum manners)(arg / 16 % 3);
    box->stop_signal = arg / 512 % 4 == 0 ? SIGQUIT : SIGTERM;
    box->shown.auto_remove = box->original.kind == POLICY_NO && arg / 64 % 8 == 0;
}

static void set_up(struct story *story, uint64_t seed)
{
    uint64_t random = seed;

    *story = (struct story){.clean = false};
    world_init(&story->world);
    eins_init(&story->eins);
    story->eins.conf.fall = 1 + (int)(next_random(&random) % 4 % 3);
    story->eins.conf.rise = 1 + (int)(next_random(&random) % 4 % 3);
    story->eins.conf.retries = next_random(&random) % 2 == 0 ? 0 : 2;
    story->eins.conf.recovery = (int)(next_random(&random) % 3);
    story->world.clears_marks = next_random(&random) % 2 == 0;
    story->eins.through_text = next_random(&random) % 16 == 0;
    story->world.has_ecs_init = next_random(&random) % 4 != 0;
    story->world.forgets_power_loss = next_random(&random) % 4 == 0;
    story->world.stop_before_die = next_random(&random) % 2 == 0;
    for (int i = 0; i < 4; i++)
        create(story, next_random(&random), i > 0);
    story_lose_state(story);
    if (next_random(&random) % 8 != 0) {
        const struct trial first = trial_init(REACH_REACHABLE);

        story_check(story, &first);
    }
}

static struct box *pick(struct world *world, uint32_t arg)
{
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        struct box *box = &world->boxes[(arg + i) % WORLD_BOXES];

        if (box->shown.status != STATUS_GONE)
            return box;
    }
    return NULL;
}

static void happen_to(struct world *world, struct box *box, enum action action, uint32_t arg)
{
    if (action == CRASH)
        world_exit(world, box, 1);
    else if (action == OUT_OF_MEMORY)
        world_oom(world, box);
    else if (action == FINISH)
        world_exit(world, box, 0);
    else if (action == STOP)
        world_stop(world, box);
    else if (action == START)
        world_start(world, box);
    else if (action == KILL)
        world_kill(world, box, SIGKILL);
    else if (action == HANG_UP)
        world_kill(world, box, SIGHUP);
    else if (action == PAUSE)
        world_pause(world, box);
    else if (action == REMOVE && (!model_is_up(box->shown.status) || arg / 8 % 4 == 0))
        world_remove(world, box);
}

/* Everything but checks. */
static void happen(struct story *story, enum action action, uint32_t arg, bool in_a_check)
{
    struct world *world = &story->world;
    struct box *box = pick(world, arg);

    if (action == TURN_REGION)
        world->region_up = !world->region_up;
    else if (action == WAIT)
        world_wait(world, 1 + (int)(arg % 30));
    else if (action == CREATE)
        create(story, arg, arg % 8 != 0);
    else if (action == PAUSE_AGENT && world_pause_agent(world))
        story_note_pause(story, !in_a_check);
    else if (action == UNPAUSE_AGENT)
        world_unpause_agent(world);
    else if (action == REPLACE_AGENT && world->has_ecs_init && world->agent.status != STATUS_PAUSED)
        world_make_agent(world);
    else if (action == NOISE)
        world_noise(world, arg % 2 == 0 ? 20 : 300);
    else if (action == RESTART_ENGINE)
        world_restart_engine(world, (enum engine_end)(arg % 3));
    else if (action == LOSE_STATE && !in_a_check)
        story_lose_state(story);
    else if (box != NULL)
        happen_to(world, box, action, arg);
    story_follow(story);
}

/* What happens in the middle of a check that is raced: one of the small things. */
static enum action raced_action(uint32_t arg)
{
    static const enum action small[] = {CRASH,  FINISH,        STOP,        KILL, REMOVE,
                                        CREATE, REPLACE_AGENT, PAUSE_AGENT, WAIT, RESTART_ENGINE};

    return small[arg % COUNT(small)];
}

static uint32_t interrupt_arg; /* a trial has one hook, and it is the story's */

static void interrupt(void *context)
{
    happen(context, raced_action(interrupt_arg / 16), interrupt_arg / 256, true);
}

static void run_step(struct story *story, const struct step *step)
{
    struct trial how = trial_init(story->world.region_up ? REACH_REACHABLE : REACH_UNREACHABLE);
    int instruction = (int)(step->arg % 14);

    story->world.now++;
    if (step->action > CHECK_WITHOUT_DOCKER) {
        happen(story, step->action, step->arg, false);
        return;
    }
    if (step->action == CHECK_BLIND)
        how.reach = REACH_INDETERMINATE;
    if (step->action == CHECK_KILLED || step->action == CHECK_KILLED_OR_NOT)
        how.kill_at = instruction;
    if (step->action == CHECK_FAILING)
        how.chaos = step->arg | 1;
    if (step->action == CHECK_RACED) {
        how.interrupt_at = instruction;
        how.interrupt = interrupt;
        interrupt_arg = step->arg;
    }
    how.docker_down = step->action == CHECK_WITHOUT_DOCKER;
    if (step->action == CHECK_KILLED_OR_NOT)
        story_check_killed_or_not(story, &how);
    else
        story_check(story, &how);
}

/* Plays the story up to its end or to the first broken promise. Returns how many steps were played. */
static size_t play(uint64_t seed, const struct step *steps, FILE *print, char *ret_broken)
{
    static struct story story;
    size_t played = 0;

    set_up(&story, seed);
    for (size_t i = 0; i < STEPS + 8 && story.broken[0] == '\0'; i++) {
        /* At the end the region is back, and nobody disturbs. */
        struct step step =
            i < STEPS ? steps[i] : (struct step){.action = i == STEPS && !story.world.region_up ? TURN_REGION : CHECK};

        if (step.dropped)
            continue;
        story.trial = (struct trial){0};
        run_step(&story, &step);
        played++;
        if (print != NULL)
            fprintf(print, "    %s %u: %s\n", actions[step.action].name, (unsigned)step.arg, story.trial.ops);
    }
    eins_clear(&story.eins);
    strcpy(ret_broken, story.broken);
    return played;
}

static size_t write_story(uint64_t seed, struct step steps[STEPS])
{
    uint64_t random = seed ^ 0x5eed;
    unsigned total = 0;

    for (size_t i = 0; i < ACTION_COUNT; i++)
        total += actions[i].weight;
    for (size_t i = 0; i < STEPS; i++) {
        unsigned choice = next_random(&random) % total;
        size_t action = 0;

        while (choice >= actions[action].weight)
            choice -= actions[action++].weight;
        steps[i] = (struct step){(enum action)action, next_random(&random), false};
    }
    return STEPS;
}

/* Drops whatever steps the failure does not need, then prints what is left. */
static void tell_shortened(uint64_t seed, struct step steps[STEPS])
{
    char reason[256], other[256];
    bool shorter = true;

    play(seed, steps, NULL, reason);
    while (shorter) {
        shorter = false;
        for (size_t i = STEPS; i-- > 0;) {
            if (steps[i].dropped)
                continue;
            steps[i].dropped = true;
            play(seed, steps, NULL, other);
            /* Names may change with what is left out: the first words of the reason tell. */
            if (other[0] != '\0' && strncmp(strpbrk(other, " "), strpbrk(reason, " "), 20) == 0)
                shorter = true;
            else
                steps[i].dropped = false;
        }
    }
    fprintf(stderr, "seed %llu:\n", (unsigned long long)seed);
    play(seed, steps, stderr, reason);
    fprintf(stderr, "  %s\n", reason);
}

static uint64_t from_environment(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);

    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : fallback;
}

static void promises_hold_in_every_story(void **unused)
{
    uint64_t first = from_environment("EINS_WALK_SEED", 1), seeds = from_environment("EINS_WALK_SEEDS", SEEDS_DEFAULT);
    struct step steps[STEPS];
    unsigned long played = 0, failed = 0;
    char reason[256];

    (void)unused;
    for (uint64_t seed = first; seed < first + seeds && failed < 5; seed++) {
        write_story(seed, steps);
        played += play(seed, steps, NULL, reason);
        if (reason[0] == '\0')
            continue;
        failed++;
        tell_shortened(seed, steps);
    }
    if (failed > 0)
        fail_msg("promises broken in %lu stories", failed);
    printf("%llu seeds, %lu steps\n", (unsigned long long)seeds, played);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promises_hold_in_every_story),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
