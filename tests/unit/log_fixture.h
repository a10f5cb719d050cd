/* SPDX-License-Identifier: MIT-0 */
/* A folder for the log, and a standard error that can be read back. */
#ifndef EINS_LOG_FIXTURE_H
#define EINS_LOG_FIXTURE_H

#include <sys/types.h>

/* For each test: a folder of its own, without the journal; and afterwards also without the log, and with the true
 * standard error. */
int enter_folder(void **state);
int leave_folder(void **state);

/* Standard error is a file in the folder, until it is released or what came is asked for. */
void capture_stderr(void);
void release_stderr(void);

/* Releases it. Returns what came; the caller's to free. */
char *seen_on_stderr(void);

/* The text of a file, which must be there; the caller's to free. */
char *content(const char *path);

/* In bytes; -1 when there is no such file. */
off_t size_of(const char *path);

/* The text must match the extended regular expression. */
void assert_matches(const char *text, const char *pattern);

#endif
