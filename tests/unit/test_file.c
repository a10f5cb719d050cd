/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "folder.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"

static void assert_holds(const char *path, const char *expected)
{
    char *text = NULL;
    size_t length = 0;

    assert_int_equal(file_read(path, 1 << 20, &text, &length), 0);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
    free(text);
}

static void a_file_is_read_up_to_its_bound(void **state)
{
    char *text = NULL;

    (void)state;
    folder_put("file", "12345");
    assert_int_equal(file_read("file", 5, &text, NULL), 0);
    assert_string_equal(text, "12345");
    free(text);
    text = NULL;
    assert_int_equal(file_read("file", 4, &text, NULL), -EFBIG);
    assert_null(text);
    folder_put("file", "");
    assert_holds("file", "");
}

static void a_file_that_hides_its_size_is_bounded_too(void **state)
{
    char *text = NULL;
    size_t length = 0;

    (void)state;
    assert_int_equal(file_read("/proc/sys/kernel/random/boot_id", 100, &text, &length), 0);
    assert_int_equal(length, 37);
    free(text);
    assert_int_equal(file_read("/proc/sys/kernel/random/boot_id", 36, &text, &length), -EFBIG);
}

static void a_large_file_is_read_whole(void **state)
{
    const size_t size = 300000;
    char *large = malloc(size + 1);

    (void)state;
    assert_non_null(large);
    memset(large, 'x', size);
    large[size] = '\0';
    assert_int_equal(file_write_atomic("file", large, size, 0644), 0);
    assert_holds("file", large);
    free(large);
}

static void a_planted_link_is_not_followed(void **state)
{
    char *text = NULL;
    pid_t holder = -1;
    int fd = -1;

    (void)state;
    folder_put("target", "precious");
    assert_int_equal(symlink("target", "link"), 0);
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    assert_int_equal(file_read("link", 100, &text, NULL), -ELOOP);
    assert_int_equal(file_read("dangling", 100, &text, NULL), -ELOOP);
    assert_int_equal(file_open("link", O_WRONLY | O_CREAT), -ELOOP);
    assert_int_equal(file_lock("dangling", &fd, &holder), -ELOOP);
    assert_int_equal(access("nowhere", F_OK), -1);

    assert_int_equal(file_write_atomic("link", "new", 3, 0644), 0);
    assert_holds("link", "new");
    assert_holds("target", "precious");
}

static void only_regular_files_are_opened(void **state)
{
    char *text = NULL;
    pid_t holder;
    int fd;

    (void)state;
    assert_int_equal(mkdir("folder", 0755), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(file_read("folder", 100, &text, NULL), -EINVAL);
    assert_int_equal(file_read("fifo", 100, &text, NULL), -EINVAL);
    assert_int_equal(file_read("/dev/zero", 100, &text, NULL), -EINVAL);
    assert_int_equal(file_open("/dev/null", O_WRONLY | O_APPEND | O_CREAT), -EINVAL);
    assert_true(file_open("fifo", O_WRONLY | O_CREAT) < 0);
    assert_int_equal(file_lock("fifo", &fd, &holder), -EINVAL);
    assert_null(text);
}

static void a_missing_file_is_said_to_be_missing(void **state)
{
    char *text = NULL;

    (void)state;
    assert_int_equal(file_read("missing", 100, &text, NULL), -ENOENT);
    assert_int_equal(file_touch("missing"), -ENOENT);
    assert_int_equal(file_open("missing", O_RDWR), -ENOENT);
    assert_int_equal(file_open("missing/file", O_RDWR | O_CREAT), -ENOENT);
    assert_int_equal(file_write_atomic("missing/file", "x", 1, 0644), -ENOENT);
}

static void a_file_is_replaced_with_the_mode_asked_for(void **state)
{
    mode_t before = umask(0077);
    struct stat info;

    (void)state;
    folder_put("file", "old and longer");
    assert_int_equal(file_write_atomic("file", "new", 3, 0644), 0);
    assert_holds("file", "new");
    assert_int_equal(stat("file", &info), 0);
    assert_int_equal(info.st_mode & 07777, 0644);
    assert_int_equal(folder_count("."), 1);
    umask(before);
}

static void an_absolute_path_works_as_well(void **state)
{
    char path[128];

    snprintf(path, sizeof path, "%s/file", (const char *)*state);
    assert_int_equal(file_write_atomic(path, "text", 4, 0644), 0);
    assert_holds("file", "text");
    assert_int_equal(folder_count("."), 1);
}

static void files_belong_to_the_owner_of_the_folder(void **state)
{
    bool root = geteuid() == 0;
    uid_t uid = root ? 12345 : geteuid();
    pid_t holder;
    int fd, mine;
    struct stat info;

    assert_int_equal(chown(*state, root ? 12345 : (uid_t)-1, root ? 54321 : (gid_t)-1), 0);
    folder_put("left-by-killed", "");
    assert_int_equal(file_write_atomic("file", "x", 1, 0644), 0);
    assert_int_equal(file_lock("lock", &fd, &holder), 0);
    close(fd);
    mine = file_open("left-by-killed", O_WRONLY | O_CREAT);
    assert_true(mine >= 0);
    close(mine);
    assert_int_equal(stat("file", &info), 0);
    assert_int_equal(info.st_uid, uid);
    assert_true(!root || info.st_gid == 54321);
    assert_int_equal(stat("lock", &info), 0);
    assert_int_equal(info.st_uid, uid);
    assert_int_equal(info.st_mode & 07777, 0644);
    assert_int_equal(stat("left-by-killed", &info), 0);
    assert_int_equal(info.st_uid, uid);
}

static void a_file_with_a_second_name_is_not_given_away(void **state)
{
    uid_t before = geteuid();
    struct stat info;
    int fd;

    if (before == 0)
        assert_int_equal(chown(*state, 12345, 54321), 0);
    folder_put("precious", "");
    assert_int_equal(link("precious", "log"), 0);
    fd = file_open("log", O_WRONLY | O_CREAT);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(stat("precious", &info), 0);
    assert_int_equal(info.st_uid, before);
}

static void a_failed_write_changes_nothing_and_leaves_nothing(void **state)
{
    char longer[64];

    (void)state;
    assert_int_equal(mkdir("folder", 0755), 0);
    folder_put("folder/inside", "");
    assert_int_equal(file_write_atomic("folder", "x", 1, 0644), -EISDIR);
    assert_int_equal(folder_count("."), 1);

    folder_put("file", "old");
    memset(longer, 'x', sizeof longer);
    {
        struct rlimit before, small;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        small = before;
        small.rlim_cur = 10;
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        assert_int_equal(file_write_atomic("file", longer, sizeof longer, 0644), -EFBIG);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        signal(SIGXFSZ, SIG_DFL);
    }
    assert_holds("file", "old");
    assert_int_equal(folder_count("."), 2);
}

static void a_path_that_cannot_be_a_file_is_refused(void **state)
{
    char name[300];

    (void)state;
    assert_int_equal(file_write_atomic("", "x", 1, 0644), -EINVAL);
    assert_int_equal(file_write_atomic("folder/", "x", 1, 0644), -EINVAL);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(file_write_atomic(name, "x", 1, 0644), -ENAMETOOLONG);
    assert_int_equal(folder_count("."), 0);
}

static void temporary_files_of_killed_writers_are_removed(void **state)
{
    static const char *const strangers[] = {".file.backup",      ".file.abc12.tmp",   ".file.abc-12.tmp",
                                            ".file.abc1234.tmp", ".files.abc123.tmp", "file.abc123.tmp",
                                            ".file.abc123.tmp2"};

    (void)state;
    folder_put(".file.abc123.tmp", "");
    folder_put(".file.XYZ789.tmp", "");
    for (size_t i = 0; i < COUNT(strangers); i++)
        folder_put(strangers[i], "");
    assert_int_equal(file_write_atomic("file", "x", 1, 0644), 0);
    assert_int_equal(access(".file.abc123.tmp", F_OK), -1);
    assert_int_equal(access(".file.XYZ789.tmp", F_OK), -1);
    for (size_t i = 0; i < COUNT(strangers); i++)
        assert_int_equal(access(strangers[i], F_OK), 0);
    assert_int_equal(folder_count("."), COUNT(strangers) + 1);
}

static void a_writer_killed_anywhere_leaves_the_old_or_the_new_text(void **state)
{
    char old[20001], new[20001];

    (void)state;
    memset(old, 'o', 20000);
    memset(new, 'n', 20000);
    old[20000] = new[20000] = '\0';
    assert_int_equal(file_write_atomic("file", old, 20000, 0644), 0);
    for (useconds_t delay = 0; delay < 3000; delay += 100) {
        char *text = NULL;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            for (int i = 0;; i++)
                file_write_atomic("file", i % 2 == 0 ? new : old, 20000, 0644);
        }
        usleep(delay);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(file_read("file", 20000, &text, NULL), 0);
        assert_true(strcmp(text, old) == 0 || strcmp(text, new) == 0);
        free(text);
        assert_in_range(folder_count("."), 1, 2);
    }
    assert_int_equal(file_write_atomic("file", old, 20000, 0644), 0);
    assert_int_equal(folder_count("."), 1);
}

static void a_touch_changes_the_time_alone(void **state)
{
    const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    struct stat before, after;

    (void)state;
    folder_put("file", "text");
    assert_int_equal(utimensat(AT_FDCWD, "file", long_ago, 0), 0);
    assert_int_equal(stat("file", &before), 0);
    assert_int_equal(file_touch("file"), 0);
    assert_int_equal(stat("file", &after), 0);
    assert_true(after.st_mtime > before.st_mtime);
    assert_int_equal(after.st_ino, before.st_ino);
    assert_holds("file", "text");
}

static void a_lock_of_another_program_has_no_name(void **state)
{
    pid_t holder = -1;
    int first = open("lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600), second = -1;

    (void)state;
    assert_true(first >= 0);
    assert_int_equal(flock(first, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(file_lock("lock", &second, &holder), -EWOULDBLOCK);
    assert_int_equal(holder, 0);
    assert_int_equal(second, -1);
    close(first);
    assert_int_equal(file_lock("lock", &second, &holder), 0);
    close(second);
    assert_int_equal(access("lock", F_OK), 0);
}

static void taking_a_lock_writes_nothing(void **state)
{
    const struct timespec long_ago[] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    struct stat info;
    pid_t holder;
    int fd = -1;

    (void)state;
    folder_put("lock", "of an older version\n");
    assert_int_equal(utimensat(AT_FDCWD, "lock", long_ago, 0), 0);
    assert_int_equal(file_lock("lock", &fd, &holder), 0);
    assert_int_equal(stat("lock", &info), 0);
    assert_int_equal(info.st_mtime, 1000);
    assert_holds("lock", "of an older version\n");
    close(fd);
}

static void the_lock_names_its_holder_and_ends_with_it(void **state)
{
    int ready[2], fd = -1;
    pid_t holder = 0, child;
    char byte;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool locked = file_lock("lock", &fd, &holder) == 0;

        if (!locked || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    assert_int_equal(file_lock("lock", &fd, &holder), -EWOULDBLOCK);
    assert_int_equal(holder, child);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(file_lock("lock", &fd, &holder), 0);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_enter, folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_read_up_to_its_bound),
        TEST(a_file_that_hides_its_size_is_bounded_too),
        TEST(a_large_file_is_read_whole),
        TEST(a_planted_link_is_not_followed),
        TEST(only_regular_files_are_opened),
        TEST(a_missing_file_is_said_to_be_missing),
        TEST(a_file_is_replaced_with_the_mode_asked_for),
        TEST(an_absolute_path_works_as_well),
        TEST(files_belong_to_the_owner_of_the_folder),
        TEST(a_file_with_a_second_name_is_not_given_away),
        TEST(a_failed_write_changes_nothing_and_leaves_nothing),
        TEST(a_path_that_cannot_be_a_file_is_refused),
        TEST(temporary_files_of_killed_writers_are_removed),
        TEST(a_writer_killed_anywhere_leaves_the_old_or_the_new_text),
        TEST(a_touch_changes_the_time_alone),
        TEST(a_lock_of_another_program_has_no_name),
        TEST(taking_a_lock_writes_nothing),
        TEST(the_lock_names_its_holder_and_ends_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
