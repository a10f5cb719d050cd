/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "docker_json.h"

#include <string.h>
#include <strings.h>

#include "json.h"
#include "text.h"

/* Each takes a kilobyte, and a state holds a quarter of them. */
#define MANAGED_MAX 10000

/* What an unlimited stop timeout (a negative one) counts as; the planner has its own limit. */
#define STOP_TIMEOUT_ENDLESS 86400

static bool member_id(json_object *object, const char *name, char *id)
{
    const char *text = json_member_text(object, name);

    return text != NULL && text_is_container_id(text) && text_copy(id, MODEL_ID_SIZE, text);
}

/* Whether one of the container's names is the one given; its own name is copied, without the slash. */
static bool read_names(json_object *object, const char *wanted, struct container *container)
{
    json_object *names = json_member(object, "Names", json_type_array);
    bool found = false;

    text_copy(container->name, sizeof container->name, container->id);
    container->name[12] = '\0'; /* Docker's own short form, for the nameless */
    for (size_t i = 0; names != NULL && i < json_object_array_length(names); i++) {
        const char *name = json_text(json_object_array_get_idx(names, i));

        if (name == NULL || name[0] != '/' || name[1] == '\0')
            continue;
        /* A link shows as /other/name; the container's own name has but one slash. */
        if (strchr(name + 1, '/') == NULL) {
            text_copy(container->name, sizeof container->name, name + 1);
            found = found || strcmp(name + 1, wanted) == 0;
        }
    }
    return found;
}

static bool read_managed(json_object *object)
{
    json_object *labels = json_member(object, "Labels", json_type_object);
    const char *enable;

    if (labels == NULL || json_member_text(labels, DOCKER_LABEL_ECS) == NULL)
        return false;
    enable = json_member_text(labels, DOCKER_LABEL_ENABLE);
    return enable == NULL || strcasecmp(enable, "false") != 0;
}

static void read_task(json_object *object, struct container *container)
{
    json_object *labels = json_member(object, "Labels", json_type_object);
    const char *arn = labels == NULL ? NULL : json_member_text(labels, DOCKER_LABEL_TASK);
    const char *slash = arn == NULL ? NULL : strrchr(arn, '/');

    if (arn != NULL)
        text_copy(container->task, sizeof container->task, slash == NULL ? arn : slash + 1);
}

/* Docker shows the id instead where the name leads elsewhere by now, or nowhere. */
static bool read_image_named(json_object *object)
{
    const char *image = json_member_text(object, "Image"), *id = json_member_text(object, "ImageID");

    return image != NULL && id != NULL && strcmp(image, id) != 0;
}

/* Reads one entry of the list. */
static int read_entry(json_object *entry, const char *agent, struct container *ret_container, bool *ret_is_agent,
                      struct error *error)
{
    struct container container = {.stop_timeout = -1};
    const char *status;

    if (!json_object_is_type(entry, json_type_object) || !member_id(entry, "Id", container.id))
        return error_set(error, EXIT_DOCKER, "the list of containers has an entry without a usable Id");
    *ret_is_agent = read_names(entry, agent, &container);
    container.managed = !*ret_is_agent && read_managed(entry);
    read_task(entry, &container);
    container.image_named = read_image_named(entry);
    status = json_member_text(entry, "State");
    if (status == NULL || !model_status_parse(status, &container.status) || container.status == STATUS_GONE) {
        if (*ret_is_agent)
            return error_set(error, EXIT_DOCKER, "the agent %s is in a state that is not known: %s", agent,
                             status == NULL ? "none" : status);
        container.status = STATUS_CREATED;
        container.inspected = INSPECT_FAILED;
    }
    *ret_container = container;
    return 0;
}

static int add_entry(json_object *entry, const char *agent, struct snapshot *snapshot, size_t *capacity,
                     struct error *error)
{
    struct container container;
    bool is_agent = false;

    if (read_entry(entry, agent, &container, &is_agent, error) < 0)
        return -1;
    if (is_agent)
        snapshot->agent = container;
    if (!container.managed) {
        snapshot->other_count += !is_agent;
        return 0;
    }
    if (snapshot->container_count == MANAGED_MAX)
        return error_set(error, EXIT_DOCKER, "list of containers: more than %d are managed by ECS", MANAGED_MAX);
    if (snapshot->container_count == *capacity) {
        struct container *grown = reallocarray(snapshot->containers, *capacity = *capacity * 2 + 64, sizeof *grown);

        if (grown == NULL)
            return error_set(error, EXIT_DOCKER, "out of memory");
        snapshot->containers = grown;
    }
    snapshot->containers[snapshot->container_count++] = container;
    return 0;
}

/* Reads the entries behind the opening bracket, one after another, and moves *offset behind the closing one. */
static int read_entries(const char *text, size_t length, size_t *offset, const char *agent, struct snapshot *snapshot,
                        struct error *error)
{
    size_t capacity = 0;

    *offset = json_skip_space(text, length, *offset);
    if (*offset < length && text[*offset] == ']')
        return ++*offset, 0;
    for (;;) {
        cleanup_json json_object *entry = json_parse_next(text, length, *offset, offset, error);

        if (entry == NULL)
            return error_wrap(error, "list of containers");
        if (add_entry(entry, agent, snapshot, &capacity, error) < 0)
            return -1;
        *offset = json_skip_space(text, length, *offset);
        if (*offset >= length)
            return error_set(error, EXIT_DOCKER, "list of containers: the answer is not JSON: it ends too early");
        if (text[*offset] == ']')
            return ++*offset, 0;
        if (text[*offset] != ',')
            return error_set(error, EXIT_DOCKER,
                             "list of containers: the answer is not JSON: no comma between its entries");
        *offset = json_skip_space(text, length, *offset + 1);
    }
}

int docker_json_list(const char *text, size_t length, const char *agent, struct snapshot *ret_snapshot,
                     struct error *error)
{
    struct snapshot snapshot = {.listed = true};
    size_t offset = json_skip_space(text, length, 0);

    if (offset == length || text[offset] != '[') {
        cleanup_json json_object *other = json_parse(text, length, error);

        return other == NULL ? error_wrap(error, "list of containers")
                             : error_set(error, EXIT_DOCKER, "the list of containers is not an array");
    }
    offset++;
    if (read_entries(text, length, &offset, agent, &snapshot, error) < 0) {
        model_snapshot_clear(&snapshot);
        return -1;
    }
    if (json_skip_space(text, length, offset) < length) {
        model_snapshot_clear(&snapshot);
        return error_set(error, EXIT_DOCKER, "list of containers: the answer is not JSON: something follows its end");
    }
    *ret_snapshot = snapshot;
    return 0;
}

/* RFC 3339, as far as it takes to tell a time from something else: one that differs from what is recorded gets a
 * container removed. */
static bool is_time(const char *text)
{
    static const char shape[] = "0000-00-00T00:00:00";
    size_t i = 0;

    for (; shape[i] != '\0'; i++) {
        if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
            return false;
    }
    return strspn(text + i, "0123456789.:+-Z") == strlen(text + i);
}

static bool read_state(json_object *state, struct container *container)
{
    const char *status = json_member_text(state, "Status");
    const char *started_at = json_member_text(state, "StartedAt");
    const char *problem = json_member_text(state, "Error");

    container->has_error = problem != NULL && problem[0] != '\0';
    return status != NULL && model_status_parse(status, &container->status) && container->status != STATUS_GONE &&
           started_at != NULL && is_time(started_at) &&
           text_copy(container->started_at, sizeof container->started_at, started_at) &&
           json_member_int(state, "ExitCode", &container->exit_code) && problem != NULL &&
           json_member_bool(state, "OOMKilled", &container->oom_killed);
}

static bool read_host_config(json_object *host_config, struct container *container)
{
    json_object *policy = json_member(host_config, "RestartPolicy", json_type_object);
    const char *name = policy == NULL ? NULL : json_member_text(policy, "Name");

    if (name == NULL || !model_policy_parse(name, &container->policy.kind) ||
        !json_member_int(policy, "MaximumRetryCount", &container->policy.retries) ||
        !json_member_bool(host_config, "AutoRemove", &container->auto_remove))
        return false;
    /* With any other kind it means nothing, and Docker would refuse to take it back. */
    if (container->policy.kind != POLICY_ON_FAILURE || container->policy.retries < 0)
        container->policy.retries = 0;
    return true;
}

static bool read_config(json_object *config, struct container *container)
{
    json_object *timeout;

    container->stop_timeout = -1;
    if (!json_object_object_get_ex(config, "StopTimeout", &timeout) || timeout == NULL)
        return true;
    if (!json_member_int(config, "StopTimeout", &container->stop_timeout))
        return false;
    if (container->stop_timeout < 0)
        container->stop_timeout = STOP_TIMEOUT_ENDLESS;
    return true;
}

/* Only an id, which may become part of a request's path. */
static void read_image(json_object *object, struct container *container)
{
    static const char prefix[] = "sha256:";
    const char *image = json_member_text(object, "Image");

    if (image == NULL || strncmp(image, prefix, strlen(prefix)) != 0 || !text_is_container_id(image + strlen(prefix)) ||
        !text_copy(container->image, sizeof container->image, image))
        container->image[0] = '\0';
}

static bool read_logs_block(json_object *host_config)
{
    json_object *log_config = json_member(host_config, "LogConfig", json_type_object);
    const char *driver = log_config == NULL ? NULL : json_member_text(log_config, "Type");
    json_object *options = log_config == NULL ? NULL : json_member(log_config, "Config", json_type_object);
    const char *mode = options == NULL ? NULL : json_member_text(options, "mode");

    return driver != NULL && strcmp(driver, "awslogs") == 0 && (mode == NULL || strcmp(mode, "non-blocking") != 0);
}

int docker_json_inspect(const char *text, size_t length, struct container *container, struct error *error)
{
    cleanup_json json_object *object = json_parse(text, length, error);
    struct container read = *container;
    json_object *state, *host_config, *config;

    if (object == NULL)
        return -1;
    state = json_member(object, "State", json_type_object);
    host_config = json_member(object, "HostConfig", json_type_object);
    config = json_member(object, "Config", json_type_object);
    if (!member_id(object, "Id", read.id) || (container->id[0] != '\0' && strcmp(read.id, container->id) != 0))
        return error_set(error, EXIT_DOCKER, "the answer is not about this container");
    if (state == NULL || !read_state(state, &read))
        return error_set(error, EXIT_DOCKER, "the answer has no usable State");
    if (host_config == NULL || !read_host_config(host_config, &read))
        return error_set(error, EXIT_DOCKER, "the answer has no usable HostConfig");
    if (config == NULL || !read_config(config, &read) ||
        !json_member_int(object, "RestartCount", &read.restart_count) || read.restart_count < 0 ||
        read.restart_count > MODEL_COUNT_MAX)
        return error_set(error, EXIT_DOCKER, "the answer has no usable Config or RestartCount");
    read_image(object, &read);
    read.logs_block = read_logs_block(host_config);
    read.inspected = INSPECT_DONE;
    *container = read;
    return 0;
}

/* False for an entry that is not understood: one too few, and a container that a person stopped would be started. */
static bool read_event(json_object *object, struct event *ret_event)
{
    static const struct {
        const char *action;
        enum event_kind kind;
    } kinds[] = {{"start", EVENT_START}, {"die", EVENT_DIE},     {"stop", EVENT_STOP},
                 {"kill", EVENT_KILL},   {"pause", EVENT_PAUSE}, {"unpause", EVENT_UNPAUSE}};
    struct event event = {0};
    const char *type = json_member_text(object, "Type"), *action = json_member_text(object, "Action");
    json_object *actor = json_member(object, "Actor", json_type_object);
    json_object *attributes = actor == NULL ? NULL : json_member(actor, "Attributes", json_type_object);
    const char *signal = attributes == NULL ? NULL : json_member_text(attributes, "signal");
    int64_t number;

    if (type == NULL)
        return false;
    if (strcmp(type, "container") != 0) {
        *ret_event = event;
        return true;
    }
    if (action == NULL || actor == NULL || !member_id(actor, "ID", event.id))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].action, action) == 0)
            event.kind = kinds[i].kind;
    }
    if (event.kind == EVENT_KILL) {
        if (signal == NULL || !text_parse_number(signal, 0, 128, &number))
            return false;
        event.signal = (int)number;
    }
    *ret_event = event;
    return true;
}

int docker_json_events(const char *text, size_t length, struct event **ret_events, size_t *ret_count,
                       struct error *error)
{
    cleanup_free struct event *events = NULL;
    size_t count = 0, capacity = 0;

    for (size_t offset = json_skip_space(text, length, 0), end; offset < length;
         offset = json_skip_space(text, length, end)) {
        cleanup_json json_object *object = json_parse_next(text, length, offset, &end, error);

        if (!json_object_is_type(object, json_type_object))
            return error_set(error, EXIT_DOCKER, "the event log is not a sequence of JSON objects");
        if (count == capacity) {
            struct event *grown = reallocarray(events, capacity = capacity * 2 + 64, sizeof *events);

            if (grown == NULL)
                return error_set(error, EXIT_DOCKER, "out of memory");
            events = grown;
        }
        if (!read_event(object, &events[count++]))
            return error_set(error, EXIT_DOCKER, "the event log has an entry that is not understood");
    }
    *ret_events = events;
    *ret_count = count;
    events = NULL;
    return 0;
}

const char *docker_json_message(const char *text, size_t length, char *buffer, size_t size)
{
    struct error unused;
    cleanup_json json_object *object = length > 0 && text[0] == '{' ? json_parse(text, length, &unused) : NULL;

    if (object != NULL) {
        text = json_member_text(object, "message");
        length = text == NULL ? 0 : strlen(text);
    }
    for (; length > 0 && json_is_space(*text); length--)
        text++;
    if (length == 0 || *text == '\0')
        text_copy(buffer, size, "no reason given");
    else
        snprintf(buffer, size, "%.*s", (int)(length < size ? length : size), text);
    buffer[strcspn(buffer, "\r\n")] = '\0';
    return buffer;
}
