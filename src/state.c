/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "state.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "text.h"

#define SET_ASIDE_KEPT 5
#define SET_ASIDE_MARK ".corrupt-"
#define SET_ASIDE_TRIES 10

void state_init(struct state *state, int64_t now)
{
    *state = (struct state){.rebuild = true, .phase = PHASE_CONNECTED, .since = now};
}

void state_clear(struct state *state)
{
    free(state->containers);
    *state = (struct state){0};
}

int state_copy(const struct state *source, size_t extra, struct state *ret_copy)
{
    struct state_container *containers = NULL;
    size_t capacity;

    if (__builtin_add_overflow(source->container_count, extra, &capacity))
        return -1;
    if (capacity > 0) {
        containers = calloc(capacity, sizeof *containers);
        if (containers == NULL)
            return -1;
    }
    if (source->container_count > 0)
        memcpy(containers, source->containers, source->container_count * sizeof *containers);
    *ret_copy = *source;
    ret_copy->containers = containers;
    ret_copy->container_capacity = capacity;
    return 0;
}

struct state_container *state_find(const struct state *state, const char *id)
{
    for (size_t i = 0; i < state->container_count; i++) {
        if (strcmp(state->containers[i].id, id) == 0)
            return &state->containers[i];
    }
    return NULL;
}

struct state_container *state_add(struct state *state, const char *id, const char *name)
{
    struct state_container *container;

    if (state->container_count >= state->container_capacity)
        return NULL;
    container = &state->containers[state->container_count++];
    *container = (struct state_container){0};
    text_copy(container->id, sizeof container->id, id);
    text_copy(container->name, sizeof container->name, name);
    return container;
}

void state_remove(struct state *state, struct state_container *container)
{
    size_t after = (size_t)(state->containers + state->container_count - (container + 1));

    memmove(container, container + 1, after * sizeof *container);
    state->container_count--;
}

bool state_owes(const struct state *state)
{
    for (size_t i = 0; i < state->container_count; i++) {
        if (state->containers[i].takeover != TAKEOVER_NONE)
            return true;
    }
    return state->agent.paused_by_eins || state->agent.renewing[0] != '\0';
}

static bool is_set_aside_of(const char *entry, const char *name)
{
    size_t length = strlen(name);

    return strncmp(entry, name, length) == 0 && strncmp(entry + length, SET_ASIDE_MARK, strlen(SET_ASIDE_MARK)) == 0 &&
           isdigit((unsigned char)entry[length + strlen(SET_ASIDE_MARK)]);
}

/* Finds the oldest by its name that comes after `oldest`, and replaces that by it. Returns how many there are. */
static size_t next_oldest(int folder, const char *name, char oldest[NAME_MAX + 1])
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    char found[NAME_MAX + 1] = "";
    const struct dirent *entry;
    size_t count = 0;

    if (entries == NULL) {
        error_cleanup_close(&fd);
        return 0;
    }
    while ((entry = readdir(entries)) != NULL) {
        if (!is_set_aside_of(entry->d_name, name) || strcmp(entry->d_name, oldest) <= 0)
            continue;
        count++;
        if (found[0] == '\0' || strcmp(entry->d_name, found) < 0)
            text_copy(found, sizeof found, entry->d_name);
    }
    closedir(entries);
    text_copy(oldest, NAME_MAX + 1, found);
    return count;
}

/* Makes room for one more: a disk that keeps failing must not be filled by what is left of it. A folder with something
 * in it stays: nothing that a person put there is removed. */
static void prune_set_aside(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    cleanup_free char *folder_name = slash == NULL ? strdup(".") : strndup(path, (size_t)(name - path));
    cleanup_close int folder = folder_name == NULL ? -1 : open(folder_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char oldest[NAME_MAX + 1] = "";

    if (folder < 0)
        return;
    while (next_oldest(folder, name, oldest) >= SET_ASIDE_KEPT) {
        if (unlinkat(folder, oldest, 0) != 0)
            unlinkat(folder, oldest, AT_REMOVEDIR);
    }
}

/* Returns 0 with store->set_aside filled in, or a negative errno. */
static int set_aside(struct state_store *store, int64_t now)
{
    const time_t seconds = (time_t)now;
    char when[32] = "", target[sizeof store->set_aside];
    struct tm utc = {0};
    struct stat info;

    gmtime_r(&seconds, &utc);
    strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &utc);
    prune_set_aside(store->path);
    for (int i = 0; i < SET_ASIDE_TRIES; i++) {
        int length = snprintf(target, sizeof target, "%s%s%s", store->path, SET_ASIDE_MARK, when);

        if (length >= (int)sizeof target - 3)
            return -ENAMETOOLONG;
        if (i > 0)
            snprintf(target + length, 3, "-%d", i);
        if (lstat(target, &info) == 0)
            continue;
        if (rename(store->path, target) != 0)
            return -errno;
        text_copy(store->set_aside, sizeof store->set_aside, target);
        return 0;
    }
    return -EEXIST;
}

/* Puts what became of the file behind the reason that is in error. Always returns 0: a state to be rebuilt is a state.
 */
static int start_afresh(struct state_store *store, bool read_only, int64_t now, struct error *error)
{
    char reason[sizeof error->text];
    int result;

    memcpy(reason, error->text, sizeof reason);
    if (read_only) {
        error_set(error, EXIT_STATE, "%s; left where it is", reason);
        return 0;
    }
    result = set_aside(store, now);
    if (result == 0)
        error_set(error, EXIT_STATE, "%s; moved to %s", reason, store->set_aside);
    else
        error_set(error, EXIT_STATE, "%s; could not be moved away: %s", reason, strerror(-result));
    return 0;
}

static const char *read_problem(int code)
{
    switch (code) {
    case ELOOP:
        return "is a symbolic link";
    case EINVAL:
        return "is not a regular file";
    case EFBIG:
        return "is too large for a state file";
    default:
        return strerror(code);
    }
}

int state_load(struct state_store *store, bool read_only, int64_t now, struct state *ret_state, struct error *error)
{
    cleanup_free char *text = NULL;
    size_t length = 0;
    int result = -EIO;

    state_store_clear(store);
    state_init(ret_state, now);
    *error = (struct error){.code = EXIT_STATE};
    /* A worn medium may fail once and then read well; without the state, what an outage still owes can only be guessed.
     */
    for (int tries = 2; result < 0 && result != -ENOENT && tries > 0; tries--)
        result = file_read(store->path, STATE_SIZE_MAX, &text, &length);
    if (result == -ENOENT)
        return 0;
    /* That this host is short of something does not make a good file a corrupt one. */
    if (result == -ENOMEM || result == -EMFILE || result == -ENFILE)
        return error_set(error, EXIT_STATE, "%s: cannot read: %s", store->path, strerror(-result));
    if (result < 0) {
        error_set(error, EXIT_STATE, "%s: %s", store->path, read_problem(-result));
        return start_afresh(store, read_only, now, error);
    }
    if (state_parse(text, length, store->path, ret_state, &store->record, error) != 0)
        return error->code == EXIT_CONFIG ? start_afresh(store, read_only, now, error) : -1;
    store->text = text;
    store->length = length;
    text = NULL;
    return 0;
}

static const char *write_hint(int code)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        return ": create its folder";
    case EACCES:
    case EPERM:
        return ": run eins-check as root or as the owner of the folder";
    case ENOSPC:
    case EDQUOT:
        return ": free some space there";
    case EROFS:
        return ": name a file that can be written with --state";
    case EISDIR:
    case ENOTEMPTY:
        return ": a folder has that name; move it away";
    default:
        return "";
    }
}

int state_save(struct state_store *store, const struct state *state, bool bump, struct error *error)
{
    cleanup_free char *text = NULL;
    size_t length = 0;
    int result;

    if (state->container_count > STATE_CONTAINER_MAX)
        return error_set(error, EXIT_STATE, "%s: cannot write: more than %d containers", store->path,
                         STATE_CONTAINER_MAX);
    text = state_render(state, &store->record, &length);
    if (text == NULL)
        return error_set(error, EXIT_STATE, "%s: cannot write: out of memory, or libcrypto has no SHA-256",
                         store->path);
    if (store->text != NULL && store->length == length && memcmp(store->text, text, length) == 0) {
        if (!bump || file_touch(store->path) == 0)
            return 0;
    }
    free(store->text);
    store->text = NULL;
    store->length = 0;
    result = file_write_atomic(store->path, text, length, 0644);
    if (result < 0)
        return error_set(error, EXIT_STATE, "%s: cannot write: %s%s", store->path, strerror(-result),
                         write_hint(-result));
    store->text = text;
    store->length = length;
    text = NULL;
    return 0;
}

int state_forget(struct state_store *store, struct error *error)
{
    int result = file_remove(store->path);

    if (result < 0)
        return error_set(error, EXIT_STATE, "%s: cannot be removed: %s%s", store->path, strerror(-result),
                         write_hint(-result));
    state_store_clear(store);
    return 0;
}

void state_store_clear(struct state_store *store)
{
    free(store->text);
    *store = (struct state_store){.path = store->path};
}
