/* SPDX-License-Identifier: MIT-0 */
/* A folder of its own for each test, which is also the working directory: cmocka's setup and teardown. */
#ifndef EINS_FOLDER_H
#define EINS_FOLDER_H

#include <stddef.h>

/* Makes it, enters it, and puts its path into *state. */
int folder_enter(void **state);

/* Writes a file of that text, in the place of what is there. */
void folder_put(const char *path, const char *text);

/* How many entries a folder has. */
size_t folder_count(const char *path);

/* Leaves it, and removes it with all that is in it. */
int folder_leave(void **state);

#endif
