/* SPDX-License-Identifier: MIT-0 */
/* Docker's JSON into the words of model.h. Wrong types, missing fields and unusable ids are errors, never guesses. */
#ifndef EINS_DOCKER_JSON_H
#define EINS_DOCKER_JSON_H

#include <stddef.h>

#include "error.h"
#include "model.h"

/* The label that ECS gives every container of a task, and the one by which an owner opts out (DESIGN.md, Words). */
#define DOCKER_LABEL_ECS "com.amazonaws.ecs.cluster"
#define DOCKER_LABEL_ENABLE "eins.enable"
#define DOCKER_LABEL_TASK "com.amazonaws.ecs.task-arn"

/* Reads the answer to GET /containers/json?all=1 into an empty snapshot: the managed containers and the agent, which is
 * the container with the name given. A managed container in a state that eins does not know is INSPECT_FAILED. Returns
 * 0, or -1 with code EXIT_DOCKER and *ret_snapshot untouched. */
int docker_json_list(const char *text, size_t length, const char *agent, struct snapshot *ret_snapshot,
                     struct error *error);

/* Reads the answer to GET /containers/ID/json into a container whose id is known, or still empty; the answer must be
 * about the id that is known. Name and labels stay as they are. Returns 0, or -1 with code EXIT_DOCKER and the
 * container untouched. */
int docker_json_inspect(const char *text, size_t length, struct container *container, struct error *error);

/* Reads the answer to GET /events, one object after another, into *ret_events (allocated, the caller's). Returns 0, or
 * -1 with code EXIT_DOCKER. */
int docker_json_events(const char *text, size_t length, struct event **ret_events, size_t *ret_count,
                       struct error *error);

/* The reason in an error reply: the `message` of a JSON body, else the body itself (some engines and proxies send plain
 * text), cut and on one line. Returns buffer. */
const char *docker_json_message(const char *text, size_t length, char *buffer, size_t size);

#endif
