/* SPDX-License-Identifier: MIT-0 */
/* One look at the region: an unsigned GET /, over as soon as a status line has arrived. */
#ifndef EINS_PROBE_H
#define EINS_PROBE_H

#include "conf.h"
#include "error.h"
#include "model.h"

/* In a word, what decided. */
enum probe_cause {
    PROBE_STATUS, /* an HTTP status arrived */
    PROBE_NAME,
    PROBE_PROXY,
    PROBE_CONNECTION,
    PROBE_TLS,
    PROBE_TIMEOUT,
    PROBE_NOT_HTTP,
    PROBE_HOST, /* this host could not look */
};

struct probe_result {
    enum reach reach;
    enum probe_cause cause;
    long status; /* HTTP status, or 0 */
    char address[64];
    bool proxied;         /* the address is the proxy's */
    char tls_version[16]; /* like "TLSv1.3"; known once a status has arrived, else empty */
    char cipher[64];      /* likewise, as OpenSSL names it */
    double seconds;       /* the whole probe */
    struct probe_steps { /* seconds, each by itself; 0: the probe did not get through it, or libcurl does not tell: some
                            count no connection whose handshake fails */
        double name, connection, tls, first_byte;
    } steps;
    char explanation[400]; /* a sentence that names the cause */
};

/* Probes conf->endpoint, through conf->proxy when it is set. Never takes longer than conf->timeout,
 * or a second more where libcurl's own deadline does not reach (guard.h). */
void probe_region(const struct conf *conf, struct probe_result *ret_result);

#endif
