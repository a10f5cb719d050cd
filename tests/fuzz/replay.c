/* SPDX-License-Identifier: MIT-0 */
/* Runs a target without libFuzzer: on the files that are named, or on its whole corpus. The program's name,
 * replay_TARGET, says which that is. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "fuzz.h"

#define INPUT_MAX (1u << 20) /* bytes */

static bool replay(const char *path)
{
    cleanup_free char *text = NULL;
    uint8_t *data;
    size_t size;
    int result = file_read(path, INPUT_MAX, &text, &size);

    if (result < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(-result));
        return false;
    }
    printf("%s\n", path);
    fflush(stdout); /* should it be the last line, it names the input */
    data = malloc(size + (size == 0));
    FUZZ_REQUIRE(data != NULL);
    memcpy(data, text, size);
    LLVMFuzzerTestOneInput(data, size); /* without the NUL that file_read puts behind it: ASan sees who goes there */
    free(data);
    return true;
}

static bool replay_corpus(void)
{
    static const char prefix[] = "replay_";
    const char *source = getenv("srcdir"), *name = program_invocation_short_name;
    char folder[1024], path[2048];
    struct dirent **entries;
    int count;
    bool complete = true;

    name += strncmp(name, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0;
    snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", source == NULL ? "." : source, name);
    count = scandir(folder, &entries, NULL, alphasort);
    if (count <= 2) {
        fprintf(stderr, "%s: no corpus there\n", folder);
        return false;
    }
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            complete = replay(path) && complete;
        free(entries[i]);
    }
    free(entries);
    return complete;
}

int main(int argc, char **argv)
{
    bool complete = argc > 1 || replay_corpus();

    for (int i = 1; i < argc; i++)
        complete = replay(argv[i]) && complete;
    return complete ? EXIT_SUCCESS : EXIT_FAILURE;
}
