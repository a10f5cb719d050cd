/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int folder_enter(void **state)
{
    char folder[] = "/tmp/eins-test.XXXXXX";

    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return -1;
    *state = strdup(folder);
    return *state == NULL ? -1 : 0;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *position)
{
    (void)info;
    (void)type;
    (void)position;
    return remove(path);
}

int folder_leave(void **state)
{
    int result = chdir("/");

    result |= nftw(*state, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return result;
}
