/* SPDX-License-Identifier: MIT-0 */
/* A host that is short of something: no memory, no SHA-256, no descriptors, no room on the disk. What is asked for then
 * fails with its reason and changes nothing; above all, a good state file is never taken for a corrupt one. The
 * linker's --wrap puts the functions below between eins and the libraries. */
#include "config.h"

#include "folder.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "file.h"
#include "plan.h"
#include "state.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NOW INT64_C(1795564799) /* 2026-11-24 23:59:59 UTC */
#define ASIDE "state.ini.corrupt-20261124T235959Z"
#define UNLIMITED (-1)

/* What there is; everything at the beginning of a test. */
static struct shortage {
    int callocs; /* so many succeed */
    enum { DIGEST_GOOD, DIGEST_FAILS, DIGEST_TOO_SHORT } digest;
    long room; /* bytes that a memory stream takes */
    bool no_stream, no_close, no_text;
    int read, write; /* what the file functions return, if not 0 */
    bool no_names;
} shortage;

static int enter(void **state)
{
    shortage = (struct shortage){.callocs = UNLIMITED, .room = UNLIMITED};
    return folder_enter(state);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    if (shortage.callocs == 0)
        return NULL;
    if (shortage.callocs != UNLIMITED)
        shortage.callocs--;
    return __real_calloc(count, size);
}

int __real_EVP_Digest(const void *data, size_t count, unsigned char *md, unsigned int *size, const EVP_MD *type,
                      ENGINE *engine);
int __wrap_EVP_Digest(const void *data, size_t count, unsigned char *md, unsigned int *size, const EVP_MD *type,
                      ENGINE *engine);
int __wrap_EVP_Digest(const void *data, size_t count, unsigned char *md, unsigned int *size, const EVP_MD *type,
                      ENGINE *engine)
{
    return shortage.digest == DIGEST_FAILS
               ? 0
               : __real_EVP_Digest(data, count, md, size, shortage.digest == DIGEST_TOO_SHORT ? EVP_sha1() : type,
                                   engine);
}

/* A memory stream for which memory ends: glibc's fails the write, and does not set the error indicator. */
static struct {
    char **ret_text;
    size_t *ret_length;
    char bytes[8192];
    size_t length;
} memory;

static ssize_t take(void *cookie, const char *bytes, size_t length)
{
    (void)cookie;
    if (shortage.room != UNLIMITED && memory.length + length > (size_t)shortage.room)
        return 0;
    assert_true(memory.length + length < sizeof memory.bytes);
    memcpy(memory.bytes + memory.length, bytes, length);
    memory.length += length;
    return (ssize_t)length;
}

static int end(void *cookie)
{
    (void)cookie;
    memory.bytes[memory.length] = '\0';
    *memory.ret_text = shortage.no_text ? NULL : strdup(memory.bytes);
    *memory.ret_length = memory.length;
    return shortage.no_close ? -1 : 0;
}

FILE *__wrap_open_memstream(char **ret_text, size_t *ret_length);
FILE *__wrap_open_memstream(char **ret_text, size_t *ret_length)
{
    FILE *stream =
        shortage.no_stream ? NULL : fopencookie(NULL, "w", (cookie_io_functions_t){.write = take, .close = end});

    memory.ret_text = ret_text;
    memory.ret_length = ret_length;
    memory.length = 0;
    if (stream != NULL)
        setvbuf(stream, NULL, _IONBF, 0);
    return stream;
}

int __real_file_read(const char *path, size_t max, char **ret_text, size_t *ret_length);
int __wrap_file_read(const char *path, size_t max, char **ret_text, size_t *ret_length);
int __wrap_file_read(const char *path, size_t max, char **ret_text, size_t *ret_length)
{
    return shortage.read != 0 ? shortage.read : __real_file_read(path, max, ret_text, ret_length);
}

int __real_file_write_atomic(const char *path, const char *text, size_t length, mode_t mode);
int __wrap_file_write_atomic(const char *path, const char *text, size_t length, mode_t mode);
int __wrap_file_write_atomic(const char *path, const char *text, size_t length, mode_t mode)
{
    return shortage.write != 0 ? shortage.write : __real_file_write_atomic(path, text, length, mode);
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    return shortage.no_names ? NULL : __real_strdup(text);
}

/* A state with as much in it as a file can have, and the record of two outages. */
static void make_state(struct state *ret_state, struct record *record)
{
    struct state empty;

    state_init(&empty, 1795560000);
    assert_int_equal(state_copy(&empty, 1, ret_state), 0);
    ret_state->rebuild = false;
    ret_state->phase = PHASE_DISCONNECTED;
    ret_state->outages = 1;
    strcpy(ret_state->agent.id, ID_A);
    state_add(ret_state, ID_A, "web")->takeover = TAKEOVER_SET;
    record_probe(record, REACH_UNREACHABLE, "no answer within 10 s");
    record_follow(record, PHASE_DISCONNECTED, 100, 1, 0, 0);
    record_text(&record->failures, "web: stop: no answer");
    record_text(&record->warnings, "db: left down");
}

static void save_good(struct state_store *store, struct state *ret_state)
{
    struct error error;

    make_state(ret_state, &store->record);
    if (state_save(store, ret_state, true, &error) != 0)
        fail_msg("%s", error.text);
}

/* The file is there as it was, and is loaded when there is enough of everything again. */
static void assert_good(const struct state *expected)
{
    struct state_store store = {.path = "state.ini"};
    struct state loaded;
    struct error error;

    shortage = (struct shortage){.callocs = UNLIMITED, .room = UNLIMITED};
    assert_int_equal(state_load(&store, false, NOW, &loaded, &error), 0);
    assert_string_equal(error.text, "");
    assert_false(loaded.rebuild);
    assert_int_equal(loaded.container_count, expected->container_count);
    assert_int_equal(loaded.outages, expected->outages);
    state_clear(&loaded);
    state_store_clear(&store);
}

static void plan_without_memory_is_none(void **state)
{
    const struct conf conf = {.fall = 1, .rise = 1};
    const struct snapshot nothing = {0};
    const struct verdict verdict = {.reach = REACH_REACHABLE, .now = NOW};
    struct record record = {0};
    struct state made;
    int callocs = 0;

    (void)state;
    make_state(&made, &record);
    for (;; callocs++) {
        struct plan plan = {.op_count = 77};

        shortage.callocs = callocs;
        if (plan_make(&conf, &made, &verdict, &nothing, &plan) == 0) {
            plan_clear(&plan);
            break;
        }
        assert_int_equal(plan.op_count, 77); /* untouched */
    }
    assert_int_equal(callocs, 3); /* the next state, operations, notes */
    state_clear(&made);
}

static void state_that_cannot_be_rendered_leaves_the_file_as_it_was(void **state)
{
    static const struct shortage shortages[] = {
        {.callocs = UNLIMITED, .room = UNLIMITED, .no_stream = true},
        {.callocs = UNLIMITED, .room = UNLIMITED, .no_close = true},
        {.callocs = UNLIMITED, .room = UNLIMITED, .no_text = true},
        {.callocs = UNLIMITED, .room = UNLIMITED, .digest = DIGEST_FAILS},
        {.callocs = UNLIMITED, .room = UNLIMITED, .digest = DIGEST_TOO_SHORT},
    };
    struct state_store store = {.path = "state.ini"};
    struct state made, changed;
    struct error error;

    (void)state;
    save_good(&store, &made);
    changed = made;
    changed.outages++;
    for (size_t i = 0; i < COUNT(shortages); i++) {
        shortage = shortages[i];
        assert_int_equal(state_save(&store, &changed, true, &error), -1);
        assert_int_equal(error.code, EXIT_STATE);
        assert_string_equal(error.text, "state.ini: cannot write: out of memory, or libcrypto has no SHA-256");
        assert_good(&made);
    }
    state_clear(&made);
    state_store_clear(&store);
}

static void state_is_rendered_as_a_whole_or_not_at_all_wherever_memory_ends(void **state)
{
    struct record record = {0};
    struct state made;
    size_t length = 0;
    char *text;

    (void)state;
    make_state(&made, &record);
    for (shortage.room = 0;; shortage.room++) {
        text = state_render(&made, &record, &length);
        if (text != NULL)
            break;
    }
    assert_int_equal(length, shortage.room);
    assert_int_equal(strlen(text), length);
    free(text);
    state_clear(&made);
}

static void good_file_that_cannot_be_read_for_want_of_something_is_not_set_aside(void **state)
{
    static const struct {
        struct shortage shortage;
        const char *text;
    } cases[] = {
        {{.read = -ENOMEM}, "state.ini: cannot read: Cannot allocate memory"},
        {{.read = -EMFILE}, "state.ini: cannot read: Too many open files"},
        {{.read = -ENFILE}, "state.ini: cannot read: Too many open files in system"},
        {{.callocs = UNLIMITED, .digest = DIGEST_FAILS}, "state.ini: cannot check: libcrypto has no SHA-256"},
    };
    struct state_store store = {.path = "state.ini"};
    struct state made, loaded;
    struct error error;

    (void)state;
    save_good(&store, &made);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct state_store other = {.path = "state.ini"};

        shortage = cases[i].shortage;
        assert_int_equal(state_load(&other, false, NOW, &loaded, &error), -1);
        assert_int_equal(error.code, EXIT_STATE);
        assert_string_equal(error.text, cases[i].text);
        assert_string_equal(other.set_aside, "");
        assert_good(&made);
    }
    state_clear(&made);
    state_store_clear(&store);
}

static void good_file_is_not_set_aside_wherever_memory_ends(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct state made, loaded;
    struct error error;
    int callocs = 0;

    (void)state;
    save_good(&store, &made);
    for (;; callocs++) {
        struct state_store other = {.path = "state.ini"};
        int result;

        shortage.callocs = callocs;
        result = state_load(&other, false, NOW, &loaded, &error);
        assert_string_equal(other.set_aside, "");
        state_store_clear(&other);
        if (result == 0)
            break;
        assert_int_equal(error.code, EXIT_STATE);
        assert_non_null(strstr(error.text, "memory"));
    }
    assert_in_range(callocs, 1, 100);
    assert_int_equal(loaded.container_count, 1);
    state_clear(&loaded);
    state_clear(&made);
    state_store_clear(&store);
}

static void state_that_cannot_be_written_says_what_to_do(void **state)
{
    static const struct {
        int code;
        const char *hint;
    } cases[] = {
        {EACCES, ": run eins-check as root or as the owner of the folder"},
        {EPERM, ": run eins-check as root or as the owner of the folder"},
        {ENOSPC, ": free some space there"},
        {EDQUOT, ": free some space there"},
        {EROFS, ": name a file that can be written with --state"},
        {ENOENT, ": create its folder"},
        {ENOTDIR, ": create its folder"},
        {EISDIR, ": a folder has that name; move it away"},
        {ENOTEMPTY, ": a folder has that name; move it away"},
        {EIO, ""},
    };
    struct state_store store = {.path = "state.ini"};
    struct record record = {0};
    struct state made;

    (void)state;
    make_state(&made, &record);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error error;
        char expected[sizeof error.text];

        shortage.write = -cases[i].code;
        assert_int_equal(state_save(&store, &made, true, &error), -1);
        snprintf(expected, sizeof expected, "state.ini: cannot write: %s%s", strerror(cases[i].code), cases[i].hint);
        assert_string_equal(error.text, expected);
        assert_int_equal(error.code, EXIT_STATE);
    }
    state_clear(&made);
}

/* To make room is a courtesy; to keep what could not be read is not. */
static void damaged_file_is_set_aside_where_older_ones_cannot_be_looked_for(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct state_store store = {.path = "state.ini"};
        struct rlimit before, few;
        struct state loaded;
        struct error error;
        int next = dup(0);

        close(next);
        for (int i = 1; i <= 6; i++) {
            char path[64];

            snprintf(path, sizeof path, "state.ini.corrupt-2026110%dT000000Z", i);
            folder_put(path, "");
        }
        folder_put("state.ini", "");
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        few = before;
        few.rlim_cur = (rlim_t)next + 1; /* enough to read it, and to open the folder */
        shortage.no_names = kind == 0;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, kind == 0 ? &before : &few), 0);
        assert_int_equal(state_load(&store, false, NOW, &loaded, &error), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_true(loaded.rebuild);
        assert_string_equal(store.set_aside, kind == 0 ? ASIDE : ASIDE "-1");
        assert_int_equal(access("state.ini.corrupt-20261101T000000Z", F_OK), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plan_without_memory_is_none),
        TEST(state_that_cannot_be_rendered_leaves_the_file_as_it_was),
        TEST(state_is_rendered_as_a_whole_or_not_at_all_wherever_memory_ends),
        TEST(good_file_that_cannot_be_read_for_want_of_something_is_not_set_aside),
        TEST(good_file_is_not_set_aside_wherever_memory_ends),
        TEST(state_that_cannot_be_written_says_what_to_do),
        TEST(damaged_file_is_set_aside_where_older_ones_cannot_be_looked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
