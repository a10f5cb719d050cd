/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define WORDS_MAX 8
#define HINT "; try 'eins-check --help'"

/* Parses "eins-check WORDS...", words being ended by NULL. */
static int parse(const char *const *words, struct conf_builder *builder, struct options *options, struct error *error)
{
    char *argv[WORDS_MAX + 2] = {(char[]){"eins-check"}};
    int argc = 1;

    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1]; /* getopt_long moves the pointers, not what they point to */
    conf_init(builder);
    return options_parse(argc, argv, builder, options, error);
}

#define WORDS(...) ((const char *const[WORDS_MAX + 1]){__VA_ARGS__})

static void expect_taken(const char *const *words, struct conf_builder *builder, struct options *options)
{
    struct error error = {0};

    if (parse(words, builder, options, &error) != 0)
        fail_msg("refused: %s", error.text);
}

static void expect_refusal(const char *const *words, enum exit_code code, const char *message)
{
    struct conf_builder builder;
    struct options options = {.config = "untouched"};
    struct error error = {0};

    if (parse(words, &builder, &options, &error) != -1)
        fail_msg("taken: %s", words[0]);
    assert_string_equal(error.text, message);
    assert_int_equal(error.code, code);
    assert_string_equal(options.config, "untouched");
}

static void no_options_mean_a_check(void **state)
{
    struct conf_builder builder;
    struct options options;

    (void)state;
    expect_taken(WORDS(NULL), &builder, &options);
    assert_int_equal(options.action, ACTION_CHECK);
    assert_string_equal(options.config, "/etc/eins/eins.conf");
    assert_false(options.config_given);
    assert_false(options.verbose);
}

static void every_option_lands_in_the_configuration(void **state)
{
    struct conf_builder builder;
    struct options options;

    (void)state;
    expect_taken(WORDS("-r", "eu-west-1", "-n3", "-l", "/l", "-kERROR", "-c", "/c"), &builder, &options);
    assert_string_equal(builder.conf.region, "eu-west-1");
    assert_int_equal(builder.conf.retries, 3);
    assert_string_equal(builder.conf.log_file, "/l");
    assert_int_equal(builder.conf.log_level, LOG_LEVEL_ERROR);
    assert_string_equal(options.config, "/c");
    assert_true(options.config_given);

    expect_taken(WORDS("--region=eu-west-1", "--retries", "4", "--logfile=/l", "--loglevel=warning", "--config=c"),
                 &builder, &options);
    assert_string_equal(builder.conf.region, "eu-west-1");
    assert_int_equal(builder.conf.retries, 4);
    assert_string_equal(builder.conf.log_file, "/l");
    assert_int_equal(builder.conf.log_level, LOG_LEVEL_WARNING);
    assert_string_equal(options.config, "c");

    expect_taken(WORDS("--state=/s", "--docker=tcp://h:1", "--endpoint=https://h", "--dry-run", "-v"), &builder,
                 &options);
    assert_string_equal(builder.conf.state_file, "/s");
    assert_string_equal(builder.conf.docker_host, "tcp://h:1");
    assert_string_equal(builder.conf.endpoint, "https://h");
    assert_true(options.dry_run);
    assert_true(options.verbose);
}

static void a_dry_run_is_one_of_whatever_is_asked_for_in_any_order(void **state)
{
    struct conf_builder builder;
    struct options options;

    (void)state;
    expect_taken(WORDS("--reset", "--dry-run"), &builder, &options);
    assert_true(options.action == ACTION_RESET && options.dry_run);
    expect_taken(WORDS("--dry-run", "--reset"), &builder, &options);
    assert_true(options.action == ACTION_RESET && options.dry_run);
    expect_taken(WORDS("--reset"), &builder, &options);
    assert_true(options.action == ACTION_RESET && !options.dry_run);
}

static void an_option_is_named_as_the_source_and_wins_over_the_file(void **state)
{
    struct conf_builder builder;
    struct options options;
    struct error error = {0};

    (void)state;
    expect_taken(WORDS("-r", "eu-west-1"), &builder, &options);
    assert_string_equal(builder.source[0], "--region");
    assert_int_equal(builder.origin[0], CONF_OPTION);
    assert_int_equal(conf_set(&builder, "region", "name", "eu-west-2", CONF_FILE, "f", &error), 0);
    assert_string_equal(builder.conf.region, "eu-west-1");
}

static void the_last_of_two_equal_options_counts(void **state)
{
    struct conf_builder builder;
    struct options options;

    (void)state;
    expect_taken(WORDS("-n1", "--retries=2"), &builder, &options);
    assert_int_equal(builder.conf.retries, 2);
}

static void unambiguous_abbreviations_are_taken(void **state)
{
    struct conf_builder builder;
    struct options options;

    (void)state;
    expect_taken(WORDS("--reg=eu-west-1", "--dry"), &builder, &options);
    assert_string_equal(builder.conf.region, "eu-west-1");
    assert_true(options.dry_run);
}

static void help_and_version_end_the_command_line(void **state)
{
    struct conf_builder builder;
    struct options options;

    (void)state;
    expect_taken(WORDS("-h", "--rubbish"), &builder, &options);
    assert_int_equal(options.action, ACTION_HELP);
    expect_taken(WORDS("--dry-run", "--help"), &builder, &options);
    assert_int_equal(options.action, ACTION_HELP);
    expect_taken(WORDS("-vV", "rubbish"), &builder, &options);
    assert_int_equal(options.action, ACTION_VERSION);
}

static void parsing_again_starts_afresh(void **state)
{
    struct conf_builder builder;
    struct options options;

    (void)state;
    expect_refusal(WORDS("-vxn"), EXIT_USAGE, "-x: unknown option" HINT);
    expect_taken(WORDS("-n5"), &builder, &options);
    assert_int_equal(builder.conf.retries, 5);
}

static void interval_is_refused_with_the_timers_name_in_every_spelling(void **state)
{
    static const char *const spellings[][WORDS_MAX + 1] = {
        {"-i"},
        {"-i20"},
        {"-i", "20"},
        {"-vi20"},
        {"--interval"},
        {"--interval=20"},
        {"--interval", "20"},
        {"--int=20"},
        {"--i"},
        {"-r", "eu-west-1", "-i", "20", "-v"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(spellings); i++)
        expect_refusal(
            spellings[i], EXIT_USAGE,
            "--interval: one run is one check; the interval is the timer's: use `systemctl edit ecs-eins.timer`");
}

static void what_is_no_option_is_refused(void **state)
{
    static const struct {
        const char *words[WORDS_MAX + 1];
        const char *message;
    } cases[] = {
        {{"eu-west-1"}, "eu-west-1: expected an option" HINT},
        {{"-v", "--", "--help"}, "--help: expected an option" HINT},
        {{"https://u:secret@host/"}, "https://***@host/: expected an option" HINT},
        {{""}, ": expected an option" HINT},
        {{"-"}, "-: expected an option" HINT},
        {{"-x"}, "-x: unknown option" HINT},
        {{"--dry-run", "-\x1b"}, "-\\x1b: unknown option" HINT},
        {{"--dry-run", "-xv"}, "-x: unknown option" HINT},
        {{"--rubbish"}, "--rubbish: unknown option" HINT},
        {{"--endpiont=https://u:secret@host"}, "--endpiont: unknown option" HINT},
        {{"--re=x"}, "--re: short for more than one option" HINT},
        {{"--log", "/l"}, "--log: short for more than one option" HINT},
        {{"--dry-run=yes"}, "--dry-run takes no value" HINT},
        {{"--help=yes"}, "--help takes no value" HINT},
        {{"-n"}, "--retries: expected a value, N" HINT},
        {{"--region"}, "--region: expected a value, REGION" HINT},
        {{"--state"}, "--state: expected a value, FILE" HINT},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_refusal(cases[i].words, EXIT_USAGE, cases[i].message);
}

static void bad_values_are_refused_with_option_value_and_expectation(void **state)
{
    static const struct {
        const char *word;
        const char *message;
    } cases[] = {
        {"--retries=abc", "--retries=abc: expected a number of restarts (0 = no limit) from 0 to 1000" HINT},
        {"-n-1", "--retries=-1: expected a number of restarts (0 = no limit) from 0 to 1000" HINT},
        {"--region=Frankfurt", "--region=Frankfurt: expected a region's name like eu-central-1" HINT},
        {"-lrelative", "--logfile=relative: expected an absolute path, or nothing" HINT},
        {"--loglevel=LOUD", "--loglevel=LOUD: expected DEBUG, INFO, WARNING, ERROR or CRITICAL" HINT},
        {"--state=state.ini", "--state=state.ini: expected an absolute path" HINT},
        {"--docker=ssh://box", "--docker=ssh://box: expected unix:///absolute/path or tcp://host:port "
                               "(ssh://, npipe:// and fd:// are not supported)" HINT},
        {"--endpoint=https://u:secret@h",
         "--endpoint=https://***@h: expected a URL like https://host/ or https://host:port/path, without a user" HINT},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_refusal(WORDS(cases[i].word), EXIT_CONFIG, cases[i].message);
}

static char *help_text(void)
{
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);

    assert_non_null(stream);
    options_print_help(stream);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static void help_names_every_option_exit_code_and_file(void **state)
{
    static const char *const expected[] = {
        "-r, --region=REGION",
        "-n, --retries=N",
        "-l, --logfile=FILE",
        "-k, --loglevel=LEVEL",
        "-c, --config=FILE",
        "    --state=FILE",
        "    --docker=HOST",
        "    --endpoint=URL",
        "    --dry-run",
        "-v, --verbose",
        "-h, --help",
        "-V, --version",
        "\n   0  ",
        "\n   1  ",
        "\n  64  ",
        "\n  69  ",
        "\n  70  ",
        "\n  74  ",
        "\n  75  ",
        "\n  78  ",
        "/etc/eins/eins.conf",
        "/etc/ecs/ecs.config",
        "/var/lib/ecs/ecs.config",
        "/var/lib/eins/state.ini",
        "/var/log/eins/eins.log",
    };
    cleanup_free char *help = help_text();

    (void)state;
    for (size_t i = 0; i < COUNT(expected); i++) {
        if (strstr(help, expected[i]) == NULL)
            fail_msg("--help lacks %s", expected[i]);
    }
    assert_null(strstr(help, "interval"));
}

static void help_fits_80_columns(void **state)
{
    cleanup_free char *help = help_text();

    (void)state;
    for (char *line = strtok(help, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strlen(line) > 79 || line[strlen(line) - 1] == ' ')
            fail_msg("%zu columns: %s", strlen(line), line);
    }
}

static void help_shows_the_defaults_of_the_table(void **state)
{
    cleanup_free char *help = help_text();

    (void)state;
    for (char *c = help; *c != '\0'; c++)
        *c = *c == '\n' ? ' ' : *c;
    for (const struct conf_key *key = conf_keys; key->section != NULL; key++) {
        bool is_option = strcmp(key->key, "retries") == 0 || strcmp(key->key, "host") == 0 ||
                         strcmp(key->section, "state") == 0 || strcmp(key->section, "log") == 0;

        if (is_option && strstr(help, key->fallback) == NULL)
            fail_msg("--help lacks the default %s", key->fallback);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_options_mean_a_check),
        cmocka_unit_test(every_option_lands_in_the_configuration),
        cmocka_unit_test(a_dry_run_is_one_of_whatever_is_asked_for_in_any_order),
        cmocka_unit_test(an_option_is_named_as_the_source_and_wins_over_the_file),
        cmocka_unit_test(the_last_of_two_equal_options_counts),
        cmocka_unit_test(unambiguous_abbreviations_are_taken),
        cmocka_unit_test(help_and_version_end_the_command_line),
        cmocka_unit_test(parsing_again_starts_afresh),
        cmocka_unit_test(interval_is_refused_with_the_timers_name_in_every_spelling),
        cmocka_unit_test(what_is_no_option_is_refused),
        cmocka_unit_test(bad_values_are_refused_with_option_value_and_expectation),
        cmocka_unit_test(help_names_every_option_exit_code_and_file),
        cmocka_unit_test(help_fits_80_columns),
        cmocka_unit_test(help_shows_the_defaults_of_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
