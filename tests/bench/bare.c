/* SPDX-License-Identifier: MIT-0 */
/* What an idle check cannot do without, and nothing else: the region's status line over TLS, then Docker's ping and
 * list. No configuration, no state, no log, and no answer is understood. bench.py holds eins-check against it.
 *
 * bare curl|sockets URL CA_FILE SOCKET; an empty CA_FILE stands for the system's certificates. With `curl` everything
 * goes through libcurl, with `sockets` through OpenSSL and system calls alone. `bare nothing` does nothing. All are
 * linked with what eins-check is linked with. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PING "/_ping"
#define LIST "/v1.41/containers/json?all=1"
#define REPLY_SIZE (8u << 20)

static char reply[REPLY_SIZE];
static size_t reply_length;

static int fail(const char *what)
{
    fprintf(stderr, "bare: %s\n", what);
    return EXIT_FAILURE;
}

/* -- through libcurl ---------------------------------------------------------------------------------------------- */

static size_t end_at_status(char *data, size_t size, size_t count, void *handle)
{
    long status = 0;

    (void)data;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status < 200 ? size * count : 0;
}

static size_t keep(char *data, size_t size, size_t count, void *unused)
{
    (void)unused;
    if (size * count > sizeof reply - reply_length)
        return 0;
    memcpy(reply + reply_length, data, size * count);
    reply_length += size * count;
    return size * count;
}

static bool probe_with_curl(const char *url, const char *ca_file)
{
    CURL *handle = curl_easy_init();
    long status = 0;

    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT, 10L);
    if (ca_file[0] != '\0') {
        curl_easy_setopt(handle, CURLOPT_CAINFO, ca_file);
        curl_easy_setopt(handle, CURLOPT_CAPATH, NULL);
    }
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, end_at_status);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, handle);
    curl_easy_perform(handle);
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(handle);
    return status >= 200 && status < 500;
}

static bool ask_with_curl(const char *path)
{
    static const char *const urls[] = {"http://docker" PING, "http://docker" LIST};
    CURL *handle = curl_easy_init();
    bool result = true;

    curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, path);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, keep);
    for (size_t i = 0; i < sizeof urls / sizeof *urls && result; i++) {
        reply_length = 0;
        curl_easy_setopt(handle, CURLOPT_URL, urls[i]);
        result = curl_easy_perform(handle) == CURLE_OK;
    }
    curl_easy_cleanup(handle);
    return result;
}

/* -- by hand ------------------------------------------------------------------------------------------------------ */

/* Of https://ADDRESS:PORT/. */
static bool connect_to(const char *url, char address[INET_ADDRSTRLEN], int *ret_fd)
{
    struct sockaddr_in peer = {.sin_family = AF_INET};
    int port = 0;

    if (sscanf(url, "https://%15[0-9.]:%d/", address, &port) != 2 || inet_pton(AF_INET, address, &peer.sin_addr) != 1)
        return false;
    peer.sin_port = htons((uint16_t)port);
    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return *ret_fd >= 0 && connect(*ret_fd, (struct sockaddr *)&peer, sizeof peer) == 0;
}

/* The system's: the bundle, and beside it the hashed folder, as Debian's libcurl takes them. */
static bool trust(SSL_CTX *context, const char *ca_file)
{
    if (ca_file[0] != '\0')
        return SSL_CTX_load_verify_file(context, ca_file) == 1;
    return SSL_CTX_load_verify_file(context, "/etc/ssl/certs/ca-certificates.crt") == 1 &&
           SSL_CTX_load_verify_dir(context, "/etc/ssl/certs") == 1;
}

static bool probe_by_hand(const char *url, const char *ca_file)
{
    static const unsigned char alpn[] = "\x8http/1.1";
    static const char request[] = "GET / HTTP/1.1\r\nHost: docker\r\nUser-Agent: bare\r\nAccept: */*\r\n\r\n";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *tls = NULL;
    char address[INET_ADDRSTRLEN];
    int fd = -1, got = 0;

    if (context == NULL || !trust(context, ca_file) || !connect_to(url, address, &fd))
        return false;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn - 1);
    tls = SSL_new(context);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), address);
    SSL_set_fd(tls, fd);
    if (SSL_connect(tls) == 1 && SSL_write(tls, request, sizeof request - 1) > 0)
        got = SSL_read(tls, reply, 4096);
    SSL_free(tls);
    SSL_CTX_free(context);
    close(fd);
    return got > 12 && memcmp(reply, "HTTP/1.1 ", 9) == 0 && reply[9] >= '2' && reply[9] < '5';
}

/* Reads a reply to its end, which its length or the last chunk tells. */
static bool read_reply(int fd)
{
    static const char length_name[] = "\r\nContent-Length: ";
    size_t length = 0;

    for (;;) {
        ssize_t got = read(fd, reply + length, sizeof reply - 1 - length);
        char *body, *field;

        if (got <= 0)
            return false;
        length += (size_t)got;
        reply[length] = '\0';
        body = strstr(reply, "\r\n\r\n");
        if (body == NULL)
            continue;
        body += 4;
        field = strstr(reply, length_name);
        if (field != NULL && field < body) {
            if (length - (size_t)(body - reply) >= strtoul(field + sizeof length_name - 1, NULL, 10))
                return true;
        } else if (length >= 5 && memcmp(reply + length - 5, "0\r\n\r\n", 5) == 0) {
            return true;
        }
    }
}

static bool ask_by_hand(const char *path)
{
    static const char *const requests[] = {
        "GET " PING " HTTP/1.1\r\nHost: docker\r\nAccept: */*\r\n\r\n",
        "GET " LIST " HTTP/1.1\r\nHost: docker\r\nAccept: */*\r\n\r\n",
    };
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool result;

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    result = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    for (size_t i = 0; i < sizeof requests / sizeof *requests && result; i++)
        result = write(fd, requests[i], strlen(requests[i])) == (ssize_t)strlen(requests[i]) && read_reply(fd);
    close(fd);
    return result;
}

int main(int argc, char **argv)
{
    bool by_hand = argc > 1 && strcmp(argv[1], "sockets") == 0;

    if (argc == 2 && strcmp(argv[1], "nothing") == 0)
        return EXIT_SUCCESS;
    if (argc != 5 || (!by_hand && strcmp(argv[1], "curl") != 0))
        return fail("expected nothing, or curl|sockets URL CA_FILE SOCKET");
    if (!by_hand && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return fail("libcurl");
    if (!(by_hand ? probe_by_hand : probe_with_curl)(argv[2], argv[3]))
        return fail("the region");
    if (!(by_hand ? ask_by_hand : ask_with_curl)(argv[4]))
        return fail("Docker");
    return EXIT_SUCCESS;
}
