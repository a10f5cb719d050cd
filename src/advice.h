/* SPDX-License-Identifier: MIT-0 */
/* What would go wrong in an outage, as far as it shows before. Pure: what is seen goes in, findings come out. */
#ifndef EINS_ADVICE_H
#define EINS_ADVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "model.h"

#define ADVICE_DETAIL_SIZE 480 /* bytes; longer ones are cut */

/* In the order in which they are told: first what is wrong with the host, then what is with single containers. */
enum advice_kind {
    ADVICE_NOT_SCHEDULED, /* nothing starts eins-check */
    ADVICE_STATE,         /* the state cannot be written */
    ADVICE_DOCKER,        /* Docker did not answer all that was asked: there may be more to find */
    ADVICE_AGENT_MISSING,
    ADVICE_AGENT_DOWN,
    ADVICE_AGENT_PAUSED,   /* and not by eins */
    ADVICE_NOT_UNDERSTOOD, /* the container's inspection failed: it may be any of the following */
    ADVICE_AUTO_REMOVE,    /* Docker removes it when it ends */
    ADVICE_LOGS_BLOCK,     /* its log driver needs the region for a start */
    ADVICE_IMAGE_GONE,     /* it runs from an image that is not there any more */
    ADVICE_TASK,           /* containers of one task, each of which Docker restarts by itself */
    ADVICE_KIND_COUNT,
};

/* What a snapshot does not show. Texts are borrowed, and NULL where there is no trouble. */
struct advice_facts {
    bool reset;                /* eins is to be removed: only what is in the way of that counts */
    bool outage;               /* it is one, or begins: the agent is to be paused */
    bool agent_planned;        /* what is planned brings the agent back */
    const char *agent;         /* its name */
    const char *schedule;      /* what to do so that checks run at all */
    const char *state_trouble; /* what is in the way of writing the state */
    const char *docker_trouble;
};

struct finding {
    enum advice_kind kind;
    const struct container *container; /* borrowed from the snapshot; NULL: it is not about a single one */
    char detail[ADVICE_DETAIL_SIZE];   /* which, where or what to do; may be empty; not escaped */
};

struct advice {
    struct finding *findings; /* by kind; owned */
    size_t count;
};

/* Finds all that is wrong. What the snapshot was not asked for is taken to be in order. Returns 0, or -1 for want of
 * memory with *ret_advice untouched. */
int advice_make(const struct snapshot *seen, const struct advice_facts *facts, struct advice *ret_advice);

void advice_clear(struct advice *advice);

/* What it means and what to do about it, for people; and its name in JSON. */
const char *advice_text(enum advice_kind kind);
const char *advice_kind_name(enum advice_kind kind);

#endif
