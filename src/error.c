/* SPDX-License-Identifier: MIT-0 */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

const struct exit_meaning error_exits[] = {
    {EXIT_DONE, "done, offline included"},
    {EXIT_INCOMPLETE, "the transition is incomplete, it will be tried again"},
    {EXIT_USAGE, "the command line is wrong"},
    {EXIT_DOCKER, "Docker cannot be reached"},
    {EXIT_PROBE, "this host could not probe the region; nothing was changed"},
    {EXIT_STATE, "the state could not be written"},
    {EXIT_LOCKED, "another check is running"},
    {EXIT_CONFIG, "the configuration is wrong"},
    {0, NULL},
};

const char *error_exit_text(enum exit_code code)
{
    size_t i = 0;

    while (error_exits[i].text != NULL && error_exits[i].code != code)
        i++;
    return error_exits[i].text;
}

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
