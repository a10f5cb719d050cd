/* SPDX-License-Identifier: MIT-0 */
/* The state as text: rendered and parsed back, refused when anything in it is damaged, unknown or out of range. And as
 * a value: copied, with containers added and removed. */
#include "config.h"

#include "folder.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "state_fixture.h"

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
