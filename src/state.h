/* SPDX-License-Identifier: MIT-0 */
/* What one check leaves for the next: the state file, as values and as text. */
#ifndef EINS_STATE_H
#define EINS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "model.h"
#include "record.h"

#define STATE_VERSION 1
#define STATE_SIZE_MAX (8u << 20) /* bytes; a larger file is taken for corrupt */
#define STATE_CONTAINER_MAX 2500  /* in a file; ini.c takes no more lines than these have */
/* Of numbers and seconds in a file: no host comes near, and neither a sum nor a difference of two overflows. */
#define STATE_TOTAL_MAX (INT64_MAX / 4)

/* How far eins has taken over a container's restart policy. */
enum takeover {
    TAKEOVER_NONE,  /* baseline only: it ran at the last connected look */
    TAKEOVER_LEFT,  /* kept, but with its own policy: Docker restarts it anyway, or refuses another policy, or it is to
                       stay down */
    TAKEOVER_ASKED, /* kept; the change is intended and not yet known to be in effect */
    TAKEOVER_SET,   /* kept; Docker said 200 */
};

/* What recovery decided for a kept container. Decided once, so that a later check never takes a restart of after the
 * outage for one in it. */
enum fate {
    FATE_NONE,
    FATE_RESTORE, /* it was not restarted: its policy back */
    FATE_REPLACE, /* stopped and removed, ECS launches its task anew */
    FATE_ADOPT,   /* restarted, and it stays: its policy back, and a fresh agent */
    FATE_RESTART, /* the same, restarted through Docker first */
};

struct state_container {
    char id[MODEL_ID_SIZE];
    char name[MODEL_NAME_SIZE];
    bool running; /* it was up at the last look */
    enum takeover takeover;
    struct policy policy; /* the original, to be given back */
    char started_at[MODEL_TIME_SIZE];
    bool revived;      /* eins started it after a death that the agent may have seen */
    bool starting;     /* eins means to start it and does not know yet that it did */
    bool guessed;      /* taken from what Docker showed after the state was lost: never stopped or removed */
    int restarts;      /* seen in this outage; for people */
    int restart_count; /* Docker's own, at the last look */
    char last_start[MODEL_TIME_SIZE]; /* StartedAt at the last look, or empty */
    enum fate fate;
};

struct state_agent {
    char id[MODEL_ID_SIZE]; /* the agent that was found paused or that eins paused, or empty */
    bool paused_by_eins;
    int64_t paused_at;            /* seconds since the epoch, for people; 0 when unknown */
    char renewing[MODEL_ID_SIZE]; /* the agent that eins means to replace by a fresh one, or empty */
    int64_t renew_since;
};

struct state {
    bool rebuild; /* nothing is known yet: the first look at Docker decides (in memory, and in the file until then) */
    enum phase phase;
    bool fresh;    /* Docker has not been looked at since the phase began */
    int64_t since; /* when the phase began, seconds since the epoch */
    int fall_count;
    int rise_count;
    int64_t outages;            /* begun so far */
    int64_t restarted, removed; /* containers in all outages so far: restarts that were seen, and removals */
    char generation[MODEL_GENERATION_SIZE];
    struct state_agent agent;
    struct state_container *containers; /* owned */
    size_t container_count;
    size_t container_capacity;
};

/* A state that knows nothing: connected since now, to be rebuilt from what Docker shows. */
void state_init(struct state *state, int64_t now);

/* Frees what the state owns. */
void state_clear(struct state *state);

/* Copies source, with room for extra more containers, so that state_add cannot fail that often. Returns 0, or -1 for
 * want of memory with *ret_copy untouched. */
int state_copy(const struct state *source, size_t extra, struct state *ret_copy);

/* The container with that id or NULL; borrowed. */
struct state_container *state_find(const struct state *state, const char *id);

/* Adds a zeroed container within the capacity that state_copy made. Returns NULL when that is used up. */
struct state_container *state_add(struct state *state, const char *id, const char *name);

/* Removes it; the order of the others does not change. */
void state_remove(struct state *state, struct state_container *container);

/* True when something of an outage is not given back yet: a restart policy, the agent. */
bool state_owes(const struct state *state);

/* Renders the whole file, checksum included; record may be NULL. Returns an allocated text, or NULL for want of memory
 * (or of SHA-256). */
char *state_render(const struct state *state, const struct record *record, size_t *ret_length);

/* Parses a whole file strictly: checksum, version, every key. Returns 0, or -1 with a reason and *ret_state and
 * *ret_record untouched; the code is EXIT_CONFIG when the text is to blame, EXIT_STATE when it could not be judged
 * (memory, libcrypto). */
int state_parse(const char *text, size_t length, const char *name, struct state *ret_state, struct record *ret_record,
                struct error *error);

/* Where the state is, and what is known to be in the file: written only when it differs. */
struct state_store {
    const char *path; /* borrowed */
    char *text;       /* what the file holds now, or NULL when it is not known; owned */
    size_t length;
    struct record record; /* goes into the file beside the state */
    char set_aside[600];  /* where an unusable file was moved to, or empty */
};

/* Loads the state, and store->record. A file that is missing or unusable is no error: *ret_state is then one to be
 * rebuilt; an unusable file has been set aside as PATH.corrupt-TIME, and error->text says why (it is empty otherwise).
 * With read_only nothing is set aside. Returns 0, or -1 with code EXIT_STATE only when this host is short of something
 * (memory, descriptors, SHA-256): that says nothing about the file. */
int state_load(struct state_store *store, bool read_only, int64_t now, struct state *ret_state, struct error *error);

/* Writes state and record if they differ from what the file holds, atomically; otherwise bumps the file's mtime, when
 * bump is true. Returns 0, or -1 with code EXIT_STATE. */
int state_save(struct state_store *store, const struct state *state, bool bump, struct error *error);

/* Removes the file: eins knows nothing any more. Returns 0, or -1 with code EXIT_STATE. */
int state_forget(struct state_store *store, struct error *error);

void state_store_clear(struct state_store *store);

#endif
