/* SPDX-License-Identifier: MIT-0 */
/* One combination of everything that a check can find, and the check that finds it. */
#ifndef EINS_TABLE_SCENE_H
#define EINS_TABLE_SCENE_H

#include "plan.h"

#define BOX "c000000000000000000000000000000000000000000000000000000000000000"
#define OLD_AGENT "a000000000000000000000000000000000000000000000000000000000000001"
#define NEW_AGENT "a000000000000000000000000000000000000000000000000000000000000002"
#define NOW 2000000
#define RING 256
#define COMBINATIONS (8ul * 8 * 11 * 7 * 2 * 3 * 243)

enum situation { BLIND_CONNECTED, BLIND_OFFLINE, ONLINE, FALLING, FELL, OFFLINE, RISING, ROSE };
enum agent_case { ABSENT, RUNS, PAUSED_BY_EINS, PAUSED_BY_OTHERS, ENDED, RESTARTS, NEW_RUNS, NEW_PAUSED };
enum box_case {
    RUNNING,
    PAUSED,
    RESTARTING,
    EXITED_0,
    CRASHED,
    BY_HAND,
    NOBODY_KNOWS,
    DEAD,
    REMOVING,
    GONE,
    MARKED, /* it runs, and was out of memory */
};
enum policy_case { NO, OWN, OWN_USED_UP, ALWAYS, UNLESS_STOPPED, HELD, HELD_USED_UP };

struct combo {
    enum situation situation;
    enum agent_case agent;
    enum box_case box;
    enum policy_case policy;
    bool known, kept; /* the state has it, as baseline or as kept container; what follows is of a kept one */
    enum takeover takeover;
    bool ran, same_start, guessed, starting, revived;
    enum fate fate;
    bool engine_restarted;
    enum recovery recovery;
};

extern const struct policy scene_saved; /* in the state; none that Docker shows */
extern const struct policy scene_hold;

struct scene {
    struct combo combo;
    struct conf conf;
    struct state state;
    struct state_container kept;
    struct snapshot truth;
    struct container box;
    struct verdict verdict;
    struct plan plan;
    unsigned wants[8];
    size_t rounds;
    bool too_early; /* something else than the agent's pause was planned before all was known */
    unsigned notes;
    struct event events[RING]; /* last: it is not zeroed for each combination */
};

/* The combination with that number, below COMBINATIONS, and a check that has not looked yet. */
void scene_set(struct scene *scene, unsigned long number);

/* The engine's events do not tell of the agent's pause: they are another dockerd's, or there were too many since. */
bool scene_pause_is_unheard_of(const struct combo *combo);

/* Plans to the end, as check.c does: each time it shows what is wanted, and only that. The plan is the caller's to
 * clear. */
void scene_run(struct scene *scene);

#endif
