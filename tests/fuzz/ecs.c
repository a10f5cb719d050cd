/* SPDX-License-Identifier: MIT-0 */
/* ECS's own files: whatever is in them, they are no error, and what is taken from them is sound. */
#include "config.h"

#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_builder builder;
    struct error error = {.code = EXIT_DONE};
    struct conf first;

    conf_init(&builder);
    conf_read_ecs(&builder, fuzz_file(data, size));
    first = builder.conf;
    conf_read_ecs(&builder, fuzz_file(data, size / 2)); /* the earlier file wins */
    FUZZ_REQUIRE(first.region[0] == '\0' || strcmp(first.region, builder.conf.region) == 0);
    FUZZ_REQUIRE(first.endpoint[0] == '\0' || strcmp(first.endpoint, builder.conf.endpoint) == 0);
    FUZZ_REQUIRE(builder.looked_count <= sizeof builder.looked / sizeof *builder.looked);
    if (conf_finish(&builder, &error) < 0)
        FUZZ_REQUIRE(error.code == EXIT_CONFIG && builder.conf.region[0] == '\0' && error.text[0] != '\0');
    fuzz_check_conf(&builder);
    return 0;
}
