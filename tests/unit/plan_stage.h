/* SPDX-License-Identifier: MIT-0 */
/* Where the stories of the planner's tests play: a host with an agent and two containers, which eins has seen once. */
#ifndef EINS_PLAN_STAGE_H
#define EINS_PLAN_STAGE_H

#include "plan_fixture.h"

struct stage {
    struct world world;
    struct eins eins;
    struct box *web;    /* policy no */
    struct box *db;     /* on-failure, at most 5 times */
    struct trial how;   /* how the next check is to go; then it is reset */
    struct trial trial; /* what became of the last one */
};

void stage_set(struct stage *stage);

/* Likewise, and the outage has begun. */
void stage_in_outage(struct stage *stage);

/* web crashes in the outage, and Docker restarts it. */
void stage_crash_web(struct stage *stage);

void stage_clear(struct stage *stage);

/* Runs a check, a second after the last one, and expects exactly these operations; their order within a stage is not
 * looked at. NULL: whatever they are. */
void check_at(struct stage *stage, enum reach reach, const char *ops, const char *file, int line);
#define check(stage, reach, ops) check_at(stage, reach, ops, __FILE__, __LINE__)

/* What the state has of the container; it must have it. */
const struct state_container *kept(const struct stage *stage, const struct box *box);

bool noted(const struct stage *stage, enum note_kind kind);

void assert_same_state(const struct state *a, const struct state *b);

/* Containers, agent and state are the same, but for the times. */
void assert_same_place(const struct stage *a, const struct stage *b);

#endif
