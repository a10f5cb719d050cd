/* SPDX-License-Identifier: MIT-0 */
/* A check as src/check.c makes it, over the model of Docker: it can be killed at any instruction, its operations can
 * fail, the world can change under it. */
#ifndef EINS_PLAN_FIXTURE_H
#define EINS_PLAN_FIXTURE_H

#include "plan.h"
#include "walk_model.h"

#define TRIAL_ROUNDS_MAX 8 /* as in check.c */

/* eins on its host: its configuration, and its state as it is on the disk. */
struct eins {
    struct conf conf;
    struct state disk;
    bool unwritable;
    bool through_text; /* every state that is written goes through the file's text */
};

/* A set of containers, by id. */
struct id_set {
    char ids[WORLD_BOXES][MODEL_ID_SIZE];
    size_t count;
};

/* One check: how it is to go, and what became of it. An instruction is a write of the state, an operation, or the end.
 */
struct trial {
    enum reach reach;
    int64_t uptime;      /* of the host, seconds; PLAN_BOOT_PATIENCE unless a test says otherwise */
    int kill_at;         /* the instruction before which it is killed; -1: never */
    int interrupt_at;    /* the instruction before which `interrupt` is called; -1: never */
    bool docker_down;    /* Docker does not answer */
    unsigned fail_kinds; /* operations of these kinds (1 << kind) fail without effect */
    bool fail_inspections;
    bool empty_list; /* Docker's list leaves out what there is */
    uint32_t chaos;  /* if not 0, seeds failures of operations, with or without effect, and of inspections */
    void (*interrupt)(void *context);
    void (*before_op)(void *context, const struct op *op);
    void (*after_write)(void *context, const struct state *before, const struct state *after);
    void *context;

    int instruction;
    bool killed;
    bool looked; /* at Docker */
    bool incomplete;
    char ops[2048]; /* what was carried out, in order: "pause-agent hold:web"; a "!" is a failure, a "?" was gone */
    unsigned notes; /* 1 << kind */
    unsigned wants[TRIAL_ROUNDS_MAX];
    size_t rounds;
    struct id_set failed_starts, unseen; /* of starts and inspections that failed */
};

/* The defaults, as far as the planner looks at them. */
struct conf fixture_conf(void);

/* A host on which eins has just been installed. */
void eins_init(struct eins *eins);
void eins_clear(struct eins *eins);
void eins_copy(const struct eins *from, struct eins *ret_copy);

/* The state file is lost. */
void eins_lose_state(struct eins *eins);

/* All that Docker can show, at once: the snapshot is the caller's to clear. */
void world_show(struct world *world, struct snapshot *snapshot);

/* A check of which nothing is out of the ordinary. */
struct trial trial_init(enum reach reach);
void trial_run(struct trial *trial, struct eins *eins, struct world *world);

bool id_set_has(const struct id_set *set, const char *id);

#endif
