/* SPDX-License-Identifier: MIT-0 */
/* The certificates that the probe trusts: those that eins.conf names, or else the system's, cheaply. */
#ifndef EINS_TRUST_H
#define EINS_TRUST_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "conf.h"

/* Sets what the handle trusts. Of the system's certificates that is the folder of libcurl's build alone, where it holds
 * hashed names (openssl-rehash(1)): a handshake then reads the one certificate that it needs, and not a bundle of 140,
 * which is seven eighths of all instructions of a check. Returns CURLE_OK; CURLE_SSL_CACERT_BADFILE with a sentence in
 * message of size bytes when there is no store, which no handshake need find out: an outage that begins without one
 * could not be seen to end; or CURLE_OUT_OF_MEMORY. */
CURLcode trust_set(CURL *handle, const struct conf *conf, char *message, size_t size);

/* After a certificate was refused: trusts the system's bundle too, as libcurl does by itself, if only the folder was
 * trusted so far: it may be older than the bundle. Returns whether another try can end otherwise. */
bool trust_more(CURL *handle, const struct conf *conf);

#endif
