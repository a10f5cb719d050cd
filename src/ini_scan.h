/* SPDX-License-Identifier: MIT-0 */
/* What stands in an INI text, line by line: iniparser is held against it, which hides much. */
#ifndef EINS_INI_SCAN_H
#define EINS_INI_SCAN_H

#include <stddef.h>

#include "error.h"

extern const char ini_no_memory[];

/* A line that iniparser should have taken, under the name that it has in its dictionary: "section" or "section:key". */
struct ini_entry {
    char *name;
    char *value; /* for ini.c to fill in; the scan leaves it NULL */
    size_t section_length;
    size_t line;   /* from 1 */
    size_t offset; /* of the line in the text, in bytes */
};

struct ini_scan {
    const char *text; /* borrowed, like name, which is for messages */
    size_t length;
    const char *name;
    struct ini_entry *entries;
    size_t count;
    size_t capacity;
    size_t offset; /* of the line under way */
};

/* Finds what iniparser hides: it cuts lines at a NUL, gives up on long ones, lets the last of two equal keys win and
 * files a key before any section under "". text, length and name are
 * set already, and the rest is zero. Returns 0, or -1 with code EXIT_CONFIG, or EXIT_STATE for want of memory;
 * ini_scan_clear is needed either way. */
int ini_scan_text(struct ini_scan *scan, struct error *error);

/* Frees what the scan holds. */
void ini_scan_clear(struct ini_scan *scan);

#endif
