/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "log_fixture.h"

#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "folder.h"
#include "log.h"
#include "unit.h"

static int kept_stderr = -1;

void capture_stderr(void)
{
    int fd = open("stderr", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

    assert_true(fd >= 0);
    kept_stderr = dup(STDERR_FILENO);
    assert_true(kept_stderr >= 0);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
}

void release_stderr(void)
{
    if (kept_stderr >= 0) {
        dup2(kept_stderr, STDERR_FILENO);
        close(kept_stderr);
        kept_stderr = -1;
    }
}

char *content(const char *path)
{
    char *text = NULL;

    assert_int_equal(file_read(path, 1 << 24, &text, NULL), 0);
    return text;
}

char *seen_on_stderr(void)
{
    release_stderr();
    return content("stderr");
}

void assert_matches(const char *text, const char *pattern)
{
    regex_t regex;
    int result;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    result = regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    if (result != 0)
        fail_msg("\"%s\" does not match %s", text, pattern);
}

int enter_folder(void **state)
{
    unsetenv("JOURNAL_STREAM");
    return folder_enter(state);
}

int leave_folder(void **state)
{
    log_close();
    release_stderr();
    unsetenv("JOURNAL_STREAM");
    return folder_leave(state);
}

off_t size_of(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? info.st_size : -1;
}
