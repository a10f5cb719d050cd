/* SPDX-License-Identifier: MIT-0 */
/* Lines of the state file: how a value in a record becomes text, and text a value. */
#ifndef EINS_FIELD_H
#define EINS_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum field_type {
    FIELD_BOOL,
    FIELD_INT,
    FIELD_INT64,
    FIELD_ID,
    FIELD_NAME,
    FIELD_TIME,
    FIELD_GENERATION,
    FIELD_PHASE,
    FIELD_POLICY,
    FIELD_TEXT,  /* of RECORD_TEXT_SIZE */
    FIELD_NAMED, /* an enum whose names are in the field */
};

/* One line "key = value" of a section, and where its value is in the record that the section describes. */
struct field {
    const char *key;
    enum field_type type;
    size_t offset;
    int64_t min, max;     /* of numbers */
    const char *fallback; /* what an omitted line stands for: a zeroed record, in words; NULL: it is never omitted */
    const char *const *names;
};

/* Writes a line for each field. An empty value is never written: omitting it says the same in every dialect of INI.
 * Unless whole is true, neither is what the fallback says. Returns false when memory ran out: glibc's memory streams do
 * not set the error indicator. */
bool field_render(FILE *stream, const struct field *fields, size_t count, const void *record, bool whole);

/* Parses value, strictly, into the field's place in record. Returns false for anything that field_render does not
 * write. */
bool field_parse(const struct field *field, const char *value, void *record);

#endif
