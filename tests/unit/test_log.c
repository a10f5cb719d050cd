/* SPDX-License-Identifier: MIT-0 */
/* What a line is like, and what standard error and the journal get of it. */
#include "config.h"

#include "log_fixture.h"
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_the_format_of_the_original),
        TEST(levels_below_the_one_asked_for_are_not_written),
        TEST(a_message_cannot_forge_a_line),
        TEST(a_long_message_is_cut_and_marked),
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
