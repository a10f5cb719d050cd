/* SPDX-License-Identifier: MIT-0 */
/* What eins remembers for people: the last check, the last outages, what could not be done. Nothing is decided by it.
 * Pure. */
#ifndef EINS_RECORD_H
#define EINS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "model.h"

#define RECORD_OUTAGES 20    /* the last ones */
#define RECORD_TEXTS 8       /* of each kind; further ones are only counted */
#define RECORD_TEXT_SIZE 240 /* bytes; longer ones are cut */

/* One outage, the running one included. */
struct record_outage {
    int64_t number;             /* 1 for the first that this host's state knows of; 0: no outage */
    int64_t began;              /* seconds since the epoch */
    int64_t ended;              /* 0: it has not */
    int64_t restarted, removed; /* containers: restarts that were seen in it, and those that went at its end */
    int64_t restarted_before, removed_before; /* in all outages before it */
    char cause[RECORD_TEXT_SIZE];             /* what the probe said */
};

/* Why checks did not end well, for eins_errors_total{kind}. */
enum record_error { RECORD_INCOMPLETE, RECORD_DOCKER, RECORD_PROBE, RECORD_STATE, RECORD_ERROR_COUNT };

/* A list of texts. */
struct record_texts {
    char texts[RECORD_TEXTS][RECORD_TEXT_SIZE];
    size_t count; /* at most RECORD_TEXTS */
    int64_t more; /* further ones, that there was no room for */
};

struct record {
    bool checked; /* there was a check: code, reach and why are its */
    int code;     /* its exit code */
    enum reach reach;
    char why[RECORD_TEXT_SIZE]; /* what its probe said */
    int64_t errors[RECORD_ERROR_COUNT];
    int64_t outage_seconds;                       /* of all outages that have ended */
    struct record_outage outages[RECORD_OUTAGES]; /* oldest first */
    size_t outage_count;
    struct record_texts failures; /* what the last check could not do */
    struct record_texts warnings; /* what it noted since the phase began */
};

/* Says what a check begins with: its probe. */
void record_probe(struct record *record, enum reach reach, const char *why);

/* Follows the state that is to be written: its phase and since when, how many outages have begun, and how many
 * containers were restarted and removed in all of them. Begins and ends the record of an outage; to say the same again
 * changes nothing. */
void record_follow(struct record *record, enum phase phase, int64_t since, int64_t outages, int64_t restarted,
                   int64_t removed);

/* Adds a text, cut to size; one that is there already is not added again. */
void record_text(struct record_texts *texts, const char *text);

/* What a check ends with. */
void record_code(struct record *record, enum exit_code code);

/* The name of a kind of error, as in the metric and in the state file. */
const char *record_error_name(enum record_error kind);

#endif
