/* SPDX-License-Identifier: MIT-0 */
/* The command line: one word a line. */
#include "config.h"

#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define WORDS_MAX 24

static void check_options(const struct options *options)
{
    FUZZ_REQUIRE(options->action <= ACTION_VERSION && options->config != NULL);
    if (options->action == ACTION_HELP || options->action == ACTION_VERSION)
        return;
    FUZZ_REQUIRE(!options->dry_run || options->action == ACTION_CHECK || options->action == ACTION_RESET);
    FUZZ_REQUIRE(!options->json || options->dry_run || options->action == ACTION_STATUS ||
                 options->action == ACTION_CHECK_CONFIG);
    FUZZ_REQUIRE(options->config_given || strcmp(options->config, CONF_PATH_DEFAULT) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *rest = text, name[] = "eins-check";
    char *words[WORDS_MAX + 2] = {name};
    struct options options = {.action = (enum options_action)77};
    struct error error = {.code = EXIT_DONE};
    struct conf_builder builder;
    int count = 1;

    while (rest != NULL && count <= WORDS_MAX)
        words[count++] = strsep(&rest, "\n");
    conf_init(&builder);
    if (options_parse(count, words, &builder, &options, &error) == 0) {
        check_options(&options);
    } else {
        FUZZ_REQUIRE(error.code == EXIT_USAGE || error.code == EXIT_CONFIG);
        FUZZ_REQUIRE(error.text[0] != '\0' && fuzz_is_plain(error.text, strlen(error.text)));
        FUZZ_REQUIRE(options.action == (enum options_action)77);
    }
    fuzz_check_conf(&builder);
    free(text);
    return 0;
}
