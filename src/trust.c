/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

#define HASH_DIGITS 8 /* then a dot and a number; see X509_LOOKUP_hash_dir(3) */

/* Naming a file or a folder means that the system's own store is not wanted. */
static bool is_own(const struct conf *conf)
{
    return conf->ca_file[0] != '\0' || conf->ca_path[0] != '\0';
}

static const char *known(CURL *handle, CURLINFO info)
{
    const char *path = NULL;

    return curl_easy_getinfo(handle, info, &path) == CURLE_OK && path != NULL ? path : "";
}

static bool is_hashed(const char *folder)
{
    DIR *entries = folder[0] != '\0' ? opendir(folder) : NULL;
    const struct dirent *entry;
    bool result = false;

    if (entries == NULL)
        return false;
    while (!result && (entry = readdir(entries)) != NULL)
        result = strspn(entry->d_name, "0123456789abcdef") == HASH_DIGITS && entry->d_name[HASH_DIGITS] == '.';
    closedir(entries);
    return result;
}

/* Returns the path that is in the way of a store, or NULL. */
static const char *find_trouble(const char *file, const char *folder)
{
    struct stat info;

    if (file[0] != '\0') {
        cleanup_close int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

        return fd < 0 ? file : NULL;
    }
    return folder[0] != '\0' && stat(folder, &info) < 0 ? folder : NULL;
}

CURLcode trust_set(CURL *handle, const struct conf *conf, char *message, size_t size)
{
    const char *file = is_own(conf) ? conf->ca_file : known(handle, CURLINFO_CAINFO);
    const char *folder = is_own(conf) ? conf->ca_path : known(handle, CURLINFO_CAPATH);
    const char *trouble = find_trouble(file, folder);
    CURLcode result;

    if (trouble != NULL) {
        snprintf(message, size, "no certificates to trust: %.200s: %s", trouble, strerror(errno));
        return CURLE_SSL_CACERT_BADFILE;
    }
    if (!is_own(conf) && is_hashed(folder))
        file = "";
    result = curl_easy_setopt(handle, CURLOPT_CAINFO, file[0] != '\0' ? file : NULL);
    return result | curl_easy_setopt(handle, CURLOPT_CAPATH, folder[0] != '\0' ? folder : NULL);
}

bool trust_more(CURL *handle, const struct conf *conf)
{
    const char *file = known(handle, CURLINFO_CAINFO);

    return !is_own(conf) && file[0] != '\0' && is_hashed(known(handle, CURLINFO_CAPATH)) &&
           curl_easy_setopt(handle, CURLOPT_CAINFO, file) == CURLE_OK;
}
