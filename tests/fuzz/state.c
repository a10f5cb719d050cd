/* SPDX-License-Identifier: MIT-0 */
/* The state file. The input is one, or the part behind its checksum; the right checksum is put in, or nothing would get
 * past it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "fuzz.h"
#include "plan.h"
#include "state.h"

#define HEAD "[eins]\nversion = 1\nchecksum = "
#define HEAD_LENGTH (sizeof HEAD - 1)
#define DIGEST_LENGTH 64
#define BODY_OFFSET (HEAD_LENGTH + DIGEST_LENGTH + 1)

struct parsed {
    struct state state;
    struct record record;
};

static bool parse(const char *text, size_t length, struct parsed *ret_parsed)
{
    struct error error = {.code = EXIT_DONE};
    struct parsed parsed = {.state.since = -77, .record.code = -77};

    if (state_parse(text, length, "state.ini", &parsed.state, &parsed.record, &error) == 0) {
        *ret_parsed = parsed;
        return true;
    }
    FUZZ_REQUIRE(error.code == EXIT_CONFIG && error.text[0] != '\0');
    FUZZ_REQUIRE(parsed.state.since == -77 && parsed.record.code == -77 && parsed.state.containers == NULL);
    return false;
}

/* The text of a state file with a good checksum, allocated. */
static char *seal(const uint8_t *data, size_t size, size_t *ret_length)
{
    bool whole = size >= BODY_OFFSET && memcmp(data, HEAD, HEAD_LENGTH) == 0;
    size_t skipped = whole ? BODY_OFFSET : 0, length = BODY_OFFSET + size - skipped;
    unsigned char digest[EVP_MAX_MD_SIZE];
    char *text = malloc(length + 1);

    FUZZ_REQUIRE(text != NULL);
    if (size > skipped)
        memcpy(text + BODY_OFFSET, data + skipped, size - skipped);
    FUZZ_REQUIRE(EVP_Digest(text + BODY_OFFSET, length - BODY_OFFSET, digest, NULL, EVP_sha256(), NULL) == 1);
    memcpy(text, HEAD, HEAD_LENGTH);
    for (size_t i = 0; i < DIGEST_LENGTH / 2; i++) {
        static const char digits[] = "0123456789abcdef";

        text[HEAD_LENGTH + 2 * i] = digits[digest[i] >> 4];
        text[HEAD_LENGTH + 2 * i + 1] = digits[digest[i] & 15];
    }
    text[BODY_OFFSET - 1] = '\n';
    text[length] = '\0';
    *ret_length = length;
    return text;
}

static bool same_texts(const struct record_texts *a, const struct record_texts *b)
{
    for (size_t i = 0; i < a->count && a->count == b->count; i++) {
        if (strcmp(a->texts[i], b->texts[i]) != 0)
            return false;
    }
    return a->count == b->count;
}

/* Whether all that is text in them is the same. Numbers and names of values are, if they are the same in the file. */
static bool same(const struct parsed *a, const struct parsed *b)
{
    if (a->state.container_count != b->state.container_count || a->record.outage_count != b->record.outage_count ||
        strcmp(a->state.generation, b->state.generation) != 0 || strcmp(a->state.agent.id, b->state.agent.id) != 0 ||
        strcmp(a->state.agent.renewing, b->state.agent.renewing) != 0 || strcmp(a->record.why, b->record.why) != 0)
        return false;
    for (size_t i = 0; i < a->state.container_count; i++) {
        const struct state_container *one = &a->state.containers[i], *other = &b->state.containers[i];

        if (strcmp(one->id, other->id) != 0 || strcmp(one->name, other->name) != 0 ||
            strcmp(one->started_at, other->started_at) != 0 || strcmp(one->last_start, other->last_start) != 0)
            return false;
    }
    for (size_t i = 0; i < a->record.outage_count; i++) {
        if (strcmp(a->record.outages[i].cause, b->record.outages[i].cause) != 0)
            return false;
    }
    return same_texts(&a->record.failures, &b->record.failures) && same_texts(&a->record.warnings, &b->record.warnings);
}

/* A file that is understood is written so that it is understood again, as the same. */
static void round_trip(const struct parsed *parsed)
{
    size_t lengths[2] = {0};
    char *first = state_render(&parsed->state, &parsed->record, &lengths[0]), *second;
    struct parsed again;

    FUZZ_REQUIRE(first != NULL);
    FUZZ_REQUIRE(parse(first, lengths[0], &again));
    second = state_render(&again.state, &again.record, &lengths[1]);
    FUZZ_REQUIRE(second != NULL);
    FUZZ_REQUIRE(lengths[0] == lengths[1] && memcmp(first, second, lengths[0]) == 0);
    FUZZ_REQUIRE(same(&again, parsed));
    free(first);
    free(second);
    state_clear(&again.state);
}

/* What the next check does with it first. */
static void go_on(const struct parsed *parsed)
{
    static const struct conf conf = {.fall = 1, .rise = 1};

    for (int reach = REACH_REACHABLE; reach <= REACH_INDETERMINATE; reach++) {
        struct parsed next = {.record = parsed->record};

        FUZZ_REQUIRE(state_copy(&parsed->state, 0, &next.state) == 0);
        record_probe(&next.record, (enum reach)reach, "as it is");
        plan_verdict(&conf, (enum reach)reach, 1795579034, PLAN_BOOT_PATIENCE, &next.state);
        record_follow(&next.record, next.state.phase, next.state.since, next.state.outages, next.state.restarted,
                      next.state.removed);
        record_code(&next.record, EXIT_INCOMPLETE);
        round_trip(&next);
        state_clear(&next.state);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parsed parsed;
    size_t length;
    char *text = seal(data, size, &length);

    if (parse((const char *)data, size, &parsed)) {
        FUZZ_REQUIRE(length == size && memcmp(text, data, size) == 0);
        state_clear(&parsed.state);
    }
    if (parse(text, length, &parsed)) {
        for (size_t i = 0; i < parsed.state.container_count; i++)
            FUZZ_REQUIRE(state_find(&parsed.state, parsed.state.containers[i].id) == &parsed.state.containers[i]);
        round_trip(&parsed);
        go_on(&parsed);
        state_clear(&parsed.state);
    }
    free(text);
    return 0;
}
