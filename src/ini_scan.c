/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "ini_scan.h"

#include <ctype.h>
#include <string.h>

#include "text.h"

#define LINE_MAX_BYTES 1000 /* iniparser gives up at 1024, less whatever a version needs of it */
/* iniparser compares a new key with all before it in the same part of a text; this many take it half a second. */
#define ENTRY_MAX 32768

const char ini_no_memory[] = "there is not enough memory";

void ini_scan_clear(struct ini_scan *scan)
{
    for (size_t i = 0; i < scan->count; i++) {
        free(scan->entries[i].name);
        free(scan->entries[i].value);
    }
    free(scan->entries);
}

/* "section" or "section:key", allocated, or NULL. */
static char *entry_name(const char *section, const char *key)
{
    char *name;

    if (key == NULL)
        return strdup(section);
    return asprintf(&name, "%s:%s", section, key) < 0 ? NULL : name;
}

/* Returns NULL, or what is wrong. key is NULL for a section's own line. */
static const char *scan_add(struct ini_scan *scan, const char *section, const char *key, size_t line)
{
    cleanup_free char *name = entry_name(section, key);

    if (name == NULL)
        return ini_no_memory;
    if (scan->count == ENTRY_MAX)
        return "there are too many entries";
    if (scan->count == scan->capacity) {
        size_t capacity = scan->capacity == 0 ? 64 : scan->capacity * 2;
        struct ini_entry *entries = reallocarray(scan->entries, capacity, sizeof *entries);

        if (entries == NULL)
            return ini_no_memory;
        scan->entries = entries;
        scan->capacity = capacity;
    }
    scan->entries[scan->count++] =
        (struct ini_entry){.name = name, .section_length = strlen(section), .line = line, .offset = scan->offset};
    name = NULL;
    return NULL;
}

static char *trim(char *text)
{
    size_t length;

    while (isspace((unsigned char)*text))
        text++;
    length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

static char *fold(char *text)
{
    for (char *c = text; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return text;
}

/* Returns NULL, or why iniparser (or only some version of it) would take something else than what stands there. */
static const char *value_trap(char *value)
{
    if (value[0] == '"' || value[0] == '\'') {
        char *end = strchr(value + 1, value[0]);
        char *rest;

        if (end == NULL)
            return "the closing quote is missing";
        rest = trim(end + 1);
        if (rest[0] != '\0' && rest[0] != '#' && rest[0] != ';')
            return "there is something after the closing quote";
        *end = '\0';
        if (strchr(value, '\\') != NULL)
            return "a backslash cannot stand between quotes";
    } else {
        size_t length = strcspn(value, "#;");

        if (length > 0 && value[length] != '\0' && !isspace((unsigned char)value[length - 1]))
            return "a value with # or ; inside must be in quotes, a comment must have a blank before it";
    }
    return NULL;
}

/* Looks at one line, without its newline. section is the current one. Returns NULL, or what is wrong. */
static const char *scan_line(struct ini_scan *scan, char *line, size_t number, char *section)
{
    const char *reason;
    char *equals;
    size_t length;

    line = trim(line);
    length = strlen(line);
    if (length == 0)
        return NULL;
    /* Even a comment that ends so would swallow the line after it. */
    if (line[length - 1] == '\\')
        return "it ends in a backslash, but a line cannot be continued";
    if (line[0] == '#' || line[0] == ';')
        return NULL;
    if (line[0] == '[' && line[length - 1] == ']') {
        line[length - 1] = '\0';
        text_copy(section, LINE_MAX_BYTES + 1, fold(trim(line + 1)));
        if (strchr(section, ']') != NULL) /* where it would end for iniparser */
            return "the name of a section cannot have a ] in it";
        return section[0] == '\0' ? "the section has no name" : scan_add(scan, section, NULL, number);
    }
    equals = strchr(line, '=');
    if (equals == NULL || equals == line)
        return NULL; /* a syntax error: iniparser says so itself */
    if (section[0] == '\0')
        return "a key stands before the first section";
    *equals = '\0';
    reason = value_trap(trim(equals + 1));
    return reason != NULL ? reason : scan_add(scan, section, fold(trim(line)), number);
}

static int compare_entries(const void *a, const void *b)
{
    const struct ini_entry *first = *(const struct ini_entry *const *)a;
    const struct ini_entry *second = *(const struct ini_entry *const *)b;
    int order = strcmp(first->name, second->name);

    return order != 0 ? order : (first->line > second->line) - (first->line < second->line);
}

static int refuse_doubles(const struct ini_scan *scan, struct error *error)
{
    cleanup_free const struct ini_entry **sorted = calloc(scan->count + 1, sizeof *sorted);
    char shown[200];

    if (sorted == NULL)
        return error_set(error, EXIT_STATE, "%s: %s", scan->name, ini_no_memory);
    for (size_t i = 0; i < scan->count; i++)
        sorted[i] = &scan->entries[i];
    qsort(sorted, scan->count, sizeof *sorted, compare_entries);
    for (size_t i = 1; i < scan->count; i++) {
        const struct ini_entry *entry = sorted[i];

        if (strcmp(sorted[i - 1]->name, entry->name) != 0)
            continue;
        text_escape(shown, sizeof shown, entry->name);
        return error_set(error, EXIT_CONFIG, "%s: line %zu: %s is given twice, first on line %zu", scan->name,
                         entry->line, shown, sorted[i - 1]->line);
    }
    return 0;
}

int ini_scan_text(struct ini_scan *scan, struct error *error)
{
    char section[LINE_MAX_BYTES + 1] = "";
    const char *end = scan->text + scan->length;
    size_t number = 1;

    for (const char *line = scan->text; line < end; number++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t line_length = (size_t)((newline == NULL ? end : newline) - line);
        char copy[LINE_MAX_BYTES + 1];
        const char *reason;

        if (memchr(line, '\0', line_length) != NULL)
            return error_set(error, EXIT_CONFIG, "%s: line %zu: it contains a NUL byte", scan->name, number);
        if (line_length > LINE_MAX_BYTES)
            return error_set(error, EXIT_CONFIG, "%s: line %zu: it is longer than %d bytes", scan->name, number,
                             LINE_MAX_BYTES);
        memcpy(copy, line, line_length);
        copy[line_length] = '\0';
        scan->offset = (size_t)(line - scan->text);
        reason = scan_line(scan, copy, number, section);
        if (reason != NULL)
            return error_set(error, reason == ini_no_memory ? EXIT_STATE : EXIT_CONFIG, "%s: line %zu: %s", scan->name,
                             number, reason);
        line += line_length + 1;
    }
    return refuse_doubles(scan, error);
}
