/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "ini.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef HAVE_INIPARSER_INIPARSER_H
#include <iniparser/iniparser.h>
#else
#include <iniparser.h>
#endif

#include "file.h"
#include "text.h"

#define LINE_MAX_BYTES 1000 /* iniparser gives up at 1024, less whatever a version needs of it */
/* iniparser compares a new key with all before it; this many take it half a second. */
#define ENTRY_MAX 32768
#define RESERVE_BYTES (64u << 10)

/* A line that iniparser should have taken, under the name that it has in its dictionary: "section" or "section:key". */
struct entry {
    char *name;
    size_t section_length;
    size_t line;
};

struct scan {
    struct entry *entries;
    size_t count;
    size_t capacity;
};

static const char no_memory[] = "there is not enough memory";

static void scan_clear(struct scan *scan)
{
    for (size_t i = 0; i < scan->count; i++)
        free(scan->entries[i].name);
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
static const char *scan_add(struct scan *scan, const char *section, const char *key, size_t line)
{
    cleanup_free char *name = entry_name(section, key);

    if (name == NULL)
        return no_memory;
    if (scan->count == ENTRY_MAX)
        return "there are too many entries";
    if (scan->count == scan->capacity) {
        size_t capacity = scan->capacity == 0 ? 64 : scan->capacity * 2;
        struct entry *entries = reallocarray(scan->entries, capacity, sizeof *entries);

        if (entries == NULL)
            return no_memory;
        scan->entries = entries;
        scan->capacity = capacity;
    }
    scan->entries[scan->count++] = (struct entry){name, strlen(section), line};
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
static const char *scan_line(struct scan *scan, char *line, size_t number, char *section)
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
    const struct entry *first = *(const struct entry *const *)a;
    const struct entry *second = *(const struct entry *const *)b;
    int order = strcmp(first->name, second->name);

    return order != 0 ? order : (first->line > second->line) - (first->line < second->line);
}

static int refuse_doubles(const struct scan *scan, const char *name, struct error *error)
{
    cleanup_free const struct entry **sorted = calloc(scan->count + 1, sizeof *sorted);
    char shown[200];

    if (sorted == NULL)
        return error_set(error, EXIT_STATE, "%s: %s", name, no_memory);
    for (size_t i = 0; i < scan->count; i++)
        sorted[i] = &scan->entries[i];
    qsort(sorted, scan->count, sizeof *sorted, compare_entries);
    for (size_t i = 1; i < scan->count; i++) {
        const struct entry *entry = sorted[i];

        if (strcmp(sorted[i - 1]->name, entry->name) != 0)
            continue;
        text_escape(shown, sizeof shown, entry->name);
        return error_set(error, EXIT_CONFIG, "%s: line %zu: %s is given twice, first on line %zu", name, entry->line,
                         shown, sorted[i - 1]->line);
    }
    return 0;
}

/* Finds what iniparser hides: it cuts lines at a NUL, gives up on long ones, lets the last of two equal keys win and
 * files a key before any section under "". */
static int scan_text(struct scan *scan, const char *text, size_t length, const char *name, struct error *error)
{
    char section[LINE_MAX_BYTES + 1] = "";
    const char *end = text + length;
    size_t number = 1;

    for (const char *line = text; line < end; number++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t line_length = (size_t)((newline == NULL ? end : newline) - line);
        char copy[LINE_MAX_BYTES + 1];
        const char *reason;

        if (memchr(line, '\0', line_length) != NULL)
            return error_set(error, EXIT_CONFIG, "%s: line %zu: it contains a NUL byte", name, number);
        if (line_length > LINE_MAX_BYTES)
            return error_set(error, EXIT_CONFIG, "%s: line %zu: it is longer than %d bytes", name, number,
                             LINE_MAX_BYTES);
        memcpy(copy, line, line_length);
        copy[line_length] = '\0';
        reason = scan_line(scan, copy, number, section);
        if (reason != NULL)
            return error_set(error, reason == no_memory ? EXIT_STATE : EXIT_CONFIG, "%s: line %zu: %s", name, number,
                             reason);
        line += line_length + 1;
    }
    return refuse_doubles(scan, name, error);
}

/* The first complaint of the load under way. iniparser's callback has no context pointer, so there is no other place;
 * nothing here runs in threads. */
static char complaint[160];

__attribute__((format(printf, 1, 2))) static int note_complaint(const char *format, ...)
{
    va_list arguments;

    if (complaint[0] == '\0') {
        va_start(arguments, format);
        vsnprintf(complaint, sizeof complaint, format, arguments);
        va_end(arguments);
    }
    return 0;
}

/* iniparser 4.1 crashes when there is no memory for its first, empty dictionary: see that there is. */
static bool has_memory(size_t bytes)
{
    void *volatile block = malloc(bytes); /* volatile: or the compiler leaves both calls out */
    bool result = block != NULL;

    free(block);
    return result;
}

/* iniparser 4.1 loads from a path only: give it one that nobody else can change. Returns NULL with *error set. */
static dictionary *load(const char *text, size_t length, const char *name, struct error *error)
{
    cleanup_close int fd = memfd_create("ini", MFD_CLOEXEC);
    dictionary *dict;
    char path[32];
    const char *line;
    int result;

    /* Without a newline at its end a last line of one character is dropped in silence. */
    if (fd < 0)
        result = -errno;
    else if ((result = file_write_all(fd, text, length)) == 0)
        result = file_write_all(fd, "\n", 1);
    if (result < 0) {
        error_set(error, EXIT_STATE, "%s: no memory file to parse it from: %s", name, strerror(-result));
        return NULL;
    }
    if (!has_memory(RESERVE_BYTES)) {
        error_set(error, EXIT_STATE, "%s: %s", name, no_memory);
        return NULL;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    complaint[0] = '\0';
    iniparser_set_error_callback(note_complaint);
    dict = iniparser_load(path);
    iniparser_set_error_callback(NULL);
    if (dict != NULL)
        return dict;

    complaint[strcspn(complaint, "\n")] = '\0';
    line = strrchr(complaint, '('); /* "... in PATH (LINE):" */
    if (line != NULL)               /* the line itself is not shown: it may hold a password */
        error_set(error, EXIT_CONFIG, "%s: line %.*s: expected [SECTION], KEY = VALUE or a comment", name,
                  (int)strspn(line + 1, "0123456789"), line + 1);
    else
        error_set(error, EXIT_STATE, "%s: %s", name, complaint[0] != '\0' ? complaint : no_memory);
    return NULL;
}

/* Without memory iniparser drops lines or values and says nothing, and versions differ in odd corners ("[a]b]"): what
 * it took must be exactly what stands in the text. */
static int compare_with_scan(const dictionary *dict, const struct scan *scan, const char *name, struct error *error)
{
    if ((size_t)dict->n < scan->count)
        return error_set(error, EXIT_STATE, "%s: %s", name, no_memory);
    for (size_t i = 0; i < scan->count; i++) {
        const struct entry *entry = &scan->entries[i];
        bool is_section = entry->name[entry->section_length] == '\0';

        if (dict->key[i] == NULL || (dict->val[i] == NULL && !is_section))
            return error_set(error, EXIT_STATE, "%s: %s", name, no_memory);
        if (strcmp(dict->key[i], entry->name) != 0)
            return error_set(error, EXIT_CONFIG, "%s: line %zu: it cannot be read unambiguously", name, entry->line);
    }
    if ((size_t)dict->n != scan->count)
        return error_set(error, EXIT_CONFIG, "%s: it cannot be read unambiguously", name);
    return 0;
}

static int visit_entries(const dictionary *dict, const struct scan *scan, ini_visitor visit, void *context)
{
    char section[LINE_MAX_BYTES + 1];

    for (size_t i = 0; i < scan->count; i++) {
        const struct entry *entry = &scan->entries[i];
        bool is_section = entry->name[entry->section_length] == '\0';
        int result;

        memcpy(section, entry->name, entry->section_length);
        section[entry->section_length] = '\0';
        result = visit(context, section, is_section ? NULL : entry->name + entry->section_length + 1,
                       is_section ? NULL : dict->val[i]);
        if (result != 0)
            return result;
    }
    return 0;
}

int ini_parse(const char *text, size_t length, const char *name, ini_visitor visit, void *context, struct error *error)
{
    struct scan scan = {0};
    dictionary *dict = NULL;
    int result = -1;

    if (scan_text(&scan, text, length, name, error) == 0)
        dict = load(text, length, name, error);
    if (dict != NULL && compare_with_scan(dict, &scan, name, error) == 0)
        result = visit_entries(dict, &scan, visit, context);
    if (dict != NULL)
        iniparser_freedict(dict);
    scan_clear(&scan);
    return result;
}
