/* SPDX-License-Identifier: MIT-0 */
/* The words of eins: what a probe and a look at Docker can show. Plain values; nothing here owns memory but a snapshot.
 */
#ifndef EINS_MODEL_H
#define EINS_MODEL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of restarts and other things counted: no host comes near, and neither a sum nor a difference of two overflows. */
#define MODEL_COUNT_MAX (INT_MAX / 2)

#define MODEL_ID_SIZE 65          /* 64 hexadecimal digits */
#define MODEL_NAME_SIZE 256       /* longer container names are cut: they are shown, never sent */
#define MODEL_TIME_SIZE 48        /* RFC 3339 with nanoseconds, as Docker prints it */
#define MODEL_IMAGE_SIZE 72       /* "sha256:" and 64 hexadecimal digits */
#define MODEL_TASK_SIZE 64        /* longer ids of tasks are cut: they are shown, never sent */
#define MODEL_GENERATION_SIZE 128 /* boot id, engine pid, its file's mtime */

/* What a probe of the region found. */
enum reach { REACH_REACHABLE, REACH_UNREACHABLE, REACH_INDETERMINATE };

enum phase { PHASE_CONNECTED, PHASE_DISCONNECTED };

/* State.Status of the Engine API, and STATUS_GONE for a container that is not there (any more). */
enum status {
    STATUS_GONE,
    STATUS_CREATED,
    STATUS_RUNNING,
    STATUS_PAUSED,
    STATUS_RESTARTING,
    STATUS_REMOVING,
    STATUS_EXITED,
    STATUS_DEAD,
};

/* HostConfig.RestartPolicy.Name; the empty name that engines before 25 show means "no" (FACTS.md, Restart policies). */
enum policy_kind { POLICY_NO, POLICY_ON_FAILURE, POLICY_ALWAYS, POLICY_UNLESS_STOPPED };

struct policy {
    enum policy_kind kind;
    int retries; /* MaximumRetryCount; 0 with any kind but on-failure, and "no limit" with it */
};

/* Whether the details of a container have been asked for, and understood. */
enum inspected { INSPECT_NOT_YET, INSPECT_DONE, INSPECT_FAILED };

struct container {
    char id[MODEL_ID_SIZE];
    char name[MODEL_NAME_SIZE]; /* without Docker's leading slash */
    bool managed;               /* has the ECS label, is not the agent, and did not opt out with eins.enable=false */
    enum status status;
    char task[MODEL_TASK_SIZE]; /* the id at the end of its ECS task's ARN, or empty; for people */
    bool image_named;           /* shown with its image's name, as Docker does only while that name leads to it */

    /* Only the inspection of a container shows what follows. */
    enum inspected inspected;
    struct policy policy;
    char started_at[MODEL_TIME_SIZE];
    int restart_count;
    int exit_code;
    int stop_timeout; /* seconds, or -1: the engine's default */
    bool auto_remove;
    bool oom_killed;
    bool has_error; /* State.Error is not empty */
    /* For people: what is missing or strange here is no error. */
    char image[MODEL_IMAGE_SIZE]; /* its id, or empty */
    bool image_gone;              /* Docker was asked for that image and has none */
    bool logs_block;              /* log driver awslogs, which waits for the region unless it is told not to */
};

/* One entry of the engine's event log that concerns a container. */
enum event_kind { EVENT_OTHER, EVENT_START, EVENT_DIE, EVENT_STOP, EVENT_KILL, EVENT_PAUSE, EVENT_UNPAUSE };

struct event {
    enum event_kind kind;
    char id[MODEL_ID_SIZE]; /* empty when the event is not a container's */
    int signal;             /* of EVENT_KILL, else 0 */
};

/* What is known of Docker at one moment. The planner says what else it wants to know. */
struct snapshot {
    bool listed;                  /* containers and agent are valid */
    enum inspected events_asked;  /* INSPECT_DONE: events are valid */
    struct container *containers; /* managed ones only, owned */
    size_t container_count;
    size_t other_count;     /* neither managed nor the agent */
    struct container agent; /* STATUS_GONE when there is none */
    struct event *events;   /* oldest first, owned */
    size_t event_count;
    char generation[MODEL_GENERATION_SIZE]; /* empty when unknown */
};

/* The two ways between an enum and its name, as written in the state file and by Docker. `parse` returns false, and
 * leaves ret_value untouched, when the name is not known. */
const char *model_reach_name(enum reach reach);
const char *model_phase_name(enum phase phase);
bool model_phase_parse(const char *name, enum phase *ret_phase);
const char *model_status_name(enum status status);
bool model_status_parse(const char *name, enum status *ret_status);
const char *model_policy_name(enum policy_kind kind);
bool model_policy_parse(const char *name, enum policy_kind *ret_kind);

/* True for a container that runs, is paused, or waits for its next restart: State.Running is true for all three. */
bool model_is_up(enum status status);

bool model_policy_equal(struct policy a, struct policy b);

/* The container with that id, or NULL. Borrowed from the snapshot. */
const struct container *model_find(const struct snapshot *snapshot, const char *id);

/* Frees what the snapshot owns and makes it an empty one. */
void model_snapshot_clear(struct snapshot *snapshot);

#endif
