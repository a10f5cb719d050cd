/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ini.h"

/* What a visitor saw, as one text: "[section]" or "section|key|value", one a line. */
struct seen {
    char text[4096];
    size_t count;
    size_t stop_after; /* entries, 0 = never */
};

static int record(void *context, const char *section, const char *key, const char *value)
{
    struct seen *seen = context;
    size_t used = strlen(seen->text);

    if (key == NULL) {
        assert_null(value);
        snprintf(seen->text + used, sizeof seen->text - used, "[%s]\n", section);
    } else {
        snprintf(seen->text + used, sizeof seen->text - used, "%s|%s|%s\n", section, key, value);
    }
    seen->count++;
    return seen->count == seen->stop_after ? 42 : 0;
}

static void expect_seen(const char *text, const char *expected)
{
    struct seen seen = {0};
    struct error error = {0};

    if (ini_parse(text, strlen(text), "x.ini", record, &seen, &error) != 0)
        fail_msg("refused: %s", error.text);
    assert_string_equal(seen.text, expected);
}

static void expect_refusal_of(const char *text, size_t length, const char *expected)
{
    struct seen seen = {0};
    struct error error = {0};

    assert_int_equal(ini_parse(text, length, "x.ini", record, &seen, &error), -1);
    assert_int_equal(error.code, EXIT_CONFIG);
    assert_string_equal(error.text, expected);
    assert_int_equal(seen.count, 0);
}

static void expect_refusal(const char *text, const char *expected)
{
    expect_refusal_of(text, strlen(text), expected);
}

static void entries_are_visited_in_the_order_of_the_text(void **state)
{
    (void)state;
    expect_seen("[b]\nz = 1\na = 2\n[a]\nz = 3\n", "[b]\nb|z|1\nb|a|2\n[a]\na|z|3\n");
}

static void names_are_folded_and_values_trimmed(void **state)
{
    (void)state;
    expect_seen("  [ RegION ]  \r\n\tTimeOut\t=  Ten Seconds \t\r\n", "[region]\nregion|timeout|Ten Seconds\n");
}

static void colons_in_sections_and_keys_do_not_confuse(void **state)
{
    (void)state;
    expect_seen("[container:0123]\na:b = c:d\n[e]\n:=:\n", "[container:0123]\ncontainer:0123|a:b|c:d\n[e]\ne|:|:\n");
}

static void comments_and_blank_lines_are_skipped(void **state)
{
    (void)state;
    expect_seen("# one\n; two\n\n \t\n[a]\n# b = 1\nc = 2 # three\nd = 3 ; four\n", "[a]\na|c|2\na|d|3\n");
}

static void empty_values_are_visited(void **state)
{
    (void)state;
    expect_seen("[a]\nb =\nc = \"\"\nd = # nothing\n", "[a]\na|b|\na|c|\na|d|\n");
}

static void quotes_keep_blanks_and_comment_characters(void **state)
{
    (void)state;
    expect_seen("[a]\nb = \" x;y#z \" # comment\nc = 'it is \"so\"'\n", "[a]\na|b| x;y#z \na|c|it is \"so\"\n");
}

static void a_last_line_without_newline_counts(void **state)
{
    (void)state;
    expect_seen("[a]\nb = 1", "[a]\na|b|1\n");
    expect_refusal("[a]\nb", "x.ini: line 2: expected [SECTION], KEY = VALUE or a comment");
}

static void a_section_ends_at_its_bracket(void **state)
{
    (void)state;
    expect_refusal("[a]\nb = 1\n[a]]\n", "x.ini: line 3: the name of a section cannot have a ] in it");
    expect_refusal("[a] = b]\n", "x.ini: line 1: the name of a section cannot have a ] in it");
}

static void an_empty_text_has_no_entries(void **state)
{
    (void)state;
    expect_seen("", "");
    expect_seen("\n\n# nothing\n", "");
}

static void values_of_foreign_bytes_pass_unchanged(void **state)
{
    (void)state;
    expect_seen("[a]\nb = K\xc3\xb6ln \x1b[31m \xff\n", "[a]\na|b|K\xc3\xb6ln \x1b[31m \xff\n");
}

static void broken_lines_are_refused_with_their_number(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"[a]\nrubbish\n", "x.ini: line 2: expected [SECTION], KEY = VALUE or a comment"},
        {"[a]\n\n= 1\n", "x.ini: line 3: expected [SECTION], KEY = VALUE or a comment"},
        {"[a\n", "x.ini: line 1: expected [SECTION], KEY = VALUE or a comment"},
        {"\xef\xbb\xbf[a]\nb = 1\n", "x.ini: line 2: a key stands before the first section"},
        {"b = 1\n[a]\n", "x.ini: line 1: a key stands before the first section"},
        {"[a] = b\n", "x.ini: line 1: a key stands before the first section"},
        {"[ ]\nb = 1\n", "x.ini: line 1: the section has no name"},
        {"[a]\nb = 1\n[]\nb = 2\n", "x.ini: line 3: the section has no name"},
        {"[a]\n# note \\\nb = 1\n", "x.ini: line 2: it ends in a backslash, but a line cannot be continued"},
        {"[a]\nb = 1\\ \n", "x.ini: line 2: it ends in a backslash, but a line cannot be continued"},
        {"[a]\nb = \"1\n", "x.ini: line 2: the closing quote is missing"},
        {"[a]\nb = \"1\" 2\n", "x.ini: line 2: there is something after the closing quote"},
        {"[a]\nb = \"1\\2\"\n", "x.ini: line 2: a backslash cannot stand between quotes"},
        {"[a]\nb = pa#ss\n",
         "x.ini: line 2: a value with # or ; inside must be in quotes, a comment must have a blank before it"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_refusal(cases[i].text, cases[i].expected);
}

static void a_key_given_twice_is_refused_in_any_case(void **state)
{
    (void)state;
    expect_refusal("[a]\nfall = 1\nrise = 1\nFALL=2\n", "x.ini: line 4: a:fall is given twice, first on line 2");
    expect_seen("[a]\nfall = 1\n[b]\nfall = 1\n", "[a]\na|fall|1\n[b]\nb|fall|1\n");
}

static void a_section_given_twice_is_refused(void **state)
{
    (void)state;
    expect_refusal("[a]\nb = 1\n[c]\n[A]\nd = 1\n", "x.ini: line 4: a is given twice, first on line 1");
}

static void names_that_coincide_only_in_iniparser_are_refused(void **state)
{
    (void)state;
    expect_refusal("[a:b]\nc = 1\n[a]\nb:c = 2\n", "x.ini: line 4: a:b:c is given twice, first on line 2");
    expect_refusal("[a]\nb = 1\n[a:b]\n", "x.ini: line 3: a:b is given twice, first on line 2");
}

static void a_name_in_a_message_is_escaped(void **state)
{
    (void)state;
    expect_refusal("[a]\n\x1b = 1\n\x1b = 2\n", "x.ini: line 3: a:\\x1b is given twice, first on line 2");
}

static void nul_bytes_are_refused(void **state)
{
    static const char text[] = "[a]\nb = 1\0 2\n";

    (void)state;
    expect_refusal_of(text, sizeof text - 1, "x.ini: line 2: it contains a NUL byte");
}

static void lines_of_1000_bytes_are_the_longest(void **state)
{
    char text[1100] = "[a]\nb=";
    char expected[1100] = "[a]\na|b|";

    (void)state;
    memset(text + 6, 'x', 998);
    memset(expected + 8, 'x', 998);
    strcat(expected, "\n");
    expect_seen(text, expected);
    text[6 + 998] = 'x';
    expect_refusal(text, "x.ini: line 2: it is longer than 1000 bytes");
}

static void a_visitor_can_stop(void **state)
{
    static const char text[] = "[a]\nb = 1\nc = 2\n";
    struct seen seen = {.stop_after = 2};
    struct error error = {0};

    (void)state;
    assert_int_equal(ini_parse(text, strlen(text), "x.ini", record, &seen, &error), 42);
    assert_string_equal(seen.text, "[a]\na|b|1\n");
}

static int count(void *context, const char *section, const char *key, const char *value)
{
    (void)section, (void)key, (void)value;
    ++*(size_t *)context;
    return 0;
}

static char *many_sections(size_t sections, size_t keys, size_t *ret_length)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, ret_length);

    assert_non_null(stream);
    for (size_t i = 0; i < sections; i++) {
        fprintf(stream, "[container:%064zx]\n", i);
        for (size_t j = 0; j < keys; j++)
            fprintf(stream, "key_%zu = value %zu\n", j, j);
    }
    fclose(stream);
    return text;
}

static void three_hundred_containers_are_read_in_no_time(void **state)
{
    size_t length, entries = 0;
    cleanup_free char *text = many_sections(300, 10, &length);
    struct error error = {0};
    clock_t start = clock();

    (void)state;
    assert_int_equal(ini_parse(text, length, "x.ini", count, &entries, &error), 0);
    assert_int_equal(entries, 3300);
    assert_true(clock() - start < CLOCKS_PER_SEC); /* milliseconds, but this also runs under valgrind */
}

/* A long text goes to iniparser in parts; nobody is to notice. */
static void in_a_long_text_the_line_of_an_error_is_right(void **state)
{
    struct error error = {0};
    size_t length, entries = 0;
    cleanup_free char *text = many_sections(100, 10, &length);
    cleanup_free char *wrong = NULL;

    (void)state;
    assert_true(asprintf(&wrong, "%srubbish\n", text) > 0);
    assert_int_equal(ini_parse(wrong, strlen(wrong), "x.ini", count, &entries, &error), -1);
    assert_string_equal(error.text, "x.ini: line 1101: expected [SECTION], KEY = VALUE or a comment");
    assert_int_equal(entries, 0);
}

static void the_last_of_many_sections_is_visited(void **state)
{
    struct error error = {0};
    size_t length, entries = 0;
    cleanup_free char *text = many_sections(64, 0, &length);

    (void)state;
    assert_int_equal(ini_parse(text, length, "x.ini", count, &entries, &error), 0);
    assert_int_equal(entries, 64);
}

static void a_flood_of_entries_is_refused(void **state)
{
    size_t length, entries = 0;
    cleanup_free char *text = many_sections(1, 33000, &length);
    struct error error = {0};

    (void)state;
    assert_int_equal(ini_parse(text, length, "x.ini", count, &entries, &error), -1);
    assert_string_equal(error.text, "x.ini: line 32769: there are too many entries");
    assert_int_equal(entries, 0);
}

static void nothing_is_printed_to_standard_error(void **state)
{
    int saved = dup(STDERR_FILENO);
    FILE *file = tmpfile();
    long size;

    (void)state;
    assert_true(saved >= 0 && file != NULL);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    expect_refusal("[a]\nrubbish\n", "x.ini: line 2: expected [SECTION], KEY = VALUE or a comment");
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    fclose(file);
    assert_int_equal(size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_visited_in_the_order_of_the_text),
        cmocka_unit_test(names_are_folded_and_values_trimmed),
        cmocka_unit_test(colons_in_sections_and_keys_do_not_confuse),
        cmocka_unit_test(comments_and_blank_lines_are_skipped),
        cmocka_unit_test(empty_values_are_visited),
        cmocka_unit_test(quotes_keep_blanks_and_comment_characters),
        cmocka_unit_test(a_last_line_without_newline_counts),
        cmocka_unit_test(a_section_ends_at_its_bracket),
        cmocka_unit_test(an_empty_text_has_no_entries),
        cmocka_unit_test(values_of_foreign_bytes_pass_unchanged),
        cmocka_unit_test(broken_lines_are_refused_with_their_number),
        cmocka_unit_test(a_key_given_twice_is_refused_in_any_case),
        cmocka_unit_test(a_section_given_twice_is_refused),
        cmocka_unit_test(names_that_coincide_only_in_iniparser_are_refused),
        cmocka_unit_test(a_name_in_a_message_is_escaped),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(lines_of_1000_bytes_are_the_longest),
        cmocka_unit_test(a_visitor_can_stop),
        cmocka_unit_test(three_hundred_containers_are_read_in_no_time),
        cmocka_unit_test(in_a_long_text_the_line_of_an_error_is_right),
        cmocka_unit_test(the_last_of_many_sections_is_visited),
        cmocka_unit_test(a_flood_of_entries_is_refused),
        cmocka_unit_test(nothing_is_printed_to_standard_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
