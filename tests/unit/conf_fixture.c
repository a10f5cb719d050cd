/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "conf_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

char folder[] = "/tmp/eins-test-conf-XXXXXX";
char path[sizeof folder + 16];

const char *const variables[10] = {"DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "https_proxy", "HTTPS_PROXY",
                                   "all_proxy",   "ALL_PROXY",         "no_proxy",         "NO_PROXY",    "http_proxy"};

int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/test.conf", folder);
    return 0;
}

int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int start_clean(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(variables); i++)
        unsetenv(variables[i]);
    return 0;
}

int clean_up(void **state)
{
    unlink(path);
    return start_clean(state);
}

void write_file(const char *text)
{
    FILE *stream = fopen(path, "w");

    assert_non_null(stream);
    fputs(text, stream);
    assert_int_equal(fclose(stream), 0);
}

void set(struct conf_builder *builder, const char *section, const char *key, const char *value, enum conf_origin origin)
{
    struct error error = {0};

    if (conf_set(builder, section, key, value, origin, "test", &error) != 0)
        fail_msg("refused: %s", error.text);
}

size_t index_of(const char *section, const char *key)
{
    for (size_t i = 0; conf_keys[i].section != NULL; i++) {
        if (strcmp(conf_keys[i].section, section) == 0 && strcmp(conf_keys[i].key, key) == 0)
            return i;
    }
    fail_msg("no key %s in [%s]", key, section);
    return 0;
}

void read_text(struct conf_builder *builder, const char *text)
{
    struct error error = {0};

    write_file(text);
    if (conf_read_file(builder, path, true, &error) != 0)
        fail_msg("refused: %s", error.text);
}
