/* SPDX-License-Identifier: MIT-0 */
/* json-c for bytes from outside: bounded before they are parsed, and no silent conversion between types. */
#ifndef EINS_JSON_H
#define EINS_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/* Drops the reference at the end of a scope. */
#define cleanup_json __attribute__((cleanup(json_put)))
void json_put(json_object **object);

/* Parses one whole JSON value, and nothing behind it but white space. One that json-c would make too much of is refused
 * before it is parsed. Returns a reference that is the caller's, or NULL with code EXIT_DOCKER. */
json_object *json_parse(const char *text, size_t length, struct error *error);

/* The same for the value that begins at offset, with whatever behind it; sets where it ends. */
json_object *json_parse_next(const char *text, size_t length, size_t offset, size_t *ret_end, struct error *error);

/* The offset of the next byte that is not white space, or length. */
size_t json_skip_space(const char *text, size_t length, size_t offset);
bool json_is_space(char character);

/* The member of that type, or NULL: json-c would convert between types in silence, here a wrong type is as good as
 * none. Borrowed. */
json_object *json_member(json_object *object, const char *name, json_type type);

/* A string's text. NULL for anything else, and for one with a NUL byte: behind it anything could follow. Borrowed. */
const char *json_text(json_object *value);

/* The member's value. NULL or false, with the output untouched, when it is missing, of another type or out of range. */
const char *json_member_text(json_object *object, const char *name);
bool json_member_bool(json_object *object, const char *name, bool *ret_value);
bool json_member_int(json_object *object, const char *name, int *ret_number);

#endif
