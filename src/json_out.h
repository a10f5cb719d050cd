/* SPDX-License-Identifier: MIT-0 */
/* JSON that eins prints: put together without a look at each call, and printed whole or not at all. */
#ifndef EINS_JSON_OUT_H
#define EINS_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_object;

/* Raised when a field, its type or its meaning changes in a way that a reader can notice. */
#define JSON_OUT_SCHEMA 1

struct json_out {
    struct json_object *root; /* owned */
    bool failed;              /* memory ran out */
};

/* Begins an object that says which view it is ("status", "dry-run", "config"), by which program and in which schema. */
void json_out_begin(struct json_out *out, const char *view);

/* Adds a field to an object that belongs to out. A NULL text, and a time of 0, are null. Times are in seconds since the
 * epoch and are written as RFC 3339 has them, in UTC. Text with control characters in it, or that is not UTF-8, is
 * escaped as text_escape does; any other one is left as it is. */
void json_out_text(struct json_out *out, struct json_object *object, const char *key, const char *text);
void json_out_int(struct json_out *out, struct json_object *object, const char *key, int64_t value);
void json_out_seconds(struct json_out *out, struct json_object *object, const char *key, double value);
void json_out_bool(struct json_out *out, struct json_object *object, const char *key, bool value);
void json_out_time(struct json_out *out, struct json_object *object, const char *key, int64_t value);

/* Adds an object or a list under that key, or an object or a text to a list; borrowed, and NULL when memory ran out,
 * which all functions take. */
struct json_object *json_out_object(struct json_out *out, struct json_object *object, const char *key);
struct json_object *json_out_list(struct json_out *out, struct json_object *object, const char *key);
struct json_object *json_out_item(struct json_out *out, struct json_object *list);
void json_out_item_text(struct json_out *out, struct json_object *list, const char *text);

/* Prints it, and a line feed, and frees it. Returns 0, or -1 with nothing printed when memory has run out, or when the
 * stream cannot be written. */
int json_out_end(struct json_out *out, FILE *stream);

#endif
