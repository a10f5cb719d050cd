/* SPDX-License-Identifier: MIT-0 */
/* What eins knows about outages. Pure: no clock, no I/O, no logging; the same inputs give the same plan. */
#ifndef EINS_PLAN_H
#define EINS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf.h"
#include "model.h"
#include "state.h"

/* What an operation does. The order is the order of the stages: all operations of one kind run side by side, and the
 * next kind starts when they have ended. */
enum op_kind {
    OP_PAUSE_AGENT,
    OP_HOLD,         /* set on-failure on a container that is up */
    OP_START,        /* revive */
    OP_HOLD_STARTED, /* set on-failure on one that was just revived: never before, see FACTS.md */
    OP_RESTORE,      /* give the original policy back */
    OP_RESTART,      /* through Docker, which takes the marks of an earlier end away */
    OP_STOP,
    OP_REMOVE,
    OP_KILL_AGENT,
    OP_AWAIT_AGENT, /* wait for a fresh agent */
    OP_START_AGENT,
    OP_UNPAUSE_AGENT,
    OP_KIND_COUNT,
};

enum op_reason {
    REASON_OUTAGE,            /* the region cannot be reached */
    REASON_DIED_BEFORE_HOLD,  /* it failed before Docker had been told to restart it */
    REASON_ENGINE_RESTARTED,  /* Docker or the host was restarted in the outage */
    REASON_START_UNFINISHED,  /* an earlier check meant to start it */
    REASON_RECOVERED,         /* the region is back */
    REASON_RESET,             /* eins is to be removed */
    REASON_STAYS_DOWN,        /* nothing but a restart of Docker would start it, and nothing should */
    REASON_REVIVED,           /* eins started it after a death that the agent may have seen */
    REASON_MARKED,            /* it runs, and has marks of an earlier end for which a fresh agent takes it for dead */
    REASON_ADOPTION,          /* the agent has to look anew at what was restarted and stays */
    REASON_RESTARTED,         /* it was restarted in the outage: ECS launches its task anew */
    REASON_EVENTS_LOST,       /* the frozen agent may have missed events */
    REASON_RENEWAL_UNFINISHED /* an earlier check began to renew the agent */
};

enum op_outcome { OUTCOME_NOT_RUN, OUTCOME_DONE, OUTCOME_GONE, OUTCOME_FAILED };

/* Whether an operation runs at all depends on how another one ended. */
enum op_condition { WHEN_ALWAYS, WHEN_DONE, WHEN_FAILED };

struct op {
    enum op_kind kind;
    enum op_reason reason;
    enum op_condition when;
    size_t depends_on; /* index of the operation that `when` looks at */
    char id[MODEL_ID_SIZE];
    char name[MODEL_NAME_SIZE];
    struct policy from, to; /* of the policy operations */
    int seconds;            /* OP_STOP, OP_RESTART: how long Docker may take; OP_AWAIT_AGENT: how long to wait */
    enum op_outcome outcome;
    struct error error; /* of OUTCOME_FAILED */
};

/* Things worth a line that call for no operation. */
enum note_kind {
    NOTE_FOREIGN_PAUSE,  /* the agent was paused by somebody else */
    NOTE_GUESSED,        /* taken over by guess after the state was lost */
    NOTE_NOT_UNDERSTOOD, /* its inspection failed */
    NOTE_AUTO_REMOVE,    /* Docker refuses a restart policy for it */
    NOTE_DEATH_UNKNOWN,  /* it died, and the engine's events do not tell how: left down */
    NOTE_VANISHED,       /* a kept container is gone */
    NOTE_AGENT_MISSING,  /* nobody brings a fresh agent */
    NOTE_ADOPTED,        /* restarted in the outage, it runs on */
    NOTE_AGENT_DOWN,     /* it does not run, and the region is there */
};

struct note {
    enum note_kind kind;
    char id[MODEL_ID_SIZE];
    char name[MODEL_NAME_SIZE];
};

/* What the planner wants to be shown before it can go on. */
enum plan_want { WANT_LIST = 1, WANT_INSPECT = 2, WANT_EVENTS = 4 };

struct plan {
    struct op *ops; /* in no particular order: the kind says when; owned */
    size_t op_count;
    struct note *notes; /* owned */
    size_t note_count;
    unsigned wants;    /* of enum plan_want: carry these out, look, and plan again */
    bool incomplete;   /* something had to be left for the next check */
    struct state next; /* the intent: to be saved before the first operation runs; owned */
};

/* What the probe decides. */
struct verdict {
    enum reach reach;
    int64_t now; /* seconds since the epoch */
    bool reset;  /* eins is to be removed: everything goes back, nothing is removed */
};

/* A host that boots may be up before its network is: a failed probe begins no outage before these seconds are over.
 * An outage that the reboot came in goes on at once. */
#define PLAN_BOOT_PATIENCE 60

/* Counts the probe's result and changes the phase where `fall` or `rise` is reached. now is in seconds since the
 * epoch, uptime in seconds since the host booted. Changes state; called once a check. */
struct verdict plan_verdict(const struct conf *conf, enum reach reach, int64_t now, int64_t uptime,
                            struct state *state);

/* What --reset decides instead: as if the region were back. Changes state. */
struct verdict plan_reset(int64_t now, struct state *state);

/* True for a container of the list whose inspection the planner needs. */
bool plan_inspects(const struct state *state, const struct container *container);

/* Makes the plan for what is known. Call it again as long as wants is not 0, each time with the state that the last
 * plan left and with what it wanted added to the snapshot. Returns 0, or -1 for want of memory with *ret_plan
 * untouched. */
int plan_make(const struct conf *conf, const struct state *state, const struct verdict *verdict,
              const struct snapshot *snapshot, struct plan *ret_plan);

/* Keeps only what is safe when the intent cannot be written: giving back policies and the agent. */
void plan_keep_safe(struct plan *plan);

/* Carries the outcomes of the operations over into plan->next. Sets incomplete if one failed. */
void plan_settle(struct plan *plan);

/* True when the operation is to run, given how the one it depends on ended. */
bool plan_op_is_due(const struct plan *plan, const struct op *op);

/* Frees what the plan owns. */
void plan_clear(struct plan *plan);

/* In words, for people. */
const char *plan_reason_text(enum op_reason reason);
const char *plan_note_text(enum note_kind kind);

#endif
