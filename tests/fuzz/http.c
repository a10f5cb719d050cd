/* SPDX-License-Identifier: MIT-0 */
/* What Docker's end of the socket may send: raw HTTP replies, through an engine's whole conversation. The input is cut
 * at lines "%%": one reply a connection, nothing when there are no more. libcurl parses them; the header Api-Version,
 * where the headers end, and the bounds of the body are ours. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "docker.h"
#include "fuzz.h"
#include "text.h"

#define CUT "\n%%\n"
#define ID "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* The replies that are left. The target waits for a reply while one is sent, so only the end of sending needs the lock.
 */
static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    const char *next;
    size_t left;
    int listener;
    char folder[128];
    struct sockaddr_un address;
} server = {.lock = PTHREAD_MUTEX_INITIALIZER, .address = {.sun_family = AF_UNIX}};

static void send_reply(int connection)
{
    const char *cut = memmem(server.next, server.left, CUT, strlen(CUT));
    size_t length = cut == NULL ? server.left : (size_t)(cut - server.next), sent = 0;

    while (sent < length) {
        ssize_t count = send(connection, server.next + sent, length - sent, MSG_NOSIGNAL);

        if (count <= 0)
            break; /* the target has had enough */
        sent += (size_t)count;
    }
    length += cut == NULL ? 0 : strlen(CUT);
    server.next += length;
    server.left -= length;
}

static void *serve(void *unused)
{
    char request[4096];

    for (;;) {
        int connection = accept(server.listener, NULL, NULL);

        if (connection < 0 && errno == EINTR)
            continue;
        if (connection < 0)
            return unused; /* it was shut down */
        if (recv(connection, request, sizeof request, 0) > 0) {
            pthread_mutex_lock(&server.lock);
            send_reply(connection);
            pthread_mutex_unlock(&server.lock);
        }
        /* To close with something unread would reset the connection, and the target might miss its reply. */
        shutdown(connection, SHUT_WR);
        while (recv(connection, request, sizeof request, 0) > 0)
            continue;
        close(connection);
    }
    return unused;
}

static void stop_server(void)
{
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
    unlink(server.address.sun_path);
    rmdir(server.folder);
}

static void start_server(void)
{
    const char *temporary = getenv("TMPDIR");
    struct error error;

    snprintf(server.folder, sizeof server.folder, "%.64s/eins-fuzz-XXXXXX", temporary == NULL ? "/tmp" : temporary);
    FUZZ_REQUIRE(mkdtemp(server.folder) != NULL);
    snprintf(server.address.sun_path, sizeof server.address.sun_path, "%.90s/sock", server.folder);
    server.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_REQUIRE(bind(server.listener, (const struct sockaddr *)&server.address, sizeof server.address) == 0);
    FUZZ_REQUIRE(listen(server.listener, 16) == 0);
    FUZZ_REQUIRE(http_init(&error) == 0);
    FUZZ_REQUIRE(pthread_create(&server.thread, NULL, serve, NULL) == 0);
    atexit(stop_server);
}

static void check_reply(const struct http_request *request)
{
    FUZZ_REQUIRE(request->length <= request->max_length);
    FUZZ_REQUIRE(request->text == NULL ? request->length == 0 : request->text[request->length] == '\0');
    FUZZ_REQUIRE(request->replied || request->failure[0] != '\0');
    FUZZ_REQUIRE(strnlen(request->api_version, sizeof request->api_version) < sizeof request->api_version);
    FUZZ_REQUIRE(strpbrk(request->api_version, " \t\r\n") == NULL);
}

/* A request of our own, whose parts can be looked at. */
static void request_stop(struct docker *docker)
{
    struct http_request request;
    struct error error = {.code = EXIT_DONE};

    docker_request(docker, "POST", ID, "stop", "{}", 5, &request);
    FUZZ_REQUIRE(fuzz_is_plain(request.url, strlen(request.url)) && strstr(request.url, "/containers/" ID "/stop"));
    docker_perform(docker, &request, 1, 1);
    check_reply(&request);
    docker_request_error(&request, "stop", &error);
    FUZZ_REQUIRE(error.code == EXIT_DOCKER && error.text[0] != '\0');
    http_request_clear(&request);
}

static void talk(struct docker *docker)
{
    static const bool marked[] = {true, true};
    struct snapshot snapshot = {0};
    struct container looked = {.exit_code = 77};
    struct error error = {.code = EXIT_DONE};

    if (docker_list(docker, &snapshot, &error) == 0 && snapshot.container_count <= sizeof marked / sizeof *marked) {
        docker_inspect(docker, &snapshot, marked, &error);
        for (size_t i = 0; i < snapshot.container_count; i++)
            FUZZ_REQUIRE(snapshot.containers[i].inspected != INSPECT_NOT_YET);
    }
    FUZZ_REQUIRE((docker_events(docker, &snapshot, &error) == 0) == (snapshot.events_asked == INSPECT_DONE));
    model_snapshot_clear(&snapshot);
    if (docker_look(docker, "ecs-agent", &looked, &error) == 0)
        FUZZ_REQUIRE(looked.status == STATUS_GONE || text_is_container_id(looked.id));
    else
        FUZZ_REQUIRE(looked.exit_code == 77 && error.code == EXIT_DOCKER);
    request_stop(docker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf conf = {.agent = "ecs-agent", .docker_timeout = 5, .parallel = 1};
    struct error error = {.code = EXIT_DONE};
    struct docker *docker;

    if (server.folder[0] == '\0')
        start_server();
    snprintf(conf.docker_host, sizeof conf.docker_host, "unix://%s", server.address.sun_path);
    pthread_mutex_lock(&server.lock);
    server.next = (const char *)data;
    server.left = size;
    pthread_mutex_unlock(&server.lock);
    docker = docker_open(&conf, &error);
    if (docker != NULL)
        talk(docker);
    else
        FUZZ_REQUIRE(error.code == EXIT_DOCKER && error.text[0] != '\0');
    docker_close(docker);
    /* It reads no more of the input when this returns. */
    pthread_mutex_lock(&server.lock);
    server.left = 0;
    pthread_mutex_unlock(&server.lock);
    return 0;
}
