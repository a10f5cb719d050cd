/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "json_out.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json.h>

#include "error.h"
#include "text.h"

static bool add(struct json_out *out, struct json_object *object, const char *key, struct json_object *value)
{
    if (object != NULL && json_object_object_add(object, key, value) == 0)
        return true;
    json_object_put(value);
    out->failed = true;
    return false;
}

static bool append(struct json_out *out, struct json_object *list, struct json_object *value)
{
    if (list != NULL && value != NULL && json_object_array_add(list, value) == 0)
        return true;
    json_object_put(value);
    out->failed = true;
    return false;
}

/* NULL when memory ran out. JSON has escapes of its own, so a backslash alone needs none of ours: a path is shown as it
 * is, and what was escaped before does not change. */
static struct json_object *new_text(const char *text)
{
    size_t size = 4 * strlen(text) + 1, backslashes = 0;
    cleanup_free char *escaped = malloc(size);

    if (escaped == NULL)
        return NULL;
    for (const char *c = text; *c != '\0'; c++)
        backslashes += *c == '\\';
    text_escape(escaped, size, text);
    return json_object_new_string(strlen(escaped) == strlen(text) + backslashes ? text : escaped);
}

void json_out_begin(struct json_out *out, const char *view)
{
    *out = (struct json_out){.root = json_object_new_object()};
    json_out_int(out, out->root, "schema", JSON_OUT_SCHEMA);
    json_out_text(out, out->root, "view", view);
    json_out_text(out, out->root, "program", PACKAGE_STRING);
}

void json_out_text(struct json_out *out, struct json_object *object, const char *key, const char *text)
{
    struct json_object *value = text == NULL ? NULL : new_text(text);

    if (text != NULL && value == NULL)
        out->failed = true;
    add(out, object, key, value);
}

void json_out_int(struct json_out *out, struct json_object *object, const char *key, int64_t value)
{
    struct json_object *number = json_object_new_int64(value);

    if (number == NULL)
        out->failed = true;
    add(out, object, key, number);
}

void json_out_seconds(struct json_out *out, struct json_object *object, const char *key, double value)
{
    char text[40];
    struct json_object *number;

    snprintf(text, sizeof text, "%.3f", value);
    number = json_object_new_double_s(value, text);
    if (number == NULL)
        out->failed = true;
    add(out, object, key, number);
}

void json_out_bool(struct json_out *out, struct json_object *object, const char *key, bool value)
{
    struct json_object *boolean = json_object_new_boolean(value);

    if (boolean == NULL)
        out->failed = true;
    add(out, object, key, boolean);
}

void json_out_time(struct json_out *out, struct json_object *object, const char *key, int64_t value)
{
    time_t seconds = (time_t)value;
    struct tm utc = {0};
    char text[40];

    if (value == 0 || gmtime_r(&seconds, &utc) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        add(out, object, key, NULL);
    else
        json_out_text(out, object, key, text);
}

struct json_object *json_out_object(struct json_out *out, struct json_object *object, const char *key)
{
    struct json_object *child = json_object_new_object();

    if (child == NULL)
        out->failed = true;
    return child != NULL && add(out, object, key, child) ? child : NULL;
}

struct json_object *json_out_list(struct json_out *out, struct json_object *object, const char *key)
{
    struct json_object *list = json_object_new_array();

    if (list == NULL)
        out->failed = true;
    return list != NULL && add(out, object, key, list) ? list : NULL;
}

struct json_object *json_out_item(struct json_out *out, struct json_object *list)
{
    struct json_object *item = json_object_new_object();

    return append(out, list, item) ? item : NULL;
}

void json_out_item_text(struct json_out *out, struct json_object *list, const char *text)
{
    append(out, list, new_text(text));
}

int json_out_end(struct json_out *out, FILE *stream)
{
    const char *text =
        out->failed
            ? NULL
            : json_object_to_json_string_ext(out->root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    int result = text != NULL && fprintf(stream, "%s\n", text) >= 0 && fflush(stream) == 0 ? 0 : -1;

    json_object_put(out->root);
    *out = (struct json_out){0};
    return result;
}
