/* SPDX-License-Identifier: MIT-0 */
/* Lines of the state file, one by one: what is written, what is left out, what is refused. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"
#include "model.h"
#include "record.h"

struct sample {
    int count;
    char why[RECORD_TEXT_SIZE];
    char generation[MODEL_GENERATION_SIZE];
};

static const struct field fields[] = {
    {"count", FIELD_INT, offsetof(struct sample, count), 0, 9, NULL, NULL}, /* no fallback: it is never omitted */
    {"why", FIELD_TEXT, offsetof(struct sample, why), 0, 0, "nothing", NULL},
    {"generation", FIELD_GENERATION, offsetof(struct sample, generation), 0, 0, "", NULL},
};

static void assert_rendered(const struct sample *sample, bool whole, const char *expected)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);

    assert_non_null(stream);
    assert_true(field_render(stream, fields, COUNT(fields), sample, whole));
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void only_what_has_a_fallback_may_be_omitted(void **state)
{
    struct sample sample = {.why = "nothing"};

    (void)state;
    assert_rendered(&sample, true, "count = 0\nwhy = nothing\n");
    assert_rendered(&sample, false, "count = 0\n");
    strcpy(sample.why, "something");
    assert_rendered(&sample, false, "count = 0\nwhy = something\n");
}

/* An INI parser would take blanks at the ends away, and the text would not come back as it is. */
static void blanks_at_the_ends_are_not_written(void **state)
{
    struct sample sample = {.why = "  it failed  "};

    (void)state;
    assert_rendered(&sample, true, "count = 0\nwhy = it failed\n");
    strcpy(sample.why, "   ");
    assert_rendered(&sample, true, "count = 0\n");
}

/* It is compared with what Docker and the kernel say, so it must come back byte for byte, or not at all. */
static void generation_that_would_not_come_back_is_not_written(void **state)
{
    static const char *const generations[] = {" boot 1", "boot 1 ", "boot\t1", "boot;1"};

    (void)state;
    for (size_t i = 0; i < COUNT(generations); i++) {
        struct sample sample = {.count = 1};

        strcpy(sample.generation, generations[i]);
        assert_rendered(&sample, true, "count = 1\n");
    }
}

/* A number that could not be read back would make the whole file a corrupt one. */
static void number_beyond_its_limits_is_written_as_the_limit(void **state)
{
    struct sample sample = {.count = 12};

    (void)state;
    assert_rendered(&sample, true, "count = 9\n");
    sample.count = -1;
    assert_rendered(&sample, true, "count = 0\n");
}

static void value_that_is_never_written_is_refused(void **state)
{
    static const struct {
        const struct field *field;
        const char *value;
    } cases[] = {
        {&fields[0], ""},        {&fields[0], "10"},     {&fields[1], ""},   {&fields[1], "a\\b"},
        {&fields[1], "'a'"},     {&fields[1], " a"},     {&fields[1], "a "}, {&fields[2], "boot 1 "},
        {&fields[2], " boot 1"}, {&fields[2], "boot;1"},
    };
    struct sample sample = {.count = 7, .why = "why", .generation = "generation"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (field_parse(cases[i].field, cases[i].value, &sample))
            fail_msg("%s = \"%s\" was accepted", cases[i].field->key, cases[i].value);
    }
    assert_int_equal(sample.count, 7);
    assert_string_equal(sample.why, "why");
    assert_string_equal(sample.generation, "generation");
}

static void value_that_just_fits_is_taken_and_a_longer_one_is_refused(void **state)
{
    char value[RECORD_TEXT_SIZE + 1] = "";
    struct sample sample = {0};

    (void)state;
    memset(value, 'x', sizeof value - 1);
    assert_false(field_parse(&fields[1], value, &sample));
    assert_string_equal(sample.why, "");
    value[RECORD_TEXT_SIZE - 1] = '\0';
    assert_true(field_parse(&fields[1], value, &sample));
    assert_string_equal(sample.why, value);
}

static void line_that_cannot_be_written_is_reported(void **state)
{
    const struct sample sample = {.count = 1};
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    assert_int_equal(setvbuf(full, NULL, _IONBF, 0), 0);
    assert_false(field_render(full, fields, COUNT(fields), &sample, true));
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_has_a_fallback_may_be_omitted),
        cmocka_unit_test(blanks_at_the_ends_are_not_written),
        cmocka_unit_test(generation_that_would_not_come_back_is_not_written),
        cmocka_unit_test(number_beyond_its_limits_is_written_as_the_limit),
        cmocka_unit_test(value_that_is_never_written_is_refused),
        cmocka_unit_test(value_that_just_fits_is_taken_and_a_longer_one_is_refused),
        cmocka_unit_test(line_that_cannot_be_written_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
