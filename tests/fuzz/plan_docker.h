/* SPDX-License-Identifier: MIT-0 */
/* A Docker whose every answer is made of the input's bytes, for the target `plan`. Unlike the model of the unit tests
 * it keeps to no rules but one: what StartedAt a container once showed it never shows again after a later one. */
#ifndef EINS_FUZZ_PLAN_DOCKER_H
#define EINS_FUZZ_PLAN_DOCKER_H

#include "fuzz.h"
#include "plan.h"

#define FUZZ_BOXES 4

struct fuzz_docker {
    struct container boxes[FUZZ_BOXES]; /* STATUS_GONE: there is no such container */
    unsigned starts[FUZZ_BOXES];        /* StartedAt is made of it */
    struct container agent;
    unsigned ids; /* given out so far */
    char generation[MODEL_GENERATION_SIZE];
};

void fuzz_docker_init(struct fuzz_docker *docker, struct fuzz_bytes *bytes);

/* Something happens: anything. */
void fuzz_docker_shake(struct fuzz_docker *docker, struct fuzz_bytes *bytes);

/* Adds to the snapshot what is wanted (of enum plan_want); some of it may be missing. */
void fuzz_docker_look(const struct fuzz_docker *docker, unsigned wants, const struct state *state,
                      struct fuzz_bytes *bytes, struct snapshot *snapshot);

/* What becomes of an operation, with or without its effect. */
enum op_outcome fuzz_docker_perform(struct fuzz_docker *docker, const struct op *op, struct fuzz_bytes *bytes);

/* A state that an earlier check may have left with this Docker, or with one that has changed much since; the caller's
 * to clear. */
void fuzz_docker_state(const struct fuzz_docker *docker, struct fuzz_bytes *bytes, struct state *ret_state);

#endif
