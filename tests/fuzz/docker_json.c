/* SPDX-License-Identifier: MIT-0 */
/* Docker's replies: the list, an inspection, the event log, and the message of an error. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "docker_json.h"
#include "fuzz.h"
#include "text.h"

#define OTHER_ID "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static struct error no_error(void)
{
    return (struct error){.code = EXIT_DONE};
}

static void require_reason(const struct error *error)
{
    FUZZ_REQUIRE(error->code == EXIT_DOCKER);
    FUZZ_REQUIRE(error->text[0] != '\0');
}

static void try_list(const char *text, size_t length)
{
    struct snapshot snapshot = {.other_count = 77};
    struct error error = no_error();

    if (docker_json_list(text, length, "ecs-agent", &snapshot, &error) < 0) {
        require_reason(&error);
        FUZZ_REQUIRE(!snapshot.listed && snapshot.containers == NULL && snapshot.other_count == 77);
        return;
    }
    FUZZ_REQUIRE(snapshot.listed);
    for (size_t i = 0; i < snapshot.container_count; i++) {
        const struct container *container = &snapshot.containers[i];

        FUZZ_REQUIRE(text_is_container_id(container->id));
        FUZZ_REQUIRE(container->managed && container->status != STATUS_GONE && container->name[0] != '\0');
        FUZZ_REQUIRE(container->inspected == INSPECT_NOT_YET || container->inspected == INSPECT_FAILED);
        FUZZ_REQUIRE(model_find(&snapshot, container->id) != NULL);
    }
    if (snapshot.agent.status != STATUS_GONE) {
        FUZZ_REQUIRE(text_is_container_id(snapshot.agent.id) && !snapshot.agent.managed);
        FUZZ_REQUIRE(strcmp(snapshot.agent.name, "ecs-agent") == 0);
    }
    model_snapshot_clear(&snapshot);
}

/* Returns whether it was understood. */
static bool try_inspect(const char *text, size_t length, struct container *container)
{
    struct container before;
    struct error error = no_error();

    memcpy(&before, container, sizeof before);
    if (docker_json_inspect(text, length, container, &error) < 0) {
        require_reason(&error);
        FUZZ_REQUIRE(memcmp(&before, container, sizeof before) == 0);
        return false;
    }
    FUZZ_REQUIRE(container->inspected == INSPECT_DONE && container->status != STATUS_GONE);
    FUZZ_REQUIRE(text_is_container_id(container->id));
    FUZZ_REQUIRE(container->started_at[0] != '\0' &&
                 fuzz_is_plain(container->started_at, strlen(container->started_at)));
    FUZZ_REQUIRE(container->policy.retries >= 0);
    FUZZ_REQUIRE(container->policy.kind == POLICY_ON_FAILURE || container->policy.retries == 0);
    FUZZ_REQUIRE(container->stop_timeout >= -1);
    FUZZ_REQUIRE(container->image[0] == '\0' || text_is_container_id(container->image + strlen("sha256:")));
    return true;
}

static void try_inspections(const char *text, size_t length)
{
    struct container looked = {0}, again = {0}, other = {.id = OTHER_ID};

    if (try_inspect(text, length, &looked)) {
        memcpy(again.id, looked.id, sizeof again.id);
        FUZZ_REQUIRE(try_inspect(text, length, &again));
        FUZZ_REQUIRE(strcmp(again.started_at, looked.started_at) == 0);
    }
    FUZZ_REQUIRE(!try_inspect(text, length, &other) || strcmp(looked.id, OTHER_ID) == 0);
}

static void try_events(const char *text, size_t length)
{
    struct event *events = NULL;
    size_t count = 77;
    struct error error = no_error();

    if (docker_json_events(text, length, &events, &count, &error) < 0) {
        require_reason(&error);
        FUZZ_REQUIRE(events == NULL && count == 77);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        FUZZ_REQUIRE(events[i].id[0] == '\0' || text_is_container_id(events[i].id));
        FUZZ_REQUIRE(events[i].signal >= 0 && events[i].signal <= 128);
    }
    free(events);
}

static void try_message(const char *text, size_t length)
{
    static const size_t sizes[] = {1, 2, 7, 400};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *message = malloc(sizes[i]);

        FUZZ_REQUIRE(message != NULL);
        FUZZ_REQUIRE(docker_json_message(text, length, message, sizes[i]) == message);
        FUZZ_REQUIRE(strnlen(message, sizes[i]) < sizes[i] && strpbrk(message, "\r\n") == NULL);
        free(message);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    try_list(text, size);
    try_inspections(text, size);
    try_events(text, size);
    try_message(text, size);
    return 0;
}
