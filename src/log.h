/* SPDX-License-Identifier: MIT-0 */
/* The log file in the original's line format, rotated; standard error and the journal beside it. */
#ifndef EINS_LOG_H
#define EINS_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR, LOG_LEVEL_CRITICAL };

/* Where lines go. Nothing is opened before the first line that is to be written: an uneventful check leaves no trace.
 * path may be NULL or empty (no file). The path is copied. Errors also go to standard error, where the person at the
 * terminal, or cron's mail, is; with verbose every line does. Under systemd (JOURNAL_STREAM names standard error's
 * device and inode, systemd.exec(5)) they go there with a <N> priority. */
void log_setup(const char *path, enum log_level level, bool verbose);

/* Writes one line: `2026-07-10 09:39:43,880 INFO PID_713928 [tag] message` (the original program's format; local time).
 * The message is escaped (text_escape). A file over 5 MiB is rotated first, five old ones are kept. When the file
 * cannot be written that is said once on standard error, and lines of warning and above go to standard error from then
 * on: a log never stops a check. tag is without brackets: startup begin connect ecs-offline ecs-online end. */
void log_write(enum log_level level, const char *tag, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Closes the file and forgets the setup. */
void log_close(void);

/* By level, in capitals as Python's logging has them; ended by NULL. */
extern const char *const log_level_names[];

#endif
