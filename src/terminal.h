/* SPDX-License-Identifier: MIT-0 */
/* Words for a person at a terminal, or for a pipe: colours and line breaks for the one, neither for the other. */
#ifndef EINS_TERMINAL_H
#define EINS_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#define TERMINAL_WIDTH 80 /* columns; what a narrower one breaks, it breaks itself */

enum terminal_style { STYLE_PLAIN, STYLE_STRONG, STYLE_GOOD, STYLE_WARNING, STYLE_BAD, STYLE_FAINT };

struct terminal {
    FILE *stream; /* borrowed */
    bool colours;
    int width; /* columns; 0: no terminal, so nothing is broken or cut */
};

/* What stream leads to. A terminal gets colours unless NO_COLOR is set (no-color.org) or TERM is "dumb" or not set. */
struct terminal terminal_of(FILE *stream);

/* Prints text in that style, as it is: it must be eins's own. */
void terminal_print(const struct terminal *terminal, enum terminal_style style, const char *text);

/* Prints text, escaped as text_escape does, and a line feed. On a terminal it is broken between words; column is where
 * the line stands now, and further lines begin at indent. */
void terminal_wrap(const struct terminal *terminal, int column, int indent, const char *text);

/* The same in one line, which a terminal gets cut. */
void terminal_cut(const struct terminal *terminal, int column, const char *text);

#endif
