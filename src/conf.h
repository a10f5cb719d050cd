/* SPDX-License-Identifier: MIT-0 */
/* The configuration: one table of keys, filled from defaults, ECS's own files, the environment, eins.conf and the
 * options. */
#ifndef EINS_CONF_H
#define EINS_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "log.h"

#define CONF_PATH_DEFAULT "/etc/eins/eins.conf"
#define CONF_SIZE_MAX (64u << 10) /* bytes; a longer file is refused */
#define CONF_TEXT_SIZE 512        /* longer values are refused */
#define CONF_LIST_SIZE 4096       /* of hosts for which there is no proxy; likewise */

enum recovery { RECOVERY_REPLACE, RECOVERY_KEEP, RECOVERY_ADOPT };

struct conf {
    /* [region] */
    char region[CONF_TEXT_SIZE];
    char endpoint[CONF_TEXT_SIZE]; /* the URL to probe; always set after conf_finish */
    char ca_file[CONF_TEXT_SIZE];
    char ca_path[CONF_TEXT_SIZE];
    char proxy[CONF_TEXT_SIZE];
    char no_proxy[CONF_LIST_SIZE]; /* no key of its own: NO_PROXY of the environment or of ECS's files */
    int connect_timeout;           /* seconds */
    int timeout;                   /* seconds, the whole probe */
    int fall;
    int rise;
    /* [docker] */
    char docker_host[CONF_TEXT_SIZE];
    bool tls_verify;
    char cert_path[CONF_TEXT_SIZE];
    char agent[CONF_TEXT_SIZE];
    int retries;
    int recovery;       /* enum recovery */
    int docker_timeout; /* seconds, one request */
    int parallel;
    int agent_wait; /* seconds */
    char pid_file[CONF_TEXT_SIZE];
    /* [state] [log] [metrics] */
    char state_file[CONF_TEXT_SIZE];
    char log_file[CONF_TEXT_SIZE];
    int log_level; /* enum log_level */
    char metrics_file[CONF_TEXT_SIZE];
};

/* Where a value came from; the later one wins. */
enum conf_origin { CONF_DEFAULT, CONF_ECS_FILE, CONF_ENVIRONMENT, CONF_FILE, CONF_OPTION };

enum conf_type { CONF_TEXT, CONF_PATH, CONF_NUMBER, CONF_BOOL, CONF_CHOICE };

struct conf_key {
    const char *section;
    const char *key;
    enum conf_type type;
    size_t offset;                    /* of the field in struct conf */
    const char *fallback;             /* the default, as text */
    const char *expected;             /* what a valid value is, for messages and documentation */
    int min, max;                     /* of a CONF_NUMBER */
    const char *const *choices;       /* of a CONF_CHOICE: names in the order of the enum, NULL-terminated */
    bool (*valid)(const char *value); /* of a CONF_TEXT or CONF_PATH */
    bool found; /* eins finds the value elsewhere when it is empty: giving it empty is not giving it */
};

/* The table, ended by an entry whose section is NULL. */
extern const struct conf_key conf_keys[];

/* A configuration being put together, and where each of its values came from (indexes as in conf_keys). */
#define CONF_KEY_MAX 32
struct conf_builder {
    struct conf conf;
    enum conf_origin origin[CONF_KEY_MAX];
    char source[CONF_KEY_MAX][CONF_TEXT_SIZE]; /* in words: "/etc/ecs/ecs.config AWS_DEFAULT_REGION", "$DOCKER_HOST",
                                                  "--region", ... */
    enum conf_origin no_proxy_origin;
    char looked[4]
               [CONF_TEXT_SIZE]; /* the files that were looked at for a region, for the message that none was found */
    size_t looked_count;
};

/* Fills in the defaults. */
void conf_init(struct conf_builder *builder);

/* Sets a key of the table, strictly parsed, unless a stronger origin has set it already; of two ECS files the first
 * counts, otherwise the last. source names the place for messages and for --check-config: a path, "$VARIABLE" or
 * "--option". Returns 0, or -1 with code EXIT_CONFIG and a message that names source, key, value (without credentials)
 * and what was expected. Read the strongest origin first: a value of the environment that is overridden already need
 * not be usable. */
int conf_set(struct conf_builder *builder, const char *section, const char *key, const char *value,
             enum conf_origin origin, const char *source, struct error *error);

/* Reads eins.conf. A file that is missing is no error unless required (it was named with --config). Unknown sections
 * and keys are errors. Returns 0 or -1 with code EXIT_CONFIG. */
int conf_read_file(struct conf_builder *builder, const char *path, bool required, struct error *error);

/* Reads one of ECS's files (KEY=VALUE, split at the first '=', no quotes: FACTS.md): region, backend host, proxy,
 * no-proxy. An earlier call wins over a later one. A file that is missing or unreadable is noted in looked and is no
 * error; a value in it that cannot be used is left alone: it is ECS's file, not ours. */
void conf_read_ecs(struct conf_builder *builder, const char *path);

/* Takes DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH, https_proxy and its kin, NO_PROXY from the environment, as
 * the Docker SDKs and curl read them. Returns 0 or -1 with code EXIT_CONFIG. */
int conf_read_environment(struct conf_builder *builder, struct error *error);

/* Derives the endpoint from the region where none is given, and checks what only the whole can show (a region or an
 * endpoint, an https URL, an absolute path, connect_timeout not above timeout). Returns 0 or -1 with code EXIT_CONFIG
 * and a message that says where it was looked for and what to set. */
int conf_finish(struct conf_builder *builder, struct error *error);

/* Writes https://ecs.REGION.SUFFIX/ for the region's partition (FACTS.md, settings). Returns false when region is not a
 * region's name: lower-case letters, digits and hyphens, like eu-central-1. */
bool conf_region_endpoint(const char *region, char *buffer, size_t size);

#endif
