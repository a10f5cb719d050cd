/* SPDX-License-Identifier: MIT-0 */
/* A model of Docker, the ECS agent, ecs-init and people, as FACTS.md describes them: what the planner's tests play
 * against. */
#ifndef EINS_WALK_MODEL_H
#define EINS_WALK_MODEL_H

#include "plan.h"

#define WORLD_BOXES 8
#define WORLD_RING 256    /* entries of the engine's event log */
#define WORLD_STREAM 1100 /* events that wait for a frozen agent */

/* Why a container is down. */
enum cause {
    CAUSE_NONE,     /* it is up */
    CAUSE_CRASHED,  /* by itself, with an error */
    CAUSE_FINISHED, /* by itself, with 0 */
    CAUSE_PERSON,   /* stopped or killed through the API */
    CAUSE_GAVE_UP,  /* it crashed, and Docker has used up its retries */
    CAUSE_ENGINE,   /* the engine or the host went down, and did not bring it back */
    CAUSE_UNCLEAR,  /* several of these: nobody can tell afterwards */
};

/* What a program does when it is told to end. */
enum manners { EXITS_ZERO, EXITS_143, IGNORES_TERM };

enum engine_end { ENGINE_STOPPED, ENGINE_POWER_LOSS, ENGINE_LIVE_RESTORE };

struct box {
    struct container shown; /* as its inspection shows it; STATUS_GONE: there is no such container */
    struct policy follows; /* what the restart manager follows: not always what is shown (FACTS.md, Restart policies) */
    struct policy original; /* as it was created */
    enum manners manners;
    int stop_signal; /* its image may ask for another one than SIGTERM */
    bool stopped_by_api;
    enum cause cause;
    unsigned began;   /* under which run of dockerd */
    uint64_t started; /* the number of the event that tells so */
    uint64_t ended;   /* the number of the first event that tells how it ended */
    bool unheard;     /* its end or removal has not come to the agent, and never will */
};

struct world {
    struct box boxes[WORLD_BOXES];
    struct container agent;
    unsigned agent_unread;   /* events since it was frozen */
    bool agent_cut_off;      /* frozen when dockerd, at whose end its stream ended, was restarted */
    bool agent_unregistered; /* it has not reached the region since it was made: offline, it exits */
    bool has_ecs_init;       /* something that makes a new agent when there is none that lives */
    bool forgets_power_loss; /* an engine that takes a power loss for exit 0 (24.0.0 to 24.0.2) */
    bool clears_marks;       /* an automatic restart takes OOMKilled away, as since Docker 26; 20.10 keeps it */
    bool stop_before_die;    /* the order of events since Docker 25 */
    bool region_up;
    struct event ring[WORLD_RING];
    int64_t ring_times[WORLD_RING]; /* 0: there is none */
    uint64_t event_count;           /* ever */
    unsigned ids, starts, boots;
    int64_t now; /* seconds */
};

void world_init(struct world *world);

/* Makes a container and starts it. Returns NULL when there is no room. Containers that are not managed are never
 * listed. */
struct box *world_create(struct world *world, const char *name, struct policy policy, bool managed);

struct box *world_find(struct world *world, const char *id);

/* True while the engine's events still tell how the container ended. */
bool world_remembers_end(const struct world *world, const struct box *box);

/* What happens to a container: by itself, and through the API. Each does nothing where Docker would refuse. */
void world_exit(struct world *world, struct box *box, int exit_code);
void world_oom(struct world *world, struct box *box);
void world_start(struct world *world, struct box *box);
void world_stop(struct world *world, struct box *box);
void world_kill(struct world *world, struct box *box, int signal);
void world_remove(struct world *world, struct box *box);
void world_pause(struct world *world, struct box *box);

/* Somebody other than eins pauses or thaws the agent. Return true when that changed something. */
bool world_pause_agent(struct world *world);
bool world_unpause_agent(struct world *world);

/* The agent's process ends. */
void world_end_agent(struct world *world, int exit_code);

/* ecs-init removes what is left of the agent and makes a new one. */
void world_make_agent(struct world *world);

/* So many events that mean nothing: execs, health checks. */
void world_noise(struct world *world, unsigned count);

/* Seconds pass: backoffs end, ecs-init replaces an agent that ended, an agent that cannot register exits. */
void world_wait(struct world *world, int seconds);

/* dockerd goes away, in one way or another, and is started again. */
void world_restart_engine(struct world *world, enum engine_end how);

/* Does to Docker what the operation says, and returns what Docker would answer. */
enum op_outcome world_perform(struct world *world, const struct op *op);

#endif
