/* SPDX-License-Identifier: MIT-0 */
/* What only the whole configuration can show, the region's endpoint, and which addresses, names and paths are taken. */
#include "config.h"

#include "unit.h"

#include <stdbool.h>

#include "conf_fixture.h"
#include "conf_values.h"

static void an_endpoint_needs_no_region(void **state)
{
    struct conf_builder builder;
    struct error error = {0};

    (void)state;
    conf_init(&builder);
    set(&builder, "region", "endpoint", "https://127.0.0.1:8443", CONF_OPTION);
    assert_int_equal(conf_finish(&builder, &error), 0);
    assert_string_equal(builder.conf.endpoint, "https://127.0.0.1:8443");
}

static void the_endpoint_follows_from_the_region_and_its_partition(void **state)
{
    static const struct {
        const char *region;
        const char *url;
    } cases[] = {
        {"eu-central-1", "https://ecs.eu-central-1.amazonaws.com/"},
        {"ap-southeast-4", "https://ecs.ap-southeast-4.amazonaws.com/"},
        {"us-gov-west-1", "https://ecs.us-gov-west-1.amazonaws.com/"},
        {"cn-north-1", "https://ecs.cn-north-1.amazonaws.com.cn/"},
        {"us-iso-east-1", "https://ecs.us-iso-east-1.c2s.ic.gov/"},
        {"us-isob-east-1", "https://ecs.us-isob-east-1.sc2s.sgov.gov/"},
        {"eu-isoe-west-1", "https://ecs.eu-isoe-west-1.cloud.adc-e.uk/"},
        {"us-isof-south-1", "https://ecs.us-isof-south-1.csp.hci.ic.gov/"},
        {"eusc-de-east-1", "https://ecs.eusc-de-east-1.amazonaws.eu/"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct conf_builder builder;
        struct error error = {0};

        conf_init(&builder);
        set(&builder, "region", "name", cases[i].region, CONF_FILE);
        assert_int_equal(conf_finish(&builder, &error), 0);
        assert_string_equal(builder.conf.endpoint, cases[i].url);
    }
}

static void what_is_no_region_gives_no_endpoint(void **state)
{
    static const char *const names[] = {"",
                                        "eu",
                                        "eu-central",
                                        "eu-central-",
                                        "-eu-central-1",
                                        "eu--central-1",
                                        "eu-central-1 ",
                                        "eu_central1",
                                        "EU-CENTRAL-1",
                                        "eu-central-1.evil.example",
                                        "eu/central-1",
                                        "\xc3\xa4-1",
                                        "1-1"};
    char url[100];

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        if (conf_region_endpoint(names[i], url, sizeof url))
            fail_msg("taken: %s", names[i]);
    }
    assert_false(conf_region_endpoint("eu-central-1", url, 20));
}

static void connect_timeout_above_timeout_is_refused_when_both_were_set(void **state)
{
    struct conf_builder builder;
    struct error error = {0};

    (void)state;
    conf_init(&builder);
    set(&builder, "region", "name", "eu-central-1", CONF_OPTION);
    set(&builder, "region", "connect_timeout", "9", CONF_FILE);
    set(&builder, "region", "timeout", "8", CONF_FILE);
    assert_int_equal(conf_finish(&builder, &error), -1);
    assert_int_equal(error.code, EXIT_CONFIG);
    assert_string_equal(error.text,
                        "test: [region] connect_timeout = 9: expected no more than timeout = 8, which includes it");
}

static void a_timeout_below_the_default_of_connect_timeout_bounds_it(void **state)
{
    struct conf_builder builder;
    struct error error = {0};

    (void)state;
    conf_init(&builder);
    set(&builder, "region", "name", "eu-central-1", CONF_OPTION);
    set(&builder, "region", "timeout", "2", CONF_FILE);
    assert_int_equal(conf_finish(&builder, &error), 0);
    assert_int_equal(builder.conf.connect_timeout, 2);
    assert_int_equal(builder.conf.timeout, 2);
}

static void addresses_are_taken_or_refused(void **state)
{
    static const struct {
        bool (*valid)(const char *value);
        const char *value;
        bool expected;
    } cases[] = {
        {conf_valid_endpoint, "https://ecs.local", true},
        {conf_valid_endpoint, "HTTPS://ecs.local:1/a/b?c", true},
        {conf_valid_endpoint, "https://[fe80::1]:65535/", true},
        {conf_valid_endpoint, "https://", false},
        {conf_valid_endpoint, "https:///path", false},
        {conf_valid_endpoint, "https://user@host/", false},
        {conf_valid_endpoint, "https://user:pw@host/", false},
        {conf_valid_endpoint, "https://host:", false},
        {conf_valid_endpoint, "https://host:0", false},
        {conf_valid_endpoint, "https://host:65536", false},
        {conf_valid_endpoint, "https://host:000443", false},
        {conf_valid_endpoint, "https://host/a b", false},
        {conf_valid_endpoint, "https://host/\n", false},
        {conf_valid_endpoint, "https://[::1", false},
        {conf_valid_endpoint, "https://[]", false},
        {conf_valid_endpoint, "https://host?x", false},
        {conf_valid_endpoint, "ecs.local", false},
        {conf_valid_docker_host, "unix:///run/docker.sock", true},
        {conf_valid_docker_host, "tcp://127.0.0.1:2375", true},
        {conf_valid_docker_host, "tcp://[::1]:2375", true},
        {conf_valid_docker_host, "unix://run/docker.sock", false},
        {conf_valid_docker_host, "unix:///", false},
        {conf_valid_docker_host, "unix://", false},
        {conf_valid_docker_host, "tcp://host", false},
        {conf_valid_docker_host, "tcp://::1:2375", false},
        {conf_valid_docker_host, "tcp://host:2375/v1.41", false},
        {conf_valid_docker_host, "tcp://host:", false},
        {conf_valid_docker_host, "npipe:////./pipe/docker_engine", false},
        {conf_valid_docker_host, "/run/docker.sock", false},
        {conf_valid_docker_host, "", false},
        {conf_valid_proxy, "", true},
        {conf_valid_proxy, "proxy", true},
        {conf_valid_proxy, "proxy:3128", true},
        {conf_valid_proxy, "user:pw@proxy:3128", true},
        {conf_valid_proxy, "socks5h://u:p@ss@[::1]:1080/", true},
        {conf_valid_proxy, "HTTP://proxy", true},
        {conf_valid_proxy, "http://", false},
        {conf_valid_proxy, "ftp://proxy", false},
        {conf_valid_proxy, "aVeryLongSchemeIndeed://proxy", false},
        {conf_valid_proxy, "http://proxy:3128/path", false},
        {conf_valid_proxy, "http://u:p p@proxy", false},
        {conf_valid_name, "ecs-agent", true},
        {conf_valid_name, "-agent", false},
        {conf_valid_name, "a", false},
        {conf_valid_name, "a/b", false},
        {conf_valid_name, "", false},
        {conf_valid_path, "/a b", true},
        {conf_valid_path, "a", false},
        {conf_valid_path, "/a\tb", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (cases[i].valid(cases[i].value) != cases[i].expected)
            fail_msg("%s: %s", cases[i].value, cases[i].expected ? "refused" : "taken");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start_clean, clean_up)
        TEST(an_endpoint_needs_no_region),
        TEST(the_endpoint_follows_from_the_region_and_its_partition),
        TEST(what_is_no_region_gives_no_endpoint),
        TEST(connect_timeout_above_timeout_is_refused_when_both_were_set),
        TEST(a_timeout_below_the_default_of_connect_timeout_bounds_it),
        TEST(addresses_are_taken_or_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
