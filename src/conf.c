/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "conf.h"

#include <stdint.h>
#include <string.h>

#include "conf_values.h"
#include "text.h"

#define SHOWN_SIZE 200 /* of a value in a message */
#define FIELD(member) offsetof(struct conf, member)

/* Rows of the table, one macro a type, so that none can lack what its type needs. */
#define ROW(section_, key_, type_, member, fallback_, expected_, ...)                                                  \
    {                                                                                                                  \
        .section = section_, .key = key_, .type = type_, .offset = FIELD(member), .fallback = fallback_,               \
        .expected = expected_, __VA_ARGS__                                                                             \
    }
#define TEXT(section, key, member, fallback, expected, valid_)                                                         \
    ROW(section, key, CONF_TEXT, member, fallback, expected, .valid = valid_)
#define TEXT_FOUND(section, key, member, expected, valid_)                                                             \
    ROW(section, key, CONF_TEXT, member, "", expected, .valid = valid_, .found = true)
#define PATH(section, key, member, fallback)                                                                           \
    ROW(section, key, CONF_PATH, member, fallback, "an absolute path", .valid = conf_valid_path)
#define PATH_OR_NONE(section, key, member, fallback)                                                                   \
    ROW(section, key, CONF_PATH, member, fallback, "an absolute path, or nothing", .valid = conf_valid_path_or_none)
#define NUMBER(section, key, member, fallback, unit, min_, max_)                                                       \
    ROW(section, key, CONF_NUMBER, member, fallback, "a number of " unit " from " #min_ " to " #max_, .min = min_,     \
        .max = max_)
#define BOOL(section, key, member, fallback) ROW(section, key, CONF_BOOL, member, fallback, "yes or no", .min = 0)
#define CHOICE(section, key, member, fallback, expected, choices_)                                                     \
    ROW(section, key, CONF_CHOICE, member, fallback, expected, .choices = choices_)

static const char *const recovery_names[] = {
    [RECOVERY_REPLACE] = "replace", [RECOVERY_KEEP] = "keep", [RECOVERY_ADOPT] = "adopt", NULL};

const struct conf_key conf_keys[] = {
    TEXT_FOUND("region", "name", region, "a region's name like eu-central-1", conf_valid_region),
    TEXT_FOUND("region", "endpoint", endpoint, "a URL like https://host/ or https://host:port/path, without a user",
               conf_valid_endpoint),
    PATH_OR_NONE("region", "ca_file", ca_file, ""),
    PATH_OR_NONE("region", "ca_path", ca_path, ""),
    TEXT("region", "proxy", proxy, "",
         "host:port, a URL (http, https, socks4, socks4a, socks5, socks5h), or nothing for no proxy", conf_valid_proxy),
    NUMBER("region", "connect_timeout", connect_timeout, "5", "seconds", 1, 60),
    NUMBER("region", "timeout", timeout, "10", "seconds", 1, 300),
    NUMBER("region", "fall", fall, "1", "checks", 1, 100),
    NUMBER("region", "rise", rise, "1", "checks", 1, 100),
    TEXT("docker", "host", docker_host, "unix:///var/run/docker.sock",
         "unix:///absolute/path or tcp://host:port (ssh://, npipe:// and fd:// are not supported)",
         conf_valid_docker_host),
    BOOL("docker", "tls_verify", tls_verify, "no"),
    PATH_OR_NONE("docker", "cert_path", cert_path, ""),
    TEXT("docker", "agent", agent, "ecs-agent", "a container's name: letters, digits and _ . -", conf_valid_name),
    NUMBER("docker", "retries", retries, "0", "restarts (0 = no limit)", 0, 1000),
    CHOICE("docker", "recovery", recovery, "replace", "replace, adopt or keep", recovery_names),
    NUMBER("docker", "timeout", docker_timeout, "30", "seconds", 5, 600),
    NUMBER("docker", "parallel", parallel, "16", "requests", 1, 256),
    NUMBER("docker", "agent_wait", agent_wait, "20", "seconds", 1, 300),
    PATH_OR_NONE("docker", "pid_file", pid_file, "/run/docker.pid"),
    PATH("state", "file", state_file, "/var/lib/eins/state.ini"),
    PATH_OR_NONE("log", "file", log_file, "/var/log/eins/eins.log"),
    CHOICE("log", "level", log_level, "INFO", "DEBUG, INFO, WARNING, ERROR or CRITICAL", log_level_names),
    PATH_OR_NONE("metrics", "file", metrics_file, ""),
    {.section = NULL},
};

_Static_assert(sizeof conf_keys / sizeof *conf_keys <= CONF_KEY_MAX, "struct conf_builder has no room for all keys");

/* Parses value into the key's field. Returns false, with nothing changed, when it is not valid. */
static bool store(const struct conf_key *key, struct conf *conf, const char *value)
{
    void *field = (char *)conf + key->offset;
    int64_t number;
    int choice;

    switch (key->type) {
    case CONF_TEXT:
    case CONF_PATH:
        if (strlen(value) >= CONF_TEXT_SIZE || !key->valid(value))
            return false;
        return text_copy(field, CONF_TEXT_SIZE, value);
    case CONF_NUMBER:
        if (!text_parse_number(value, key->min, key->max, &number))
            return false;
        *(int *)field = (int)number;
        return true;
    case CONF_BOOL:
        return text_parse_bool(value, field);
    case CONF_CHOICE:
        choice = text_lookup(key->choices, value);
        if (choice < 0)
            return false;
        *(int *)field = choice;
        return true;
    }
    return false;
}

static size_t find_key(const char *section, const char *key)
{
    size_t i = 0;

    while (conf_keys[i].section != NULL &&
           (strcmp(conf_keys[i].section, section) != 0 || strcmp(conf_keys[i].key, key) != 0))
        i++;
    return i;
}

void conf_init(struct conf_builder *builder)
{
    memset(builder, 0, sizeof *builder);
    for (size_t i = 0; conf_keys[i].section != NULL; i++) {
        store(&conf_keys[i], &builder->conf, conf_keys[i].fallback);
        text_copy(builder->source[i], sizeof builder->source[i], "default");
    }
}

static int refuse_unknown(const char *section, const char *key, const char *value, const char *source,
                          struct error *error)
{
    char shown_key[80], shown_value[SHOWN_SIZE];
    char known[300] = "";

    for (size_t i = 0; conf_keys[i].section != NULL; i++) {
        size_t length = strlen(known);

        if (strcmp(conf_keys[i].section, section) == 0)
            snprintf(known + length, sizeof known - length, "%s%s", length == 0 ? "" : ", ", conf_keys[i].key);
    }
    return error_set(error, EXIT_CONFIG, "%s: [%s] %s = %s: unknown key; expected one of %s", source, section,
                     text_escape(shown_key, sizeof shown_key, key), conf_show(shown_value, sizeof shown_value, value),
                     known);
}

static int refuse_value(const struct conf_key *key, const char *value, enum conf_origin origin, const char *source,
                        struct error *error)
{
    char shown[SHOWN_SIZE];
    const char *expected = key->expected;

    conf_show(shown, sizeof shown, value);
    if ((key->type == CONF_TEXT || key->type == CONF_PATH) && strlen(value) >= CONF_TEXT_SIZE)
        expected = "less than 512 bytes";
    if (origin == CONF_OPTION || origin == CONF_ENVIRONMENT)
        return error_set(error, EXIT_CONFIG, "%s=%s: expected %s", source, shown, expected);
    return error_set(error, EXIT_CONFIG, "%s: [%s] %s = %s: expected %s", source, key->section, key->key, shown,
                     expected);
}

int conf_set(struct conf_builder *builder, const char *section, const char *key, const char *value,
             enum conf_origin origin, const char *source, struct error *error)
{
    size_t i = find_key(section, key);
    struct conf unused;
    bool overridden;

    if (conf_keys[i].section == NULL)
        return refuse_unknown(section, key, value, source, error);
    if (conf_keys[i].found && value[0] == '\0')
        return 0;
    overridden = builder->origin[i] > origin || (origin == CONF_ECS_FILE && builder->origin[i] == origin);
    /* eins.conf must be sound even where an option overrides it; the environment is not ours to be strict about. */
    if (overridden && origin < CONF_FILE)
        return 0;
    if (!store(&conf_keys[i], overridden ? &unused : &builder->conf, value))
        return refuse_value(&conf_keys[i], value, origin, source, error);
    if (overridden)
        return 0;
    builder->origin[i] = origin;
    text_copy(builder->source[i], sizeof builder->source[i], source);
    return 0;
}

static int no_region(const struct conf_builder *builder, struct error *error)
{
    char looked[sizeof error->text] = "--region (not given)";

    for (size_t i = 0; i < builder->looked_count; i++) {
        size_t length = strlen(looked);

        snprintf(looked + length, sizeof looked - length, ", %s", builder->looked[i]);
    }
    return error_set(error, EXIT_CONFIG,
                     "no region is known: give --region=REGION or set `name` in [region] of eins.conf; looked at %s",
                     looked);
}

static int check_timeouts(struct conf_builder *builder, struct error *error)
{
    struct conf *conf = &builder->conf;
    size_t connecting = find_key("region", "connect_timeout");
    size_t whole = find_key("region", "timeout");

    if (conf->connect_timeout <= conf->timeout)
        return 0;
    if (builder->origin[connecting] != CONF_DEFAULT && builder->origin[whole] != CONF_DEFAULT)
        return error_set(error, EXIT_CONFIG,
                         "%s: [region] connect_timeout = %d: expected no more than timeout = %d, which includes it",
                         builder->source[connecting], conf->connect_timeout, conf->timeout);
    /* Who changes only one of the two need not know the default of the other. The whole is what bounds a check, so it
     * stays. */
    conf->connect_timeout = conf->timeout;
    return 0;
}

int conf_finish(struct conf_builder *builder, struct error *error)
{
    struct conf *conf = &builder->conf;

    if (conf->endpoint[0] == '\0') {
        size_t i = find_key("region", "endpoint");

        if (conf->region[0] == '\0')
            return no_region(builder, error);
        conf_region_endpoint(conf->region, conf->endpoint,
                             sizeof conf->endpoint); /* cannot fail: conf_set took the region */
        text_copy(builder->source[i], sizeof builder->source[i], "the region's name");
    }
    return check_timeouts(builder, error);
}
