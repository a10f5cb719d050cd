/* SPDX-License-Identifier: MIT-0 */
/* The state's file: loaded, saved when there is something to save, and set aside when it is none. */
#include "config.h"

#include "folder.h"
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "state_fixture.h"

#define ASIDE "state.ini.corrupt-20261124T235959Z"

static void load_afresh(struct state_store *store, bool read_only, struct error *error)
{
    struct state loaded;

    assert_int_equal(state_load(store, read_only, NOW, &loaded, error), 0);
    assert_true(loaded.rebuild);
    assert_int_equal(loaded.phase, PHASE_CONNECTED);
    assert_int_equal(loaded.since, NOW);
    assert_int_equal(loaded.container_count, 0);
    assert_null(store->text);
    state_clear(&loaded);
}

static void a_missing_file_is_no_error(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;

    (void)state;
    load_afresh(&store, false, &error);
    assert_string_equal(error.text, "");
    assert_string_equal(store.set_aside, "");
    assert_int_equal(folder_count("."), 0);
    store.path = "missing/state.ini";
    load_afresh(&store, false, &error);
    assert_string_equal(error.text, "");
}

static void what_is_saved_is_loaded(void **state)
{
    struct state_store store = {.path = "state.ini"}, other = {.path = "state.ini"};
    struct state made, loaded;
    struct error error;
    struct stat info;

    (void)state;
    make_state(&made);
    assert_int_equal(state_save(&store, &made, true, &error), 0);
    assert_int_equal(stat("state.ini", &info), 0);
    assert_int_equal(info.st_mode & 07777, 0644);
    assert_int_equal(state_load(&other, false, NOW, &loaded, &error), 0);
    assert_string_equal(error.text, "");
    assert_same(&made, &loaded);
    assert_int_equal(other.length, store.length);
    assert_string_equal(other.text, store.text);
    assert_int_equal(folder_count("."), 1);
    state_clear(&made);
    state_clear(&loaded);
    state_store_clear(&store);
    state_store_clear(&other);
}

static ino_t inode_of_state(time_t *ret_mtime)
{
    struct stat info;

    assert_int_equal(stat("state.ini", &info), 0);
    *ret_mtime = info.st_mtime;
    return info.st_ino;
}

static void make_old(void)
{
    const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    assert_int_equal(utimensat(AT_FDCWD, "state.ini", long_ago, 0), 0);
}

static void an_unchanged_state_is_not_written_again(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct state made, loaded;
    struct error error;
    time_t mtime;
    ino_t before;
    int fd;

    (void)state;
    make_state(&made);
    assert_int_equal(state_save(&store, &made, true, &error), 0);
    assert_int_equal(state_load(&store, false, NOW, &loaded, &error), 0);
    before = inode_of_state(&mtime);
    make_old();
    assert_int_equal(state_save(&store, &loaded, false, &error), 0);
    assert_int_equal(inode_of_state(&mtime), before);
    assert_int_equal(mtime, 1000);
    assert_int_equal(state_save(&store, &loaded, true, &error), 0);
    assert_int_equal(inode_of_state(&mtime), before);
    assert_true(mtime > 1000);
    /* Held open, so that its inode cannot be given to the new file. */
    fd = open("state.ini", O_RDONLY);
    assert_true(fd >= 0);
    loaded.outages++;
    assert_int_equal(state_save(&store, &loaded, true, &error), 0);
    assert_true(inode_of_state(&mtime) != before);
    close(fd);
    state_clear(&made);
    state_clear(&loaded);
    state_store_clear(&store);
}

static void a_file_that_has_vanished_is_written_again(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct state made;
    struct error error;

    (void)state;
    make_state(&made);
    assert_int_equal(state_save(&store, &made, true, &error), 0);
    assert_int_equal(unlink("state.ini"), 0);
    assert_int_equal(state_save(&store, &made, true, &error), 0);
    assert_int_equal(access("state.ini", F_OK), 0);
    state_clear(&made);
    state_store_clear(&store);
}

static void a_damaged_file_is_set_aside(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;
    char *text;

    (void)state;
    folder_put("state.ini", "rubbish");
    load_afresh(&store, false, &error);
    assert_string_equal(error.text, "state.ini: is damaged: it does not begin like a state file; moved to " ASIDE);
    assert_string_equal(store.set_aside, ASIDE);
    assert_int_equal(access("state.ini", F_OK), -1);
    assert_int_equal(file_read(ASIDE, 100, &text, NULL), 0);
    assert_string_equal(text, "rubbish");
    free(text);
    assert_int_equal(folder_count("."), 1);
}

static void an_empty_file_is_set_aside(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;

    (void)state;
    folder_put("state.ini", "");
    load_afresh(&store, false, &error);
    assert_string_equal(error.text, "state.ini: is empty; moved to " ASIDE);
}

static void a_folder_in_its_place_is_set_aside(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;

    (void)state;
    assert_int_equal(mkdir("state.ini", 0755), 0);
    folder_put("state.ini/inside", "");
    load_afresh(&store, false, &error);
    assert_string_equal(error.text, "state.ini: is not a regular file; moved to " ASIDE);
    assert_int_equal(access(ASIDE "/inside", F_OK), 0);
}

static void a_link_in_its_place_is_set_aside(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;

    (void)state;
    folder_put("target", "precious");
    assert_int_equal(symlink("target", "state.ini"), 0);
    load_afresh(&store, false, &error);
    assert_string_equal(error.text, "state.ini: is a symbolic link; moved to " ASIDE);
    assert_int_equal(access("target", F_OK), 0);

    assert_int_equal(symlink("nowhere", "state.ini"), 0);
    load_afresh(&store, false, &error);
    assert_string_equal(store.set_aside, ASIDE "-1");
    assert_int_equal(access("state.ini", F_OK), -1);
    assert_int_equal(folder_count("."), 3);
}

static void a_file_that_is_too_large_is_set_aside(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;

    (void)state;
    folder_put("state.ini", "");
    assert_int_equal(truncate("state.ini", STATE_SIZE_MAX + 1), 0);
    load_afresh(&store, false, &error);
    assert_string_equal(error.text, "state.ini: is too large for a state file; moved to " ASIDE);
}

static void what_was_set_aside_is_never_overwritten(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;
    char *text;

    (void)state;
    for (int i = 0; i < 3; i++) {
        const char digit[] = {(char)('0' + i), '\0'};

        folder_put("state.ini", digit);
        load_afresh(&store, false, &error);
    }
    assert_int_equal(file_read(ASIDE, 100, &text, NULL), 0);
    assert_string_equal(text, "0");
    free(text);
    assert_int_equal(file_read(ASIDE "-2", 100, &text, NULL), 0);
    assert_string_equal(text, "2");
    free(text);
}

static void five_of_what_was_set_aside_are_kept(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;
    struct state loaded;

    (void)state;
    folder_put("state.ini.corrupt-mine", "");
    folder_put("other.ini.corrupt-20200101T000000Z", "");
    assert_int_equal(mkdir("state.ini.corrupt-20200101T000000Z", 0755), 0);
    folder_put("state.ini.corrupt-20200101T000000Z/inside", "");
    assert_int_equal(mkdir("state.ini.corrupt-20200102T000000Z", 0755), 0);
    for (int i = 0; i < 9; i++) {
        folder_put("state.ini", "rubbish");
        assert_int_equal(state_load(&store, false, NOW + i, &loaded, &error), 0);
        assert_true(store.set_aside[0] != '\0');
    }
    /* What is not ours and a folder with something in it stay. */
    assert_int_equal(access("state.ini.corrupt-mine", F_OK), 0);
    assert_int_equal(access("other.ini.corrupt-20200101T000000Z", F_OK), 0);
    assert_int_equal(access("state.ini.corrupt-20200101T000000Z/inside", F_OK), 0);
    assert_int_equal(access("state.ini.corrupt-20200102T000000Z", F_OK), -1);
    assert_int_equal(access(ASIDE, F_OK), -1);
    assert_int_equal(access("state.ini.corrupt-20261125T000007Z", F_OK), 0);
    assert_int_equal(access("state.ini.corrupt-20261125T000003Z", F_OK), 0);
    assert_int_equal(access("state.ini.corrupt-20261125T000002Z", F_OK), -1);
    assert_int_equal(folder_count("."), 3 + 5);
}

static void read_only_moves_nothing(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;

    (void)state;
    folder_put("state.ini", "rubbish");
    load_afresh(&store, true, &error);
    assert_string_equal(error.text, "state.ini: is damaged: it does not begin like a state file; left where it is");
    assert_string_equal(store.set_aside, "");
    assert_int_equal(access("state.ini", F_OK), 0);
    assert_int_equal(folder_count("."), 1);
}

static void a_file_that_cannot_be_moved_is_no_obstacle(void **state)
{
    struct state_store store = {.path = "/proc/self/status"};
    struct error error;

    (void)state;
    load_afresh(&store, false, &error);
    assert_non_null(strstr(error.text, "/proc/self/status: is damaged"));
    assert_non_null(strstr(error.text, "; could not be moved away: "));
    assert_string_equal(store.set_aside, "");
}

static void a_state_that_cannot_be_written_says_why(void **state)
{
    struct state_store store = {.path = "missing/state.ini"};
    struct state made;
    struct error error;

    (void)state;
    make_state(&made);
    assert_int_equal(state_save(&store, &made, true, &error), -1);
    assert_int_equal(error.code, EXIT_STATE);
    assert_string_equal(error.text, "missing/state.ini: cannot write: No such file or directory: create its folder");
    assert_null(store.text);
    state_clear(&made);
}

static void a_failed_save_leaves_the_old_state(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct state made, loaded;
    struct error error;
    struct rlimit before, small;

    (void)state;
    make_state(&made);
    assert_int_equal(state_save(&store, &made, true, &error), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    made.outages++;
    assert_int_equal(state_save(&store, &made, true, &error), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(folder_count("."), 1);
    assert_int_equal(state_load(&store, false, NOW, &loaded, &error), 0);
    made.outages--;
    assert_same(&made, &loaded);
    state_clear(&made);
    state_clear(&loaded);
    state_store_clear(&store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_enter, folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_missing_file_is_no_error),
        TEST(what_is_saved_is_loaded),
        TEST(an_unchanged_state_is_not_written_again),
        TEST(a_file_that_has_vanished_is_written_again),
        TEST(a_damaged_file_is_set_aside),
        TEST(an_empty_file_is_set_aside),
        TEST(a_folder_in_its_place_is_set_aside),
        TEST(a_link_in_its_place_is_set_aside),
        TEST(a_file_that_is_too_large_is_set_aside),
        TEST(what_was_set_aside_is_never_overwritten),
        TEST(five_of_what_was_set_aside_are_kept),
        TEST(read_only_moves_nothing),
        TEST(a_file_that_cannot_be_moved_is_no_obstacle),
        TEST(a_state_that_cannot_be_written_says_why),
        TEST(a_failed_save_leaves_the_old_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
