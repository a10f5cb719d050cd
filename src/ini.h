/* SPDX-License-Identifier: MIT-0 */
/* INI text, read by iniparser with its traps closed: no noise on standard error, no silently dropped or doubled lines.
 */
#ifndef EINS_INI_H
#define EINS_INI_H

#include <stddef.h>

#include "error.h"

/* Called once for each entry, in the order of the text. section and key are lower-case (iniparser folds them), value is
 * trimmed, or what stands between quotes; for a section's own line key and value are NULL. Returns 0 to go on, anything
 * else to stop. */
typedef int (*ini_visitor)(void *context, const char *section, const char *key, const char *value);

/* Parses text of length bytes and visits every entry. name is used in messages only. Refused, with code EXIT_CONFIG and
 * the line number where there is one: syntax errors, lines over 1000 bytes, NUL bytes, a key outside any section, a key
 * or a section given twice, a line that ends in a backslash, a value in quotes with a backslash or with anything but a
 * comment behind it, and an unquoted value with a # or ; inside that iniparser would cut there (one after a blank
 * begins a comment). The visitor is not called unless all of the text is sound. What is not the text's fault (memory,
 * descriptors) has code EXIT_STATE. Returns 0, -1 with error set, or what the visitor returned when it stopped. */
int ini_parse(const char *text, size_t length, const char *name, ini_visitor visit, void *context, struct error *error);

#endif
