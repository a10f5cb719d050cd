/* SPDX-License-Identifier: MIT-0 */
/* The promises of DESIGN.md section 4, held against everything that eins does in the model; what it may know is worked
 * out here anew, from what happened, never from its state. */
#ifndef EINS_WALK_PROMISES_H
#define EINS_WALK_PROMISES_H

#include "plan_fixture.h"

/* Whether a container was up when eins looked last. */
enum seen { SEEN_DOWN, SEEN_UP, SEEN_PERHAPS };

enum pause_owner { PAUSE_OF_EINS, PAUSE_OF_OTHERS, PAUSE_UNCLEAR };

struct track {
    char id[MODEL_ID_SIZE];
    enum seen seen;
    char mark[MODEL_TIME_SIZE];           /* StartedAt when the outage began */
    char started_before[MODEL_TIME_SIZE]; /* StartedAt when the check began */
    bool unjudged;       /* the outage is over, but eins has not looked at it since: for it, it is not */
    bool restarted;      /* in an outage that is over, but not cleared up */
    bool guessed;        /* eins lost its state while it held this one */
    bool policy_lost;    /* eins lost its state: it cannot know the original policy */
    bool revived;        /* eins started it after a death that the agent may have seen */
    bool missed;         /* it ended unheard, and eins can know that: it had been up at the last look */
    bool marked;         /* it ran with a mark of an earlier end, at some time */
    bool must_come_back; /* at the check that runs now */
};

struct story {
    struct world world;
    struct eins eins;
    struct track tracks[WORLD_BOXES];
    enum pause_owner pause_owner; /* while the agent is paused */
    bool paused_by_person;        /* likewise */
    bool agent_was_paused;        /* when the check began */
    bool others_paused_at_look;   /* eins may know it as paused by others */
    int calm;                     /* undisturbed checks in a row that found the region */
    bool clean;                   /* the last check was undisturbed, and nothing is owed */
    bool phase_looked_at;         /* a check that looked ran to its end in the phase that is on the disk */
    struct trial trial;           /* the check that runs now */
    char broken[256];             /* which promise, or empty */
};

/* To be called whenever something happened in the world. */
void story_follow(struct story *story);

/* Somebody paused the agent; `sure` when eins can know whether it was paused while connected. */
void story_note_pause(struct story *story, bool sure);

/* The state file is lost. */
void story_lose_state(struct story *story);

/* Runs a check and holds it against the promises. */
void story_check(struct story *story, const struct trial *how);

/* A check that is killed and one that is not, against the same without the kill: both must end in the same place. */
void story_check_killed_or_not(struct story *story, const struct trial *how);

#endif
