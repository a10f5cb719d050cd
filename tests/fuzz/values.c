/* SPDX-License-Identifier: MIT-0 */
/* One value for every key: DOCKER_HOST, endpoints, proxies, paths, numbers. A password in it is in no message. */
#include "config.h"

#include "conf_values.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* Whether the key takes the value; error says why not. */
static bool try_key(const struct conf_key *key, const char *value, enum conf_origin origin, struct error *error)
{
    struct conf_builder builder, before;
    bool accepted;

    conf_init(&builder);
    memcpy(&before, &builder, sizeof before);
    *error = (struct error){.code = EXIT_DONE};
    accepted = conf_set(&builder, key->section, key->key, value, origin, "a source", error) == 0;
    if (accepted && origin == CONF_FILE) {
        fuzz_check_conf(&builder);
    } else if (!accepted) {
        FUZZ_REQUIRE(error->code == EXIT_CONFIG);
        FUZZ_REQUIRE(error->text[0] != '\0' && fuzz_is_plain(error->text, strlen(error->text)));
        FUZZ_REQUIRE(memcmp(&before, &builder, sizeof before) == 0);
    }
    return accepted;
}

/* The value with another user and password of the same length, or NULL when there is none in it. */
static char *change_secret(const char *value)
{
    static const char scheme_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-";
    char *changed = strdup(value);
    char *at = changed == NULL ? NULL : strrchr(changed, '@');
    size_t scheme = strspn(value, scheme_bytes);

    FUZZ_REQUIRE(changed != NULL);
    scheme = scheme > 0 && strncmp(value + scheme, "://", 3) == 0 ? scheme + 3 : 0;
    if (at == NULL || value[0] == '/') {
        free(changed);
        return NULL;
    }
    for (char *c = changed + scheme; c < at; c++)
        *c = '_';
    return changed;
}

static void check_shown(const char *value, const char *changed)
{
    char shown[300], other[300];

    conf_show(shown, sizeof shown, value);
    FUZZ_REQUIRE(fuzz_is_plain(shown, strlen(shown)));
    if (changed != NULL)
        FUZZ_REQUIRE(strcmp(shown, conf_show(other, sizeof other, changed)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *value = fuzz_text(data, size);
    char *changed = change_secret(value);
    struct error error, other;

    check_shown(value, changed);
    for (size_t i = 0; conf_keys[i].section != NULL; i++) {
        for (int origin = CONF_ECS_FILE; origin <= CONF_OPTION; origin++) {
            bool accepted = try_key(&conf_keys[i], value, (enum conf_origin)origin, &error);

            if (!accepted && changed != NULL && !try_key(&conf_keys[i], changed, (enum conf_origin)origin, &other))
                FUZZ_REQUIRE(strcmp(error.text, other.text) == 0);
        }
    }
    free(changed);
    free(value);
    return 0;
}
