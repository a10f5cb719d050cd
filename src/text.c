/* SPDX-License-Identifier: MIT-0 */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool text_copy(char *buffer, size_t size, const char *text)
{
    size_t length = strnlen(text, size);
    bool fits = length < size;

    if (!fits)
        length = size - 1;
    memcpy(buffer, text, length);
    buffer[length] = '\0';
    return fits;
}

bool text_parse_number(const char *text, int64_t min, int64_t max, int64_t *ret_number)
{
    char *end;
    long long number;

    if (!isdigit((unsigned char)text[text[0] == '-']))
        return false;
    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || number < min || number > max)
        return false;
    *ret_number = number;
    return true;
}

int text_lookup(const char *const *names, const char *name)
{
    for (int i = 0; names[i] != NULL; i++) {
        if (strcasecmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

bool text_parse_bool(const char *text, bool *ret_value)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1", NULL};
    int i = text_lookup(words, text);

    if (i < 0)
        return false;
    *ret_value = i % 2 == 1;
    return true;
}

bool text_is_container_id(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* The length in bytes of the well-formed UTF-8 character at text (RFC 3629), or 0. The terminating NUL stops it: it is
 * no continuation. */
static size_t utf8_length(const unsigned char *text)
{
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xc2 ? 0
                    : text[0] < 0xe0 ? 2
                    : text[0] < 0xf0 ? 3
                    : text[0] < 0xf5 ? 4
                                     : 0;

    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

/* Shows nothing, but changes how what is around it reads: it turns the direction, ends a line, or has no width. A
 * container's name with U+202E could show an operator's line backwards. */
static bool is_invisible(const unsigned char *text, size_t length)
{
    if (length == 2)
        return text[0] == 0xd8 && text[1] == 0x9c; /* U+061C */
    if (length == 4)
        return text[0] == 0xf3 && text[1] == 0xa0; /* U+E0000 and on: tags */
    return length == 3 &&
           ((text[0] == 0xe2 && text[1] == 0x80 && text[2] >= 0x8b && text[2] <= 0x8f) || /* U+200B to U+200F */
            (text[0] == 0xe2 && text[1] == 0x80 && text[2] >= 0xa8 && text[2] <= 0xae) || /* U+2028 to U+202E */
            (text[0] == 0xe2 && text[1] == 0x81 && text[2] >= 0xa0) ||                    /* U+2060 and on */
            (text[0] == 0xef && text[1] == 0xbb && text[2] == 0xbf));                     /* U+FEFF */
}

const char *text_escape(char *buffer, size_t size, const char *text)
{
    const unsigned char *from = (const unsigned char *)text;
    size_t used = 0;

    while (*from != '\0') {
        size_t length = utf8_length(from);
        bool control = length == 1 ? *from < 0x20 || *from == 0x7f : length == 2 && from[0] == 0xc2 && from[1] < 0xa0;
        char piece[8];
        size_t piece_length;

        if (length == 0 || control || is_invisible(from, length)) {
            piece_length = (size_t)snprintf(piece, sizeof piece, "\\x%02x", *from);
            length = 1; /* what else it has of bytes is escaped one by one: alone they are not valid UTF-8 */
        } else if (*from == '\\') {
            piece_length = (size_t)snprintf(piece, sizeof piece, "\\\\");
        } else {
            memcpy(piece, from, length);
            piece_length = length;
        }
        if (used + piece_length >= size)
            break;
        memcpy(buffer + used, piece, piece_length);
        used += piece_length;
        from += length;
    }
    buffer[used] = '\0';
    return buffer;
}
