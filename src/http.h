/* SPDX-License-Identifier: MIT-0 */
/* HTTP over libcurl: one connection pool to one server, many requests side by side, every one with a deadline and a
 * bound. */
#ifndef EINS_HTTP_H
#define EINS_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/* Where a pool connects to. All strings are borrowed and must outlive the pool. */
struct http_target {
    const char *unix_socket; /* path, or NULL for TCP */
    bool tls;
    bool tls_verify;     /* check the server's certificate and name */
    const char *ca_file; /* PEM files, or NULL */
    const char *cert_file;
    const char *key_file;
};

struct http_request {
    /* in; strings are borrowed until http_perform returns */
    const char *method;
    char url[512];
    const char *body;  /* JSON, or NULL */
    int timeout;       /* seconds, the whole request */
    size_t max_length; /* bytes of the reply's body that are kept at most; a longer one is an error */
    /* out */
    bool replied; /* a status arrived, and the whole body within its bounds */
    long status;
    char *text; /* the body, NUL-terminated; owned by the request until http_request_clear */
    size_t length;
    char api_version[16]; /* header Api-Version, or empty */
    char failure[320];    /* why replied is false, in words */
    /* while it runs */
    void *handle;
    struct http *pool;
    bool headers_ended; /* by their empty line: libcurl also takes a connection's end for one */
    bool too_long;
    bool no_memory;
    char curl_error[256];
};

struct http;

/* Prepares libcurl and OpenSSL for the process, and its environment for them. Call once, before anything else that uses
 * either, a checksum too. Returns 0, or -1 with code EXIT_PROBE. */
int http_init(struct error *error);

/* Opens a pool; nothing is sent yet. Returns NULL for want of memory. */
struct http *http_open(const struct http_target *target);
void http_close(struct http *http);

/* Performs the requests, at most `parallel` of them at once, and returns when each has ended: replied or not, nothing
 * lasts longer than its timeout once begun. Results are in the requests. */
void http_perform(struct http *http, struct http_request *requests, size_t count, int parallel);

/* Frees the reply. */
void http_request_clear(struct http_request *request);

#endif
