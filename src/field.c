/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "field.h"

#include <string.h>

#include "model.h"
#include "record.h"
#include "text.h"

#define VALUE_SIZE 256

/* What a sentence may have, of the bytes that an INI parser hands back unchanged. */
#define SENTENCE LETTERS_AND_DIGITS " _.,:!?()[]{}<>/|@+=*%&$~^`'-"
#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool consists_of(const char *text, const char *bytes)
{
    return text[strspn(text, bytes)] == '\0';
}

static bool ends_in_blank(const char *text)
{
    return text[0] == ' ' || (text[0] != '\0' && text[strlen(text) - 1] == ' ');
}

/* The bytes that are allowed are all such as an INI parser hands back unchanged. */
static bool is_valid_text(enum field_type type, const char *text)
{
    if (type == FIELD_ID)
        return text_is_container_id(text);
    if (type == FIELD_TIME)
        return consists_of(text, "0123456789-:TZ.+");
    if (type == FIELD_GENERATION)
        return consists_of(text, LETTERS_AND_DIGITS "-@.: ") && !ends_in_blank(text);
    if (type == FIELD_TEXT)
        return consists_of(text, SENTENCE) && !ends_in_blank(text) &&
               text[0] != '\''; /* which would begin a value in quotes */
    return consists_of(text, LETTERS_AND_DIGITS "_.-");
}

/* Replaces what the file cannot have. Docker allows nothing else in a name; should another engine, the name is only
 * shown, and so are sentences. */
static void format_words(const char *words, const char *bytes, char substitute, char *value)
{
    size_t length;

    text_copy(value, VALUE_SIZE, words + strspn(words, " '"));
    for (char *c = value; *c != '\0'; c++) {
        if (strchr(bytes, *c) == NULL)
            *c = substitute;
    }
    for (length = strlen(value); length > 0 && value[length - 1] == ' '; length--)
        value[length - 1] = '\0';
}

/* Unknown is safe to come back to, and the most that can be read; a file that cannot be read again is not. */
static int64_t clip(const struct field *field, int64_t number)
{
    if (number > field->max)
        return field->max;
    return number < field->min ? field->min : number;
}

static void format_value(const struct field *field, const void *record, char *value)
{
    const void *place = (const char *)record + field->offset;
    unsigned int index;

    switch (field->type) {
    case FIELD_BOOL:
        text_copy(value, VALUE_SIZE, *(const bool *)place ? "1" : "0");
        break;
    case FIELD_INT:
        snprintf(value, VALUE_SIZE, "%d", (int)clip(field, *(const int *)place));
        break;
    case FIELD_INT64:
        snprintf(value, VALUE_SIZE, "%lld", (long long)clip(field, *(const int64_t *)place));
        break;
    case FIELD_NAME:
        format_words(place, LETTERS_AND_DIGITS "_.-", '_', value);
        break;
    case FIELD_TEXT:
        format_words(place, SENTENCE, '?', value);
        break;
    case FIELD_ID:
    case FIELD_TIME:
    case FIELD_GENERATION:
        text_copy(value, VALUE_SIZE, is_valid_text(field->type, place) ? (const char *)place : "");
        break;
    case FIELD_PHASE:
        text_copy(value, VALUE_SIZE, model_phase_name(*(const enum phase *)place));
        break;
    case FIELD_POLICY:
        text_copy(value, VALUE_SIZE, model_policy_name(*(const enum policy_kind *)place));
        break;
    case FIELD_NAMED:
        memcpy(&index, place, sizeof index);
        text_copy(value, VALUE_SIZE, field->names[index]);
        break;
    }
}

bool field_render(FILE *stream, const struct field *fields, size_t count, const void *record, bool whole)
{
    for (size_t i = 0; i < count; i++) {
        char value[VALUE_SIZE];

        format_value(&fields[i], record, value);
        if (value[0] == '\0' || (!whole && fields[i].fallback != NULL && strcmp(value, fields[i].fallback) == 0))
            continue;
        if (fprintf(stream, "%s = %s\n", fields[i].key, value) < 0)
            return false;
    }
    return true;
}

static bool parse_text(const struct field *field, const char *value, char *place)
{
    size_t size = field->type == FIELD_ID     ? MODEL_ID_SIZE
                  : field->type == FIELD_NAME ? MODEL_NAME_SIZE
                  : field->type == FIELD_TIME ? MODEL_TIME_SIZE
                  : field->type == FIELD_TEXT ? RECORD_TEXT_SIZE
                                              : MODEL_GENERATION_SIZE;

    if (value[0] == '\0' || strlen(value) >= size || !is_valid_text(field->type, value))
        return false;
    text_copy(place, size, value);
    return true;
}

bool field_parse(const struct field *field, const char *value, void *record)
{
    void *place = (char *)record + field->offset;
    int64_t number = 0;

    switch (field->type) {
    case FIELD_BOOL:
        if (!text_parse_number(value, 0, 1, &number))
            return false;
        *(bool *)place = number == 1;
        return true;
    case FIELD_INT:
        if (!text_parse_number(value, field->min, field->max, &number))
            return false;
        *(int *)place = (int)number;
        return true;
    case FIELD_INT64:
        return text_parse_number(value, field->min, field->max, place);
    case FIELD_ID:
    case FIELD_NAME:
    case FIELD_TIME:
    case FIELD_GENERATION:
    case FIELD_TEXT:
        return parse_text(field, value, place);
    case FIELD_PHASE:
        return model_phase_parse(value, place);
    case FIELD_POLICY:
        return value[0] != '\0' && model_policy_parse(value, place);
    case FIELD_NAMED:
        for (unsigned int i = 0; field->names[i] != NULL; i++) {
            if (strcmp(field->names[i], value) == 0) {
                memcpy(place, &i, sizeof i);
                return true;
            }
        }
        break;
    }
    return false;
}
