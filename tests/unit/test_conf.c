/* SPDX-License-Identifier: MIT-0 */
/* eins.conf: its keys with their defaults, what it may say and what is refused, and with which words. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_fixture.h"

/* Reads text as eins.conf and expects it to be refused with "PATH: message". */
static void expect_refusal(const char *text, const char *message)
{
    struct conf_builder builder;
    struct error error = {0};
    char expected[800];

    conf_init(&builder);
    write_file(text);
    assert_int_equal(conf_read_file(&builder, path, false, &error), -1);
    assert_int_equal(error.code, EXIT_CONFIG);
    snprintf(expected, sizeof expected, "%s: %s", path, message);
    assert_string_equal(error.text, expected);
}

static void the_defaults_are_those_of_the_contract(void **state)
{
    struct conf_builder builder;
    const struct conf *conf = &builder.conf;

    (void)state;
    conf_init(&builder);
    assert_string_equal(conf->region, "");
    assert_string_equal(conf->proxy, "");
    assert_int_equal(conf->connect_timeout, 5);
    assert_int_equal(conf->timeout, 10);
    assert_int_equal(conf->fall, 1);
    assert_int_equal(conf->rise, 1);
    assert_string_equal(conf->docker_host, "unix:///var/run/docker.sock");
    assert_false(conf->tls_verify);
    assert_string_equal(conf->agent, "ecs-agent");
    assert_int_equal(conf->retries, 0);
    assert_int_equal(conf->recovery, RECOVERY_REPLACE);
    assert_int_equal(conf->docker_timeout, 30);
    assert_int_equal(conf->parallel, 16);
    assert_int_equal(conf->agent_wait, 20);
    assert_string_equal(conf->pid_file, "/run/docker.pid");
    assert_string_equal(conf->state_file, "/var/lib/eins/state.ini");
    assert_string_equal(conf->log_file, "/var/log/eins/eins.log");
    assert_int_equal(conf->log_level, LOG_LEVEL_INFO);
}

static void every_default_in_the_table_is_valid(void **state)
{
    struct conf_builder builder;

    (void)state;
    conf_init(&builder);
    for (const struct conf_key *key = conf_keys; key->section != NULL; key++)
        set(&builder, key->section, key->key, key->fallback, CONF_OPTION);
}

/* Where the table of src/conf.c and the file that operators get might drift apart. */
static void eins_conf_shows_every_key_with_its_default_and_no_other(void **state)
{
    const char *srcdir = getenv("srcdir");
    char name[512], line[512], section[64] = "", active[8192] = "";
    struct conf_builder builder;
    struct conf defaults;
    size_t shown = 0;
    FILE *stream;

    (void)state;
    snprintf(name, sizeof name, "%s/etc/eins.conf", srcdir != NULL ? srcdir : ".");
    stream = fopen(name, "r");
    if (stream == NULL)
        fail_msg("cannot open %s", name);
    while (fgets(line, sizeof line, stream) != NULL) {
        const struct conf_key *key = conf_keys;
        char expected[512];

        sscanf(line, "[%63[^]]", section);
        if (line[0] != '#' || line[1] == ' ' || line[1] == '\n') {
            strcat(active, line);
            continue;
        }
        for (; key->section != NULL; key++) {
            snprintf(expected, sizeof expected, "#%s =%s%s\n", key->key, key->fallback[0] == '\0' ? "" : " ",
                     key->fallback);
            if (strcmp(key->section, section) == 0 && strcmp(line, expected) == 0)
                break;
        }
        if (key->section == NULL)
            fail_msg("[%s] %s is not a key with its default", section, line);
        strcat(active, line + 1);
        shown++;
    }
    fclose(stream);
    for (const struct conf_key *key = conf_keys; key->section != NULL; key++)
        shown--;
    assert_int_equal(shown, 0);

    conf_init(&builder);
    defaults = builder.conf;
    read_text(&builder, active);
    assert_memory_equal(&builder.conf, &defaults, sizeof defaults);
}

static void unknown_key_is_refused_with_file_and_key(void **state)
{
    (void)state;
    expect_refusal("[log]\nlevle = INFO\n", "[log] levle = INFO: unknown key; expected one of file, level");
    expect_refusal("[state]\n\xc3\x28 = \x1b[2J\n", "[state] \\xc3( = \\x1b[2J: unknown key; expected one of file");
}

static void unknown_section_is_refused_with_file_and_section(void **state)
{
    (void)state;
    expect_refusal("[dokcer]\nretries = 1\n",
                   "[dokcer]: unknown section; expected one of [region], [docker], [state], [log], [metrics]");
}

static void syntax_errors_name_file_and_line(void **state)
{
    (void)state;
    expect_refusal("[region]\nname eu-central-1\n", "line 2: expected [SECTION], KEY = VALUE or a comment");
    expect_refusal("[region]\nfall = 1\nfall = 2\n", "line 3: region:fall is given twice, first on line 2");
}

static void bad_values_are_refused_with_key_value_and_expectation(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"[region]\ntimeout = 0\n", "[region] timeout = 0: expected a number of seconds from 1 to 300"},
        {"[region]\ntimeout = 10s\n", "[region] timeout = 10s: expected a number of seconds from 1 to 300"},
        {"[region]\ntimeout =\n", "[region] timeout = : expected a number of seconds from 1 to 300"},
        {"[region]\nconnect_timeout = 61\n",
         "[region] connect_timeout = 61: expected a number of seconds from 1 to 60"},
        {"[region]\nfall = -1\n", "[region] fall = -1: expected a number of checks from 1 to 100"},
        {"[region]\nrise = 99999999999999999999\n",
         "[region] rise = 99999999999999999999: expected a number of checks from 1 to 100"},
        {"[region]\nname = EU-central-1\n", "[region] name = EU-central-1: expected a region's name like eu-central-1"},
        {"[region]\nendpoint = http://ecs.local/\n", "[region] endpoint = http://ecs.local/: expected a URL like "
                                                     "https://host/ or https://host:port/path, without a user"},
        {"[region]\nca_file = ca.pem\n", "[region] ca_file = ca.pem: expected an absolute path, or nothing"},
        {"[docker]\ntls_verify = maybe\n", "[docker] tls_verify = maybe: expected yes or no"},
        {"[docker]\nretries = 1001\n",
         "[docker] retries = 1001: expected a number of restarts (0 = no limit) from 0 to 1000"},
        {"[docker]\nrecovery = remove\n", "[docker] recovery = remove: expected replace, adopt or keep"},
        {"[docker]\ntimeout = 4\n", "[docker] timeout = 4: expected a number of seconds from 5 to 600"},
        {"[docker]\nparallel = 257\n", "[docker] parallel = 257: expected a number of requests from 1 to 256"},
        {"[docker]\nagent_wait = 0\n", "[docker] agent_wait = 0: expected a number of seconds from 1 to 300"},
        {"[docker]\nagent = ../ping\n",
         "[docker] agent = ../ping: expected a container's name: letters, digits and _ . -"},
        {"[docker]\nhost = ssh://root@box\n",
         "[docker] host = ssh://***@box: expected unix:///absolute/path or tcp://host:port "
         "(ssh://, npipe:// and fd:// are not supported)"},
        {"[state]\nfile = state.ini\n", "[state] file = state.ini: expected an absolute path"},
        {"[state]\nfile =\n", "[state] file = : expected an absolute path"},
        {"[log]\nfile = \"/var/log/a\x1b\"\n", "[log] file = /var/log/a\\x1b: expected an absolute path, or nothing"},
        {"[log]\nlevel = LOUD\n", "[log] level = LOUD: expected DEBUG, INFO, WARNING, ERROR or CRITICAL"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_refusal(cases[i].text, cases[i].message);
}

static void a_value_of_512_bytes_is_too_long(void **state)
{
    struct conf_builder builder;
    struct error error = {0};
    char value[513] = "/";

    (void)state;
    conf_init(&builder);
    memset(value + 1, 'x', 511);
    assert_int_equal(conf_set(&builder, "state", "file", value, CONF_OPTION, "--state", &error), -1);
    assert_non_null(strstr(error.text, "xxx: expected less than 512 bytes"));
    value[511] = '\0';
    set(&builder, "state", "file", value, CONF_OPTION);
    assert_string_equal(builder.conf.state_file, value);
}

static void a_complete_file_is_read(void **state)
{
    struct conf_builder builder;
    const struct conf *conf = &builder.conf;

    (void)state;
    conf_init(&builder);
    read_text(&builder,
              "[region]\nname = us-gov-west-1\nendpoint = https://[::1]:8443/x\nca_file = /a.pem\nca_path = /certs\n"
              "proxy = proxy:3128\nconnect_timeout = 2\ntimeout = 3\nfall = 4\nrise = 5\n"
              "[docker]\nhost = tcp://[::1]:2376\ntls_verify = Yes\ncert_path = /b\nagent = my-agent\nretries = 6\n"
              "recovery = KEEP\ntimeout = 7\nparallel = 8\nagent_wait = 9\npid_file =\n"
              "[state]\nfile = /c\n[log]\nfile =\nlevel = debug\n");
    assert_string_equal(conf->region, "us-gov-west-1");
    assert_string_equal(conf->endpoint, "https://[::1]:8443/x");
    assert_string_equal(conf->ca_file, "/a.pem");
    assert_string_equal(conf->ca_path, "/certs");
    assert_string_equal(conf->proxy, "proxy:3128");
    assert_int_equal(conf->connect_timeout, 2);
    assert_int_equal(conf->timeout, 3);
    assert_int_equal(conf->fall, 4);
    assert_int_equal(conf->rise, 5);
    assert_string_equal(conf->docker_host, "tcp://[::1]:2376");
    assert_true(conf->tls_verify);
    assert_string_equal(conf->cert_path, "/b");
    assert_string_equal(conf->agent, "my-agent");
    assert_int_equal(conf->retries, 6);
    assert_int_equal(conf->recovery, RECOVERY_KEEP);
    assert_int_equal(conf->docker_timeout, 7);
    assert_int_equal(conf->parallel, 8);
    assert_int_equal(conf->agent_wait, 9);
    assert_string_equal(conf->pid_file, "");
    assert_string_equal(conf->state_file, "/c");
    assert_string_equal(conf->log_file, "");
    assert_int_equal(conf->log_level, LOG_LEVEL_DEBUG);
    assert_string_equal(builder.source[index_of("region", "name")], path);
}

static void a_missing_file_is_an_error_only_when_it_was_named(void **state)
{
    struct conf_builder builder;
    struct error error = {0};

    (void)state;
    conf_init(&builder);
    assert_int_equal(conf_read_file(&builder, "/nonexistent/eins.conf", false, &error), 0);
    assert_int_equal(conf_read_file(&builder, "/nonexistent/eins.conf", true, &error), -1);
    assert_int_equal(error.code, EXIT_CONFIG);
    assert_string_equal(error.text, "/nonexistent/eins.conf: it cannot be read: No such file or directory");
}

static void what_is_no_regular_file_is_an_error_even_when_it_was_not_named(void **state)
{
    struct conf_builder builder;
    struct error error = {0};

    (void)state;
    conf_init(&builder);
    assert_int_equal(conf_read_file(&builder, folder, false, &error), -1);
    assert_int_equal(error.code, EXIT_CONFIG);
    assert_non_null(strstr(error.text, ": it cannot be read: "));
}

static void passwords_never_get_into_a_message(void **state)
{
    static const char *const proxies[] = {"http://user:secret@proxy:x", "user:secret@", "http://user:sec@secret@ proxy",
                                          "u:p://secret@", "secret@proxy:3128/rubbish"};
    struct conf_builder builder;

    (void)state;
    conf_init(&builder);
    for (size_t i = 0; i < COUNT(proxies); i++) {
        struct error error = {0};

        assert_int_equal(conf_set(&builder, "region", "proxy", proxies[i], CONF_FILE, "f", &error), -1);
        assert_null(strstr(error.text, "secret"));
        assert_non_null(strstr(error.text, "***@"));
        assert_int_equal(conf_set(&builder, "region", "proxi", proxies[i], CONF_FILE, "f", &error), -1);
        assert_null(strstr(error.text, "secret"));
    }
    expect_refusal("[region]\nproxy = http://user:secret@proxy:99999\n",
                   "[region] proxy = http://***@proxy:99999: expected host:port, a URL (http, https, socks4, socks4a, "
                   "socks5, socks5h), "
                   "or nothing for no proxy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start_clean, clean_up)
        TEST(the_defaults_are_those_of_the_contract),
        TEST(every_default_in_the_table_is_valid),
        TEST(eins_conf_shows_every_key_with_its_default_and_no_other),
        TEST(unknown_key_is_refused_with_file_and_key),
        TEST(unknown_section_is_refused_with_file_and_section),
        TEST(syntax_errors_name_file_and_line),
        TEST(bad_values_are_refused_with_key_value_and_expectation),
        TEST(a_value_of_512_bytes_is_too_long),
        TEST(a_complete_file_is_read),
        TEST(a_missing_file_is_an_error_only_when_it_was_named),
        TEST(what_is_no_regular_file_is_an_error_even_when_it_was_not_named),
        TEST(passwords_never_get_into_a_message),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
