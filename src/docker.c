/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "docker.h"

#include <string.h>
#include <time.h>

#include "docker_json.h"
#include "text.h"

/* The newest API version that this program was read against (Docker 29); an older engine is spoken to in its own
 * newest. No fixed version fits all (FACTS.md, API versions). */
#define API_MAJOR 1
#define API_MINOR 53

/* Bytes. A list entry has 1 to 2 KB: this is more containers than a host can run. */
#define LIST_MAX (8u << 20)
#define INSPECT_MAX (1u << 20)
#define EVENTS_MAX (4u << 20)
#define REPLY_MAX (64u << 10)

struct docker {
    const struct conf *conf;
    struct http_target target;
    struct http *http;
    char base[300];   /* scheme and authority */
    char version[16]; /* "/v1.41", or empty when the engine names none */
    char unix_socket[CONF_TEXT_SIZE];
    char ca_file[CONF_TEXT_SIZE + 16], cert_file[CONF_TEXT_SIZE + 16], key_file[CONF_TEXT_SIZE + 16];
};

static void set_target(struct docker *docker, const struct conf *conf)
{
    struct http_target *target = &docker->target;
    const char *unix_prefix = "unix://", *tcp_prefix = "tcp://";

    if (strncmp(conf->docker_host, unix_prefix, strlen(unix_prefix)) == 0) {
        text_copy(docker->unix_socket, sizeof docker->unix_socket, conf->docker_host + strlen(unix_prefix));
        target->unix_socket = docker->unix_socket;
        text_copy(docker->base, sizeof docker->base, "http://docker");
        return;
    }
    /* As the SDKs have it: a certificate folder means TLS, DOCKER_TLS_VERIFY means that the server is checked too. */
    target->tls = conf->tls_verify || conf->cert_path[0] != '\0';
    target->tls_verify = conf->tls_verify;
    if (conf->cert_path[0] != '\0') {
        snprintf(docker->ca_file, sizeof docker->ca_file, "%s/ca.pem", conf->cert_path);
        snprintf(docker->cert_file, sizeof docker->cert_file, "%s/cert.pem", conf->cert_path);
        snprintf(docker->key_file, sizeof docker->key_file, "%s/key.pem", conf->cert_path);
        target->ca_file = docker->ca_file;
        target->cert_file = docker->cert_file;
        target->key_file = docker->key_file;
    }
    snprintf(docker->base, sizeof docker->base, "%s%.200s", target->tls ? "https://" : "http://",
             conf->docker_host + strlen(tcp_prefix));
}

static struct http_request new_request(const struct docker *docker, const char *method, size_t max_length)
{
    return (struct http_request){.method = method, .timeout = docker->conf->docker_timeout, .max_length = max_length};
}

static bool succeeded(const struct http_request *request)
{
    return request->replied && request->status >= 200 && request->status < 300;
}

int docker_request_error(const struct http_request *request, const char *what, struct error *error)
{
    char message[400];

    if (!request->replied)
        return error_set(error, EXIT_DOCKER, "%s: %s", what, request->failure);
    return error_set(error, EXIT_DOCKER, "%s: Docker answered %ld: %s", what, request->status,
                     docker_json_message(request->text, request->length, message, sizeof message));
}

/* The engine's newest version or ours, whichever is older. A header that is no version leaves the paths without one:
 * the engine then takes its newest. */
static void set_version(struct docker *docker, const char *header)
{
    char major[8] = "";
    const char *dot = strchr(header, '.');
    int64_t number, minor;

    if (dot == NULL || (size_t)(dot - header) >= sizeof major)
        return;
    memcpy(major, header, (size_t)(dot - header));
    if (!text_parse_number(major, 0, 1000, &number) || !text_parse_number(dot + 1, 0, 1000, &minor))
        return;
    if (number > API_MAJOR || (number == API_MAJOR && minor > API_MINOR)) {
        number = API_MAJOR;
        minor = API_MINOR;
    }
    snprintf(docker->version, sizeof docker->version, "/v%d.%d", (int)number, (int)minor);
}

struct docker *docker_open(const struct conf *conf, struct error *error)
{
    struct docker *docker = calloc(1, sizeof *docker);
    struct http_request ping;

    if (docker == NULL) {
        error_set(error, EXIT_DOCKER, "out of memory");
        return NULL;
    }
    docker->conf = conf;
    set_target(docker, conf);
    docker->http = http_open(&docker->target);
    if (docker->http == NULL) {
        error_set(error, EXIT_DOCKER, "out of memory");
        docker_close(docker);
        return NULL;
    }
    ping = new_request(docker, "GET", REPLY_MAX);
    snprintf(ping.url, sizeof ping.url, "%s/_ping", docker->base);
    http_perform(docker->http, &ping, 1, 1);
    if (succeeded(&ping)) {
        set_version(docker, ping.api_version);
        http_request_clear(&ping);
        return docker;
    }
    docker_request_error(&ping, conf->docker_host, error);
    error_wrap(error, "Docker cannot be reached");
    http_request_clear(&ping);
    docker_close(docker);
    return NULL;
}

void docker_close(struct docker *docker)
{
    if (docker == NULL)
        return;
    http_close(docker->http);
    free(docker);
}

int docker_list(struct docker *docker, struct snapshot *snapshot, struct error *error)
{
    struct http_request list = new_request(docker, "GET", LIST_MAX);
    int result;

    /* All of them, without a filter: filters cannot say "labelled, or named like the agent", and a second request costs
     * more. */
    snprintf(list.url, sizeof list.url, "%s%s/containers/json?all=1", docker->base, docker->version);
    http_perform(docker->http, &list, 1, 1);
    result = succeeded(&list) ? docker_json_list(list.text, list.length, docker->conf->agent, snapshot, error)
                              : docker_request_error(&list, "list of containers", error);
    http_request_clear(&list);
    return result;
}

static int take_inspection(const struct http_request *request, struct container *container, struct error *error)
{
    if (request->replied && request->status == 404) {
        container->status = STATUS_GONE;
        container->inspected = INSPECT_DONE;
        return 0;
    }
    container->inspected = INSPECT_FAILED;
    if (!succeeded(request))
        return docker_request_error(request, container->name, error);
    if (docker_json_inspect(request->text, request->length, container, error) < 0)
        return error_wrap(error, "%s", container->name);
    return 0;
}

static bool answers(struct docker *docker)
{
    struct http_request ping = new_request(docker, "GET", REPLY_MAX);

    snprintf(ping.url, sizeof ping.url, "%s/_ping", docker->base);
    http_perform(docker->http, &ping, 1, 1);
    http_request_clear(&ping);
    return ping.replied;
}

/* Marks those that are still to be inspected, from an index on, as failed. Returns their number. */
static size_t give_up(struct snapshot *snapshot, const bool *marked, size_t from)
{
    size_t failures = 0;

    for (size_t i = from; i < snapshot->container_count; i++) {
        if (marked[i] && snapshot->containers[i].inspected == INSPECT_NOT_YET) {
            snapshot->containers[i].inspected = INSPECT_FAILED;
            failures++;
        }
    }
    return failures;
}

size_t docker_inspect(struct docker *docker, struct snapshot *snapshot, const bool *marked, struct error *error)
{
    /* In batches: the replies of hundreds of containers need not be in memory together. */
    enum { BATCH = 16, AT_ONCE = 4 };
    struct http_request requests[BATCH];
    struct container *asked[BATCH];
    size_t failures = 0, next = 0;

    while (next < snapshot->container_count) {
        size_t count = 0, replies = 0;

        for (; next < snapshot->container_count && count < BATCH; next++) {
            struct container *container = &snapshot->containers[next];

            if (!marked[next] || container->inspected != INSPECT_NOT_YET)
                continue;
            docker_request(docker, "GET", container->id, "json", NULL, docker->conf->docker_timeout, &requests[count]);
            requests[count].max_length = INSPECT_MAX;
            asked[count++] = container;
        }
        http_perform(docker->http, requests, count,
                     docker->conf->parallel < AT_ONCE ? docker->conf->parallel : AT_ONCE);
        for (size_t i = 0; i < count; i++) {
            replies += requests[i].replied;
            failures += take_inspection(&requests[i], asked[i], error) < 0;
            http_request_clear(&requests[i]);
        }
        /* A few stuck containers are one thing. With an engine that answers nothing any more, hundreds of deadlines
         * would add up to hours. */
        if (count == BATCH && replies == 0 && !answers(docker))
            return failures + give_up(snapshot, marked, next);
    }
    return failures;
}

/* Whether a container before it has the same image: asked for already, or known to be there. */
static bool image_is_known(const struct snapshot *snapshot, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(snapshot->containers[i].image, snapshot->containers[index].image) == 0)
            return true;
    }
    return false;
}

static void mark_image_gone(struct snapshot *snapshot, const char *image)
{
    for (size_t i = 0; i < snapshot->container_count; i++)
        snapshot->containers[i].image_gone |= strcmp(snapshot->containers[i].image, image) == 0;
}

int docker_images(struct docker *docker, struct snapshot *snapshot, struct error *error)
{
    int result = 0;

    for (size_t i = 0; i < snapshot->container_count && result == 0; i++) {
        const char *image = snapshot->containers[i].image;
        struct http_request request = new_request(docker, "GET", INSPECT_MAX);

        if (image[0] == '\0' || snapshot->containers[i].image_named || image_is_known(snapshot, i))
            continue;
        snprintf(request.url, sizeof request.url, "%s%s/images/%s/json", docker->base, docker->version, image);
        http_perform(docker->http, &request, 1, 1);
        if (request.replied && request.status == 404)
            mark_image_gone(snapshot, image);
        else if (!succeeded(&request))
            result = docker_request_error(&request, "images", error);
        http_request_clear(&request);
    }
    return result;
}

int docker_events(struct docker *docker, struct snapshot *snapshot, struct error *error)
{
    struct http_request request = new_request(docker, "GET", EVENTS_MAX);
    struct timespec now;
    int result;

    /* To the nanosecond: an end in whole seconds would hide what happened just now, one in the future makes the engine
     * wait for it. */
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(request.url, sizeof request.url, "%s%s/events?since=1&until=%lld.%09ld", docker->base, docker->version,
             (long long)now.tv_sec, now.tv_nsec);
    http_perform(docker->http, &request, 1, 1);
    result = succeeded(&request)
                 ? docker_json_events(request.text, request.length, &snapshot->events, &snapshot->event_count, error)
                 : docker_request_error(&request, "event log", error);
    snapshot->events_asked = result == 0 ? INSPECT_DONE : INSPECT_FAILED;
    http_request_clear(&request);
    return result;
}

int docker_look(struct docker *docker, const char *id_or_name, struct container *ret_container, struct error *error)
{
    struct http_request request;
    struct container container = {0};
    int result;

    docker_request(docker, "GET", id_or_name, "json", NULL, docker->conf->docker_timeout, &request);
    request.max_length = INSPECT_MAX;
    http_perform(docker->http, &request, 1, 1);
    text_copy(container.name, sizeof container.name, id_or_name);
    result = take_inspection(&request, &container, error);
    if (result == 0)
        *ret_container = container;
    http_request_clear(&request);
    return result;
}

void docker_request(const struct docker *docker, const char *method, const char *id, const char *action,
                    const char *body, int timeout, struct http_request *ret_request)
{
    *ret_request = new_request(docker, method, REPLY_MAX);
    ret_request->timeout = timeout;
    ret_request->body = body;
    snprintf(ret_request->url, sizeof ret_request->url, "%s%s/containers/%s%s%s", docker->base, docker->version, id,
             action[0] == '?' ? "" : "/", action);
}

void docker_perform(struct docker *docker, struct http_request *requests, size_t count, int parallel)
{
    http_perform(docker->http, requests, count, parallel);
}
