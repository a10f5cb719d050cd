/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "generation.h"

#include <string.h>
#include <sys/stat.h>

#include "file.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define PART_MAX 40

/* The file's first line when it is a short word of letters, digits and hyphens, else "-". */
static void read_word(const char *path, char *word, size_t size)
{
    cleanup_free char *text = NULL;
    size_t length;

    snprintf(word, size, "-");
    if (path[0] == '\0' || file_read(path, 4096, &text, NULL) < 0)
        return;
    length = strspn(text, "0123456789abcdefABCDEF-");
    if (length == 0 || length >= PART_MAX || (text[length] != '\0' && text[length] != '\n'))
        return;
    snprintf(word, size, "%.*s", (int)length, text);
}

void generation_read(const struct conf *conf, char generation[MODEL_GENERATION_SIZE])
{
    char boot[PART_MAX], engine[PART_MAX];
    struct stat info;

    generation[0] = '\0';
    if (strncmp(conf->docker_host, "unix:", 5) != 0)
        return;
    read_word(BOOT_ID, boot, sizeof boot);
    read_word(conf->pid_file, engine, sizeof engine);
    if (strcmp(engine, "-") != 0 && stat(conf->pid_file, &info) == 0)
        snprintf(generation, MODEL_GENERATION_SIZE, "%s %s@%lld.%09ld", boot, engine, (long long)info.st_mtim.tv_sec,
                 info.st_mtim.tv_nsec);
    else
        snprintf(generation, MODEL_GENERATION_SIZE, "%s -", boot);
}
