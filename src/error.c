/* SPDX-License-Identifier: MIT-0 */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

int error_set(struct error *error, enum exit_code code, const char *format, ...)
{
    va_list arguments;

    error->code = code;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return -1;
}

int error_wrap(struct error *error, const char *format, ...)
{
    char context[sizeof error->text / 2];
    size_t before, after;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(context, sizeof context - 2, format, arguments);
    va_end(arguments);
    strcat(context, ": ");
    before = strlen(context);
    after = strnlen(error->text, sizeof error->text - 1 - before);
    memmove(error->text + before, error->text, after);
    memcpy(error->text, context, before);
    error->text[before + after] = '\0';
    return -1;
}

void error_cleanup_free(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}

void error_cleanup_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    errno = saved;
}
