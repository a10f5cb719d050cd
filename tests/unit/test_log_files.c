/* SPDX-License-Identifier: MIT-0 */
/* The file that lines go to: when it is rotated, and what is done when it cannot be written. */
#include "config.h"

#include "log_fixture.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define FULL ((5 << 20) + 1)

static void make_full(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, FULL), 0);
    close(fd);
}

static void a_full_file_is_rotated_before_the_next_line(void **state)
{
    char name[16];
    char *text;

    (void)state;
    log_setup("log", LOG_LEVEL_INFO, false);
    for (int i = 0; i < 7; i++) {
        make_full("log");
        log_write(LOG_LEVEL_INFO, "begin", "round %d", i);
    }
    text = content("log");
    assert_matches(text, "^[^\n]*round 6\n$");
    free(text);
    for (int i = 1; i <= 5; i++) {
        snprintf(name, sizeof name, "log.%d", i);
        assert_int_equal(size_of(name), FULL);
    }
    assert_int_equal(size_of("log.6"), -1);
}

static void old_files_keep_their_order(void **state)
{
    char *text;

    (void)state;
    log_setup("log", LOG_LEVEL_INFO, false);
    make_full("log");
    assert_int_equal(truncate("log", FULL - 1), 0);
    log_write(LOG_LEVEL_INFO, "begin", "still fits");
    assert_int_equal(size_of("log.1"), -1);
    log_write(LOG_LEVEL_INFO, "begin", "second");
    assert_int_equal(size_of("log.1") > FULL, 1);
    make_full("log");
    log_write(LOG_LEVEL_INFO, "begin", "third");
    assert_int_equal(size_of("log.1"), FULL);
    assert_int_equal(size_of("log.2") > FULL, 1);
    text = content("log");
    assert_matches(text, "^[^\n]*third\n$");
    free(text);
}

static void a_file_that_was_moved_away_is_made_anew(void **state)
{
    char *text;

    (void)state;
    log_setup("log", LOG_LEVEL_INFO, false);
    log_write(LOG_LEVEL_INFO, "begin", "first");
    assert_int_equal(rename("log", "moved"), 0);
    log_write(LOG_LEVEL_INFO, "begin", "second");
    text = content("log");
    assert_matches(text, "^[^\n]*second\n$");
    free(text);
    text = content("moved");
    assert_matches(text, "^[^\n]*first\n$");
    free(text);
}

static void the_file_can_be_read_by_all(void **state)
{
    mode_t before = umask(0077);
    struct stat info;

    (void)state;
    log_setup("log", LOG_LEVEL_INFO, false);
    log_write(LOG_LEVEL_INFO, "begin", "text");
    umask(before);
    assert_int_equal(stat("log", &info), 0);
    assert_int_equal(info.st_mode & 07777, 0644);
}

static void a_planted_link_gets_no_line(void **state)
{
    char *text;

    (void)state;
    assert_int_equal(symlink("target", "log"), 0);
    capture_stderr();
    log_setup("log", LOG_LEVEL_INFO, false);
    log_write(LOG_LEVEL_INFO, "begin", "text");
    free(seen_on_stderr());
    assert_int_equal(access("target", F_OK), -1);
    make_full("target");
    log_setup("log", LOG_LEVEL_INFO, false);
    capture_stderr();
    log_write(LOG_LEVEL_INFO, "begin", "text");
    text = seen_on_stderr();
    assert_int_equal(size_of("target"), FULL);
    free(text);
}

static void a_file_that_cannot_be_opened_is_said_once(void **state)
{
    char *text;

    (void)state;
    capture_stderr();
    log_setup("missing\n/log", LOG_LEVEL_INFO, false);
    errno = EDOM;
    log_write(LOG_LEVEL_INFO, "begin", "quiet");
    assert_int_equal(errno, EDOM);
    log_write(LOG_LEVEL_WARNING, "begin", "heard %d", 1);
    log_write(LOG_LEVEL_ERROR, "begin", "heard %d", 2);
    text = seen_on_stderr();
    assert_matches(text, "^eins-check: missing\\\\x0a/log: cannot open the log: No such file or directory[^\n]*\n"
                         "[^\n]*WARNING[^\n]*heard 1\n[^\n]*ERROR[^\n]*heard 2\n$");
    free(text);
}

static void a_full_disk_is_said_once(void **state)
{
    struct rlimit before, small;
    char *text;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 250;
    capture_stderr();
    log_setup("log", LOG_LEVEL_INFO, false);
    log_write(LOG_LEVEL_INFO, "begin", "%0200d", 1);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    log_write(LOG_LEVEL_WARNING, "begin", "%0200d", 2);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    log_write(LOG_LEVEL_WARNING, "begin", "third");
    text = seen_on_stderr();
    assert_matches(text, "third\n$");
    assert_int_equal(size_of("log"), 250);
    free(text);
}

static void a_file_that_cannot_be_rotated_does_not_grow(void **state)
{
    char *text;

    (void)state;
    make_full("log");
    for (int i = 1; i <= 5; i++) {
        char name[32];

        snprintf(name, sizeof name, "log.%d", i);
        assert_int_equal(mkdir(name, 0755), 0);
        snprintf(name, sizeof name, "log.%d/inside", i);
        assert_int_equal(mkdir(name, 0755), 0);
    }
    capture_stderr();
    log_setup("log", LOG_LEVEL_INFO, false);
    log_write(LOG_LEVEL_WARNING, "begin", "heard");
    text = seen_on_stderr();
    assert_matches(text, "^eins-check: log: cannot rotate the log: [^\n]*\n[^\n]*heard\n$");
    free(text);
    assert_int_equal(size_of("log"), FULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_file_is_rotated_before_the_next_line),
        TEST(old_files_keep_their_order),
        TEST(a_file_that_was_moved_away_is_made_anew),
        TEST(the_file_can_be_read_by_all),
        TEST(a_planted_link_gets_no_line),
        TEST(a_file_that_cannot_be_opened_is_said_once),
        TEST(a_full_disk_is_said_once),
        TEST(a_file_that_cannot_be_rotated_does_not_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
