/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf_print.h"
#include "file.h"

static char path[256];

static void remove_file(void)
{
    unlink(path);
}

void fuzz_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    if (path[0] != '\0')
        remove_file();
    abort();
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = strndup(size == 0 ? "" : (const char *)data, size);

    FUZZ_REQUIRE(text != NULL);
    return text;
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int fd = -1;

    if (fd < 0) {
        const char *folder = getenv("TMPDIR");

        snprintf(path, sizeof path, "%s/eins-fuzz-XXXXXX", folder == NULL || folder[0] == '\0' ? "/tmp" : folder);
        fd = mkstemp(path);
        FUZZ_REQUIRE(fd >= 0);
        atexit(remove_file);
    }
    FUZZ_REQUIRE(ftruncate(fd, 0) == 0);
    FUZZ_REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
    FUZZ_REQUIRE(file_write_all(fd, (const char *)data, size) == 0);
    return path;
}

bool fuzz_is_plain(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i], next = i + 1 < length ? (unsigned char)text[i + 1] : 0;

        if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && next >= 0x80 && next < 0xa0))
            return false;
    }
    return true;
}

static void check_printed(const struct conf_builder *builder, bool json)
{
    cleanup_free char *text = NULL;
    size_t length = 0, begin = 0;
    FILE *stream = open_memstream(&text, &length);

    FUZZ_REQUIRE(stream != NULL);
    FUZZ_REQUIRE(conf_print(stream, builder, json) == 0);
    FUZZ_REQUIRE(fclose(stream) == 0);
    FUZZ_REQUIRE(length > 0 && text[length - 1] == '\n');
    while (begin < length) {
        size_t line = strcspn(text + begin, "\n");

        FUZZ_REQUIRE(fuzz_is_plain(text + begin, line));
        begin += line + 1;
    }
}

void fuzz_check_conf(const struct conf_builder *builder)
{
    for (size_t i = 0; conf_keys[i].section != NULL; i++) {
        const struct conf_key *key = &conf_keys[i];
        const char *field = (const char *)&builder->conf + key->offset;
        int number = 0;

        if (key->type == CONF_TEXT || key->type == CONF_PATH) {
            FUZZ_REQUIRE(strnlen(field, CONF_TEXT_SIZE) < CONF_TEXT_SIZE);
            FUZZ_REQUIRE(key->valid(field));
        } else if (key->type == CONF_NUMBER || key->type == CONF_CHOICE) {
            memcpy(&number, field, sizeof number);
        }
        if (key->type == CONF_NUMBER)
            FUZZ_REQUIRE(number >= key->min && number <= key->max);
        for (int choice = 0; key->type == CONF_CHOICE && choice <= number; choice++)
            FUZZ_REQUIRE(number >= 0 && key->choices[choice] != NULL);
    }
    check_printed(builder, false);
    check_printed(builder, true);
}

unsigned fuzz_below(struct fuzz_bytes *bytes, unsigned below)
{
    if (bytes->left == 0)
        return 0;
    bytes->left--;
    return *bytes->next++ % below;
}

bool fuzz_one_in(struct fuzz_bytes *bytes, unsigned many)
{
    return fuzz_below(bytes, many) == many - 1;
}
