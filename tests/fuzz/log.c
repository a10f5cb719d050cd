/* SPDX-License-Identifier: MIT-0 */
/* What came from outside, escaped and in the log: one line, without control characters. */
#include "config.h"

#include "log.h"

#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "fuzz.h"
#include "text.h"

#define LOG_MAX (1u << 20) /* bytes */

/* Into a buffer of just that size; whole is the escaped text uncut. */
static void try_size(const char *text, size_t size, const char *whole)
{
    char *buffer = malloc(size);
    size_t length;

    FUZZ_REQUIRE(buffer != NULL);
    FUZZ_REQUIRE(text_escape(buffer, size, text) == buffer);
    length = strnlen(buffer, size);
    FUZZ_REQUIRE(length < size);
    FUZZ_REQUIRE(fuzz_is_plain(buffer, length));
    FUZZ_REQUIRE(whole == NULL || strncmp(whole, buffer, length) == 0);
    free(buffer);
}

static void try_log(const char *text, enum log_level level, const char *escaped)
{
    const char *path = fuzz_file(NULL, 0);
    cleanup_free char *written = NULL;
    const char *message;
    size_t length;

    log_setup(path, LOG_LEVEL_DEBUG, false);
    log_write(level, "begin", "%s", text);
    log_close();
    FUZZ_REQUIRE(file_read(path, LOG_MAX, &written, &length) == 0);
    FUZZ_REQUIRE(length > 0 && written[length - 1] == '\n');
    FUZZ_REQUIRE(fuzz_is_plain(written, length - 1));
    message = strstr(written, " [begin] ");
    FUZZ_REQUIRE(message != NULL);
    written[length - 1] = '\0';
    /* A long message is cut before it is escaped. */
    FUZZ_REQUIRE(strlen(text) >= 2048 || strcmp(message + strlen(" [begin] "), escaped) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    size_t room = 4 * strlen(text) + 1; /* \xNN for each byte */
    char *escaped = malloc(room);

    FUZZ_REQUIRE(escaped != NULL);
    text_escape(escaped, room, text);
    try_size(text, room, NULL);
    for (size_t i = 1; i < 12; i++)
        try_size(text, i, escaped);
    try_log(text, size > 0 ? (enum log_level)(data[0] % LOG_LEVEL_ERROR) : LOG_LEVEL_INFO, escaped);
    free(escaped);
    free(text);
    return 0;
}
