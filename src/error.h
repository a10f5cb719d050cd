/* SPDX-License-Identifier: MIT-0 */
/* Errors that carry an exit code and a sentence; cleanup attributes. Low layers fill in an error, main logs it once. */
#ifndef EINS_ERROR_H
#define EINS_ERROR_H

#include <stdio.h>
#include <stdlib.h>

/* The exit codes of the contract; see sysexits.h for those from 64 on. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_INCOMPLETE = 1,
    EXIT_USAGE = 64,
    EXIT_DOCKER = 69,
    EXIT_PROBE = 70,
    EXIT_STATE = 74,
    EXIT_LOCKED = 75,
    EXIT_CONFIG = 78,
};

/* Each code with its meaning in words; ended by a NULL. */
extern const struct exit_meaning {
    enum exit_code code;
    const char *text;
} error_exits[];

/* The meaning of one of them. */
const char *error_exit_text(enum exit_code code);

struct error {
    enum exit_code code;
    char text[768];
};

/* Sets code and text, cutting the text where it does not fit. Returns -1, so that a caller can `return error_set(...)`.
 */
int error_set(struct error *error, enum exit_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "CONTEXT: " before the text that is already there; the code stays. Returns -1. */
int error_wrap(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Frees the pointer at the end of a scope: `cleanup_free char *text = NULL;` */
#define cleanup_free __attribute__((cleanup(error_cleanup_free)))
/* Closes the descriptor, unless it is negative, at the end of a scope; errno is preserved. */
#define cleanup_close __attribute__((cleanup(error_cleanup_close)))

void error_cleanup_free(void *pointer_to_pointer);
void error_cleanup_close(int *fd);

#endif
