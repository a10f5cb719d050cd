/* SPDX-License-Identifier: MIT-0 */
/* Files that survive a power cut, a planted link and a second process: bounded reads, atomic writes, one lock. */
#ifndef EINS_FILE_H
#define EINS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* Opens a regular file, never through a link, with these flags of open(2). One that O_CREAT creates is 0644 whatever
 * the umask says and, when run as root, belongs to the folder's owner and group. Returns the descriptor, the caller's
 * to close, or a negative errno (ELOOP for a link, EINVAL for anything else that is not a regular file). */
int file_open(const char *path, int flags);

/* Reads a regular file of at most max bytes. *ret_text is allocated, NUL-terminated and the caller's to free;
 * *ret_length, which may be NULL, gets its length without the NUL. A link as the last part of the path, anything that
 * is not a regular file, and a longer file are refused (ELOOP, EINVAL, EFBIG). Returns 0 or a negative errno. */
int file_read(const char *path, size_t max, char **ret_text, size_t *ret_length);

/* The same for a file whose word counts: one that others than root may write is refused when run as root (EPERM). */
int file_read_trusted(const char *path, size_t max, char **ret_text, size_t *ret_length);

/* Writes all of it, however many writes that takes. Returns 0 or a negative errno. */
int file_write_all(int fd, const char *text, size_t length);

/* Replaces the file by text, all of it or not at all: a temporary file beside it, fsync, rename, fsync of the folder.
 * The new file has the mode given whatever the umask says and, when run as root, the folder's owner and group.
 * Returns 0, or a negative errno with no temporary file left and, unless it was the folder's fsync that failed, nothing
 * changed. Only the holder of a lock may write a file this way: the temporary files of killed writers are removed. */
int file_write_atomic(const char *path, const char *text, size_t length, mode_t mode);

/* Removes a file, or the link that has its name, and syncs the folder. That there is none is no error. Returns 0 or a
 * negative errno. */
int file_remove(const char *path);

/* Sets the modification time to now and writes nothing else. Returns 0 or a negative errno. */
int file_touch(const char *path);

/* Takes the lock PATH without waiting (flock on a file that stays and is empty). On success the lock is held until
 * *ret_fd is closed. Where nothing can be written the file as it is, or else its folder, is locked. Returns 0 or a
 * negative errno; with -EWOULDBLOCK *ret_holder is the id of the process that holds it (by a second lock of the kind of
 * fcntl(2), of which the kernel knows the owner), or 0 when it is not known: another program holds it. */
int file_lock(const char *path, int *ret_fd, pid_t *ret_holder);

#endif
