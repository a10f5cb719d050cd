/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

/* O_NONBLOCK: opening a planted FIFO must not wait for its other end. */
#define SAFE_FLAGS (O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

/* A temporary file is .NAME.XXXXXX.tmp: the ending keeps remove_stale from anything that a person put there. */
#define TEMPORARY_RANDOM 6
#define TEMPORARY_ENDING ".tmp"

/* Where the last part of path begins. */
static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static int folder_name(const char *path, char *buffer, size_t size)
{
    size_t length = (size_t)(last_part(path) - path);

    if (path[length] == '\0')
        return -EINVAL;
    if (length >= size)
        return -ENAMETOOLONG;
    if (length == 0)
        return text_copy(buffer, size, ".") ? 0 : -ENAMETOOLONG;
    memcpy(buffer, path, length);
    buffer[length] = '\0';
    return 0;
}

static int open_folder(const char *path)
{
    char folder[PATH_MAX];
    int result = folder_name(path, folder, sizeof folder);
    int fd;

    if (result < 0)
        return result;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* An operator's check as root must not leave files that the service's own user cannot write. That it may not be
 * possible (no CAP_CHOWN, a file system without owners) is no reason to go without the file. */
static void give_to_folder_owner(int fd, int folder)
{
    struct stat info, own;

    if (geteuid() != 0 || fstat(folder, &info) != 0 || fstat(fd, &own) != 0)
        return;
    if (own.st_uid != info.st_uid || own.st_gid != info.st_gid) /* else it would be a write to the disk for nothing */
        (void)!fchown(fd, info.st_uid, info.st_gid);
}

static int open_existing(const char *path, int flags, struct stat *ret_info)
{
    cleanup_close int fd = open(path, flags | SAFE_FLAGS);
    int opened;

    if (fd < 0 || fstat(fd, ret_info) != 0)
        return -errno;
    if (!S_ISREG(ret_info->st_mode))
        return -EINVAL;
    opened = fd;
    fd = -1;
    return opened;
}

static int create(const char *path, int flags)
{
    cleanup_close int folder = open_folder(path);
    int fd;

    if (folder < 0)
        return folder;
    fd = open(path, flags | SAFE_FLAGS | O_CREAT | O_EXCL, 0644);
    if (fd < 0)
        return -errno;
    give_to_folder_owner(fd, folder);
    (void)!fchmod(fd, 0644); /* else it is as the umask has it */
    return fd;
}

/* A check as root that was killed in create left a file that only root can write. With a second name the file may be
 * anyone's, linked here to have it given away. */
static void repair_owner(const char *path, int fd, const struct stat *info)
{
    if (geteuid() == 0 && info->st_uid == 0 && info->st_nlink == 1) {
        cleanup_close int folder = open_folder(path);

        if (folder >= 0)
            give_to_folder_owner(fd, folder);
    }
}

int file_open(const char *path, int flags)
{
    int fd = -ENOENT;

    /* The second round is for a file that another process made or removed between the two calls. */
    for (int i = 0; i < 2; i++) {
        struct stat info;

        fd = open_existing(path, flags & ~O_CREAT, &info);
        if (fd >= 0 && (flags & O_CREAT) != 0)
            repair_owner(path, fd, &info);
        if (fd != -ENOENT || (flags & O_CREAT) == 0)
            return fd;
        fd = create(path, flags);
        if (fd != -EEXIST)
            return fd;
    }
    return fd;
}

/* Whether somebody else than root may write it: root must not do what such a file says. */
static bool is_open_to_others(const struct stat *info)
{
    return info->st_uid != 0 || (info->st_mode & S_IWOTH) != 0 || ((info->st_mode & S_IWGRP) != 0 && info->st_gid != 0);
}

static int read_all(const char *path, size_t max, bool trusted, char **ret_text, size_t *ret_length)
{
    cleanup_free char *text = NULL;
    size_t capacity = 0;
    size_t length = 0;
    struct stat info;
    cleanup_close int fd = open_existing(path, O_RDONLY, &info);

    if (fd < 0)
        return fd;
    if (trusted && geteuid() == 0 && is_open_to_others(&info))
        return -EPERM;
    if (info.st_size > 0 && (uintmax_t)info.st_size > max)
        return -EFBIG;
    for (;;) {
        ssize_t count;

        if (length + 1 >= capacity) {
            /* The size is only a hint: files in /proc say 0, others may grow. */
            size_t wanted = capacity == 0 ? (size_t)info.st_size + 256 : capacity * 2;
            char *larger = realloc(text, wanted);

            if (larger == NULL)
                return -ENOMEM;
            text = larger;
            capacity = wanted;
        }
        count = read(fd, text + length, capacity - length - 1);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (count == 0)
            break;
        length += (size_t)count;
        if (length > max)
            return -EFBIG;
    }
    text[length] = '\0';
    *ret_text = text;
    text = NULL;
    if (ret_length != NULL)
        *ret_length = length;
    return 0;
}

int file_read(const char *path, size_t max, char **ret_text, size_t *ret_length)
{
    return read_all(path, max, false, ret_text, ret_length);
}

int file_read_trusted(const char *path, size_t max, char **ret_text, size_t *ret_length)
{
    return read_all(path, max, true, ret_text, ret_length);
}

int file_write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t count = write(fd, text, length);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -errno : -EIO;
        text += count;
        length -= (size_t)count;
    }
    return 0;
}

static int sync_to_disk(int fd)
{
    while (fsync(fd) != 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

static int sync_folder(int folder)
{
    int result = sync_to_disk(folder);

    return result == -EINVAL ? 0 : result; /* a file system that cannot sync folders */
}

static bool is_temporary_of(const char *entry, const char *name)
{
    size_t length = strlen(name);

    if (entry[0] != '.' || strncmp(entry + 1, name, length) != 0 || entry[1 + length] != '.')
        return false;
    entry += 1 + length + 1;
    for (int i = 0; i < TEMPORARY_RANDOM; i++) {
        if (!isalnum((unsigned char)entry[i]))
            return false;
    }
    return strcmp(entry + TEMPORARY_RANDOM, TEMPORARY_ENDING) == 0;
}

/* What killed checks left would pile up for ever. Safe, because only the holder of the lock ever writes this file. */
static void remove_stale(int folder, const char *name)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (entries == NULL) {
        error_cleanup_close(&fd);
        return;
    }
    while ((entry = readdir(entries)) != NULL) {
        if (is_temporary_of(entry->d_name, name))
            unlinkat(folder, entry->d_name, 0);
    }
    closedir(entries);
}

static int fill(int fd, int folder, const char *text, size_t length, mode_t mode)
{
    int result = file_write_all(fd, text, length);

    if (result < 0)
        return result;
    give_to_folder_owner(fd, folder);
    if (fchmod(fd, mode) != 0)
        return -errno;
    return sync_to_disk(fd);
}

int file_write_atomic(const char *path, const char *text, size_t length, mode_t mode)
{
    const char *name = last_part(path);
    char temporary[PATH_MAX];
    cleanup_close int folder = open_folder(path);
    int size, fd, result;

    if (folder < 0)
        return folder;
    size = snprintf(temporary, sizeof temporary, "%.*s.%s.XXXXXX%s", (int)(name - path), path, name, TEMPORARY_ENDING);
    if (size < 0 || (size_t)size >= sizeof temporary)
        return -ENAMETOOLONG;
    remove_stale(folder, name);
    fd = mkostemps(temporary, (int)strlen(TEMPORARY_ENDING), O_CLOEXEC);
    if (fd < 0)
        return -errno;
    result = fill(fd, folder, text, length, mode);
    close(fd);
    if (result == 0 && rename(temporary, path) != 0)
        result = -errno;
    if (result < 0) {
        unlink(temporary);
        return result;
    }
    return sync_folder(folder);
}

int file_remove(const char *path)
{
    cleanup_close int folder = open_folder(path);

    if (folder < 0)
        return folder == -ENOENT ? 0 : folder;
    if (unlink(path) != 0 && errno != ENOENT)
        return -errno;
    return sync_folder(folder);
}

int file_touch(const char *path)
{
    return utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
}

/* A disk that is full, has become read-only, or is somebody else's must not keep a check from giving the agent back:
 * what can be locked there without writing will do, as long as every check comes to the same choice. (Who may not write
 * where others may comes to it only by the file.) */
static int open_lock(const char *path)
{
    int refused = file_open(path, O_RDWR | O_CREAT);
    int fd;

    if (refused != -EROFS && refused != -ENOSPC && refused != -EDQUOT && refused != -EACCES)
        return refused;
    fd = file_open(path, O_RDONLY);
    if (fd != -ENOENT)
        return fd;
    return refused == -EACCES ? refused : open_folder(path);
}

int file_lock(const char *path, int *ret_fd, pid_t *ret_holder)
{
    /* It shuts nobody out, and only says who is in: the kernel tells its holder's id to who asks, and nothing need be
     * written for that at every check, which is what wears a disk out. */
    struct flock name = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    cleanup_close int fd = open_lock(path);

    if (fd < 0)
        return fd;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int result = -errno;

        name.l_type = F_WRLCK;
        if (result == -EWOULDBLOCK)
            *ret_holder = fcntl(fd, F_GETLK, &name) == 0 && name.l_type != F_UNLCK ? name.l_pid : 0;
        return result;
    }
    (void)fcntl(fd, F_SETLK, &name);
    *ret_fd = fd;
    fd = -1;
    return 0;
}
