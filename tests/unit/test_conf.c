/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "conf_values.h"
#include "text.h"

static char folder[] = "/tmp/eins-test-conf-XXXXXX";
static char path[sizeof folder + 16];

static const char *const variables[] = {"DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "https_proxy",
                                        "HTTPS_PROXY", "all_proxy",         "ALL_PROXY",        "no_proxy",
                                        "NO_PROXY",    "http_proxy"};

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/test.conf", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int start_clean(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(variables); i++)
        unsetenv(variables[i]);
    return 0;
}

static int clean_up(void **state)
{
    unlink(path);
    return start_clean(state);
}

static void write_file(const char *text)
{
    FILE *stream = fopen(path, "w");

    assert_non_null(stream);
    fputs(text, stream);
    assert_int_equal(fclose(stream), 0);
}

static void set(struct conf_builder *builder, const char *section, const char *key, const char *value,
                enum conf_origin origin)
{
    struct error error = {0};

    if (conf_set(builder, section, key, value, origin, "test", &error) != 0)
        fail_msg("refused: %s", error.text);
}

static size_t index_of(const char *section, const char *key)
{
    for (size_t i = 0; conf_keys[i].section != NULL; i++) {
        if (strcmp(conf_keys[i].section, section) == 0 && strcmp(conf_keys[i].key, key) == 0)
            return i;
    }
    fail_msg("no key %s in [%s]", key, section);
    return 0;
}

static void read_text(struct conf_builder *builder, const char *text)
{
    struct error error = {0};

    write_file(text);
    if (conf_read_file(builder, path, true, &error) != 0)
        fail_msg("refused: %s", error.text);
}

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
        TEST(an_endpoint_needs_no_region),
        TEST(the_endpoint_follows_from_the_region_and_its_partition),
        TEST(what_is_no_region_gives_no_endpoint),
        TEST(connect_timeout_above_timeout_is_refused_when_both_were_set),
        TEST(a_timeout_below_the_default_of_connect_timeout_bounds_it),
        TEST(addresses_are_taken_or_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
