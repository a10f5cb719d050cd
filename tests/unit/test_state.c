/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "folder.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "file.h"
#include "state.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOW INT64_C(1795564799) /* 2026-11-24 23:59:59 UTC */
#define ASIDE "state.ini.corrupt-20261124T235959Z"

static size_t count_entries(void)
{
    DIR *entries = opendir(".");
    size_t count = 0;

    assert_non_null(entries);
    while (readdir(entries) != NULL)
        count++;
    closedir(entries);
    return count - 2;
}

static void put(const char *path, const char *text, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, length), length);
    close(fd);
}

/* A state in an outage, with every field set. */
static void make_state(struct state *ret_state)
{
    struct state empty;
    struct state_container *container;

    state_init(&empty, 1795560000);
    assert_int_equal(state_copy(&empty, 2, ret_state), 0);
    ret_state->rebuild = false;
    ret_state->phase = PHASE_DISCONNECTED;
    ret_state->fall_count = 1;
    ret_state->rise_count = 2;
    ret_state->outages = 3;
    strcpy(ret_state->generation, "4f0c9b2e-7d1a-4b1e-9c52-0e6f3c1d2a3b 713@1795550000.123456789");
    strcpy(ret_state->agent.id, ID_B);
    ret_state->agent.paused_by_eins = true;
    ret_state->agent.paused_at = 1795560001;
    strcpy(ret_state->agent.renewing, ID_A);
    ret_state->agent.renew_since = 1795560002;
    container = state_add(ret_state, ID_B, "ecs-web-1-nginx-c0ffee");
    container->running = true;
    container->takeover = TAKEOVER_SET;
    container->policy = (struct policy){POLICY_ON_FAILURE, 7};
    strcpy(container->started_at, "2026-11-24T07:39:43.880123456Z");
    container->revived = container->starting = container->guessed = true;
    container->fate = FATE_REPLACE;
    container = state_add(ret_state, ID_A, "ecs-db-1-pg_15.2");
    container->running = true;
}

static void assert_same(const struct state *a, const struct state *b)
{
    assert_int_equal(a->rebuild, b->rebuild);
    assert_int_equal(a->phase, b->phase);
    assert_int_equal(a->since, b->since);
    assert_int_equal(a->fall_count, b->fall_count);
    assert_int_equal(a->rise_count, b->rise_count);
    assert_int_equal(a->outages, b->outages);
    assert_string_equal(a->generation, b->generation);
    assert_string_equal(a->agent.id, b->agent.id);
    assert_int_equal(a->agent.paused_by_eins, b->agent.paused_by_eins);
    assert_int_equal(a->agent.paused_at, b->agent.paused_at);
    assert_string_equal(a->agent.renewing, b->agent.renewing);
    assert_int_equal(a->agent.renew_since, b->agent.renew_since);
    assert_int_equal(a->container_count, b->container_count);
    for (size_t i = 0; i < a->container_count; i++) {
        const struct state_container *left = &a->containers[i], *right = &b->containers[i];

        assert_string_equal(left->id, right->id);
        assert_string_equal(left->name, right->name);
        assert_int_equal(left->running, right->running);
        assert_int_equal(left->takeover, right->takeover);
        assert_true(model_policy_equal(left->policy, right->policy));
        assert_string_equal(left->started_at, right->started_at);
        assert_int_equal(left->revived, right->revived);
        assert_int_equal(left->starting, right->starting);
        assert_int_equal(left->guessed, right->guessed);
        assert_int_equal(left->fate, right->fate);
    }
}

static void assert_round_trip(const struct state *state)
{
    struct error error;
    struct state parsed;
    size_t length = 0, again_length = 0;
    char *text = state_render(state, NULL, &length), *again;

    assert_non_null(text);
    if (state_parse(text, length, "state.ini", &parsed, NULL, &error) != 0)
        fail_msg("%s\n%s", error.text, text);
    assert_same(state, &parsed);
    again = state_render(&parsed, NULL, &again_length);
    assert_string_equal(text, again);
    assert_int_equal(length, again_length);
    free(text);
    free(again);
    state_clear(&parsed);
}

static void what_is_rendered_is_parsed_back(void **state)
{
    struct state made, fresh;

    (void)state;
    make_state(&made);
    assert_round_trip(&made);
    state_init(&fresh, NOW);
    assert_round_trip(&fresh);
    fresh.rebuild = false;
    fresh.since = 0;
    fresh.outages = STATE_TOTAL_MAX;
    assert_round_trip(&fresh);
    state_clear(&made);
}

static void every_enum_value_is_parsed_back(void **state)
{
    struct state made;

    (void)state;
    make_state(&made);
    for (int takeover = TAKEOVER_NONE; takeover <= TAKEOVER_SET; takeover++) {
        for (int policy = POLICY_NO; policy <= POLICY_UNLESS_STOPPED; policy++) {
            for (int fate = FATE_NONE; fate <= FATE_REPLACE; fate++) {
                made.containers[1].takeover = (enum takeover)takeover;
                made.containers[1].policy.kind = (enum policy_kind)policy;
                made.containers[1].policy.retries = policy - 1;
                made.containers[1].fate = (enum fate)fate;
                made.containers[1].revived = fate == FATE_NONE;
                assert_round_trip(&made);
            }
        }
    }
    state_clear(&made);
}

static void a_baseline_container_takes_three_lines(void **state)
{
    struct state made;
    size_t length;
    char *text;

    (void)state;
    make_state(&made);
    text = state_render(&made, NULL, &length);
    assert_non_null(text);
    assert_non_null(strstr(text, "[container:" ID_A "]\nname = ecs-db-1-pg_15.2\nrunning = 1\n"));
    assert_int_equal(strlen(strstr(text, "[container:" ID_A "]")),
                     strlen("[container:" ID_A "]\nname = ecs-db-1-pg_15.2\nrunning = 1\n"));
    free(text);
    state_clear(&made);
}

static void text_that_could_not_be_read_back_is_never_written(void **state)
{
    struct state made, parsed;
    struct error error;
    size_t length;
    char *text;

    (void)state;
    make_state(&made);
    strcpy(made.generation, " [state]\nphase = connected");
    strcpy(made.agent.id, "not an id");
    strcpy(made.containers[0].name, "a\nb=\"c\" ;#\xc3\xbc");
    strcpy(made.containers[0].started_at, "yesterday");
    text = state_render(&made, NULL, &length);
    assert_non_null(text);
    assert_int_equal(state_parse(text, length, "state.ini", &parsed, NULL, &error), 0);
    assert_string_equal(parsed.generation, "");
    assert_string_equal(parsed.agent.id, "");
    assert_string_equal(parsed.containers[0].name, "a_b__c______");
    assert_string_equal(parsed.containers[0].started_at, "");
    assert_int_equal(parsed.phase, PHASE_DISCONNECTED);
    free(text);
    state_clear(&parsed);
    state_clear(&made);
}

static void a_text_cut_anywhere_is_refused(void **state)
{
    struct state made, parsed;
    struct error error;
    size_t length;
    char *text;

    (void)state;
    make_state(&made);
    text = state_render(&made, NULL, &length);
    assert_non_null(text);
    for (size_t cut = 0; cut < length; cut++) {
        char *copy = malloc(cut + 1); /* its own allocation, so that ASan sees a read past the end */

        assert_non_null(copy);
        memcpy(copy, text, cut);
        copy[cut] = '\0';
        assert_int_equal(state_parse(copy, cut, "state.ini", &parsed, NULL, &error), -1);
        assert_int_equal(error.code, EXIT_CONFIG);
        free(copy);
    }
    free(text);
    state_clear(&made);
}

static void a_flipped_bit_is_refused(void **state)
{
    struct state made, parsed;
    struct error error;
    size_t length;
    char *text;

    (void)state;
    make_state(&made);
    text = state_render(&made, NULL, &length);
    assert_non_null(text);
    for (size_t i = 0; i < length; i++) {
        for (int bit = 0; bit < 8; bit++) {
            text[i] = (char)(text[i] ^ (1 << bit));
            assert_int_equal(state_parse(text, length, "state.ini", &parsed, NULL, &error), -1);
            assert_int_equal(error.code, EXIT_CONFIG);
            text[i] = (char)(text[i] ^ (1 << bit));
        }
    }
    assert_int_equal(state_parse(text, length, "state.ini", &parsed, NULL, &error), 0);
    state_clear(&parsed);
    free(text);
    state_clear(&made);
}

/* A file whose checksum is right, whatever its body. */
static char *seal(const char *body)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[65], *text = NULL;

    assert_int_equal(EVP_Digest(body, strlen(body), digest, NULL, EVP_sha256(), NULL), 1);
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_true(asprintf(&text, "[eins]\nversion = 1\nchecksum = %s\n%s", hex, body) > 0);
    return text;
}

#define GOOD "[state]\nphase = connected\nsince = 5\n"
#define CONTAINER "[container:" ID_A "]\n"

static void lines_that_may_be_omitted_are(void **state)
{
    char *text = seal(GOOD CONTAINER);
    struct state parsed, expected;
    struct error error;

    (void)state;
    assert_int_equal(state_parse(text, strlen(text), "state.ini", &parsed, NULL, &error), 0);
    assert_int_equal(parsed.container_count, 1);
    parsed.container_count = 0;
    state_init(&expected, 5);
    expected.rebuild = false;
    assert_same(&parsed, &expected);
    state_clear(&parsed);
    free(text);
}

static void anything_unknown_or_out_of_range_is_refused(void **state)
{
    static const char *const bodies[] = {
        "",
        "[state]\nphase = connected\n",
        "[state]\nsince = 5\n",
        "foo = 1\n" GOOD,
        GOOD "colour = red\n",
        GOOD "[agents]\n",
        GOOD "[agent]\nname = x\n",
        GOOD "[agent]\nid = short\n",
        GOOD "[agent]\nid =\n",
        GOOD "[agent]\npaused_by_eins = yes\n",
        GOOD "[agent]\npaused_at = -1\n",
        GOOD "[agent]\npaused_at = 9223372036854775808\n",
        GOOD "fall_count = 2147483648\n",
        GOOD "rise_count = -1\n",
        GOOD "outages = 1x\n",
        GOOD "rebuild = 2\n",
        GOOD "generation = a;b\n",
        GOOD "generation = \" a\"\n",
        GOOD "generation = \"a \"\n",
        GOOD "[last]\nwhy = a\\b\n",
        GOOD "[failure:x]\ntext = a\n",
        GOOD "[warning:0]\ntext = a\n",
        GOOD "[outage:]\nbegan = 1\n",
        GOOD "since = 6\n",
        GOOD GOOD,
        "[state]\nphase = Connected\nsince = 5\n",
        "[state]\nphase = offline\nsince = 5\n",
        "[state]\nphase = connected\nsince = -5\n",
        GOOD "[container:]\n",
        GOOD "[container:abc]\n",
        GOOD "[container:" ID_A "0]\n",
        GOOD CONTAINER "policy = sometimes\n",
        GOOD CONTAINER "policy =\n",
        GOOD CONTAINER "takeover = SET\n",
        GOOD CONTAINER "takeover = 3\n",
        GOOD CONTAINER "fate = doom\n",
        GOOD CONTAINER "retries = 4294967296\n",
        GOOD CONTAINER "name = a/b\n",
        GOOD CONTAINER "started_at = now\n",
        GOOD CONTAINER "started_at = 2026-11-24T07:39:43.880123456000000000000000000000Z\n",
        GOOD CONTAINER "running\n",
        GOOD CONTAINER CONTAINER,
        GOOD "[eins]\nversion = 1\n",
    };
    struct state parsed = {.since = 77};
    struct error error;

    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        char *text = seal(bodies[i]);

        if (state_parse(text, strlen(text), "state.ini", &parsed, NULL, &error) != -1)
            fail_msg("was accepted:\n%s", text);
        assert_int_equal(error.code, EXIT_CONFIG);
        assert_int_equal(strncmp(error.text, "state.ini: ", 11), 0);
        assert_int_equal(parsed.since, 77);
        free(text);
    }
}

static void a_newer_version_is_told_from_damage(void **state)
{
    static const struct {
        const char *from, *reason;
    } cases[] = {
        {"[eins]\nversion = 2\n", "state.ini: version 2 is newer than this program's 1"},
        {"[eins]\nversion = 10\n", "state.ini: version 10 is newer than this program's 1"},
        {"[eins]\nversion = 0\n", "state.ini: is damaged: it does not begin like a state file"},
        {"[eins]\nversion = x\n", "state.ini: is damaged: it does not begin like a state file"},
        {"[eins]\nversion = 99999999999999999999\n", "state.ini: is damaged: it does not begin like a state file"},
    };
    char *good = seal(GOOD);
    struct state parsed;
    struct error error;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = NULL;

        assert_true(asprintf(&text, "%s%s", cases[i].from, good + strlen("[eins]\nversion = 1\n")) > 0);
        assert_int_equal(state_parse(text, strlen(text), "state.ini", &parsed, NULL, &error), -1);
        assert_string_equal(error.text, cases[i].reason);
        free(text);
    }
    free(good);
}

static void as_many_containers_as_are_written_can_be_read(void **state)
{
    struct state empty, made;
    struct error error;
    struct state_store store = {.path = "state.ini"};

    (void)state;
    state_init(&empty, NOW);
    assert_int_equal(state_copy(&empty, STATE_CONTAINER_MAX + 1, &made), 0);
    for (int i = 0; i <= STATE_CONTAINER_MAX; i++) {
        char id[MODEL_ID_SIZE];
        struct state_container *container;

        snprintf(id, sizeof id, "%064x", (unsigned int)i);
        container = state_add(&made, id, "name");
        assert_non_null(container);
        container->takeover = TAKEOVER_SET;
        strcpy(container->started_at, "2026-11-24T07:39:43.880123456Z");
    }
    assert_int_equal(state_save(&store, &made, true, &error), -1);
    assert_int_equal(error.code, EXIT_STATE);
    made.container_count--;
    assert_round_trip(&made);
    state_clear(&made);
}

static void a_copy_has_room_for_more(void **state)
{
    struct state made, copy;

    (void)state;
    make_state(&made);
    assert_null(state_add(&made, ID_A, "no room"));
    assert_int_equal(state_copy(&made, 1, &copy), 0);
    assert_same(&made, &copy);
    assert_ptr_not_equal(made.containers, copy.containers);
    assert_non_null(state_add(&copy, "c", "new"));
    assert_null(state_add(&copy, "d", "no room"));
    assert_int_equal(copy.containers[2].takeover, TAKEOVER_NONE);
    copy.phase = PHASE_CONNECTED;
    state_clear(&copy);
    assert_int_equal(copy.container_count, 0);

    assert_int_equal(state_copy(&made, SIZE_MAX, &copy), -1);
    state_clear(&made);
    state_init(&made, NOW);
    assert_int_equal(state_copy(&made, 0, &copy), 0);
    assert_null(state_add(&copy, "a", ""));
    assert_null(state_find(&copy, "a"));
    state_clear(&copy);
}

static void removing_keeps_the_order_of_the_others(void **state)
{
    struct state made, empty;

    (void)state;
    state_init(&empty, NOW);
    assert_int_equal(state_copy(&empty, 3, &made), 0);
    state_add(&made, "a", "");
    state_add(&made, "b", "");
    state_add(&made, "c", "");
    state_remove(&made, state_find(&made, "b"));
    assert_int_equal(made.container_count, 2);
    assert_string_equal(made.containers[0].id, "a");
    assert_string_equal(made.containers[1].id, "c");
    assert_null(state_find(&made, "b"));
    state_remove(&made, state_find(&made, "c"));
    state_remove(&made, state_find(&made, "a"));
    assert_int_equal(made.container_count, 0);
    state_clear(&made);
}

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
    assert_int_equal(count_entries(), 0);
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
    assert_int_equal(count_entries(), 1);
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
    put("state.ini", "rubbish", 7);
    load_afresh(&store, false, &error);
    assert_string_equal(error.text, "state.ini: is damaged: it does not begin like a state file; moved to " ASIDE);
    assert_string_equal(store.set_aside, ASIDE);
    assert_int_equal(access("state.ini", F_OK), -1);
    assert_int_equal(file_read(ASIDE, 100, &text, NULL), 0);
    assert_string_equal(text, "rubbish");
    free(text);
    assert_int_equal(count_entries(), 1);
}

static void an_empty_file_is_set_aside(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;

    (void)state;
    put("state.ini", "", 0);
    load_afresh(&store, false, &error);
    assert_string_equal(error.text, "state.ini: is empty; moved to " ASIDE);
}

static void a_folder_in_its_place_is_set_aside(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;

    (void)state;
    assert_int_equal(mkdir("state.ini", 0755), 0);
    put("state.ini/inside", "", 0);
    load_afresh(&store, false, &error);
    assert_string_equal(error.text, "state.ini: is not a regular file; moved to " ASIDE);
    assert_int_equal(access(ASIDE "/inside", F_OK), 0);
}

static void a_link_in_its_place_is_set_aside(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;

    (void)state;
    put("target", "precious", 8);
    assert_int_equal(symlink("target", "state.ini"), 0);
    load_afresh(&store, false, &error);
    assert_string_equal(error.text, "state.ini: is a symbolic link; moved to " ASIDE);
    assert_int_equal(access("target", F_OK), 0);

    assert_int_equal(symlink("nowhere", "state.ini"), 0);
    load_afresh(&store, false, &error);
    assert_string_equal(store.set_aside, ASIDE "-1");
    assert_int_equal(access("state.ini", F_OK), -1);
    assert_int_equal(count_entries(), 3);
}

static void a_file_that_is_too_large_is_set_aside(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;

    (void)state;
    put("state.ini", "", 0);
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
        char digit = (char)('0' + i);

        put("state.ini", &digit, 1);
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
    put("state.ini.corrupt-mine", "", 0);
    put("other.ini.corrupt-20200101T000000Z", "", 0);
    assert_int_equal(mkdir("state.ini.corrupt-20200101T000000Z", 0755), 0);
    put("state.ini.corrupt-20200101T000000Z/inside", "", 0);
    assert_int_equal(mkdir("state.ini.corrupt-20200102T000000Z", 0755), 0);
    for (int i = 0; i < 9; i++) {
        put("state.ini", "rubbish", 7);
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
    assert_int_equal(count_entries(), 3 + 5);
}

static void read_only_moves_nothing(void **state)
{
    struct state_store store = {.path = "state.ini"};
    struct error error;

    (void)state;
    put("state.ini", "rubbish", 7);
    load_afresh(&store, true, &error);
    assert_string_equal(error.text, "state.ini: is damaged: it does not begin like a state file; left where it is");
    assert_string_equal(store.set_aside, "");
    assert_int_equal(access("state.ini", F_OK), 0);
    assert_int_equal(count_entries(), 1);
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
    assert_int_equal(count_entries(), 1);
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
        cmocka_unit_test(what_is_rendered_is_parsed_back),
        cmocka_unit_test(every_enum_value_is_parsed_back),
        cmocka_unit_test(a_baseline_container_takes_three_lines),
        cmocka_unit_test(text_that_could_not_be_read_back_is_never_written),
        cmocka_unit_test(a_text_cut_anywhere_is_refused),
        cmocka_unit_test(a_flipped_bit_is_refused),
        cmocka_unit_test(lines_that_may_be_omitted_are),
        cmocka_unit_test(anything_unknown_or_out_of_range_is_refused),
        cmocka_unit_test(a_newer_version_is_told_from_damage),
        TEST(as_many_containers_as_are_written_can_be_read),
        cmocka_unit_test(a_copy_has_room_for_more),
        cmocka_unit_test(removing_keeps_the_order_of_the_others),
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
