/* SPDX-License-Identifier: MIT-0 */
/* A file to read the configuration from, in a folder of its own, and an environment that says nothing: cmocka's setup
 * and teardown, and what tests of src/conf*.c do with them. */
#ifndef EINS_CONF_FIXTURE_H
#define EINS_CONF_FIXTURE_H

#include <stddef.h>

#include "conf.h"

/* The folder, and the file in it. */
extern char folder[], path[];

/* The environment, as far as eins reads it. */
extern const char *const variables[10];

/* For all tests of a program: the folder. */
int make_folder(void **state);
int remove_folder(void **state);

/* For each test: the environment without these variables; and afterwards also the folder without the file. */
int start_clean(void **state);
int clean_up(void **state);

/* Makes it the file's text. */
void write_file(const char *text);

/* As conf_set does; it must be taken. */
void set(struct conf_builder *builder, const char *section, const char *key, const char *value,
         enum conf_origin origin);

/* The key's place in conf_keys; it must have one. */
size_t index_of(const char *section, const char *key);

/* Reads the text as eins.conf; it must be taken. */
void read_text(struct conf_builder *builder, const char *text);

#endif
