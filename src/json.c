/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "json.h"

#include <limits.h>
#include <string.h>

#define cleanup_tokener __attribute__((cleanup(free_tokener)))

/* Bytes of json-c's, beside those of the text. Replies are parsed value by value, so that none makes more of them than
 * this. */
#define MEMORY_OF_OBJECT 800
#define MEMORY_OF_ARRAY 350
#define MEMORY_OF_VALUE 100
#define MEMORY_MAX (16u << 20)

void json_put(json_object **object)
{
    json_object_put(*object);
}

static void free_tokener(json_tokener **tokener)
{
    if (*tokener != NULL)
        json_tokener_free(*tokener);
}

bool json_is_space(char character)
{
    return character == ' ' || character == '\t' || character == '\r' || character == '\n';
}

/* Where the value at the start of the text ends, judged by its brackets alone: a text that is no JSON is for the parser
 * to refuse. Also counts what json-c will make of it: it turns the two bytes of "{}" into 800. */
static size_t value_end(const char *text, size_t length, size_t *ret_memory)
{
    size_t memory = 0, depth = 0, i = 0;
    bool quoted = false, ended = false;

    for (; i < length && !ended; i++) {
        char character = text[i];

        if (quoted && character == '\\') {
            i++;
        } else if (character == '"') {
            quoted = !quoted;
        } else if (quoted) {
            continue;
        } else if (character == '{' || character == '[') {
            memory += character == '{' ? MEMORY_OF_OBJECT : MEMORY_OF_ARRAY;
            depth++;
        } else if (depth == 0 && (character == ',' || character == ']')) {
            break; /* behind a number or a word */
        } else if (character == '}' || character == ']') {
            ended = depth <= 1;
            depth--;
        } else if (character == ',' || character == ':') {
            memory += MEMORY_OF_VALUE;
        }
    }
    *ret_memory = memory;
    return i < length ? i : length;
}

/* Parses one whole JSON value, and nothing behind it but white space. */
json_object *json_parse(const char *text, size_t length, struct error *error)
{
    cleanup_tokener json_tokener *tokener = json_tokener_new();
    json_object *object;
    size_t memory;

    if (tokener == NULL || length > INT_MAX) {
        error_set(error, EXIT_DOCKER, "out of memory");
        return NULL;
    }
    value_end(text, length, &memory);
    if (memory > MEMORY_MAX) {
        error_set(error, EXIT_DOCKER, "the answer has too many values");
        return NULL;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
    object = json_tokener_parse_ex(tokener, text == NULL ? "" : text, (int)length);
    if (object == NULL) {
        enum json_tokener_error why = json_tokener_get_error(tokener);

        error_set(error, EXIT_DOCKER, "the answer is not JSON: %s",
                  why == json_tokener_continue  ? "it ends too early"
                  : why == json_tokener_success ? "it is null"
                                                : json_tokener_error_desc(why));
        return NULL;
    }
    for (size_t end = json_tokener_get_parse_end(tokener); end < length; end++) {
        if (!json_is_space(text[end])) {
            json_object_put(object);
            error_set(error, EXIT_DOCKER, "the answer is not JSON: something follows its end");
            return NULL;
        }
    }
    return object;
}

size_t json_skip_space(const char *text, size_t length, size_t offset)
{
    while (offset < length && json_is_space(text[offset]))
        offset++;
    return offset;
}

/* Parses the value that begins at offset, and sets where it ends. */
json_object *json_parse_next(const char *text, size_t length, size_t offset, size_t *ret_end, struct error *error)
{
    size_t memory, size = value_end(text + offset, length - offset, &memory);

    *ret_end = offset + size;
    return json_parse(text + offset, size, error);
}

/* The member of that type, or NULL. json-c would convert between types silently; here a wrong type is as good as none.
 */
json_object *json_member(json_object *object, const char *name, json_type type)
{
    json_object *value;

    if (!json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, type))
        return NULL;
    return value;
}

/* A string's text. NULL for anything else, and for one with a NUL byte: behind it anything could follow. */
const char *json_text(json_object *value)
{
    const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

    return text != NULL && strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

const char *json_member_text(json_object *object, const char *name)
{
    return json_text(json_member(object, name, json_type_string));
}

bool json_member_bool(json_object *object, const char *name, bool *ret_value)
{
    json_object *value = json_member(object, name, json_type_boolean);

    if (value == NULL)
        return false;
    *ret_value = json_object_get_boolean(value);
    return true;
}

bool json_member_int(json_object *object, const char *name, int *ret_number)
{
    json_object *value = json_member(object, name, json_type_int);
    int64_t number = value == NULL ? 0 : json_object_get_int64(value);

    if (value == NULL || number < INT_MIN || number > INT_MAX)
        return false;
    *ret_number = (int)number;
    return true;
}
