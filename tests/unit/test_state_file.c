/* SPDX-License-Identifier: MIT-0 */
/* The state's file on a disk that is in the way, and what a file may hold at most. */
#include "config.h"

#include "folder.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "state.h"

#define NOW INT64_C(1795564799) /* 2026-11-24 23:59:59 UTC */
#define ASIDE "state.ini.corrupt-20261124T235959Z"

/* A check goes on with a state to be rebuilt; error says why. */
static void load_afresh(struct state_store *store, struct error *error)
{
    struct state loaded;

    assert_int_equal(state_load(store, false, NOW, &loaded, error), 0);
    assert_true(loaded.rebuild);
    state_clear(&loaded);
}

static void file_stays_where_all_names_to_set_it_aside_are_taken(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;

    (void)state;
    for (int i = 0; i < 10; i++) {
        char path[64], inside[80];

        snprintf(path, sizeof path, i == 0 ? ASIDE : ASIDE "-%d", i);
        snprintf(inside, sizeof inside, "%s/inside", path);
        assert_int_equal(mkdir(path, 0755), 0);
        folder_put(inside, "precious");
    }
    folder_put("state.ini", "rubbish");
    load_afresh(&store, &error);
    assert_non_null(strstr(error.text, "; could not be moved away: File exists"));
    assert_string_equal(store.set_aside, "");
    assert_int_equal(access("state.ini", F_OK), 0);
    assert_int_equal(access(ASIDE "/inside", F_OK), 0);
    assert_int_equal(access(ASIDE "-9/inside", F_OK), 0);
}

static void file_whose_path_leaves_no_room_for_another_name_stays(void **state)
{
    char path[600] = "";
    struct state_store store = {.path = path};
    struct error error;

    (void)state;
    for (size_t used = 0; used < 570; used = strlen(path)) {
        snprintf(
            path + used, sizeof path - used, "%.*s/", used < 400 ? 100 : 569 - (int)used,
            "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
            "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
            "d");
        assert_int_equal(mkdir(path, 0755), 0);
    }
    strcat(path, "state.ini");
    folder_put(path, "rubbish");
    load_afresh(&store, &error);
    assert_string_equal(store.set_aside, "");
    assert_int_equal(access(path, F_OK), 0);
}

static void file_in_what_is_no_folder_is_reported_and_rebuilt(void **state)
{
    struct state_store store = {.path = "file/state.ini"};
    struct error error;

    (void)state;
    folder_put("file", "");
    load_afresh(&store, &error);
    assert_string_equal(error.text, "file/state.ini: Not a directory; could not be moved away: Not a directory");
}

static void state_that_became_longer_is_written(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct state made, loaded;
    struct error error;

    (void)state;
    state_init(&made, NOW);
    assert_int_equal(state_save(&store, &made, true, &error), 0);
    made.outages = 10;
    assert_int_equal(state_save(&store, &made, true, &error), 0);
    assert_int_equal(state_load(&store, false, NOW, &loaded, &error), 0);
    assert_int_equal(loaded.outages, 10);
    state_store_clear(&store);
}

static void what_is_forgotten_is_gone_and_begins_anew(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct state made;
    struct error error;

    (void)state;
    state_init(&made, NOW);
    store.record.code = 7;
    assert_int_equal(state_save(&store, &made, true, &error), 0);
    assert_int_equal(state_forget(&store, &error), 0);
    assert_int_equal(access("state.ini", F_OK), -1);
    assert_int_equal(store.record.code, 0);
    assert_int_equal(state_forget(&store, &error), 0);            /* nothing to forget is no error */
    assert_int_equal(state_save(&store, &made, true, &error), 0); /* not taken for written already */
    assert_int_equal(access("state.ini", F_OK), 0);
    state_store_clear(&store);
}

static void what_cannot_be_forgotten_says_why(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;

    (void)state;
    assert_int_equal(mkdir("state.ini", 0755), 0);
    assert_int_equal(state_forget(&store, &error), -1);
    assert_int_equal(error.code, EXIT_STATE);
    assert_string_equal(error.text,
                        "state.ini: cannot be removed: Is a directory: a folder has that name; move it away");
}

/* A file whose checksum is right, with so many sections "[PREFIX:NUMBER]", each number with that many digits. */
static char *make_file(const char *prefix, int digits, int count)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[65], *body = NULL, *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&body, &length);

    assert_non_null(stream);
    fputs("[state]\nphase = connected\nsince = 5\noutages = 9999\n", stream);
    for (int i = 1; i <= count; i++)
        fprintf(stream, "[%s:%0*d]\n", prefix, digits, i);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(EVP_Digest(body, length, digest, NULL, EVP_sha256(), NULL), 1);
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_true(asprintf(&text, "[eins]\nversion = 1\nchecksum = %s\n%s", hex, body) > 0);
    free(body);
    return text;
}

static void file_with_more_of_something_than_eins_ever_writes_is_refused(void **state)
{
    static const struct {
        const char *prefix;
        int digits, most;
        const char *reason;
    } cases[] = {
        {"container", 64, STATE_CONTAINER_MAX, "is one container too many"},
        {"outage", 1, RECORD_OUTAGES, "is one too many"},
        {"failure", 1, RECORD_TEXTS, "is one too many"},
        {"warning", 1, RECORD_TEXTS, "is one too many"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int more = 0; more < 2; more++) {
            char *text = make_file(cases[i].prefix, cases[i].digits, cases[i].most + more);
            struct record record;
            struct state parsed;
            struct error error;
            int result = state_parse(text, strlen(text), "state.ini", &parsed, &record, &error);

            assert_int_equal(result, more == 0 ? 0 : -1);
            if (result == 0) {
                state_clear(&parsed);
            } else {
                assert_int_equal(error.code, EXIT_CONFIG);
                assert_non_null(strstr(error.text, cases[i].reason));
            }
            free(text);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_enter, folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(file_stays_where_all_names_to_set_it_aside_are_taken),
        TEST(file_whose_path_leaves_no_room_for_another_name_stays),
        TEST(file_in_what_is_no_folder_is_reported_and_rebuilt),
        TEST(state_that_became_longer_is_written),
        TEST(what_is_forgotten_is_gone_and_begins_anew),
        TEST(what_cannot_be_forgotten_says_why),
        TEST(file_with_more_of_something_than_eins_ever_writes_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
