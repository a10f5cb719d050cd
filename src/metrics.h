/* SPDX-License-Identifier: MIT-0 */
/* Metrics for the textfile collector of Prometheus's node_exporter, in its exposition format. */
#ifndef EINS_METRICS_H
#define EINS_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "model.h"
#include "state.h"

/* What a check leaves to be counted; all borrowed. */
struct metrics {
    const struct state *state;
    const struct record *record;
    enum reach reach;
    int64_t now;          /* seconds since the epoch: the time of this check */
    double check_seconds; /* how long it took */
    double probe_seconds;
    const char *version; /* the program's */
};

/* Renders them. What is not known is left out: eins_region_reachable, when the probe is indeterminate. Returns an
 * allocated text, NUL-terminated and the caller's to free, with its length in *ret_length; or NULL for want of memory,
 * with *ret_length untouched. */
char *metrics_render(const struct metrics *metrics, size_t *ret_length);

/* Writes them to a file, 0644 whatever the umask says, atomically (see file_write_atomic): a scrape sees the metrics of
 * one check. A link that has the file's name is replaced, not followed. Returns 0, or -1 with code EXIT_STATE and what
 * was there before still there. */
int metrics_write(const char *path, const struct metrics *metrics, struct error *error);

#endif
