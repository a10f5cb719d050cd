/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "ini.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef HAVE_INIPARSER_INIPARSER_H
#include <iniparser/iniparser.h>
#else
#include <iniparser.h>
#endif

#include "file.h"
#include "ini_scan.h"

/* iniparser compares a new key with all before it. Parts of so many lines keep the state of 300 containers from taking
 * more than twice as long. */
#define PART_ENTRIES 64
#define RESERVE_BYTES (64u << 10)

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

/* iniparser 4.1 loads from a path only: give it one that nobody else can change. first_line
 * is the number of the part's first line. Returns NULL with *error set. */
static dictionary *load(const char *text, size_t length, size_t first_line, const char *name, struct error *error)
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
        error_set(error, EXIT_STATE, "%s: %s", name, ini_no_memory);
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
        error_set(error, EXIT_CONFIG, "%s: line %zu: expected [SECTION], KEY = VALUE or a comment", name,
                  first_line - 1 + strtoul(line + 1, NULL, 10));
    else
        error_set(error, EXIT_STATE, "%s: %s", name, complaint[0] != '\0' ? complaint : ini_no_memory);
    return NULL;
}

static bool is_section(const struct ini_entry *entry)
{
    return entry->name[entry->section_length] == '\0';
}

/* Whole sections, with at least PART_ENTRIES lines where there are so many. Returns the entry behind the last one. */
static size_t part_end(const struct ini_scan *scan, size_t begin)
{
    size_t end = begin;

    while (end < scan->count && (end - begin < PART_ENTRIES || !is_section(&scan->entries[end])))
        end++;
    return end;
}

/* Without memory iniparser drops lines or values and says nothing, and versions differ in odd corners: what
 * it took must be exactly what stands in the text. */
static int compare(const dictionary *dict, const struct ini_scan *scan, size_t begin, size_t end, struct error *error)
{
    if ((size_t)dict->n < end - begin)
        return error_set(error, EXIT_STATE, "%s: %s", scan->name, ini_no_memory);
    for (size_t i = begin; i < end; i++) {
        const struct ini_entry *entry = &scan->entries[i];
        const char *key = dict->key[i - begin];

        if (key == NULL || (dict->val[i - begin] == NULL && !is_section(entry)))
            return error_set(error, EXIT_STATE, "%s: %s", scan->name, ini_no_memory);
        if (strcmp(key, entry->name) != 0)
            return error_set(error, EXIT_CONFIG, "%s: line %zu: it cannot be read unambiguously", scan->name,
                             entry->line);
    }
    if ((size_t)dict->n != end - begin)
        return error_set(error, EXIT_CONFIG, "%s: it cannot be read unambiguously", scan->name);
    return 0;
}

/* Moves the values of a part to their entries. */
static int take_part(struct ini_scan *scan, size_t begin, size_t end, struct error *error)
{
    size_t from = begin == 0 ? 0 : scan->entries[begin].offset;
    size_t to = end == scan->count ? scan->length : scan->entries[end].offset;
    dictionary *dict =
        load(scan->text + from, to - from, begin == 0 ? 1 : scan->entries[begin].line, scan->name, error);
    int result;

    if (dict == NULL)
        return -1;
    result = compare(dict, scan, begin, end, error);
    for (size_t i = begin; result == 0 && i < end; i++) {
        scan->entries[i].value = dict->val[i - begin];
        dict->val[i - begin] = NULL;
    }
    iniparser_freedict(dict);
    return result;
}

static int visit_entries(const struct ini_scan *scan, ini_visitor visit, void *context)
{
    for (size_t i = 0; i < scan->count; i++) {
        struct ini_entry *entry = &scan->entries[i];
        bool section = is_section(entry);
        int result;

        entry->name[entry->section_length] = '\0';
        result = visit(context, entry->name, section ? NULL : entry->name + entry->section_length + 1,
                       section ? NULL : entry->value);
        if (result != 0)
            return result;
    }
    return 0;
}

int ini_parse(const char *text, size_t length, const char *name, ini_visitor visit, void *context, struct error *error)
{
    struct ini_scan scan = {.text = text, .length = length, .name = name};
    int result = ini_scan_text(&scan, error);
    size_t begin = 0;

    while (result == 0) {
        size_t end = part_end(&scan, begin);

        result = take_part(&scan, begin, end, error);
        if (end == scan.count)
            break; /* not before: a text without entries is for iniparser to see, too */
        begin = end;
    }
    if (result == 0)
        result = visit_entries(&scan, visit, context);
    ini_scan_clear(&scan);
    return result;
}
