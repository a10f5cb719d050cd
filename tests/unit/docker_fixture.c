/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "docker_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

const char *const versions[3] = {"20.10", "26.1", "28.5"};

const char *const unknown_states[9] = {"\"gone\"", "\"Running\"", "\"stopping\"", "\"\"", "null",
                                       "7",        "true",        "[]",           "{}"};

struct body body_of(const char *text, size_t length)
{
    struct body body = {malloc(length == 0 ? 1 : length), length};

    assert_non_null(body.text);
    memcpy(body.text, text, length);
    return body;
}

struct body recorded(const char *version, const char *name)
{
    const char *srcdir = getenv("srcdir");
    char path[512], text[65536];
    size_t length;
    FILE *stream;

    snprintf(path, sizeof path, "%s/tests/unit/data/%s/%s", srcdir != NULL ? srcdir : ".", version, name);
    stream = fopen(path, "r");
    if (stream == NULL)
        fail_msg("cannot open %s", path);
    length = fread(text, 1, sizeof text, stream);
    fclose(stream);
    assert_in_range(length, 1, sizeof text - 1);
    return body_of(text, length);
}

int list(const char *text, size_t length, struct snapshot *ret_snapshot, struct error *error)
{
    struct body body = body_of(text, length);
    int result = docker_json_list(body.text, body.length, AGENT, ret_snapshot, error);

    free(body.text);
    return result;
}

int inspect(const char *text, size_t length, struct container *container, struct error *error)
{
    struct body body = body_of(text, length);
    int result = docker_json_inspect(body.text, body.length, container, error);

    free(body.text);
    return result;
}

int events(const char *text, size_t length, struct event **ret_events, size_t *ret_count, struct error *error)
{
    struct body body = body_of(text, length);
    int result = docker_json_events(body.text, body.length, ret_events, ret_count, error);

    free(body.text);
    return result;
}

struct snapshot good_list(const char *text)
{
    struct snapshot snapshot = {0};
    struct error error = {0};

    if (list(text, strlen(text), &snapshot, &error) != 0)
        fail_msg("%s: %s", text, error.text);
    assert_true(snapshot.listed);
    return snapshot;
}

struct container good_inspection(const char *text)
{
    struct container container = {0};
    struct error error = {0};

    if (inspect(text, strlen(text), &container, &error) != 0)
        fail_msg("%s: %s", text, error.text);
    assert_int_equal(container.inspected, INSPECT_DONE);
    return container;
}

void expect_refusal(int result, const struct error *error, const char *text)
{
    if (result != -1)
        fail_msg("taken: %s", text);
    assert_int_equal(error->code, EXIT_DOCKER);
    assert_string_not_equal(error->text, "");
}

/* What a failure must not touch is filled with a pattern first. */
void bad_list(const char *text, size_t length)
{
    struct snapshot snapshot, before;
    struct error error = {0};

    memset(&snapshot, 0x5a, sizeof snapshot);
    memcpy(&before, &snapshot, sizeof snapshot);
    expect_refusal(list(text, length, &snapshot, &error), &error, text);
    assert_memory_equal(&snapshot, &before, sizeof snapshot);
}

void bad_inspection(const char *text, size_t length)
{
    struct container container, before;
    struct error error = {0};

    memset(&container, 0, sizeof container);
    memset(container.name, 'n', 5);
    container.managed = true;
    container.status = STATUS_DEAD;
    memcpy(&before, &container, sizeof container);
    expect_refusal(inspect(text, length, &container, &error), &error, text);
    assert_memory_equal(&container, &before, sizeof container);
}

void bad_events(const char *text, size_t length)
{
    struct event sentinel, *log = &sentinel;
    struct error error = {0};
    size_t count = 77;

    expect_refusal(events(text, length, &log, &count, &error), &error, text);
    assert_ptr_equal(log, &sentinel);
    assert_int_equal(count, 77);
}

char *replaced(const char *text, const char *from, const char *to)
{
    const char *place = strstr(text, from);
    char *result = NULL;

    if (place == NULL || strstr(place + 1, from) != NULL)
        fail_msg("not exactly once in %s: %s", text, from);
    if (asprintf(&result, "%.*s%s%s", (int)(place - text), text, to, place + strlen(from)) < 0)
        fail();
    return result;
}

const char *quoted(const struct body *body, const char *before, char *buffer, size_t size)
{
    const char *start = memmem(body->text, body->length, before, strlen(before));
    const char *end;

    assert_non_null(start);
    start += strlen(before);
    end = memchr(start, '"', body->length - (size_t)(start - body->text));
    assert_non_null(end);
    snprintf(buffer, size, "%.*s", (int)(end - start), start);
    return buffer;
}

void assert_is_id(const char *id)
{
    assert_int_equal(strlen(id), 64);
    assert_int_equal(strspn(id, "0123456789abcdef"), 64);
}

void expect_field_matters(const char *text, const char *name, const char *value, enum type type, bool optional,
                          void (*bad)(const char *, size_t))
{
    static const struct {
        enum type type;
        const char *value;
    } values[] = {{TEXT, "\"0\""}, {NUMBER, "0"}, {BOOLEAN, "true"}, {OBJECT, "{}"}, {NONE, "[]"},
                  {NONE, "0.5"},   {NONE, "1.0"}, {NONE, "1e300"},   {NONE, "[{}]"}, {NONE, "null"}};
    char field[512], other[512];

    snprintf(field, sizeof field, "\"%s\":%s", name, value);
    for (size_t i = 0; i < COUNT(values) - optional; i++) {
        if (values[i].type == type && type != NONE)
            continue;
        snprintf(other, sizeof other, "\"%s\":%s", name, values[i].value);
        char *broken = replaced(text, field, other);
        bad(broken, strlen(broken));
        free(broken);
    }
    for (size_t i = 0; i < 2 && !optional; i++) {
        char *broken;

        memcpy(other, field, sizeof field);
        other[1] = i == 0 ? '_' : (char)(other[1] ^ 0x20); /* the other case */
        broken = replaced(text, field, other);
        bad(broken, strlen(broken));
        free(broken);
    }
}
