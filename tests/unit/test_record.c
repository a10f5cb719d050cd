/* SPDX-License-Identifier: MIT-0 */
/* What eins remembers for people: it follows the state, whatever is said twice or was never said, and comes back from
 * the file as it went in. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "state.h"

static void outage_is_followed_from_its_beginning_to_its_end(void **unused)
{
    struct record record = {0};

    (void)unused;
    record_probe(&record, REACH_UNREACHABLE, "no answer within 10 s");
    record_follow(&record, PHASE_DISCONNECTED, 100, 1, 5, 2);
    record_follow(&record, PHASE_DISCONNECTED, 100, 1, 8, 2); /* each write of the state says it again */
    assert_int_equal(record.outage_count, 1);
    assert_string_equal(record.outages[0].cause, "no answer within 10 s");
    assert_true(record.outages[0].restarted == 3 && record.outages[0].ended == 0 && record.outage_seconds == 0);
    record_probe(&record, REACH_REACHABLE, "HTTP status 403");
    record_follow(&record, PHASE_CONNECTED, 160, 1, 8, 2);
    record_follow(&record, PHASE_CONNECTED, 160, 1, 8, 4); /* what was restarted in it goes after it */
    assert_true(record.outages[0].ended == 160 && record.outages[0].removed == 2 && record.outage_seconds == 60);
}

static void outage_whose_beginning_was_never_said_begins_late(void **unused)
{
    struct record record = {0};

    (void)unused;
    record_follow(&record, PHASE_CONNECTED, 50, 0, 0, 0);
    assert_int_equal(record.outage_count, 0);
    record_follow(&record, PHASE_DISCONNECTED, 100, 1, 0, 0);
    record_follow(&record, PHASE_DISCONNECTED, 300, 2, 0, 0); /* its end and the next beginning were lost */
    assert_int_equal(record.outage_count, 2);
    assert_int_equal(record.outages[1].number, 2);
}

static void clock_that_was_set_back_makes_no_outage_end_before_it_began(void **unused)
{
    struct record record = {0};

    (void)unused;
    record_follow(&record, PHASE_DISCONNECTED, 1000, 1, 0, 0);
    record_follow(&record, PHASE_CONNECTED, 10, 1, 0, 0);
    assert_true(record.outages[0].ended > record.outages[0].began && record.outage_seconds > 0);
}

static void only_the_last_outages_are_kept(void **unused)
{
    struct record record = {0};

    (void)unused;
    for (int i = 1; i <= RECORD_OUTAGES + 3; i++) {
        record_follow(&record, PHASE_DISCONNECTED, 100 * i, i, i, 0);
        record_follow(&record, PHASE_CONNECTED, 100 * i + 10, i, i + 1, 0);
    }
    assert_int_equal(record.outage_count, RECORD_OUTAGES);
    assert_int_equal(record.outages[0].number, 4);
    assert_int_equal(record.outages[RECORD_OUTAGES - 1].number, RECORD_OUTAGES + 3);
    assert_int_equal(record.outage_seconds, 10 * (RECORD_OUTAGES + 3));
}

static void texts_are_kept_once_cut_and_counted(void **unused)
{
    struct record_texts texts = {0};
    char text[2 * RECORD_TEXT_SIZE];

    (void)unused;
    record_text(&texts, "web: stop: no");
    record_text(&texts, "web: stop: no");
    assert_int_equal(texts.count, 1);
    for (int i = 0; i < 2 * RECORD_TEXTS; i++) {
        snprintf(text, sizeof text, "%c%0*d", 'a' + i, RECORD_TEXT_SIZE, 0);
        record_text(&texts, text);
    }
    assert_int_equal(texts.count, RECORD_TEXTS);
    assert_int_equal(texts.more, RECORD_TEXTS + 1);
    assert_int_equal(strlen(texts.texts[RECORD_TEXTS - 1]), RECORD_TEXT_SIZE - 1);
}

/* Its number would be one that no file can have. */
static void outage_that_was_not_counted_is_not_followed(void **unused)
{
    struct record record = {0};

    (void)unused;
    record_follow(&record, PHASE_DISCONNECTED, 100, 0, 0, 0);
    assert_int_equal(record.outage_count, 0);
}

static void failures_are_those_of_the_last_check_and_warnings_those_of_the_phase(void **unused)
{
    struct record record = {0};

    (void)unused;
    record_follow(&record, PHASE_DISCONNECTED, 1, 1, 0, 0);
    record_text(&record.failures, "a");
    record_text(&record.warnings, "b");
    record_probe(&record, REACH_UNREACHABLE, "");
    record_follow(&record, PHASE_DISCONNECTED, 1, 1, 0, 0);
    assert_true(record.failures.count == 0 && record.warnings.count == 1);
    record_follow(&record, PHASE_CONNECTED, 2, 1, 0, 0);
    assert_int_equal(record.warnings.count, 0);
}

static void errors_are_counted_by_their_exit_codes(void **unused)
{
    static const enum exit_code codes[] = {EXIT_DONE,  EXIT_INCOMPLETE, EXIT_INCOMPLETE, EXIT_DOCKER,
                                           EXIT_PROBE, EXIT_STATE,      EXIT_DONE};
    struct record record = {0};

    (void)unused;
    for (size_t i = 0; i < COUNT(codes); i++)
        record_code(&record, codes[i]);
    assert_true(record.code == EXIT_DONE && record.errors[RECORD_INCOMPLETE] == 2 && record.errors[RECORD_DOCKER] == 1);
    assert_true(record.errors[RECORD_PROBE] == 1 && record.errors[RECORD_STATE] == 1);
    for (int kind = 0; kind < RECORD_ERROR_COUNT; kind++)
        assert_non_null(record_error_name((enum record_error)kind));
}

static void parse(const char *text, size_t length, struct record *ret_record)
{
    struct state state;
    struct error error = {0};

    if (state_parse(text, length, "state.ini", &state, ret_record, &error) != 0)
        fail_msg("%s", error.text);
    state_clear(&state);
}

static void record_comes_back_from_the_file_as_it_went_in(void **unused)
{
    struct record record = {0}, again = {0};
    struct state state;
    size_t length;
    cleanup_free char *text = NULL;

    (void)unused;
    state_init(&state, 1);
    state.outages = 2;
    record_probe(&record, REACH_INDETERMINATE, "there's no CA store: see https://host:8443/x?y=[1] (2 of 3)");
    record_follow(&record, PHASE_DISCONNECTED, 100, 1, 1, 1);
    record_follow(&record, PHASE_CONNECTED, 200, 1, 3, 2);
    record_follow(&record, PHASE_DISCONNECTED, 300, 2, 3, 2);
    record_text(&record.failures, "web: stop: 500");
    record_text(&record.failures, "db: update: no answer");
    record_text(&record.warnings, "job: left down");
    record.failures.more = 7;
    record_code(&record, EXIT_PROBE);
    text = state_render(&state, &record, &length);
    assert_non_null(text);
    parse(text, length, &again);
    assert_memory_equal(&record, &again, sizeof record);
    state_clear(&state);
}

static void refuse_outages(int64_t first, int64_t second, int64_t outages, const char *problem)
{
    struct record record = {.outages = {{.number = first}, {.number = second}}, .outage_count = 2}, again;
    struct state state, read;
    struct error error = {0};
    size_t length;
    cleanup_free char *text = NULL;

    state_init(&state, 1);
    state.outages = outages;
    text = state_render(&state, &record, &length);
    assert_non_null(text);
    assert_int_equal(state_parse(text, length, "state.ini", &read, &again, &error), -1);
    assert_int_equal(error.code, EXIT_CONFIG);
    assert_string_equal(error.text, problem);
    state_clear(&state);
}

/* They could not be written again: one of them would be there twice. */
static void outages_that_no_check_has_counted_so_are_refused(void **unused)
{
    (void)unused;
    refuse_outages(1, 3, 2, "state.ini: [outage:3] is out of order");
    refuse_outages(2, 1, 2, "state.ini: [outage:1] is out of order");
}

/* A file that cannot be read again would be set aside with all that is owed in it. */
static void numbers_beyond_all_measure_are_written_as_the_most_that_can_be_read(void **unused)
{
    struct record record = {.outage_seconds = INT64_MAX, .failures.more = -1, .code = 4711}, again = {0};
    struct state state;
    size_t length;
    cleanup_free char *text = NULL;

    (void)unused;
    state_init(&state, 1);
    text = state_render(&state, &record, &length);
    assert_non_null(text);
    parse(text, length, &again);
    assert_true(again.outage_seconds == STATE_TOTAL_MAX && again.failures.more == 0 && again.code == 255);
    state_clear(&state);
}

static void no_text_can_forge_a_line_of_the_file(void **unused)
{
    static const char *const hostile[] = {"a\n[agent]\nid = x",
                                          "\"quoted\"",
                                          "'begins a quote",
                                          "trailing \\",
                                          " ; a comment # more",
                                          "\x1b[2J\xff",
                                          "=",
                                          "    "};

    (void)unused;
    for (size_t i = 0; i < COUNT(hostile); i++) {
        struct record record = {0}, again = {0};
        struct state state;
        size_t length;
        cleanup_free char *text = NULL;

        state_init(&state, 1);
        record_probe(&record, REACH_REACHABLE, hostile[i]);
        record_text(&record.warnings, hostile[i]);
        text = state_render(&state, &record, &length);
        assert_non_null(text);
        parse(text, length, &again);
        assert_true(again.warnings.count == 1 && strpbrk(again.why, "\n\"\\;#\x1b") == NULL);
        state_clear(&state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outage_is_followed_from_its_beginning_to_its_end),
        cmocka_unit_test(outage_whose_beginning_was_never_said_begins_late),
        cmocka_unit_test(clock_that_was_set_back_makes_no_outage_end_before_it_began),
        cmocka_unit_test(only_the_last_outages_are_kept),
        cmocka_unit_test(texts_are_kept_once_cut_and_counted),
        cmocka_unit_test(outage_that_was_not_counted_is_not_followed),
        cmocka_unit_test(failures_are_those_of_the_last_check_and_warnings_those_of_the_phase),
        cmocka_unit_test(errors_are_counted_by_their_exit_codes),
        cmocka_unit_test(record_comes_back_from_the_file_as_it_went_in),
        cmocka_unit_test(outages_that_no_check_has_counted_so_are_refused),
        cmocka_unit_test(numbers_beyond_all_measure_are_written_as_the_most_that_can_be_read),
        cmocka_unit_test(no_text_can_forge_a_line_of_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
