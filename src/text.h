/* SPDX-License-Identifier: MIT-0 */
/* Strict parsing of short texts, bounded copies, and the escaping of everything that came from outside. */
#ifndef EINS_TEXT_H
#define EINS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies text into a buffer of size bytes, always terminated. Returns false when it had to be cut. */
bool text_copy(char *buffer, size_t size, const char *text);

/* Parses the whole of text as a decimal number between min and max, without blanks or a plus sign. Returns false,
 * and leaves ret_number untouched, for anything else. */
bool text_parse_number(const char *text, int64_t min, int64_t max, int64_t *ret_number);

/* Parses yes/no, true/false, on/off, 1/0 in any case. Returns false, and leaves ret_value untouched, for anything else.
 */
bool text_parse_bool(const char *text, bool *ret_value);

/* True for 64 lower-case hexadecimal digits: the only form of a container id that may become part of a request path. */
bool text_is_container_id(const char *text);

/* Copies text into a buffer of size bytes, with each control character (C0, DEL, C1), each character that
 * is invisible or turns the direction of what is around it, and each byte that is not valid UTF-8 written as \xNN and a
 * backslash doubled, so that a name from outside can forge neither lines nor colours. Cut
 * at the end of the buffer, never inside an escape. Returns buffer. */
const char *text_escape(char *buffer, size_t size, const char *text);

/* The index of name in names, compared without case, or -1. names ends with NULL. */
int text_lookup(const char *const *names, const char *name);

#endif
