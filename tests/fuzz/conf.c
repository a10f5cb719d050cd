/* SPDX-License-Identifier: MIT-0 */
/* eins.conf. */
#include "config.h"

#include <string.h>

#include "fuzz.h"

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);

    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_builder builder;
    struct error error = {.code = EXIT_DONE};
    bool accepted;

    conf_init(&builder);
    accepted = conf_read_file(&builder, fuzz_file(data, size), true, &error) == 0;
    if (!accepted || conf_finish(&builder, &error) < 0) {
        FUZZ_REQUIRE(error.code == EXIT_CONFIG && error.text[0] != '\0');
        FUZZ_REQUIRE(!ends_with(error.text, "there is not enough memory")); /* there is */
        if (accepted)
            fuzz_check_conf(&builder); /* --status does without a region */
        return 0;
    }
    FUZZ_REQUIRE(builder.conf.endpoint[0] != '\0');
    FUZZ_REQUIRE(builder.conf.connect_timeout <= builder.conf.timeout);
    fuzz_check_conf(&builder);
    return 0;
}
