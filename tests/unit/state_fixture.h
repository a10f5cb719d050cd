/* SPDX-License-Identifier: MIT-0 */
/* A state to write and read back. */
#ifndef EINS_STATE_FIXTURE_H
#define EINS_STATE_FIXTURE_H

#include <stdint.h>

#include "state.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NOW INT64_C(1795564799) /* 2026-11-24 23:59:59 UTC */

/* A state in an outage, with every field set. The caller's to clear. */
void make_state(struct state *ret_state);

/* Both say the same of the region, the agent and the containers. */
void assert_same(const struct state *a, const struct state *b);

#endif
