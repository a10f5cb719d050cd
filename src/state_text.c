/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "state.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

#include "field.h"
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
#define OUTAGE_PREFIX "outage:"
#define FAILURE_PREFIX "failure:"
#define WARNING_PREFIX "warning:"

_Static_assert(sizeof(enum takeover) == sizeof(unsigned int) && sizeof(enum fate) == sizeof(unsigned int) &&
                   sizeof(enum reach) == sizeof(unsigned int),
               "FIELD_NAMED copies an unsigned int");

static const char *const takeover_names[] = {
    [TAKEOVER_NONE] = "none", [TAKEOVER_LEFT] = "left", [TAKEOVER_ASKED] = "asked", [TAKEOVER_SET] = "set", NULL,
};

static const char *const fate_names[] = {
    [FATE_NONE] = "none",   [FATE_RESTORE] = "restore", [FATE_REPLACE] = "replace",
    [FATE_ADOPT] = "adopt", [FATE_RESTART] = "restart", NULL,
};

static const char *const reach_names[] = {
    [REACH_REACHABLE] = "reachable",
    [REACH_UNREACHABLE] = "unreachable",
    [REACH_INDETERMINATE] = "indeterminate",
    NULL,
};

static const struct field state_fields[] = {
    {"phase", FIELD_PHASE, offsetof(struct state, phase), 0, 0, NULL, NULL},
    {"since", FIELD_INT64, offsetof(struct state, since), 0, STATE_TOTAL_MAX, NULL, NULL},
    {"fresh", FIELD_BOOL, offsetof(struct state, fresh), 0, 1, "0", NULL},
    {"rebuild", FIELD_BOOL, offsetof(struct state, rebuild), 0, 1, "0", NULL},
    {"fall_count", FIELD_INT, offsetof(struct state, fall_count), 0, MODEL_COUNT_MAX, "0", NULL},
    {"rise_count", FIELD_INT, offsetof(struct state, rise_count), 0, MODEL_COUNT_MAX, "0", NULL},
    {"outages", FIELD_INT64, offsetof(struct state, outages), 0, STATE_TOTAL_MAX, "0", NULL},
    {"restarted", FIELD_INT64, offsetof(struct state, restarted), 0, STATE_TOTAL_MAX, "0", NULL},
    {"removed", FIELD_INT64, offsetof(struct state, removed), 0, STATE_TOTAL_MAX, "0", NULL},
    {"generation", FIELD_GENERATION, offsetof(struct state, generation), 0, 0, "", NULL},
};

#define REQUIRED_FIELDS 2 /* those of the state without a fallback; ini_parse refuses a line that is there twice */

static const struct field agent_fields[] = {
    {"id", FIELD_ID, offsetof(struct state_agent, id), 0, 0, "", NULL},
    {"paused_by_eins", FIELD_BOOL, offsetof(struct state_agent, paused_by_eins), 0, 1, "0", NULL},
    {"paused_at", FIELD_INT64, offsetof(struct state_agent, paused_at), 0, STATE_TOTAL_MAX, "0", NULL},
    {"renewing", FIELD_ID, offsetof(struct state_agent, renewing), 0, 0, "", NULL},
    {"renew_since", FIELD_INT64, offsetof(struct state_agent, renew_since), 0, STATE_TOTAL_MAX, "0", NULL},
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
    {"restarts", FIELD_INT, offsetof(struct state_container, restarts), 0, MODEL_COUNT_MAX, "0", NULL},
    {"restart_count", FIELD_INT, offsetof(struct state_container, restart_count), 0, MODEL_COUNT_MAX, "0", NULL},
    {"last_start", FIELD_TIME, offsetof(struct state_container, last_start), 0, 0, "", NULL},
};

static const struct field record_fields[] = {
    {"checked", FIELD_BOOL, offsetof(struct record, checked), 0, 1, "0", NULL},
    {"code", FIELD_INT, offsetof(struct record, code), 0, 255, "0", NULL},
    {"reach", FIELD_NAMED, offsetof(struct record, reach), 0, 0, "reachable", reach_names},
    {"why", FIELD_TEXT, offsetof(struct record, why), 0, 0, "", NULL},
    {"more_failures", FIELD_INT64, offsetof(struct record, failures.more), 0, STATE_TOTAL_MAX, "0", NULL},
    {"more_warnings", FIELD_INT64, offsetof(struct record, warnings.more), 0, STATE_TOTAL_MAX, "0", NULL},
    {"outage_seconds", FIELD_INT64, offsetof(struct record, outage_seconds), 0, STATE_TOTAL_MAX, "0", NULL},
    {"errors_incomplete", FIELD_INT64, offsetof(struct record, errors[RECORD_INCOMPLETE]), 0, STATE_TOTAL_MAX, "0",
     NULL},
    {"errors_docker", FIELD_INT64, offsetof(struct record, errors[RECORD_DOCKER]), 0, STATE_TOTAL_MAX, "0", NULL},
    {"errors_probe", FIELD_INT64, offsetof(struct record, errors[RECORD_PROBE]), 0, STATE_TOTAL_MAX, "0", NULL},
    {"errors_state", FIELD_INT64, offsetof(struct record, errors[RECORD_STATE]), 0, STATE_TOTAL_MAX, "0", NULL},
};

static const struct field outage_fields[] = {
    {"began", FIELD_INT64, offsetof(struct record_outage, began), 0, STATE_TOTAL_MAX, "0", NULL},
    {"ended", FIELD_INT64, offsetof(struct record_outage, ended), 0, STATE_TOTAL_MAX, "0", NULL},
    {"restarted", FIELD_INT64, offsetof(struct record_outage, restarted), 0, STATE_TOTAL_MAX, "0", NULL},
    {"removed", FIELD_INT64, offsetof(struct record_outage, removed), 0, STATE_TOTAL_MAX, "0", NULL},
    {"restarted_before", FIELD_INT64, offsetof(struct record_outage, restarted_before), 0, STATE_TOTAL_MAX, "0", NULL},
    {"removed_before", FIELD_INT64, offsetof(struct record_outage, removed_before), 0, STATE_TOTAL_MAX, "0", NULL},
    {"cause", FIELD_TEXT, offsetof(struct record_outage, cause), 0, 0, "", NULL},
};

static const struct field text_fields[] = {{"text", FIELD_TEXT, 0, 0, 0, "", NULL}};

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

static bool render_texts(FILE *stream, const char *prefix, const struct record_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        if (fprintf(stream, "[%s%zu]\n", prefix, i + 1) < 0 ||
            !field_render(stream, text_fields, COUNT(text_fields), texts->texts[i], true))
            return false;
    }
    return true;
}

static bool render_record(FILE *stream, const struct record *record)
{
    if (fputs("[last]\n", stream) < 0 || !field_render(stream, record_fields, COUNT(record_fields), record, false))
        return false;
    for (size_t i = 0; i < record->outage_count; i++) {
        if (fprintf(stream, "[" OUTAGE_PREFIX "%lld]\n", (long long)record->outages[i].number) < 0 ||
            !field_render(stream, outage_fields, COUNT(outage_fields), &record->outages[i], false))
            return false;
    }
    return render_texts(stream, FAILURE_PREFIX, &record->failures) &&
           render_texts(stream, WARNING_PREFIX, &record->warnings);
}

static bool render_all(FILE *stream, const struct state *state, const struct record *record)
{
    if (fprintf(stream, "%s%0*d\n[state]\n", HEAD, DIGEST_LENGTH, 0) < 0 ||
        !field_render(stream, state_fields, COUNT(state_fields), state, true) || fputs("[agent]\n", stream) < 0 ||
        !field_render(stream, agent_fields, COUNT(agent_fields), &state->agent, true))
        return false;
    for (size_t i = 0; i < state->container_count; i++) {
        const struct state_container *container = &state->containers[i];

        if (fprintf(stream, "[" CONTAINER_PREFIX "%s]\n", container->id) < 0 ||
            !field_render(stream, container_fields, COUNT(container_fields), container,
                          container->takeover != TAKEOVER_NONE))
            return false;
    }
    return record == NULL || render_record(stream, record);
}

char *state_render(const struct state *state, const struct record *record, size_t *ret_length)
{
    cleanup_free char *text = NULL;
    char digest[DIGEST_LENGTH + 1];
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    bool complete;
    char *rendered;

    if (stream == NULL)
        return NULL;
    complete = render_all(stream, state, record);
    if (fclose(stream) != 0 || !complete || text == NULL ||
        !compute_digest(text + BODY_OFFSET, length - BODY_OFFSET, digest))
        return NULL;
    memcpy(text + HEAD_LENGTH, digest, DIGEST_LENGTH);
    *ret_length = length;
    rendered = text;
    text = NULL;
    return rendered;
}

struct parser {
    const char *name;
    struct error *error;
    struct state state;
    struct record record;
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

/* The list that a section like [failure:3] adds a text to, or NULL. */
static struct record_texts *texts_of(struct parser *parser, const char *section)
{
    return strncmp(section, FAILURE_PREFIX, strlen(FAILURE_PREFIX)) == 0   ? &parser->record.failures
           : strncmp(section, WARNING_PREFIX, strlen(WARNING_PREFIX)) == 0 ? &parser->record.warnings
                                                                           : NULL;
}

/* Begins the record of an outage, or a text: the next ones, in the order of the file. */
static int begin_record(struct parser *parser, const char *section)
{
    struct record *record = &parser->record;
    struct record_texts *texts = texts_of(parser, section);
    int64_t number;

    if (!text_parse_number(strchr(section, ':') + 1, 1, INT64_MAX, &number))
        return refuse(parser, section, "has no number");
    if (texts == NULL ? record->outage_count == RECORD_OUTAGES : texts->count == RECORD_TEXTS)
        return refuse(parser, section, "is one too many");
    if (texts == NULL && (number > parser->state.outages ||
                          (record->outage_count > 0 && number <= record->outages[record->outage_count - 1].number)))
        return refuse(parser, section, "is out of order");
    if (texts != NULL)
        texts->count++;
    else
        record->outages[record->outage_count++].number = number;
    return 0;
}

/* The fields of a section, and in *ret_record what they describe: NULL for a section that is not known. Of what there
 * are several it is the one that was begun last: ini_parse lets no section come twice. */
static const struct field *fields_of(struct parser *parser, const char *section, size_t *ret_count, void **ret_record)
{
    struct record_texts *texts = texts_of(parser, section);
    struct record *record = &parser->record;
    size_t containers = parser->state.container_count;
    const struct {
        bool here;
        const struct field *fields;
        size_t count;
        void *record;
    } sections[] = {
        {strncmp(section, CONTAINER_PREFIX, strlen(CONTAINER_PREFIX)) == 0, container_fields, COUNT(container_fields),
         containers > 0 ? &parser->state.containers[containers - 1] : NULL},
        {strcmp(section, "state") == 0, state_fields, COUNT(state_fields), &parser->state},
        {strcmp(section, "agent") == 0, agent_fields, COUNT(agent_fields), &parser->state.agent},
        {strcmp(section, "last") == 0, record_fields, COUNT(record_fields), record},
        {texts != NULL, text_fields, COUNT(text_fields), texts != NULL ? texts->texts[texts->count - 1] : NULL},
        {strncmp(section, OUTAGE_PREFIX, strlen(OUTAGE_PREFIX)) == 0, outage_fields, COUNT(outage_fields),
         record->outage_count > 0 ? &record->outages[record->outage_count - 1] : NULL},
    };
    size_t i = 0;

    while (i < COUNT(sections) && !sections[i].here)
        i++;
    *ret_record = i == COUNT(sections) ? NULL : sections[i].record;
    *ret_count = i == COUNT(sections) ? 0 : sections[i].count;
    return i == COUNT(sections) ? NULL : sections[i].fields;
}

static int visit(void *context, const char *section, const char *key, const char *value)
{
    struct parser *parser = context;
    const struct field *fields;
    void *record;
    size_t count;

    if (strcmp(section, "eins") == 0) /* check_head has read it, byte by byte */
        return key == NULL || strcmp(key, "version") == 0 || strcmp(key, "checksum") == 0
                   ? 0
                   : refuse(parser, section, "has an unknown key");
    if (key == NULL && strncmp(section, CONTAINER_PREFIX, strlen(CONTAINER_PREFIX)) == 0)
        return begin_container(parser, section);
    if (key == NULL &&
        (texts_of(parser, section) != NULL || strncmp(section, OUTAGE_PREFIX, strlen(OUTAGE_PREFIX)) == 0))
        return begin_record(parser, section);
    fields = fields_of(parser, section, &count, &record);
    if (fields == NULL)
        return refuse(parser, section, "is unknown");
    for (size_t i = 0; key != NULL && i < count; i++) {
        if (strcmp(fields[i].key, key) != 0)
            continue;
        parser->required += fields[i].fallback == NULL ? 1 : 0;
        if (field_parse(&fields[i], value, record))
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

int state_parse(const char *text, size_t length, const char *name, struct state *ret_state, struct record *ret_record,
                struct error *error)
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
    if (ret_record != NULL)
        *ret_record = parser.record;
    return 0;
}
