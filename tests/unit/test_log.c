/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "folder.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "log.h"

#define FULL ((5 << 20) + 1)

static int kept_stderr = -1;

/* Standard error is a file in the test's folder until seen_on_stderr puts it back. */
static void capture_stderr(void)
{
    int fd = open("stderr", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

    assert_true(fd >= 0);
    kept_stderr = dup(STDERR_FILENO);
    assert_true(kept_stderr >= 0);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
}

static void release_stderr(void)
{
    if (kept_stderr >= 0) {
        dup2(kept_stderr, STDERR_FILENO);
        close(kept_stderr);
        kept_stderr = -1;
    }
}

static char *content(const char *path)
{
    char *text = NULL;

    assert_int_equal(file_read(path, 1 << 24, &text, NULL), 0);
    return text;
}

static char *seen_on_stderr(void)
{
    release_stderr();
    return content("stderr");
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t regex;
    int result;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    result = regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    if (result != 0)
        fail_msg("\"%s\" does not match %s", text, pattern);
}

static int enter_folder(void **state)
{
    unsetenv("JOURNAL_STREAM");
    return folder_enter(state);
}

static int remove_folder(void **state)
{
    log_close();
    release_stderr();
    unsetenv("JOURNAL_STREAM");
    return folder_leave(state);
}

static void make_full(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, FULL), 0);
    close(fd);
}

static off_t size_of(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? info.st_size : -1;
}

static void a_line_has_the_format_of_the_original(void **state)
{
    char *text;

    (void)state;
    log_setup("log", LOG_LEVEL_INFO, false);
    log_write(LOG_LEVEL_INFO, "ecs-offline", "container %s: %d", "web", 3);
    text = content("log");
    assert_matches(text, "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3} INFO PID_[0-9]+ "
                         "\\[ecs-offline\\] container web: 3\n$");
    free(text);
}

static void levels_below_the_one_asked_for_are_not_written(void **state)
{
    char *text;

    (void)state;
    log_setup("log", LOG_LEVEL_WARNING, false);
    log_write(LOG_LEVEL_DEBUG, "begin", "no");
    log_write(LOG_LEVEL_INFO, "begin", "no");
    assert_int_equal(access("log", F_OK), -1);
    log_write(LOG_LEVEL_WARNING, "begin", "one");
    log_write(LOG_LEVEL_ERROR, "begin", "two");
    log_write(LOG_LEVEL_CRITICAL, "begin", "three");
    text = content("log");
    assert_matches(text, "^[^\n]* WARNING [^\n]*one\n[^\n]* ERROR [^\n]*two\n[^\n]* CRITICAL [^\n]*three\n$");
    free(text);
}

static void a_message_cannot_forge_a_line(void **state)
{
    char *text;

    (void)state;
    log_setup("log", LOG_LEVEL_INFO, false);
    log_write(LOG_LEVEL_INFO, "begin", "%s", "a\n2026-01-01 00:00:00,000 INFO PID_1 [end] forged\033[2J");
    text = content("log");
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_non_null(strstr(text, "a\\x0a2026"));
    assert_non_null(strstr(text, "\\x1b[2J"));
    free(text);
}

static void a_long_message_is_cut_and_marked(void **state)
{
    char message[5001];
    char *text;

    (void)state;
    for (size_t i = 0; i < sizeof message - 2; i += 2)
        memcpy(message + i, "\xc3\xbc", 2);
    message[sizeof message - 1] = '\0';
    log_setup("log", LOG_LEVEL_INFO, false);
    log_write(LOG_LEVEL_INFO, "begin", "%s", message);
    log_write(LOG_LEVEL_INFO, "begin", "%s", message + 1);
    memset(message, '\n', sizeof message - 1);
    log_write(LOG_LEVEL_INFO, "begin", "%s", message);
    text = content("log");
    assert_matches(text, "^[^\n]*\xc3\xbc\\.\\.\\.\n[^\n]*\xc3\xbc\\.\\.\\.\n[^\n]*\\\\x0a\\.\\.\\.\n$");
    assert_in_range(strlen(text), 3 * 2000, 13000);
    free(text);
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

static void verbose_shows_what_the_file_gets(void **state)
{
    char *text, *file;

    (void)state;
    capture_stderr();
    log_setup("log", LOG_LEVEL_INFO, true);
    log_write(LOG_LEVEL_DEBUG, "begin", "no");
    log_write(LOG_LEVEL_INFO, "begin", "yes");
    text = seen_on_stderr();
    file = content("log");
    assert_string_equal(text, file);
    assert_matches(text, " INFO PID_[0-9]+ \\[begin\\] yes\n$");
    free(text);
    free(file);
}

static void without_a_file_only_errors_are_written(void **state)
{
    char *text;

    (void)state;
    capture_stderr();
    log_setup(NULL, LOG_LEVEL_DEBUG, false);
    log_write(LOG_LEVEL_WARNING, "begin", "text");
    log_setup("", LOG_LEVEL_DEBUG, false);
    log_write(LOG_LEVEL_ERROR, "begin", "text");
    text = seen_on_stderr();
    assert_matches(text, "^[^\n]* ERROR PID_[0-9]+ \\[begin\\] text\n$");
    free(text);
}

static void the_journal_gets_priorities(void **state)
{
    char stream[64], *text;
    struct stat info;

    (void)state;
    capture_stderr();
    assert_int_equal(fstat(STDERR_FILENO, &info), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_setup("log", LOG_LEVEL_DEBUG, true);
    for (int i = LOG_LEVEL_DEBUG; i <= LOG_LEVEL_CRITICAL; i++)
        log_write((enum log_level)i, "connect", "line %d", i);
    text = seen_on_stderr();
    assert_string_equal(text, "<7>[connect] line 0\n<5>[connect] line 1\n<4>[connect] line 2\n"
                              "<3>[connect] line 3\n<2>[connect] line 4\n");
    free(text);
    text = content("log");
    assert_matches(text, "DEBUG PID_[0-9]+ \\[connect\\] line 0\n");
    free(text);
}

static void a_failure_to_write_reaches_the_journal_with_a_priority(void **state)
{
    char stream[64], *text;
    struct stat info;

    (void)state;
    capture_stderr();
    assert_int_equal(fstat(STDERR_FILENO, &info), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_setup("missing/log", LOG_LEVEL_INFO, false);
    log_write(LOG_LEVEL_WARNING, "connect", "text");
    text = seen_on_stderr();
    assert_matches(text, "^<4>eins-check: missing/log: [^\n]*\n<4>\\[connect\\] text\n$");
    free(text);
}

static void a_journal_that_is_another_stream_gets_nothing(void **state)
{
    char *text;

    (void)state;
    setenv("JOURNAL_STREAM", "1:1", 1);
    capture_stderr();
    log_setup("log", LOG_LEVEL_DEBUG, false);
    log_write(LOG_LEVEL_WARNING, "begin", "text");
    text = seen_on_stderr();
    assert_string_equal(text, "");
    free(text);
}

static void a_closed_standard_error_hurts_nothing(void **state)
{
    char *text;
    int other;

    (void)state;
    capture_stderr();
    close(STDERR_FILENO);
    log_setup("log", LOG_LEVEL_INFO, true);
    other = open("other", O_RDWR | O_CREAT, 0600);
    log_write(LOG_LEVEL_ERROR, "begin", "text");
    release_stderr();
    assert_int_equal(other, STDERR_FILENO); /* the trap: what is opened next gets descriptor 2 */
    assert_int_equal(size_of("other"), 0);
    text = content("log");
    assert_matches(text, "text\n$");
    free(text);
}

static void a_reader_that_has_gone_hurts_nothing(void **state)
{
    char *text;
    int ends[2];

    (void)state;
    signal(SIGPIPE, SIG_DFL);
    capture_stderr();
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    log_setup("log", LOG_LEVEL_INFO, true);
    log_write(LOG_LEVEL_ERROR, "begin", "text");
    release_stderr();
    text = content("log");
    assert_matches(text, "text\n$");
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_the_format_of_the_original),
        TEST(levels_below_the_one_asked_for_are_not_written),
        TEST(a_message_cannot_forge_a_line),
        TEST(a_long_message_is_cut_and_marked),
        TEST(a_full_file_is_rotated_before_the_next_line),
        TEST(old_files_keep_their_order),
        TEST(a_file_that_was_moved_away_is_made_anew),
        TEST(the_file_can_be_read_by_all),
        TEST(a_planted_link_gets_no_line),
        TEST(a_file_that_cannot_be_opened_is_said_once),
        TEST(a_full_disk_is_said_once),
        TEST(a_file_that_cannot_be_rotated_does_not_grow),
        TEST(verbose_shows_what_the_file_gets),
        TEST(without_a_file_only_errors_are_written),
        TEST(the_journal_gets_priorities),
        TEST(a_failure_to_write_reaches_the_journal_with_a_priority),
        TEST(a_journal_that_is_another_stream_gets_nothing),
        TEST(a_closed_standard_error_hurts_nothing),
        TEST(a_reader_that_has_gone_hurts_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
