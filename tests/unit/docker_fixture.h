/* SPDX-License-Identifier: MIT-0 */
/* What Docker answers, as the tests of src/docker_json.c have it: recorded from engines, or made; and the parser on
 * bodies that end where they end. */
#ifndef EINS_DOCKER_FIXTURE_H
#define EINS_DOCKER_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "docker_json.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define AGENT "ecs-agent"
#define LABELS "\"Labels\":{\"com.amazonaws.ecs.cluster\":\"plant-7\"}"
#define MANAGED "{\"Id\":\"" ID_A "\",\"Names\":[\"/web\"]," LABELS ",\"State\":\"running\"}"
#define THE_AGENT "{\"Id\":\"" ID_B "\",\"Names\":[\"/ecs-agent\"],\"Labels\":{},\"State\":\"paused\"}"
#define STATE                                                                                                          \
    "{\"Status\":\"running\",\"OOMKilled\":false,\"Error\":\"\",\"StartedAt\":\"2026-11-25T00:07:45.2Z\","             \
    "\"ExitCode\":0}"
#define POLICY "{\"Name\":\"on-failure\",\"MaximumRetryCount\":5}"
#define HOST_CONFIG "{\"RestartPolicy\":" POLICY ",\"AutoRemove\":false}"
#define CONFIG "{\"StopTimeout\":30}"
#define INSPECTED                                                                                                      \
    "{\"Id\":\"" ID_A "\",\"State\":" STATE ",\"RestartCount\":2,\"HostConfig\":" HOST_CONFIG ",\"Config\":" CONFIG "}"
#define KILLED                                                                                                         \
    "{\"Type\":\"container\",\"Action\":\"kill\",\"Actor\":{\"ID\":\"" ID_A "\",\"Attributes\":{\"signal\":\"15\"}},"  \
    "\"time\":1795565267}"

/* The engines that bodies were recorded from. */
extern const char *const versions[3];

/* "gone" is a word of eins, not of Docker. */
extern const char *const unknown_states[9];

/* A body of exactly its length, without a NUL behind it, so that a sanitizer sees the first byte read too far. */
struct body {
    char *text;
    size_t length;
};

/* A copy of the text; its own text is the caller's to free. */
struct body body_of(const char *text, size_t length);

/* The body of that name in tests/unit/data; likewise. */
struct body recorded(const char *version, const char *name);

/* The parser's functions, on a body of exactly that length. */
int list(const char *text, size_t length, struct snapshot *ret_snapshot, struct error *error);
int inspect(const char *text, size_t length, struct container *container, struct error *error);
int events(const char *text, size_t length, struct event **ret_events, size_t *ret_count, struct error *error);

/* What the text means, which must be taken; a snapshot is the caller's to clear. */
struct snapshot good_list(const char *text);
struct container good_inspection(const char *text);

/* The result must be a failure, with a code and a message. */
void expect_refusal(int result, const struct error *error, const char *text);

/* The text must be refused, and nothing touched. */
void bad_list(const char *text, size_t length);
void bad_inspection(const char *text, size_t length);
void bad_events(const char *text, size_t length);

/* text with the one place where `from` is replaced; the caller's. */
char *replaced(const char *text, const char *from, const char *to);

/* The text between `before` and the next quote in a recorded body, found without a JSON parser. */
const char *quoted(const struct body *body, const char *before, char *buffer, size_t size);

/* 64 hexadecimal digits. */
void assert_is_id(const char *id);

enum type { TEXT, NUMBER, BOOLEAN, OBJECT, NONE };

/* Puts everything that does not belong there in the place of a field. Without it, as under another name, the rest is no
 * good either, unless it is optional. */
void expect_field_matters(const char *text, const char *name, const char *value, enum type type, bool optional,
                          void (*bad)(const char *, size_t));

#endif
