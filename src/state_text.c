/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "state.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

#include "ini.h"
#include "text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT_OF(macro) TEXT_OF_VALUE(macro)
#define TEXT_OF_VALUE(value) #value

#define HEAD_VERSION "[eins]\nversion = "
#define HEAD HEAD_VERSION TEXT_OF(STATE_VERSION) "\nchecksum = "
#define DIGEST_LENGTH 64
#define HEAD_LENGTH (sizeof HEAD - 1)
#define BODY_OFFSET (HEAD_LENGTH + DIGEST_LENGTH + 1)

#define CONTAINER_PREFIX "container:"
#define VALUE_SIZE 256

enum field_type {
    FIELD_BOOL,
    FIELD_INT,
    FIELD_INT64,
    FIELD_ID,
    FIELD_NAME,
    FIELD_TIME,
    FIELD_GENERATION,
    FIELD_PHASE,
    FIELD_POLICY,
    FIELD_NAMED, /* an enum whose names are in the field */
};

struct field {
    const char *key;
    enum field_type type;
    size_t offset;
    int64_t min, max;     /* of numbers */
    const char *fallback; /* what an omitted line stands for: a zeroed record, in words; NULL: it is never omitted */
    const char *const *names;
};

_Static_assert(sizeof(enum takeover) == sizeof(unsigned int) && sizeof(enum fate) == sizeof(unsigned int),
               "FIELD_NAMED copies an unsigned int");

static const char *const takeover_names[] = {
    [TAKEOVER_NONE] = "none", [TAKEOVER_LEFT] = "left", [TAKEOVER_ASKED] = "asked", [TAKEOVER_SET] = "set", NULL,
};

static const char *const fate_names[] = {
    [FATE_NONE] = "none",
    [FATE_RESTORE] = "restore",
    [FATE_REPLACE] = "replace",
    NULL,
};

static const struct field state_fields[] = {
    {"phase", FIELD_PHASE, offsetof(struct state, phase), 0, 0, NULL, NULL},
    {"since", FIELD_INT64, offsetof(struct state, since), 0, INT64_MAX, NULL, NULL},
    {"fresh", FIELD_BOOL, offsetof(struct state, fresh), 0, 1, "0", NULL},
    {"rebuild", FIELD_BOOL, offsetof(struct state, rebuild), 0, 1, "0", NULL},
    {"fall_count", FIELD_INT, offsetof(struct state, fall_count), 0, INT_MAX, "0", NULL},
    {"rise_count", FIELD_INT, offsetof(struct state, rise_count), 0, INT_MAX, "0", NULL},
    {"outages", FIELD_INT64, offsetof(struct state, outages), 0, INT64_MAX, "0", NULL},
    {"generation", FIELD_GENERATION, offsetof(struct state, generation), 0, 0, "", NULL},
};

#define REQUIRED_FIELDS 2 /* those of the state without a fallback; ini_parse refuses a line that is there twice */

static const struct field agent_fields[] = {
    {"id", FIELD_ID, offsetof(struct state_agent, id), 0, 0, "", NULL},
    {"paused_by_eins", FIELD_BOOL, offsetof(struct state_agent, paused_by_eins), 0, 1, "0", NULL},
    {"paused_at", FIELD_INT64, offsetof(struct state_agent, paused_at), 0, INT64_MAX, "0", NULL},
    {"renewing", FIELD_ID, offsetof(struct state_agent, renewing), 0, 0, "", NULL},
    {"renew_since", FIELD_INT64, offsetof(struct state_agent, renew_since), 0, INT64_MAX, "0", NULL},
};

static const struct field container_fields[] = {
    {"name", FIELD_NAME, offsetof(struct state_container, name), 0, 0, "", NULL},
    {"running", FIELD_BOOL, offsetof(struct state_container, running), 0, 1, "0", NULL},
    {"takeover", FIELD_NAMED, offsetof(struct state_container, takeover), 0, 0, "none", takeover_names},
    {"policy", FIELD_POLICY, offsetof(struct state_container, policy.kind), 0, 0, "no", NULL},
    {"retries", FIELD_INT, offsetof(struct state_container, policy.retries), INT_MIN, INT_MAX, "0", NULL},
    {"started_at", FIELD_TIME, offsetof(struct state_container, started_at), 0, 0, "", NULL},
    {"revived", FIELD_BOOL, offsetof(struct state_container, revived), 0, 1, "0", NULL},
    {"starting", FIELD_BOOL, offsetof(struct state_container, starting), 0, 1, "0", NULL},
    {"guessed", FIELD_BOOL, offsetof(struct state_container, guessed), 0, 1, "0", NULL},
    {"fate", FIELD_NAMED, offsetof(struct state_container, fate), 0, 0, "none", fate_names},
};

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool consists_of(const char *text, const char *bytes)
{
    return text[strspn(text, bytes)] == '\0';
}

/* The bytes that are allowed are all such as an INI parser hands back unchanged. */
static bool is_valid_text(enum field_type type, const char *text)
{
    if (type == FIELD_ID)
        return text_is_container_id(text);
    if (type == FIELD_TIME)
        return consists_of(text, "0123456789-:TZ.+");
    if (type == FIELD_GENERATION)
        return consists_of(text, LETTERS_AND_DIGITS "-@.: ") && text[0] != ' ' &&
               (text[0] == '\0' || text[strlen(text) - 1] != ' ');
    return consists_of(text, LETTERS_AND_DIGITS "_.-");
}

/* Docker allows nothing else in a name; should another engine, the name is only shown. */
static void format_name(const char *name, char *value)
{
    text_copy(value, VALUE_SIZE, name);
    for (char *c = value; *c != '\0'; c++) {
        if (strchr(LETTERS_AND_DIGITS "_.-", *c) == NULL)
            *c = '_';
    }
}

static void format_value(const struct field *field, const void *record, char *value)
{
    const void *place = (const char *)record + field->offset;
    unsigned int index;

    switch (field->type) {
    case FIELD_BOOL:
        text_copy(value, VALUE_SIZE, *(const bool *)place ? "1" : "0");
        break;
    case FIELD_INT:
        snprintf(value, VALUE_SIZE, "%d", *(const int *)place);
        break;
    case FIELD_INT64:
        snprintf(value, VALUE_SIZE, "%lld", (long long)*(const int64_t *)place);
        break;
    case FIELD_NAME:
        format_name(place, value);
        break;
    case FIELD_ID:
    case FIELD_TIME:
    case FIELD_GENERATION:
        /* Unknown is safe to come back to, and a file that cannot be read again is not. */
        text_copy(value, VALUE_SIZE, is_valid_text(field->type, place) ? (const char *)place : "");
        break;
    case FIELD_PHASE:
        text_copy(value, VALUE_SIZE, model_phase_name(*(const enum phase *)place));
        break;
    case FIELD_POLICY:
        text_copy(value, VALUE_SIZE, model_policy_name(*(const enum policy_kind *)place));
        break;
    case FIELD_NAMED:
        memcpy(&index, place, sizeof index);
        text_copy(value, VALUE_SIZE, field->names[index]);
        break;
    }
}

/* An empty value is never written: omitting it says the same in every dialect of INI. Returns false when memory ran
 * out: glibc's memory streams do not set the error indicator. */
static bool render_fields(FILE *stream, const struct field *fields, size_t count, const void *record, bool whole)
{
    for (size_t i = 0; i < count; i++) {
        char value[VALUE_SIZE];

        format_value(&fields[i], record, value);
        if (value[0] == '\0' || (!whole && fields[i].fallback != NULL && strcmp(value, fields[i].fallback) == 0))
            continue;
        if (fprintf(stream, "%s = %s\n", fields[i].key, value) < 0)
            return false;
    }
    return true;
}

static bool compute_digest(const char *text, size_t length, char ret_digest[DIGEST_LENGTH + 1])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;

    if (EVP_Digest(text, length, bytes, &size, EVP_sha256(), NULL) != 1 || size != DIGEST_LENGTH / 2)
        return false;
    for (unsigned int i = 0; i < size; i++)
        snprintf(ret_digest + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

static bool render_all(FILE *stream, const struct state *state)
{
    if (fprintf(stream, "%s%0*d\n[state]\n", HEAD, DIGEST_LENGTH, 0) < 0 ||
        !render_fields(stream, state_fields, COUNT(state_fields), state, true) || fputs("[agent]\n", stream) < 0 ||
        !render_fields(stream, agent_fields, COUNT(agent_fields), &state->agent, true))
        return false;
    for (size_t i = 0; i < state->container_count; i++) {
        const struct state_container *container = &state->containers[i];

        if (fprintf(stream, "[" CONTAINER_PREFIX "%s]\n", container->id) < 0 ||
            !render_fields(stream, container_fields, COUNT(container_fields), container,
                           container->takeover != TAKEOVER_NONE))
            return false;
    }
    return true;
}

char *state_render(const struct state *state, size_t *ret_length)
{
    cleanup_free char *text = NULL;
    char digest[DIGEST_LENGTH + 1];
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    bool complete;
    char *rendered;

    if (stream == NULL)
        return NULL;
    complete = render_all(stream, state);
    if (fclose(stream) != 0 || !complete || text == NULL ||
        !compute_digest(text + BODY_OFFSET, length - BODY_OFFSET, digest))
        return NULL;
    memcpy(text + HEAD_LENGTH, digest, DIGEST_LENGTH);
    *ret_length = length;
    rendered = text;
    text = NULL;
    return rendered;
}

static bool parse_text(const struct field *field, const char *value, char *place)
{
    size_t size = field->type == FIELD_ID     ? MODEL_ID_SIZE
                  : field->type == FIELD_NAME ? MODEL_NAME_SIZE
                  : field->type == FIELD_TIME ? MODEL_TIME_SIZE
                                              : MODEL_GENERATION_SIZE;

    return value[0] != '\0' && strlen(value) < size && is_valid_text(field->type, value) &&
           text_copy(place, size, value);
}

static bool parse_value(const struct field *field, const char *value, void *record)
{
    void *place = (char *)record + field->offset;
    int64_t number = 0;

    switch (field->type) {
    case FIELD_BOOL:
        if (!text_parse_number(value, 0, 1, &number))
            return false;
        *(bool *)place = number == 1;
        return true;
    case FIELD_INT:
        if (!text_parse_number(value, field->min, field->max, &number))
            return false;
        *(int *)place = (int)number;
        return true;
    case FIELD_INT64:
        return text_parse_number(value, field->min, field->max, place);
    case FIELD_ID:
    case FIELD_NAME:
    case FIELD_TIME:
    case FIELD_GENERATION:
        return parse_text(field, value, place);
    case FIELD_PHASE:
        return model_phase_parse(value, place);
    case FIELD_POLICY:
        return value[0] != '\0' && model_policy_parse(value, place);
    case FIELD_NAMED:
        for (unsigned int i = 0; field->names[i] != NULL; i++) {
            if (strcmp(field->names[i], value) == 0) {
                memcpy(place, &i, sizeof i);
                return true;
            }
        }
        return false;
    }
    return false;
}

struct parser {
    const char *name;
    struct error *error;
    struct state state;
    int required; /* how many lines were there that must be */
};

static int refuse(const struct parser *parser, const char *section, const char *problem)
{
    return error_set(parser->error, EXIT_CONFIG, "%s: [%s] %s", parser->name, section, problem);
}

static int begin_container(struct parser *parser, const char *section)
{
    const char *id = section + strlen(CONTAINER_PREFIX);
    struct state *state = &parser->state;

    if (!text_is_container_id(id))
        return refuse(parser, section, "is not about a container id");
    if (state_find(state, id) != NULL)
        return refuse(parser, section, "is there twice");
    if (state->container_count == STATE_CONTAINER_MAX)
        return refuse(parser, section, "is one container too many");
    if (state->container_count == state->container_capacity) {
        struct state larger;

        if (state_copy(state, state->container_count + 8, &larger) != 0)
            return error_set(parser->error, EXIT_STATE, "%s: out of memory", parser->name);
        state_clear(state);
        *state = larger;
    }
    state_add(state, id, "");
    return 0;
}

static int visit(void *context, const char *section, const char *key, const char *value)
{
    struct parser *parser = context;
    bool container = strncmp(section, CONTAINER_PREFIX, strlen(CONTAINER_PREFIX)) == 0;
    const struct field *fields = container_fields;
    size_t count = COUNT(container_fields);
    void *record = NULL;

    if (strcmp(section, "eins") == 0) /* check_head has read it, byte by byte */
        return key == NULL || strcmp(key, "version") == 0 || strcmp(key, "checksum") == 0
                   ? 0
                   : refuse(parser, section, "has an unknown key");
    if (container && key == NULL)
        return begin_container(parser, section);
    if (container) {
        record = state_find(&parser->state, section + strlen(CONTAINER_PREFIX));
    } else if (strcmp(section, "state") == 0) {
        fields = state_fields;
        count = COUNT(state_fields);
        record = &parser->state;
    } else if (strcmp(section, "agent") == 0) {
        fields = agent_fields;
        count = COUNT(agent_fields);
        record = &parser->state.agent;
    }
    if (record == NULL)
        return refuse(parser, section, "is unknown");
    for (size_t i = 0; key != NULL && i < count; i++) {
        if (strcmp(fields[i].key, key) != 0)
            continue;
        parser->required += fields[i].fallback == NULL ? 1 : 0;
        if (parse_value(&fields[i], value, record))
            return 0;
        return error_set(parser->error, EXIT_CONFIG, "%s: [%s] %s: not a valid value: \"%.64s\"", parser->name, section,
                         key, value);
    }
    return key == NULL ? 0 : refuse(parser, section, "has an unknown key");
}

/* The head is read byte by byte, not as INI: the checksum does not cover it, so nothing in it may be open to
 * interpretation. */
static int check_head(const char *text, size_t length, const char *name, struct error *error)
{
    char version[12] = "", digest[DIGEST_LENGTH + 1];
    const char *begin = text + strlen(HEAD_VERSION);
    int64_t number;

    if (length == 0)
        return error_set(error, EXIT_CONFIG, "%s: is empty", name);
    if (length <= BODY_OFFSET || memcmp(text, HEAD_VERSION, strlen(HEAD_VERSION)) != 0)
        return error_set(error, EXIT_CONFIG, "%s: is damaged: it does not begin like a state file", name);
    memcpy(version, begin, sizeof version - 1);
    version[strcspn(version, "\n")] = '\0';
    if (text_parse_number(version, STATE_VERSION + 1, INT_MAX, &number))
        return error_set(error, EXIT_CONFIG, "%s: version %s is newer than this program's %d", name, version,
                         STATE_VERSION);
    if (memcmp(text, HEAD, HEAD_LENGTH) != 0 || text[BODY_OFFSET - 1] != '\n')
        return error_set(error, EXIT_CONFIG, "%s: is damaged: it does not begin like a state file", name);
    if (!compute_digest(text + BODY_OFFSET, length - BODY_OFFSET, digest))
        return error_set(error, EXIT_STATE, "%s: cannot check: libcrypto has no SHA-256", name);
    if (memcmp(text + HEAD_LENGTH, digest, DIGEST_LENGTH) != 0)
        return error_set(error, EXIT_CONFIG, "%s: is damaged, or was edited: the checksum is wrong", name);
    return 0;
}

int state_parse(const char *text, size_t length, const char *name, struct state *ret_state, struct error *error)
{
    struct parser parser = {.name = name, .error = error};

    if (check_head(text, length, name, error) != 0)
        return -1;
    if (ini_parse(text, length, name, visit, &parser, error) != 0) {
        state_clear(&parser.state);
        return -1;
    }
    if (parser.required != REQUIRED_FIELDS) {
        state_clear(&parser.state);
        return error_set(error, EXIT_CONFIG, "%s: [state] phase or since is missing", name);
    }
    *ret_state = parser.state;
    return 0;
}
