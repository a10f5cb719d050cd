/* SPDX-License-Identifier: MIT-0 */
/* What a region, a URL, a proxy, a Docker host or a path must look like, and how to show a value that may hold a
 * password. */
#ifndef EINS_CONF_VALUES_H
#define EINS_CONF_VALUES_H

#include <stdbool.h>
#include <stddef.h>

/* Lower-case letters, digits and hyphens, like eu-central-1, or nothing. */
bool conf_valid_region(const char *value);

/* https://host[:port][/path] without a user, or nothing. */
bool conf_valid_endpoint(const char *value);

/* [scheme://][user[:password]@]host[:port][/] with a scheme that libcurl knows for proxies, or nothing. */
bool conf_valid_proxy(const char *value);

/* unix:///absolute/path or tcp://host:port. */
bool conf_valid_docker_host(const char *value);

/* A container's name as Docker takes it: [a-zA-Z0-9][a-zA-Z0-9_.-]+ */
bool conf_valid_name(const char *value);

/* An absolute path without control characters; the second also takes nothing. */
bool conf_valid_path(const char *value);
bool conf_valid_path_or_none(const char *value);

/* Makes value fit for a message: whatever stands before an @ is replaced by ***, the rest escaped and cut to size.
 * Returns buffer. */
const char *conf_show(char *buffer, size_t size, const char *value);

#endif
