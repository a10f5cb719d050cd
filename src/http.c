/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "http.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "guard.h"
#include "text.h"

#define CONNECT_TIMEOUT 5L /* seconds; to Docker, which is near */
/* Idle connections kept: after a stage of many stops, one is enough for what follows. */
#define CONNECTIONS_KEPT 4L
#define AT_ONCE_MAX 5 /* seconds of the processor in libcurl, which needs milliseconds */

struct http {
    const struct http_target *target;
    CURLM *multi;
    struct curl_slist *headers;
};

int http_init(struct error *error)
{
    /* The verify results that the probe explains are OpenSSL's; another TLS library would number them differently. */
    CURLsslset set = curl_global_sslset(CURLSSLBACKEND_OPENSSL, NULL, NULL);

    (void)unsetenv("SSLKEYLOGFILE"); /* where libcurl would write the secrets of every connection, through links too */
    /* The process ends; OpenSSL need not take itself apart first, which is 4 % of a check's instructions. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    if (set != CURLSSLSET_OK && set != CURLSSLSET_TOO_LATE)
        return error_set(error, EXIT_PROBE,
                         "this libcurl was built without OpenSSL: install libcurl4, not a GnuTLS or NSS one");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(error, EXIT_PROBE, "libcurl cannot be initialised");
    return 0;
}

struct http *http_open(const struct http_target *target)
{
    struct http *http = calloc(1, sizeof *http);

    if (http == NULL)
        return NULL;
    http->target = target;
    http->multi = curl_multi_init();
    /* Go's server accepts JSON only by that name; and "Expect: 100-continue" would cost a round trip. */
    http->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (http->multi == NULL || http->headers == NULL) {
        http_close(http);
        return NULL;
    }
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
    return http;
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->headers);
    free(http);
}

static size_t take_body(char *data, size_t size, size_t count, void *opaque)
{
    struct http_request *request = opaque;
    size_t length = size * count;
    char *text;

    if (length > request->max_length - request->length) {
        request->too_long = true;
        return 0;
    }
    text = realloc(request->text, request->length + length + 1);
    if (text == NULL) {
        request->no_memory = true;
        return 0;
    }
    memcpy(text + request->length, data, length);
    request->text = text;
    request->length += length;
    text[request->length] = '\0';
    return length;
}

static size_t take_header(char *data, size_t size, size_t count, void *opaque)
{
    static const char name[] = "Api-Version:";
    struct http_request *request = opaque;
    size_t length = size * count;
    char line[64];

    if (length <= 2)
        request->headers_ended = true;
    else if (strncmp(data, "HTTP/", length < 5 ? length : 5) == 0)
        request->headers_ended = false; /* of a 1xx reply only, or of one that libcurl asks for again */
    if (length < sizeof line && length > sizeof name && strncasecmp(data, name, sizeof name - 1) == 0) {
        size_t value = sizeof name - 1;

        memcpy(line, data, length);
        line[length] = '\0';
        value += strspn(line + value, " \t");
        line[value + strcspn(line + value, " \t\r\n")] = '\0';
        text_copy(request->api_version, sizeof request->api_version, line + value);
    }
    return length;
}

static bool set_target(CURL *handle, const struct http_target *target)
{
    CURLcode result = curl_easy_setopt(handle, CURLOPT_PROXY, ""); /* Docker is never behind the region's proxy */

    if (target->unix_socket != NULL)
        result |= curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, target->unix_socket);
    if (target->tls) {
        result |= curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        result |= curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, target->tls_verify ? 1L : 0L);
        result |= curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, target->tls_verify ? 2L : 0L);
        if (target->ca_file != NULL)
            result |= curl_easy_setopt(handle, CURLOPT_CAINFO, target->ca_file);
        if (target->cert_file != NULL)
            result |= curl_easy_setopt(handle, CURLOPT_SSLCERT, target->cert_file);
        if (target->key_file != NULL)
            result |= curl_easy_setopt(handle, CURLOPT_SSLKEY, target->key_file);
    }
    return result == CURLE_OK;
}

static bool set_request(CURL *handle, struct http_request *request)
{
    const struct http *http = request->pool;
    CURLcode result = CURLE_OK;

    result |= curl_easy_setopt(handle, CURLOPT_URL, request->url);
    result |= curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    result |= curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    result |= curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    result |= curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT);
    result |= curl_easy_setopt(handle, CURLOPT_TIMEOUT, (long)request->timeout);
    result |= curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, request->curl_error);
    result |= curl_easy_setopt(handle, CURLOPT_PRIVATE, request);
    result |= curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    result |= curl_easy_setopt(handle, CURLOPT_WRITEDATA, request);
    result |= curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
    result |= curl_easy_setopt(handle, CURLOPT_HEADERDATA, request);
    if (strcmp(request->method, "POST") == 0) {
        result |= curl_easy_setopt(handle, CURLOPT_POST, 1L);
        result |= curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request->body == NULL ? "" : request->body);
        result |= curl_easy_setopt(handle, CURLOPT_HTTPHEADER, http->headers);
    } else if (strcmp(request->method, "GET") != 0) {
        result |= curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request->method);
    }
    return result == CURLE_OK && set_target(handle, http->target);
}

static void explain(struct http_request *request, CURLcode result)
{
    curl_off_t connected_after = 0; /* microseconds; 0: it was not, TLS included */
    long system_error = 0;

    curl_easy_getinfo(request->handle, CURLINFO_OS_ERRNO, &system_error);
    curl_easy_getinfo(request->handle, CURLINFO_PRETRANSFER_TIME_T, &connected_after);
    if (request->too_long)
        snprintf(request->failure, sizeof request->failure, "the reply is longer than %zu bytes", request->max_length);
    else if (request->no_memory)
        snprintf(request->failure, sizeof request->failure, "out of memory");
    else if (result == CURLE_OUT_OF_MEMORY) /* libcurl before 8.6 calls both so */
        snprintf(request->failure, sizeof request->failure, "out of memory, or a line of its headers does not end");
    else if (result == CURLE_OPERATION_TIMEDOUT && connected_after == 0)
        snprintf(request->failure, sizeof request->failure, "no connection within %ld s", CONNECT_TIMEOUT);
    else if (result == CURLE_OPERATION_TIMEDOUT)
        snprintf(request->failure, sizeof request->failure, "no complete reply within %d s", request->timeout);
    else if (result == CURLE_OK)
        snprintf(request->failure, sizeof request->failure, "the connection ended in the middle of the reply");
    else if (result == CURLE_COULDNT_CONNECT &&
             system_error != 0) /* libcurl speaks of hosts and ports, also for a socket's path */
        snprintf(request->failure, sizeof request->failure, "cannot connect: %s", strerror((int)system_error));
    else
        snprintf(request->failure, sizeof request->failure, "%s",
                 request->curl_error[0] != '\0' ? request->curl_error : curl_easy_strerror(result));
}

static void end_request(struct http *http, struct http_request *request, CURLcode result)
{
    curl_easy_getinfo(request->handle, CURLINFO_RESPONSE_CODE, &request->status);
    request->replied = result == CURLE_OK && request->headers_ended;
    if (!request->replied)
        explain(request, result);
    curl_multi_remove_handle(http->multi, request->handle);
    curl_easy_cleanup(request->handle);
    request->handle = NULL;
}

/* Returns whether the request is under way. */
static bool begin_request(struct http *http, struct http_request *request)
{
    request->pool = http;
    request->handle = curl_easy_init();
    if (request->handle != NULL && set_request(request->handle, request) &&
        curl_multi_add_handle(http->multi, request->handle) == CURLM_OK)
        return true;
    curl_easy_cleanup(request->handle);
    request->handle = NULL;
    snprintf(request->failure, sizeof request->failure, "out of memory");
    return false;
}

/* Ends what has finished, and returns how many requests that were. */
static size_t collect(struct http *http)
{
    size_t ended = 0;
    int left;

    for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &left)) != NULL;) {
        CURLcode result = message->data.result;
        char *private = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        end_request(http, (struct http_request *)(void *)private, result);
        ended++;
    }
    return ended;
}

void http_perform(struct http *http, struct http_request *requests, size_t count, int parallel)
{
    size_t begun = 0, running = 0;

    while (begun < count || running > 0) {
        CURLMcode result;
        int unused;

        while (begun < count && running < (size_t)parallel)
            running += begin_request(http, &requests[begun++]);
        guard_arm(GUARD_PROCESSOR, AT_ONCE_MAX);
        result = curl_multi_perform(http->multi, &unused);
        running -= collect(http);
        if (result == CURLM_OK && running > 0)
            result = curl_multi_poll(http->multi, NULL, 0, 1000, NULL);
        if (result != CURLM_OK)
            break;
    }
    guard_disarm();
    /* Only a multi handle that is broken, by want of memory, leaves any. */
    for (size_t i = 0; i < count; i++) {
        if (requests[i].handle != NULL)
            end_request(http, &requests[i], CURLE_OUT_OF_MEMORY);
        else if (i >= begun)
            snprintf(requests[i].failure, sizeof requests[i].failure, "out of memory");
    }
}

void http_request_clear(struct http_request *request)
{
    free(request->text);
    request->text = NULL;
    request->length = 0;
}
