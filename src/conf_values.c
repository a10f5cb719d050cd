/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "conf_values.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conf.h"
#include "text.h"

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Partitions whose names do not end in amazonaws.com (FACTS.md, settings). */
static const struct {
    const char *prefix;
    const char *suffix;
} partitions[] = {
    {"cn-", "amazonaws.com.cn"},
    {"us-iso-", "c2s.ic.gov"},
    {"us-isob-", "sc2s.sgov.gov"},
    {"eu-isoe-", "cloud.adc-e.uk"},
    {"us-isof-", "csp.hci.ic.gov"},
    {"eusc-", "amazonaws.eu"},
    {"" /* the rest, us-gov- too */, "amazonaws.com"},
};

static bool is_region(const char *region)
{
    size_t parts = 1;
    const char *part = region;

    /* A name with a typing error would look like an outage for ever. So insist on the form that all have: words, then a
     * number. */
    if (strlen(region) > 63 || !islower((unsigned char)region[0]))
        return false;
    for (const char *hyphen; (hyphen = strchr(part, '-')) != NULL; part = hyphen + 1, parts++) {
        if (hyphen == part || strspn(part, LOWER DIGITS) != (size_t)(hyphen - part))
            return false;
    }
    return parts > 1 && part[0] != '\0' && part[strspn(part, DIGITS)] == '\0';
}

bool conf_region_endpoint(const char *region, char *buffer, size_t size)
{
    size_t i = 0;
    int length;

    if (!is_region(region))
        return false;
    while (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) != 0)
        i++;
    length = snprintf(buffer, size, "https://ecs.%s.%s/", region, partitions[i].suffix);
    return length > 0 && (size_t)length < size;
}

static bool is_printable(const char *text, bool blanks)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f || (*c == ' ' && !blanks))
            return false;
    }
    return true;
}

/* Where HOST[:PORT] at text ends, or NULL when there is none. An IPv6 address stands in brackets. */
static const char *skip_host(const char *text, bool port_required)
{
    size_t length;
    char port[6];
    int64_t number;

    if (text[0] == '[') {
        length = strspn(text + 1, DIGITS "abcdefABCDEF:.");
        if (length < 2 || text[length + 1] != ']')
            return NULL;
        text += length + 2;
    } else {
        length = strspn(text, LOWER UPPER DIGITS "_.-");
        if (length == 0)
            return NULL;
        text += length;
    }
    if (text[0] != ':')
        return port_required ? NULL : text;
    text++;
    length = strspn(text, DIGITS);
    if (length == 0 || length >= sizeof port)
        return NULL;
    memcpy(port, text, length);
    port[length] = '\0';
    return text_parse_number(port, 1, 65535, &number) ? text + length : NULL;
}

bool conf_valid_region(const char *value)
{
    return value[0] == '\0' || is_region(value);
}

bool conf_valid_endpoint(const char *value)
{
    static const char scheme[] = "https://";
    const char *rest;

    if (value[0] == '\0')
        return true;
    if (strncasecmp(value, scheme, strlen(scheme)) != 0 || !is_printable(value, false))
        return false;
    rest = skip_host(value + strlen(scheme), false);
    return rest != NULL && (rest[0] == '\0' || rest[0] == '/');
}

/* The length of "scheme://" at the start of value, or 0. */
static size_t scheme_length(const char *value)
{
    size_t length = strspn(value, LOWER UPPER DIGITS "+.-");

    return length > 0 && strncmp(value + length, "://", 3) == 0 ? length + 3 : 0;
}

bool conf_valid_proxy(const char *value)
{
    static const char *const schemes[] = {"http://",   "https://",   "socks4://", "socks4a://",
                                          "socks5://", "socks5h://", NULL};
    size_t length = scheme_length(value);
    const char *at = strrchr(value, '@');
    const char *rest;

    if (value[0] == '\0')
        return true;
    if (!is_printable(value, false))
        return false;
    if (length > 0) {
        char scheme[16];

        if (length >= sizeof scheme)
            return false;
        memcpy(scheme, value, length);
        scheme[length] = '\0';
        if (text_lookup(schemes, scheme) < 0)
            return false;
    }
    rest = skip_host(at != NULL ? at + 1 : value + length, false);
    return rest != NULL && (rest[0] == '\0' || strcmp(rest, "/") == 0);
}

bool conf_valid_docker_host(const char *value)
{
    if (strncmp(value, "unix://", 7) == 0)
        return conf_valid_path(value + 7) && value[8] != '\0';
    if (strncmp(value, "tcp://", 6) == 0) {
        const char *rest = skip_host(value + 6, true);

        return rest != NULL && rest[0] == '\0';
    }
    return false;
}

bool conf_valid_name(const char *value)
{
    return isalnum((unsigned char)value[0]) && value[1] != '\0' &&
           value[strspn(value, LOWER UPPER DIGITS "_.-")] == '\0';
}

bool conf_valid_path(const char *value)
{
    return value[0] == '/' && is_printable(value, true);
}

bool conf_valid_path_or_none(const char *value)
{
    return value[0] == '\0' || conf_valid_path(value);
}

const char *conf_show(char *buffer, size_t size, const char *value)
{
    const char *at = strrchr(value, '@'); /* the last one: a password may hold others */
    char masked[CONF_TEXT_SIZE];

    if (at != NULL && value[0] != '/')
        snprintf(masked, sizeof masked, "%.*s***%s", (int)scheme_length(value), value, at);
    else
        text_copy(masked, sizeof masked, value);
    return text_escape(buffer, size, masked);
}
