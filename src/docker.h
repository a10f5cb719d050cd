/* SPDX-License-Identifier: MIT-0 */
/* The Docker Engine API: where it is, which version it speaks, what it shows, and requests as values. */
#ifndef EINS_DOCKER_H
#define EINS_DOCKER_H

#include <stdbool.h>
#include <stddef.h>

#include "conf.h"
#include "error.h"
#include "http.h"
#include "model.h"

struct docker;

/* Connects to conf->docker_host (unix:///path or tcp://host:port) and negotiates the API version with GET /_ping, as
 * the SDKs do. Returns NULL with code EXIT_DOCKER and a message that says what was tried. */
struct docker *docker_open(const struct conf *conf, struct error *error);
void docker_close(struct docker *docker);

/* Lists all containers into an empty snapshot (one request). Returns 0, or -1 with code EXIT_DOCKER. */
int docker_list(struct docker *docker, struct snapshot *snapshot, struct error *error);

/* Inspects those containers of the snapshot that are marked. Sets `inspected` of each; one that has vanished becomes
 * STATUS_GONE. A container whose inspection failed is INSPECT_FAILED, and *error is about the last of these. Returns
 * the number of failures. */
size_t docker_inspect(struct docker *docker, struct snapshot *snapshot, const bool *marked, struct error *error);

/* Asks for the image of each container of the snapshot that was inspected and is not image_named, each image once, and
 * sets image_gone where Docker has none. For a dry run: no decision needs it. Returns 0, or -1 with code EXIT_DOCKER
 * when an answer is missing or says neither. */
int docker_images(struct docker *docker, struct snapshot *snapshot, struct error *error);

/* Fetches the engine's event log (its last 256 entries) up to now, and sets events_asked. Returns 0, or -1 with code
 * EXIT_DOCKER. */
int docker_events(struct docker *docker, struct snapshot *snapshot, struct error *error);

/* Finds out id and status of one container, given its id or its name; STATUS_GONE when there is none. Returns 0, or -1
 * with code EXIT_DOCKER. */
int docker_look(struct docker *docker, const char *id_or_name, struct container *ret_container, struct error *error);

/* Prepares a request for METHOD /containers/ID/ACTION; id must be a container id (text_is_container_id). action is as
 * in the API, with its query ("stop", "update", "?v=1"). body is borrowed. */
void docker_request(const struct docker *docker, const char *method, const char *id, const char *action,
                    const char *body, int timeout, struct http_request *ret_request);

/* Performs prepared requests side by side. */
void docker_perform(struct docker *docker, struct http_request *requests, size_t count, int parallel);

/* What went wrong with a request that was not successful: no reply, or Docker's own message with its status. Returns
 * -1. */
int docker_request_error(const struct http_request *request, const char *what, struct error *error);

#endif
