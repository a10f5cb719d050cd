/* SPDX-License-Identifier: MIT-0 */
/* Where a value comes from: options, eins.conf, the environment and ECS's files, and which of them wins. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_fixture.h"

/* Sets a key from each pair of origins, in both orders. */
static void the_stronger_origin_wins_in_any_order(void **state)
{
    (void)state;
    for (enum conf_origin strong = CONF_ENVIRONMENT; strong <= CONF_OPTION; strong++) {
        for (enum conf_origin weak = CONF_ECS_FILE; weak < strong; weak++) {
            struct conf_builder builder;

            conf_init(&builder);
            set(&builder, "region", "proxy", "weak", weak);
            set(&builder, "region", "proxy", "strong", strong);
            assert_string_equal(builder.conf.proxy, "strong");
            conf_init(&builder);
            set(&builder, "region", "proxy", "strong", strong);
            set(&builder, "region", "proxy", "weak", weak);
            assert_string_equal(builder.conf.proxy, "strong");
            assert_int_equal(builder.origin[index_of("region", "proxy")], strong);
        }
    }
}

static void the_last_of_two_options_wins_and_the_first_of_two_ecs_files(void **state)
{
    struct conf_builder builder;

    (void)state;
    conf_init(&builder);
    set(&builder, "region", "name", "eu-west-1", CONF_ECS_FILE);
    set(&builder, "region", "name", "eu-west-2", CONF_ECS_FILE);
    assert_string_equal(builder.conf.region, "eu-west-1");
    set(&builder, "region", "name", "eu-west-3", CONF_OPTION);
    set(&builder, "region", "name", "eu-west-4", CONF_OPTION);
    assert_string_equal(builder.conf.region, "eu-west-4");
}

static void an_overridden_value_must_be_valid_in_eins_conf_but_not_in_the_environment(void **state)
{
    struct conf_builder builder;
    struct error error = {0};

    (void)state;
    conf_init(&builder);
    set(&builder, "docker", "host", "tcp://box:1", CONF_OPTION);
    set(&builder, "docker", "host", "ssh://box", CONF_ENVIRONMENT);
    assert_int_equal(conf_set(&builder, "docker", "host", "ssh://box", CONF_FILE, "f", &error), -1);
    assert_string_equal(builder.conf.docker_host, "tcp://box:1");
}

static void an_empty_proxy_in_eins_conf_means_none(void **state)
{
    struct conf_builder builder;
    struct error error = {0};

    (void)state;
    setenv("https_proxy", "http://proxy:3128", 1);
    conf_init(&builder);
    read_text(&builder, "[region]\nproxy =\n");
    assert_int_equal(conf_read_environment(&builder, &error), 0);
    assert_string_equal(builder.conf.proxy, "");
}

static void an_empty_region_in_eins_conf_leaves_it_to_ecs(void **state)
{
    struct conf_builder builder;

    (void)state;
    conf_init(&builder);
    read_text(&builder, "[region]\nname =\nendpoint =\n");
    write_file("AWS_DEFAULT_REGION=eu-north-1\n");
    conf_read_ecs(&builder, path);
    assert_string_equal(builder.conf.region, "eu-north-1");
}

static void the_environment_is_read_as_docker_and_curl_do(void **state)
{
    struct conf_builder builder;
    struct error error = {0};

    (void)state;
    setenv("DOCKER_HOST", "tcp://box:2376", 1);
    setenv("DOCKER_TLS_VERIFY", "0", 1);
    setenv("DOCKER_CERT_PATH", "/certs", 1);
    setenv("http_proxy", "http://not-for-https:1", 1);
    setenv("https_proxy", "", 1);
    setenv("HTTPS_PROXY", "http://user:pw@proxy:3128/", 1);
    setenv("ALL_PROXY", "socks5h://later:1", 1);
    setenv("NO_PROXY", "localhost,169.254.169.254", 1);
    conf_init(&builder);
    assert_int_equal(conf_read_environment(&builder, &error), 0);
    assert_string_equal(builder.conf.docker_host, "tcp://box:2376");
    assert_true(builder.conf.tls_verify);
    assert_string_equal(builder.conf.cert_path, "/certs");
    assert_string_equal(builder.conf.proxy, "http://user:pw@proxy:3128/");
    assert_string_equal(builder.source[index_of("region", "proxy")], "$HTTPS_PROXY");
    assert_string_equal(builder.conf.no_proxy, "localhost,169.254.169.254");
}

static void empty_variables_are_not_set(void **state)
{
    struct conf_builder builder;
    struct conf defaults;
    struct error error = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(variables); i++)
        setenv(variables[i], "", 1);
    conf_init(&builder);
    defaults = builder.conf;
    assert_int_equal(conf_read_environment(&builder, &error), 0);
    assert_memory_equal(&builder.conf, &defaults, sizeof defaults);
}

static void a_list_without_proxy_is_taken_whole_or_refused(void **state)
{
    static char list[CONF_LIST_SIZE + 1];
    struct conf_builder builder;
    struct error error = {0};

    (void)state;
    memset(list, 'h', CONF_LIST_SIZE - 1);
    conf_init(&builder);
    setenv("no_proxy", list, 1);
    assert_int_equal(conf_read_environment(&builder, &error), 0);
    assert_string_equal(builder.conf.no_proxy, list);
    list[CONF_LIST_SIZE - 1] = 'h';
    conf_init(&builder);
    setenv("no_proxy", list, 1);
    assert_int_equal(conf_read_environment(&builder, &error), -1);
    assert_int_equal(error.code, EXIT_CONFIG);
    assert_non_null(strstr(error.text, "$no_proxy"));
    unsetenv("no_proxy");
}

static void an_unusable_docker_host_in_the_environment_is_refused_by_name(void **state)
{
    struct conf_builder builder;
    struct error error = {0};

    (void)state;
    setenv("DOCKER_HOST", "fd://", 1);
    conf_init(&builder);
    assert_int_equal(conf_read_environment(&builder, &error), -1);
    assert_int_equal(error.code, EXIT_CONFIG);
    assert_string_equal(error.text, "$DOCKER_HOST=fd://: expected unix:///absolute/path or tcp://host:port "
                                    "(ssh://, npipe:// and fd:// are not supported)");
}

static void ecs_files_give_region_backend_and_proxy(void **state)
{
    struct conf_builder builder;

    (void)state;
    write_file(
        "# AWS_DEFAULT_REGION=us-east-1\n\nECS_CLUSTER=edge\nAWS_DEFAULT_REGION=eu-central-1 \t\r\n"
        "ECS_BACKEND_HOST=ecs.vpc.example.com:8443\nHTTP_PROXY=proxy.example.com:3128\nNO_PROXY=169.254.169.254,a=b\n"
        "AWS_DEFAULT_REGION_2=us-east-2\nXAWS_DEFAULT_REGION=us-east-2\nAWS_DEFAULT_REGION");
    conf_init(&builder);
    conf_read_ecs(&builder, path);
    assert_string_equal(builder.conf.region, "eu-central-1");
    assert_string_equal(builder.conf.endpoint, "https://ecs.vpc.example.com:8443/");
    assert_string_equal(builder.conf.proxy, "proxy.example.com:3128");
    assert_string_equal(builder.conf.no_proxy, "169.254.169.254,a=b");
    assert_non_null(strstr(builder.source[index_of("region", "proxy")], "/tmp/eins-test-conf-"));
}

static void an_earlier_ecs_file_and_the_environment_win_over_a_later_ecs_file(void **state)
{
    struct conf_builder builder;
    struct error error = {0};

    (void)state;
    setenv("no_proxy", "environment", 1);
    conf_init(&builder);
    write_file("AWS_DEFAULT_REGION=eu-west-1\nNO_PROXY=first\n");
    conf_read_ecs(&builder, path);
    write_file("AWS_DEFAULT_REGION=eu-west-2\nNO_PROXY=second\nHTTP_PROXY=second:1\n");
    conf_read_ecs(&builder, path);
    assert_string_equal(builder.conf.region, "eu-west-1");
    assert_string_equal(builder.conf.no_proxy, "first");
    assert_string_equal(builder.conf.proxy, "second:1");
    assert_int_equal(conf_read_environment(&builder, &error), 0);
    assert_string_equal(builder.conf.no_proxy, "environment");
}

static void the_last_of_two_lines_in_an_ecs_file_counts(void **state)
{
    struct conf_builder builder;

    (void)state;
    write_file("AWS_DEFAULT_REGION=eu-west-1\nAWS_DEFAULT_REGION=eu-west-2");
    conf_init(&builder);
    conf_read_ecs(&builder, path);
    assert_string_equal(builder.conf.region, "eu-west-2");
}

static void a_backend_given_as_a_url_is_taken_as_it_is(void **state)
{
    struct conf_builder builder;

    (void)state;
    write_file("ECS_BACKEND_HOST=https://ecs.example.com\n");
    conf_init(&builder);
    conf_read_ecs(&builder, path);
    assert_string_equal(builder.conf.endpoint, "https://ecs.example.com");
}

static void unusable_values_in_an_ecs_file_are_left_alone(void **state)
{
    struct conf_builder builder;
    struct conf defaults;

    (void)state;
    write_file("AWS_DEFAULT_REGION=\"eu-central-1\"\nECS_BACKEND_HOST=http://plain.example.com\nHTTP_PROXY=ftp://"
               "x\nNO_PROXY=\n=\n");
    conf_init(&builder);
    defaults = builder.conf;
    conf_read_ecs(&builder, path);
    assert_memory_equal(&builder.conf, &defaults, sizeof defaults);
    assert_non_null(strstr(builder.looked[0], "AWS_DEFAULT_REGION=\"eu-central-1\" is not a region's name"));
}

static void no_region_says_where_it_was_looked_for_and_what_to_set(void **state)
{
    struct conf_builder builder;
    struct error error = {0};
    char expected[800];

    (void)state;
    conf_init(&builder);
    assert_int_equal(conf_read_file(&builder, "/nonexistent/eins.conf", false, &error), 0);
    write_file("ECS_CLUSTER=edge\n");
    conf_read_ecs(&builder, path);
    conf_read_ecs(&builder, "/nonexistent/ecs.config");
    assert_int_equal(conf_finish(&builder, &error), -1);
    assert_int_equal(error.code, EXIT_CONFIG);
    snprintf(expected, sizeof expected,
             "no region is known: give --region=REGION or set `name` in [region] of eins.conf; looked at --region (not "
             "given), "
             "/nonexistent/eins.conf (missing), %s (no AWS_DEFAULT_REGION), /nonexistent/ecs.config (missing)",
             path);
    assert_string_equal(error.text, expected);
}

static void a_file_without_permission_is_named_as_such(void **state)
{
    struct conf_builder builder;
    struct error error = {0};
    char expected[200];

    (void)state;
    write_file("");
    assert_int_equal(chmod(path, 0), 0);
    if (getuid() == 0) /* root may read anything: be nobody for the two calls */
        assert_int_equal(seteuid(65534), 0);
    conf_init(&builder);
    conf_read_ecs(&builder, path);
    assert_int_equal(conf_read_file(&builder, path, false, &error), -1);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    snprintf(expected, sizeof expected, "%s (Permission denied)", path);
    assert_string_equal(builder.looked[0], expected);
    snprintf(expected, sizeof expected, "%s: it cannot be read: Permission denied", path);
    assert_string_equal(error.text, expected);
}

static void more_places_than_there_is_room_for_are_not_written(void **state)
{
    struct conf_builder builder;

    (void)state;
    conf_init(&builder);
    for (int i = 0; i < 10; i++)
        conf_read_ecs(&builder, "/nonexistent/ecs.config");
    assert_int_equal(builder.looked_count, COUNT(builder.looked));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start_clean, clean_up)
        TEST(the_stronger_origin_wins_in_any_order),
        TEST(the_last_of_two_options_wins_and_the_first_of_two_ecs_files),
        TEST(an_overridden_value_must_be_valid_in_eins_conf_but_not_in_the_environment),
        TEST(an_empty_proxy_in_eins_conf_means_none),
        TEST(an_empty_region_in_eins_conf_leaves_it_to_ecs),
        TEST(the_environment_is_read_as_docker_and_curl_do),
        TEST(empty_variables_are_not_set),
        TEST(a_list_without_proxy_is_taken_whole_or_refused),
        TEST(an_unusable_docker_host_in_the_environment_is_refused_by_name),
        TEST(ecs_files_give_region_backend_and_proxy),
        TEST(an_earlier_ecs_file_and_the_environment_win_over_a_later_ecs_file),
        TEST(the_last_of_two_lines_in_an_ecs_file_counts),
        TEST(a_backend_given_as_a_url_is_taken_as_it_is),
        TEST(unusable_values_in_an_ecs_file_are_left_alone),
        TEST(no_region_says_where_it_was_looked_for_and_what_to_set),
        TEST(a_file_without_permission_is_named_as_such),
        TEST(more_places_than_there_is_room_for_are_not_written),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
