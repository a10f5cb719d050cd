/* SPDX-License-Identifier: MIT-0 */
/* What --status prints: what the last check left. It reads files only. */
#ifndef EINS_STATUS_H
#define EINS_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "conf.h"
#include "record.h"
#include "state.h"

/* Exit codes of --status; other ones are those of the contract. */
#define STATUS_CONNECTED 0
#define STATUS_DISCONNECTED 1
#define STATUS_UNKNOWN 3 /* no state yet */

/* Seconds. Checks come every 20, and one that stops many containers may take a few minutes. */
#define STATUS_STALE 300

struct status_view {
    const struct conf *conf;
    const struct state *state;
    const struct record *record;
    int64_t now;        /* seconds since the epoch */
    int64_t checked_at; /* the same: the state file's mtime, which is the time of the last check */
};

/* How many containers, of those that the state knows. */
struct status_counts {
    size_t known, running;
    size_t kept, kept_running; /* taken over, and not given back yet */
    size_t restarted;          /* kept ones that were restarted */
    int64_t restarts;          /* of kept ones */
};

/* Reads the state file and prints it, in words or as JSON. Returns the exit code: one of STATUS_..., or EXIT_STATE when
 * the file cannot be used or nothing can be printed. What is wrong with it is said on standard error. */
int status_run(FILE *stream, const struct conf *conf, bool json);

/* Prints it in words. */
void status_print(FILE *stream, const struct status_view *status);

struct status_counts status_count(const struct state *state);

/* How long ago the last check was, in seconds; negative when the clock was set back since then. */
int64_t status_age(const struct status_view *status);

/* True when the last check was so long ago that checks may not run any more. */
bool status_is_stale(const struct status_view *status);

/* The outage that goes on, or NULL; borrowed. */
const struct record_outage *status_outage(const struct status_view *status);

#endif
