/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "probe.h"

#include <curl/curl.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guard.h"
#include "shortage.h"
#include "text.h"
#include "trust.h"

#define TOO_LARGE ((CURLcode)100) /* CURLE_TOO_LARGE, by its number: libcurl before 8.6 has no name for it */

/* Bytes. More than a handshake and the longest status line that could be one. */
#define STATUS_LINE_ENDLESS (64u << 10)

struct probe {
    CURL *handle;
    struct probe_result *result;
    uint64_t received; /* bytes of the last connection, TLS included */
    double spent;      /* seconds, in tries before the last */
    char curl_error[CURL_ERROR_SIZE];
};

/* Only while the connection is there does libcurl show it; one built with another TLS library has it in another form.
 */
static void read_tls(CURL *handle, struct probe_result *result)
{
    struct curl_tlssessioninfo *session = NULL;

    if (curl_easy_getinfo(handle, CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK || session == NULL ||
        session->backend != CURLSSLBACKEND_OPENSSL || session->internals == NULL)
        return;
    text_copy(result->tls_version, sizeof result->tls_version, SSL_get_version(session->internals));
    text_copy(result->cipher, sizeof result->cipher, SSL_get_cipher_name(session->internals));
}

/* The first line of the final reply decides. Interim replies (1xx) and the proxy's own (suppressed) do not count. */
static size_t take_header(char *data, size_t size, size_t count, void *opaque)
{
    struct probe *probe = opaque;
    long status = 0;

    (void)data;
    curl_easy_getinfo(probe->handle, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return size * count;
    probe->result->status = status;
    read_tls(probe->handle, probe->result);
    return 0; /* ends the transfer: neither headers nor body nor the end of the connection are worth waiting for */
}

static size_t refuse_body(char *data, size_t size, size_t count, void *opaque)
{
    (void)data;
    (void)size;
    (void)count;
    (void)opaque;
    return 0;
}

static int close_socket(void *opaque, curl_socket_t fd)
{
    struct probe *probe = opaque;
    struct tcp_info info = {0};
    socklen_t size = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
        probe->received = info.tcpi_bytes_received;
    return close(fd);
}

static CURLcode set_connection(CURL *handle, const struct conf *conf)
{
    CURLcode result = CURLE_OK;

    result |= curl_easy_setopt(handle, CURLOPT_URL, conf->endpoint);
    result |= curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https");
    result |= curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    result |= curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    result |= curl_easy_setopt(handle, CURLOPT_USERAGENT, "eins-check/" PACKAGE_VERSION);
    result |= curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, (long)conf->connect_timeout);
    result |= curl_easy_setopt(handle, CURLOPT_TIMEOUT, (long)conf->timeout);
    result |= curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    /* The resolver's thread may outlast the deadline; do not wait for it, this process ends soon. */
    result |= curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
    result |= curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
    /* Always set, so that what the environment says counts only where conf.c took it from there. */
    result |= curl_easy_setopt(handle, CURLOPT_PROXY, conf->proxy);
    result |= curl_easy_setopt(handle, CURLOPT_NOPROXY, conf->no_proxy);
    result |= curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    return result;
}

static CURLcode set_tls(CURL *handle)
{
    CURLcode result = CURLE_OK;

    result |= curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    result |= curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    result |= curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    return result;
}

static CURLcode set_callbacks(struct probe *probe)
{
    CURLcode result = CURLE_OK;

    result |= curl_easy_setopt(probe->handle, CURLOPT_HEADERFUNCTION, take_header);
    result |= curl_easy_setopt(probe->handle, CURLOPT_HEADERDATA, probe);
    result |= curl_easy_setopt(probe->handle, CURLOPT_WRITEFUNCTION, refuse_body);
    result |= curl_easy_setopt(probe->handle, CURLOPT_ERRORBUFFER, probe->curl_error);
    result |= curl_easy_setopt(probe->handle, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    result |= curl_easy_setopt(probe->handle, CURLOPT_CLOSESOCKETDATA, probe);
    return result;
}

static enum probe_cause classify(const struct probe *probe, CURLcode code, const struct conf *conf)
{
    curl_off_t name_known = 0;
    double seconds = 0;

    curl_easy_getinfo(probe->handle, CURLINFO_NAMELOOKUP_TIME_T, &name_known);
    if (code == CURLE_COULDNT_RESOLVE_HOST || (code == CURLE_OPERATION_TIMEDOUT && name_known == 0))
        return PROBE_NAME;
    if (code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY)
        return PROBE_PROXY;
    /* OpenSSL's words for it; libcurl has only "SSL failed" in many shapes. */
    if (strstr(probe->curl_error, "malloc failure") != NULL)
        return PROBE_HOST;
    curl_easy_getinfo(probe->handle, CURLINFO_TOTAL_TIME, &seconds);
    if (code == CURLE_OPERATION_TIMEDOUT || probe->spent + seconds > conf->timeout) /* cut by guard */
        return PROBE_TIMEOUT;
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SSL_CIPHER ||
        code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS || code == CURLE_SSL_CERTPROBLEM)
        return PROBE_TLS;
    /* Only HTTP/0.9 gives "unsupported protocol", the scheme being https; a status line of 100 KB is "out of memory" to
     * libcurl before 8.6. */
    if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_GOT_NOTHING ||
        code == TOO_LARGE || code == CURLE_WRITE_ERROR || strstr(probe->curl_error, "Too large response") != NULL ||
        (code == CURLE_OUT_OF_MEMORY && probe->received > STATUS_LINE_ENDLESS))
        return PROBE_NOT_HTTP;
    if (code == CURLE_OUT_OF_MEMORY || code == CURLE_FAILED_INIT || code == CURLE_URL_MALFORMAT ||
        code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CRL_BADFILE || code == CURLE_SSL_ENGINE_NOTFOUND ||
        code == CURLE_SSL_ENGINE_SETFAILED || code == CURLE_SSL_ENGINE_INITFAILED || code == CURLE_NOT_BUILT_IN ||
        code == CURLE_BAD_FUNCTION_ARGUMENT || code == CURLE_UNKNOWN_OPTION)
        return PROBE_HOST;
    return PROBE_CONNECTION;
}

static void explain(const struct probe *probe, CURLcode code, const struct conf *conf)
{
    struct probe_result *result = probe->result;
    const char *detail = probe->curl_error[0] != '\0' ? probe->curl_error : curl_easy_strerror(code);
    char *text = result->explanation;
    size_t size = sizeof result->explanation;
    long verify = 0, proxy_status = 0, system_error = 0;

    curl_easy_getinfo(probe->handle, CURLINFO_SSL_VERIFYRESULT, &verify);
    curl_easy_getinfo(probe->handle, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    curl_easy_getinfo(probe->handle, CURLINFO_OS_ERRNO, &system_error);
    if (proxy_status >= 300)
        result->cause = PROBE_PROXY;
    switch (result->cause) {
    case PROBE_STATUS:
        snprintf(text, size, "HTTP status %ld", result->status);
        break;
    case PROBE_NAME:
        snprintf(text, size, "name resolution failed: %s", detail);
        break;
    case PROBE_PROXY:
        snprintf(text, size, "the proxy did not connect: %s", detail);
        break;
    case PROBE_CONNECTION:
        /* libcurl's own sentence would say the address again, and not why. */
        snprintf(text, size, "connection failed: %s",
                 code == CURLE_COULDNT_CONNECT && system_error != 0 ? strerror((int)system_error) : detail);
        break;
    case PROBE_TLS:
        if (verify != X509_V_OK && verify != X509_V_ERR_UNSPECIFIED) /* that is what libcurl begins with */
            snprintf(text, size, "TLS failed: the certificate is not valid: %s (%s)",
                     X509_verify_cert_error_string(verify), detail);
        else
            snprintf(text, size, "TLS failed: %s", detail);
        break;
    case PROBE_TIMEOUT:
        snprintf(text, size, "timeout: no answer within %d s, %d s of them to connect (%s)", conf->timeout,
                 conf->connect_timeout, detail);
        break;
    case PROBE_NOT_HTTP:
        snprintf(text, size, "the answer is not HTTP: %s",
                 code == CURLE_OUT_OF_MEMORY || code == TOO_LARGE ? "its first line does not end"
                 : code == CURLE_WRITE_ERROR                      ? "a body without a status before it"
                                                                  : detail);
        break;
    case PROBE_HOST:
        snprintf(text, size, "this host could not look: %s", detail);
        break;
    }
}

/* libcurl counts each from the beginning; one that was not reached is 0. */
static void read_steps(CURL *handle, struct probe_steps *steps)
{
    static const CURLINFO infos[] = {CURLINFO_NAMELOOKUP_TIME_T, CURLINFO_CONNECT_TIME_T, CURLINFO_APPCONNECT_TIME_T,
                                     CURLINFO_STARTTRANSFER_TIME_T};
    double *const seconds[] = {&steps->name, &steps->connection, &steps->tls, &steps->first_byte};
    curl_off_t before = 0;

    for (size_t i = 0; i < sizeof infos / sizeof *infos; i++) {
        curl_off_t reached = 0;

        curl_easy_getinfo(handle, infos[i], &reached);
        if (reached <= before)
            continue;
        *seconds[i] = (double)(reached - before) / 1e6;
        before = reached;
    }
}

static void read_details(const struct probe *probe)
{
    struct probe_result *result = probe->result;
    CURL *handle = probe->handle;
    const char *address = NULL;
    long port = 0, proxy_status = 0;
    double seconds = 0;

    if (curl_easy_getinfo(handle, CURLINFO_PRIMARY_IP, &address) == CURLE_OK && address != NULL && address[0] != '\0') {
        curl_easy_getinfo(handle, CURLINFO_PRIMARY_PORT, &port);
        snprintf(result->address, sizeof result->address, strchr(address, ':') != NULL ? "[%s]:%ld" : "%s:%ld", address,
                 port);
    }
    curl_easy_getinfo(handle, CURLINFO_TOTAL_TIME, &seconds);
    result->seconds = probe->spent + seconds;
    read_steps(handle, &result->steps);
    curl_easy_getinfo(handle, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    result->proxied = proxy_status != 0 || result->cause == PROBE_PROXY;
}

static void judge(struct probe *probe, CURLcode code, const struct conf *conf)
{
    struct probe_result *result = probe->result;
    const char *shortage;

    if (result->status != 0) {
        result->cause = PROBE_STATUS;
        result->reach = result->status < 500 ? REACH_REACHABLE : REACH_UNREACHABLE;
    } else {
        result->cause = classify(probe, code, conf);
        shortage = shortage_find(result->cause == PROBE_NAME);
        if (shortage != NULL) {
            result->cause = PROBE_HOST;
            snprintf(probe->curl_error, sizeof probe->curl_error, "%s", shortage);
        }
        result->reach = result->cause == PROBE_HOST ? REACH_INDETERMINATE : REACH_UNREACHABLE;
    }
    explain(probe, code, conf);
    read_details(probe);
}

/* Within what is left of the deadline. */
static CURLcode try_again(struct probe *probe, const struct conf *conf)
{
    double spent = 0;
    long left;

    curl_easy_getinfo(probe->handle, CURLINFO_TOTAL_TIME, &spent);
    left = conf->timeout * 1000L - (long)(spent * 1000);
    if (left <= 0 || curl_easy_setopt(probe->handle, CURLOPT_TIMEOUT_MS, left) != CURLE_OK)
        return CURLE_OPERATION_TIMEDOUT;
    probe->spent = spent; /* libcurl counts the next try from 0 */
    return curl_easy_perform(probe->handle);
}

void probe_region(const struct conf *conf, struct probe_result *ret_result)
{
    struct probe probe = {.handle = curl_easy_init(), .result = ret_result};
    CURLcode code;

    *ret_result = (struct probe_result){.reach = REACH_INDETERMINATE, .cause = PROBE_HOST};
    snprintf(ret_result->explanation, sizeof ret_result->explanation, "this host could not look: out of memory");
    if (probe.handle == NULL)
        return;
    code = set_connection(probe.handle, conf) | set_tls(probe.handle) | set_callbacks(&probe);
    if (code != CURLE_OK)
        code = CURLE_OUT_OF_MEMORY;
    else
        code = trust_set(probe.handle, conf, probe.curl_error, sizeof probe.curl_error);
    guard_arm(GUARD_WALL, conf->timeout + 1);
    if (code == CURLE_OK)
        code = curl_easy_perform(probe.handle);
    if (code == CURLE_PEER_FAILED_VERIFICATION && trust_more(probe.handle, conf))
        code = try_again(&probe, conf);
    guard_disarm();
    judge(&probe, code, conf);
    curl_easy_cleanup(probe.handle);
}
