/* SPDX-License-Identifier: MIT-0 */
/* What --status says of states that are hard to come by; the usual ones are in tests/e2e/test_status.py. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_out.h"
#include "status.h"
#include "terminal.h"

#define NOW 1800000000
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct scene {
    struct conf conf;
    struct state state;
    struct record record;
    struct state_container containers[2];
    struct status_view view;
};

static struct scene *scene_new(enum phase phase)
{
    struct scene *scene = calloc(1, sizeof *scene);

    assert_non_null(scene);
    scene->conf.fall = scene->conf.rise = 1;
    scene->state.phase = phase;
    scene->state.since = NOW - 100000;
    scene->state.containers = scene->containers;
    scene->record.checked = true;
    scene->record.reach = REACH_REACHABLE;
    scene->view = (struct status_view){
        .conf = &scene->conf, .state = &scene->state, .record = &scene->record, .now = NOW, .checked_at = NOW - 8};
    return scene;
}

static struct state_container *scene_keep(struct scene *scene, const char *name, enum takeover takeover)
{
    struct state_container *container = &scene->containers[scene->state.container_count++];

    snprintf(container->id, sizeof container->id, "%s", ID);
    snprintf(container->name, sizeof container->name, "%s", name);
    container->running = true;
    container->takeover = takeover;
    return container;
}

/* Prints it in words, and says whether `words` is among them. */
static bool says(const struct scene *scene, const char *words)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    bool found;

    assert_non_null(stream);
    status_print(stream, &scene->view);
    fclose(stream);
    found = strstr(text, words) != NULL;
    if (!found)
        print_message("not \"%s\" in:\n%s", words, text);
    free(text);
    return found;
}

static void more_than_is_kept_is_counted(void **state)
{
    struct scene *scene = scene_new(PHASE_CONNECTED);

    (void)state;
    for (int i = 0; i < RECORD_TEXTS + 3; i++) {
        char text[32];

        snprintf(text, sizeof text, "web%d: stop: refused", i);
        record_text(&scene->record.failures, text);
    }
    assert_true(says(scene, "  - web7: stop: refused\n    and 3 more, see the log\n"));
    free(scene);
}

static void a_state_of_a_program_that_kept_no_record_is_told_as_far_as_it_goes(void **state)
{
    struct scene *scene = scene_new(PHASE_CONNECTED);

    (void)state;
    scene->record = (struct record){0};
    assert_true(says(scene, "CONNECTED for 1 d 3 h, since "));
    assert_true(says(scene, "Last check    8 s ago, 20"));
    assert_false(says(scene, "Region"));
    free(scene);
}

static void the_agent_is_told_in_all_its_states(void **state)
{
    static const struct {
        enum phase phase;
        struct state_agent agent;
        const char *words;
    } cases[] = {
        {PHASE_CONNECTED, {.id = ""}, "Agent         not held\n"},
        {PHASE_CONNECTED, {.id = ID, .paused_by_eins = true}, "Agent         still paused by eins\n"},
        {PHASE_CONNECTED, {.id = ID}, "Agent         paused by somebody else, so it is left alone\n"},
        {PHASE_CONNECTED,
         {.renewing = ID, .renew_since = NOW},
         "Agent         being replaced by a fresh one, since 20"},
        {PHASE_DISCONNECTED, {.id = ID, .paused_by_eins = true}, "Agent         paused by eins\n"},
        {PHASE_DISCONNECTED, {.id = ID, .paused_by_eins = true, .paused_at = NOW}, "paused by eins since 20"},
        {PHASE_DISCONNECTED, {.id = ""}, "Agent         not paused: none was seen that runs\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene *scene = scene_new(cases[i].phase);

        scene->state.agent = cases[i].agent;
        assert_true(says(scene, cases[i].words));
        free(scene);
    }
}

static void what_is_not_as_expected_of_a_kept_container_stands_below_it(void **state)
{
    struct scene *scene = scene_new(PHASE_DISCONNECTED);
    struct state_container *container = scene_keep(scene, "web", TAKEOVER_ASKED);

    (void)state;
    assert_true(says(scene, "  web\n           its restart policy is not set yet"));
    container->takeover = TAKEOVER_SET;
    assert_false(says(scene, "not set yet"));
    container->guessed = true;
    assert_true(says(scene, "  web\n           the state was lost"));
    container->starting = true;
    assert_true(says(scene, "  web\n           eins is starting it\n"));
    free(scene);
}

static void restarts_are_summed_up_over_what_is_kept(void **state)
{
    struct scene *scene = scene_new(PHASE_DISCONNECTED);
    struct status_counts counts;

    (void)state;
    scene_keep(scene, "web", TAKEOVER_SET)->restarts = 3;
    scene_keep(scene, "baseline", TAKEOVER_NONE)->restarts = 5;
    counts = status_count(&scene->state);
    assert_int_equal(counts.known, 2);
    assert_int_equal(counts.kept, 1);
    assert_int_equal(counts.restarted, 1);
    assert_int_equal(counts.restarts, 3);
    assert_true(says(scene, "1 kept: 1 running, 0 down; 1 restarted, 3 times in all\n"));
    free(scene);
}

static void a_host_that_has_just_booted_is_given_its_time(void **state)
{
    struct scene *scene = scene_new(PHASE_CONNECTED);

    (void)state;
    scene->state.fall_count = 1;
    assert_true(says(scene, "; the host has just booted"));
    free(scene);
}

static void durations_have_two_units_at_most(void **state)
{
    static const struct {
        int64_t seconds;
        const char *words;
    } cases[] = {
        {-5, "CONNECTED for 0 s,"},         {59, "CONNECTED for 59 s,"},
        {60, "CONNECTED for 1 min 0 s,"},   {3599, "CONNECTED for 59 min 59 s,"},
        {3600, "CONNECTED for 1 h 0 min,"}, {86399, "CONNECTED for 23 h 59 min,"},
        {86400, "CONNECTED for 1 d 0 h,"},  {8640000, "CONNECTED for 100 d 0 h,"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene *scene = scene_new(PHASE_CONNECTED);

        scene->state.since = NOW - cases[i].seconds;
        assert_true(says(scene, cases[i].words));
        free(scene);
    }
}

/* Wraps text at 20 columns, as on a terminal. */
static void assert_wrapped(const char *text, const char *expected)
{
    char buffer[200] = "";
    FILE *stream = fmemopen(buffer, sizeof buffer, "w");
    const struct terminal terminal = {.stream = stream, .width = 20};

    assert_non_null(stream);
    terminal_wrap(&terminal, 4, 4, text);
    fclose(stream);
    assert_string_equal(buffer, expected);
}

static void a_sentence_is_broken_between_words_and_a_word_only_if_it_must(void **state)
{
    (void)state;
    assert_wrapped("", "\n");
    assert_wrapped("exactly sixteen.", "exactly sixteen.\n");
    assert_wrapped("exactly seventeen", "exactly\n    seventeen\n");
    assert_wrapped("0123456789abcdefghij", "0123456789abcdef\n    ghij\n");
    assert_wrapped("a 0123456789abcdefghij z", "a\n    0123456789abcdef\n    ghij z\n");
    assert_wrapped("012345678901234\xc3\xbcx", "012345678901234\n    \xc3\xbcx\n");
    assert_wrapped("a\nb\033[m", "a\\x0ab\\x1b[m\n");
}

static void text_in_json_is_exact_unless_it_could_do_harm(void **state)
{
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"C:\\a\\x41", "\"C:\\\\a\\\\x41\""},       {"gr\xc3\xbc\xc3\x9f \"x\"/", "\"gr\xc3\xbc\xc3\x9f \\\"x\\\"/\""},
        {"\033[31m\\", "\"\\\\x1b[31m\\\\\\\\\""},  {"c1 \xc2\x9b", "\"c1 \\\\xc2\\\\x9b\""},
        {"cut \xe2\x82", "\"cut \\\\xe2\\\\x82\""}, {NULL, "null"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = NULL;
        size_t length = 0;
        FILE *stream = open_memstream(&text, &length);
        struct json_out out;
        char expected[100];

        assert_non_null(stream);
        json_out_begin(&out, "test");
        json_out_text(&out, out.root, "text", cases[i].text);
        assert_int_equal(json_out_end(&out, stream), 0);
        fclose(stream);
        snprintf(expected, sizeof expected, "\"text\":%s\n}\n", cases[i].json);
        assert_non_null(strstr(text, expected));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_is_kept_is_counted),
        cmocka_unit_test(a_state_of_a_program_that_kept_no_record_is_told_as_far_as_it_goes),
        cmocka_unit_test(the_agent_is_told_in_all_its_states),
        cmocka_unit_test(what_is_not_as_expected_of_a_kept_container_stands_below_it),
        cmocka_unit_test(restarts_are_summed_up_over_what_is_kept),
        cmocka_unit_test(a_host_that_has_just_booted_is_given_its_time),
        cmocka_unit_test(durations_have_two_units_at_most),
        cmocka_unit_test(a_sentence_is_broken_between_words_and_a_word_only_if_it_must),
        cmocka_unit_test(text_in_json_is_exact_unless_it_could_do_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
