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
    char inner[sizeof error->text];
    va_list arguments;
    int length;

    memcpy(inner, error->text, sizeof inner);
    va_start(arguments, format);
    length = vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < sizeof error->text)
        snprintf(error->text + length, sizeof error->text - (size_t)length, ": %s", inner);
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
