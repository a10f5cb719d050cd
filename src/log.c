/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "text.h"

#define FILE_SIZE_MAX (5 << 20) /* bytes */
#define OLD_FILES 5
#define MESSAGE_SIZE 2048
#define ESCAPED_SIZE (4 * MESSAGE_SIZE) /* each byte may become \xNN: escaping never cuts */
#define LINE_SIZE (ESCAPED_SIZE + 256)

const char *const log_level_names[] = {
    [LOG_LEVEL_DEBUG] = "DEBUG", [LOG_LEVEL_INFO] = "INFO",         [LOG_LEVEL_WARNING] = "WARNING",
    [LOG_LEVEL_ERROR] = "ERROR", [LOG_LEVEL_CRITICAL] = "CRITICAL", NULL,
};

/* The only global of the project: threading a log handle through every function would say nothing more. */
static struct {
    char path[PATH_MAX + 1]; /* one byte too long: a path that was cut is still ENAMETOOLONG to open(2) */
    enum log_level level;
    bool verbose;
    bool journal;
    bool no_stderr; /* it was closed: descriptor 2 may be anyone's by now */
    bool failed;    /* the file cannot be written, and that has been said */
    int fd;
} sink = {.fd = -1, .no_stderr = true};

static bool is_journal(const struct stat *info)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char expected[64];

    snprintf(expected, sizeof expected, "%ju:%ju", (uintmax_t)info->st_dev, (uintmax_t)info->st_ino);
    return stream != NULL && strcmp(stream, expected) == 0;
}

void log_setup(const char *path, enum log_level level, bool verbose)
{
    struct stat info;

    log_close();
    text_copy(sink.path, sizeof sink.path, path == NULL ? "" : path);
    sink.level = level;
    sink.verbose = verbose;
    sink.no_stderr = fstat(STDERR_FILENO, &info) != 0;
    sink.journal = !sink.no_stderr && is_journal(&info);
    tzset();                  /* localtime_r need not do it (POSIX) */
    signal(SIGPIPE, SIG_IGN); /* the reader of standard error may go; a log never stops a check */
}

static void close_file(void)
{
    if (sink.fd >= 0)
        close(sink.fd);
    sink.fd = -1;
}

void log_close(void)
{
    close_file();
    sink.path[0] = '\0';
    sink.level = LOG_LEVEL_DEBUG;
    sink.verbose = sink.journal = sink.failed = false;
    sink.no_stderr = true;
}

/* As in sd-daemon(3). What is worth a line at INFO is a notice in the journal: systemd's own lines about the start and
 * the end of each check are below that, and the unit leaves those out. */
static int priority(enum log_level level)
{
    static const int priorities[] = {
        [LOG_LEVEL_DEBUG] = 7, [LOG_LEVEL_INFO] = 5,     [LOG_LEVEL_WARNING] = 4,
        [LOG_LEVEL_ERROR] = 3, [LOG_LEVEL_CRITICAL] = 2,
    };

    return priorities[level];
}

/* One write, so that lines of two processes never mix. Returns 0 or a negative errno. */
static int write_line(int fd, const char *line)
{
    size_t length = strlen(line);
    ssize_t count;

    do
        count = write(fd, line, length);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    return (size_t)count == length ? 0 : -ENOSPC;
}

static void write_stderr(enum log_level level, const char *text)
{
    char line[LINE_SIZE];

    if (sink.no_stderr)
        return;
    if (sink.journal)
        snprintf(line, sizeof line, "<%d>%s\n", priority(level), text);
    else
        snprintf(line, sizeof line, "%s\n", text);
    (void)write_line(STDERR_FILENO, line);
}

static void fail(const char *what, int error)
{
    char path[2 * MESSAGE_SIZE];
    char text[LINE_SIZE];

    sink.failed = true;
    close_file();
    snprintf(text, sizeof text, "eins-check: %s: cannot %s: %s; warnings go to standard error",
             text_escape(path, sizeof path, sink.path), what, strerror(error));
    write_stderr(LOG_LEVEL_WARNING, text);
}

static int rotate(void)
{
    char from[sizeof sink.path + 8], to[sizeof sink.path + 8];

    for (int i = OLD_FILES; i > 1; i--) {
        snprintf(from, sizeof from, "%s.%d", sink.path, i - 1);
        snprintf(to, sizeof to, "%s.%d", sink.path, i);
        (void)rename(from, to); /* most often there is none yet */
    }
    snprintf(to, sizeof to, "%s.1", sink.path);
    return rename(sink.path, to) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Opens the file, again if another check or a logrotate has moved it away. A file that cannot be rotated is not
 * written: it would grow without a bound. */
static bool ready_file(void)
{
    struct stat named, opened;
    bool exists = lstat(sink.path, &named) == 0;

    if (exists && S_ISREG(named.st_mode) && named.st_size > FILE_SIZE_MAX) {
        int result = rotate();

        if (result < 0) {
            fail("rotate the log", -result);
            return false;
        }
        exists = false;
    }
    if (sink.fd >= 0 &&
        (!exists || fstat(sink.fd, &opened) != 0 || opened.st_ino != named.st_ino || opened.st_dev != named.st_dev))
        close_file();
    if (sink.fd < 0)
        sink.fd = file_open(sink.path, O_WRONLY | O_APPEND | O_CREAT);
    if (sink.fd >= 0)
        return true;
    fail("open the log", -sink.fd);
    return false;
}

static void write_file(const char *text)
{
    char line[LINE_SIZE];
    int result;

    if (sink.path[0] == '\0' || sink.failed || !ready_file())
        return;
    snprintf(line, sizeof line, "%s\n", text);
    result = write_line(sink.fd, line);
    if (result < 0)
        fail("write the log", -result);
}

/* Marks a message that was cut, and not in the middle of a character. */
static void mark_cut(char *message)
{
    size_t end = MESSAGE_SIZE - sizeof "...";

    while (end > 0 && ((unsigned char)message[end] & 0xc0) == 0x80)
        end--;
    memcpy(message + end, "...", sizeof "...");
}

static void format_time(char *buffer, size_t size)
{
    struct timespec now = {0};
    struct tm local = {0};
    char seconds[40];

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(seconds, sizeof seconds, "%Y-%m-%d %H:%M:%S", &local);
    snprintf(buffer, size, "%s,%03d", seconds, (int)(now.tv_nsec / 1000000));
}

void log_write(enum log_level level, const char *tag, const char *format, ...)
{
    char message[MESSAGE_SIZE] = "", escaped[ESCAPED_SIZE], line[LINE_SIZE - 8], when[64];
    int saved = errno;
    va_list arguments;
    int length;

    if (level < sink.level)
        return;
    va_start(arguments, format);
    length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof message)
        mark_cut(message);
    text_escape(escaped, sizeof escaped, message);
    format_time(when, sizeof when);
    snprintf(line, sizeof line, "%s %s PID_%d [%s] %s", when, log_level_names[level], (int)getpid(), tag, escaped);
    write_file(line);
    if (sink.journal) {
        snprintf(line, sizeof line, "[%s] %s", tag, escaped);
        write_stderr(level, line);
    } else if (sink.verbose || level >= LOG_LEVEL_ERROR || (sink.failed && level >= LOG_LEVEL_WARNING)) {
        write_stderr(level, line);
    }
    errno = saved;
}
