/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "unit.h"

#include <string.h>

#include "error.h"
#include "text.h"

static void a_copy_is_always_terminated(void **state)
{
    char buffer[4];

    (void)state;
    assert_true(text_copy(buffer, sizeof buffer, "abc"));
    assert_string_equal(buffer, "abc");
    assert_false(text_copy(buffer, sizeof buffer, "abcd"));
    assert_string_equal(buffer, "abc");
    assert_true(text_copy(buffer, sizeof buffer, ""));
    assert_string_equal(buffer, "");
}

static void a_number_is_parsed_whole(void **state)
{
    static const struct {
        const char *text;
        int64_t number;
    } good[] = {
        {"0", 0}, {"-1", -1}, {"42", 42}, {"9223372036854775807", INT64_MAX}, {"-9223372036854775808", INT64_MIN},
    };
    static const char *const bad[] = {"",   "-", "+1", " 1", "1 ", "1x", "0x10", "1.0", "--1", "9223372036854775808",
                                      "1e3"};
    int64_t number = 77;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(text_parse_number(good[i].text, INT64_MIN, INT64_MAX, &number));
        assert_int_equal(number, good[i].number);
    }
    number = 77;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(text_parse_number(bad[i], INT64_MIN, INT64_MAX, &number));
        assert_int_equal(number, 77);
    }
}

static void a_number_out_of_range_is_refused(void **state)
{
    int64_t number = 77;

    (void)state;
    assert_false(text_parse_number("0", 1, 3, &number));
    assert_false(text_parse_number("4", 1, 3, &number));
    assert_int_equal(number, 77);
    assert_true(text_parse_number("1", 1, 3, &number));
    assert_true(text_parse_number("3", 1, 3, &number));
}

static void yes_and_no_have_four_spellings(void **state)
{
    static const char *const yes[] = {"yes", "true", "on", "1", "YES", "True"};
    static const char *const no[] = {"no", "false", "off", "0", "No", "OFF"};
    static const char *const neither[] = {"", "y", "2", "yes ", "enabled"};
    bool value;

    (void)state;
    for (size_t i = 0; i < COUNT(yes); i++) {
        value = false;
        assert_true(text_parse_bool(yes[i], &value));
        assert_true(value);
    }
    for (size_t i = 0; i < COUNT(no); i++) {
        value = true;
        assert_true(text_parse_bool(no[i], &value));
        assert_false(value);
    }
    for (size_t i = 0; i < COUNT(neither); i++) {
        value = true;
        assert_false(text_parse_bool(neither[i], &value));
        assert_true(value);
    }
}

static void only_a_full_id_may_go_into_a_path(void **state)
{
    char id[66] = "";

    (void)state;
    memset(id, 'a', 64);
    assert_true(text_is_container_id(id));
    id[0] = 'A';
    assert_false(text_is_container_id(id));
    id[0] = '/';
    assert_false(text_is_container_id(id));
    id[0] = 'g';
    assert_false(text_is_container_id(id));
    id[0] = '9';
    assert_true(text_is_container_id(id));
    id[64] = 'a';
    assert_false(text_is_container_id(id));
    id[63] = '\0';
    assert_false(text_is_container_id(id));
    assert_false(text_is_container_id(""));
}

static void what_could_forge_a_line_is_escaped(void **state)
{
    static const struct {
        const char *text, *escaped;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"a\nb\r\tc", "a\\x0ab\\x0d\\x09c"},
        {"\033[31mred", "\\x1b[31mred"},
        {"back\\slash", "back\\\\slash"},
        {"del\x7f", "del\\x7f"},
        {"gr\xc3\xbc\xc3\x9f"
         "e",
         "gr\xc3\xbc\xc3\x9f"
         "e"},
        {"\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80"},
        {"c1 \xc2\x9b"
         "31m",
         "c1 \\xc2\\x9b31m"},
        {"overlong \xc0\xaf \xe0\x80\xaf", "overlong \\xc0\\xaf \\xe0\\x80\\xaf"},
        {"surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"},
        {"beyond \xf4\x90\x80\x80", "beyond \\xf4\\x90\\x80\\x80"},
        {"cut \xe2\x82", "cut \\xe2\\x82"},
        {"backwards \xe2\x80\xae", "backwards \\xe2\\x80\\xae"},
        {"isolated \xe2\x81\xa6 \xd8\x9c", "isolated \\xe2\\x81\\xa6 \\xd8\\x9c"},
        {"another line \xe2\x80\xa8 \xe2\x80\xa9", "another line \\xe2\\x80\\xa8 \\xe2\\x80\\xa9"},
        {"no width \xe2\x80\x8b \xef\xbb\xbf", "no width \\xe2\\x80\\x8b \\xef\\xbb\\xbf"},
        {"a tag \xf3\xa0\x81\xa1", "a tag \\xf3\\xa0\\x81\\xa1"},
        {"dashes and dots \xe2\x80\x90 \xe2\x80\xa7 \xe2\x80\xaf \xe2\x81\x9f \xd8\x9b \xef\xbb\xbc",
         "dashes and dots \xe2\x80\x90 \xe2\x80\xa7 \xe2\x80\xaf \xe2\x81\x9f \xd8\x9b \xef\xbb\xbc"},
    };
    char buffer[128];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(text_escape(buffer, sizeof buffer, cases[i].text), cases[i].escaped);
}

static void a_cut_never_falls_into_an_escape(void **state)
{
    static const char *const expected[] = {NULL, "", "a", "a", "a", "a", "a\\x0a", "a\\x0a", "a\\x0a\xc3\xbc"};
    char buffer[9];

    (void)state;
    for (size_t size = 1; size < COUNT(expected); size++)
        assert_string_equal(text_escape(buffer, size, "a\n\xc3\xbc"), expected[size]);
}

static void a_name_is_found_in_any_case(void **state)
{
    static const char *const names[] = {"one", "two", NULL};

    (void)state;
    assert_int_equal(text_lookup(names, "two"), 1);
    assert_int_equal(text_lookup(names, "ONE"), 0);
    assert_int_equal(text_lookup(names, "on"), -1);
    assert_int_equal(text_lookup(names, ""), -1);
}

static void an_error_that_does_not_fit_is_cut(void **state)
{
    struct error error;

    (void)state;
    assert_int_equal(error_set(&error, EXIT_STATE, "%2000d", 1), -1);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_int_equal(error_wrap(&error, "%2000d", 2), -1);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
}

static void context_goes_before_an_error(void **state)
{
    struct error error;

    (void)state;
    error_set(&error, EXIT_STATE, "no %s", "space");
    assert_int_equal(error_wrap(&error, "saving %d", 1), -1);
    assert_string_equal(error.text, "saving 1: no space");
    assert_int_equal(error.code, EXIT_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_always_terminated),       cmocka_unit_test(a_number_is_parsed_whole),
        cmocka_unit_test(a_number_out_of_range_is_refused),  cmocka_unit_test(yes_and_no_have_four_spellings),
        cmocka_unit_test(only_a_full_id_may_go_into_a_path), cmocka_unit_test(what_could_forge_a_line_is_escaped),
        cmocka_unit_test(a_cut_never_falls_into_an_escape),  cmocka_unit_test(a_name_is_found_in_any_case),
        cmocka_unit_test(an_error_that_does_not_fit_is_cut), cmocka_unit_test(context_goes_before_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
