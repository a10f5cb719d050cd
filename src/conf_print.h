/* SPDX-License-Identifier: MIT-0 */
/* What --check-config prints: every value that is in effect, and where it came from. */
#ifndef EINS_CONF_PRINT_H
#define EINS_CONF_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "conf.h"

/* Prints the configuration, in words or as JSON; credentials in it are not shown. Returns 0, or -1 when it could not be
 * printed. */
int conf_print(FILE *stream, const struct conf_builder *builder, bool json);

/* Prints it in words, which are an eins.conf: sources and what else there is to know are comments. */
void conf_print_words(FILE *stream, const struct conf_builder *builder);

/* The value of key i of conf_keys as text, not escaped, into buffer of CONF_TEXT_SIZE + 8 bytes. Returns true when
 * credentials in it were replaced by ***. */
bool conf_print_value(const struct conf_builder *builder, size_t i, char *buffer);
#define CONF_PRINT_SIZE (CONF_TEXT_SIZE + 8)

/* Takes the next host of a list like NO_PROXY's, which commas and blanks separate, without credentials. Returns what
 * follows it, or NULL at the end. */
const char *conf_print_next_host(const char *list, char *buffer);

/* The source of key i of conf_keys, in words. */
const char *conf_print_source(const struct conf_builder *builder, size_t i);

#endif
