/* SPDX-License-Identifier: MIT-0 */
/* Where a configuration comes from: eins.conf, ECS's own files, the environment. */
#include "config.h"

#include "conf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf_values.h"
#include "file.h"
#include "ini.h"
#include "text.h"

/* Why a file could not be read, from file_read's result. */
static const char *reason(int result)
{
    switch (-result) {
    case ELOOP:
        return "a symbolic link is not followed";
    case EINVAL:
        return "not a regular file";
    case EFBIG:
        return "longer than 64 KiB";
    case EPERM:
        return "others than root may write it, and root must not do what they say: chown root, chmod go-w";
    default:
        return strerror(-result);
    }
}

static bool is_missing(int result)
{
    return result == -ENOENT || result == -ENOTDIR;
}

/* Notes where a region was looked for in vain. */
__attribute__((format(printf, 3, 4))) static void note_looked(struct conf_builder *builder, const char *path,
                                                              const char *format, ...)
{
    char found[200], shown[240];
    va_list arguments;

    if (builder->looked_count == sizeof builder->looked / sizeof *builder->looked)
        return;
    va_start(arguments, format);
    vsnprintf(found, sizeof found, format, arguments);
    va_end(arguments);
    snprintf(builder->looked[builder->looked_count++], CONF_TEXT_SIZE, "%s (%s)",
             text_escape(shown, sizeof shown, path), found);
}

struct file_context {
    struct conf_builder *builder;
    const char *path;
    bool has_region;
    struct error *error;
};

static int take_entry(void *opaque, const char *section, const char *key, const char *value)
{
    struct file_context *context = opaque;
    char known[100] = "", shown[80];

    if (key != NULL) {
        context->has_region |= strcmp(section, "region") == 0 && strcmp(key, "name") == 0 && value[0] != '\0';
        return conf_set(context->builder, section, key, value, CONF_FILE, context->path, context->error);
    }
    for (size_t i = 0; conf_keys[i].section != NULL; i++) {
        size_t length = strlen(known);

        if (strcmp(conf_keys[i].section, section) == 0)
            return 0;
        if (i == 0 || strcmp(conf_keys[i].section, conf_keys[i - 1].section) != 0)
            snprintf(known + length, sizeof known - length, "%s[%s]", length == 0 ? "" : ", ", conf_keys[i].section);
    }
    return error_set(context->error, EXIT_CONFIG, "%s: [%s]: unknown section; expected one of %s", context->path,
                     text_escape(shown, sizeof shown, section), known);
}

int conf_read_file(struct conf_builder *builder, const char *path, bool required, struct error *error)
{
    char shown[240];
    struct file_context context = {builder, text_escape(shown, sizeof shown, path), false, error};
    cleanup_free char *text = NULL;
    size_t length;
    int result = file_read_trusted(path, CONF_SIZE_MAX, &text, &length);

    if (is_missing(result) && !required) {
        note_looked(builder, path, "missing");
        return 0;
    }
    if (result < 0)
        return error_set(error, EXIT_CONFIG, "%s: it cannot be read: %s", context.path, reason(result));
    if (ini_parse(text, length, context.path, take_entry, &context, error) != 0) {
        error->code = EXIT_CONFIG;
        return -1;
    }
    if (!context.has_region)
        note_looked(builder, path, "no name in [region]");
    return 0;
}

/* Finds the last line KEY=VALUE, as systemd and Docker read such files. Returns false when there is none or its value
 * is empty. */
static bool ecs_setting(const char *text, const char *key, char *value, size_t size)
{
    size_t key_length = strlen(key);
    bool found = false;

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        size_t length;

        line += strspn(line, " \t\r\n");
        length = strcspn(line, "\n");
        while (length > 0 && strchr(" \t\r", line[length - 1]) != NULL)
            length--;
        if (length <= key_length || strncmp(line, key, key_length) != 0 || line[key_length] != '=')
            continue;
        length -= key_length + 1;
        found = length > 0 && length < size;
        if (found) {
            memcpy(value, line + key_length + 1, length);
            value[length] = '\0';
        }
    }
    return found;
}

/* Sets a key from one of ECS's files; what eins cannot use there stays with ECS. Returns whether it could be used. */
static bool take_ecs(struct conf_builder *builder, const char *key, const char *value, const char *path,
                     const char *name)
{
    char source[sizeof builder->source[0]];
    struct error ignored;

    snprintf(source, sizeof source, "%s %s", path, name);
    return conf_set(builder, "region", key, value, CONF_ECS_FILE, source, &ignored) == 0;
}

/* Returns false for a list that is too long: a part of it would send through the proxy what must not go there. */
static bool take_no_proxy(struct conf_builder *builder, const char *value, enum conf_origin origin)
{
    if (strlen(value) >= sizeof builder->conf.no_proxy)
        return false;
    if (builder->no_proxy_origin < origin) {
        text_copy(builder->conf.no_proxy, sizeof builder->conf.no_proxy, value);
        builder->no_proxy_origin = origin;
    }
    return true;
}

void conf_read_ecs(struct conf_builder *builder, const char *path)
{
    cleanup_free char *text = NULL;
    char value[CONF_TEXT_SIZE - 16]; /* room for a scheme */
    char list[CONF_LIST_SIZE];
    char shown[100];
    int result = file_read(path, CONF_SIZE_MAX, &text, NULL);

    if (result < 0) {
        note_looked(builder, path, "%s", is_missing(result) ? "missing" : reason(result));
        return;
    }
    if (!ecs_setting(text, "AWS_DEFAULT_REGION", value, sizeof value))
        note_looked(builder, path, "no AWS_DEFAULT_REGION");
    else if (!take_ecs(builder, "name", value, path, "AWS_DEFAULT_REGION"))
        note_looked(builder, path, "AWS_DEFAULT_REGION=%s is not a region's name",
                    conf_show(shown, sizeof shown, value));

    if (ecs_setting(text, "ECS_BACKEND_HOST", value, sizeof value)) {
        char url[CONF_TEXT_SIZE];

        snprintf(url, sizeof url, strstr(value, "://") != NULL ? "%s" : "https://%s/", value);
        take_ecs(builder, "endpoint", url, path, "ECS_BACKEND_HOST");
    }
    if (ecs_setting(text, "HTTP_PROXY", value, sizeof value))
        take_ecs(builder, "proxy", value, path, "HTTP_PROXY");
    if (ecs_setting(text, "NO_PROXY", list, sizeof list))
        (void)take_no_proxy(builder, list, CONF_ECS_FILE);
}

/* The first of the variables that is not empty, or NULL: for Docker and curl an empty one is not set. */
static const char *first_variable(const char *const *names, const char **ret_value)
{
    for (; *names != NULL; names++) {
        const char *value = getenv(*names);

        if (value != NULL && value[0] != '\0') {
            *ret_value = value;
            return *names;
        }
    }
    return NULL;
}

int conf_read_environment(struct conf_builder *builder, struct error *error)
{
    static const struct {
        const char *section;
        const char *key;
        const char *names[5]; /* the first one that is set counts */
        const char *constant; /* stands for any value, or NULL */
    } variables[] = {
        {"docker", "host", {"DOCKER_HOST"}, NULL},
        {"docker", "tls_verify", {"DOCKER_TLS_VERIFY"}, "yes"}, /* for the SDKs even 0 means yes */
        {"docker", "cert_path", {"DOCKER_CERT_PATH"}, NULL},
        {"region", "proxy", {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}, NULL},
    };
    static const char *const no_proxy[] = {"no_proxy", "NO_PROXY", NULL};
    const char *value;

    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *name = first_variable(variables[i].names, &value);
        char source[32];

        if (name == NULL)
            continue;
        snprintf(source, sizeof source, "$%s", name);
        if (variables[i].constant != NULL)
            value = variables[i].constant;
        if (conf_set(builder, variables[i].section, variables[i].key, value, CONF_ENVIRONMENT, source, error) < 0)
            return -1;
    }
    if (first_variable(no_proxy, &value) != NULL && !take_no_proxy(builder, value, CONF_ENVIRONMENT))
        return error_set(error, EXIT_CONFIG, "$%s: expected less than %d bytes", first_variable(no_proxy, &value),
                         CONF_LIST_SIZE);
    return 0;
}
