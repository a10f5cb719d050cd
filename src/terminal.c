/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "text.h"

#define WIDTH_MAX 160   /* longer lines are hard to read */
#define SHOWN_SIZE 2048 /* bytes of an escaped text; longer ones are cut */
#define ELLIPSIS "..."

struct terminal terminal_of(FILE *stream)
{
    struct terminal terminal = {.stream = stream};
    const char *kind = getenv("TERM");
    const char *refusal = getenv("NO_COLOR");
    struct winsize size = {0};
    int fd = fileno(stream);

    if (fd < 0 || !isatty(fd))
        return terminal;
    terminal.width = TERMINAL_WIDTH;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > TERMINAL_WIDTH)
        terminal.width = size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
    terminal.colours =
        kind != NULL && kind[0] != '\0' && strcmp(kind, "dumb") != 0 && (refusal == NULL || refusal[0] == '\0');
    return terminal;
}

void terminal_print(const struct terminal *terminal, enum terminal_style style, const char *text)
{
    static const char *const codes[] = {
        [STYLE_PLAIN] = "",           [STYLE_STRONG] = "\033[1m", [STYLE_GOOD] = "\033[1;32m",
        [STYLE_WARNING] = "\033[33m", [STYLE_BAD] = "\033[1;31m", [STYLE_FAINT] = "\033[2m",
    };

    if (terminal->colours && style != STYLE_PLAIN)
        fprintf(terminal->stream, "%s%s\033[0m", codes[style], text);
    else
        fputs(text, terminal->stream);
}

/* How many bytes of text fit into that many columns, a character at least; never half a character of UTF-8. */
static size_t fitting(const char *text, size_t length, int columns)
{
    size_t fit = columns < 1 ? 1 : (size_t)columns;

    if (length <= fit)
        return length;
    while (fit > 1 && ((unsigned char)text[fit] & 0xc0) == 0x80)
        fit--;
    return fit;
}

void terminal_wrap(const struct terminal *terminal, int column, int indent, const char *text)
{
    char shown[SHOWN_SIZE];
    const char *word = text_escape(shown, sizeof shown, text);
    bool first = true; /* of its line */

    if (terminal->width == 0) {
        fprintf(terminal->stream, "%s\n", shown);
        return;
    }
    while (word[0] != '\0') {
        size_t length = strcspn(word, " ");

        if (!first && column + 1 + (int)length > terminal->width) {
            fprintf(terminal->stream, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        length = fitting(word, length, terminal->width - column - (first ? 0 : 1));
        column += fprintf(terminal->stream, "%s%.*s", first ? "" : " ", (int)length, word);
        word += length;
        first = word[0] != ' ' && word[0] != '\0';
        if (first) { /* the word is longer than a line */
            fprintf(terminal->stream, "\n%*s", indent, "");
            column = indent;
        }
        word += strspn(word, " ");
    }
    fputc('\n', terminal->stream);
}

void terminal_cut(const struct terminal *terminal, int column, const char *text)
{
    char shown[SHOWN_SIZE];
    size_t length = strlen(text_escape(shown, sizeof shown, text));
    int room = terminal->width - column;

    if (terminal->width == 0 || (int)length <= room)
        fprintf(terminal->stream, "%s\n", shown);
    else
        fprintf(terminal->stream, "%.*s" ELLIPSIS "\n", (int)fitting(shown, length, room - (int)strlen(ELLIPSIS)),
                shown);
}
