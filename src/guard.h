/* SPDX-License-Identifier: MIT-0 */
/* A deadline for libcurl where its own do not reach. */
#ifndef EINS_GUARD_H
#define EINS_GUARD_H

enum guard_clock {
    GUARD_WALL,      /* for what must have ended by then, whatever has become of it */
    GUARD_PROCESSOR, /* for what must not go on and on; while the process or its host stands still it does not count */
};

/* From now on libcurl has that many seconds to come back. Then every connection of this process is cut, by a signal,
 * and what libcurl was about ends with whatever error it makes of that. Arming again begins anew. */
void guard_arm(enum guard_clock clock, int seconds);

/* It has come back. */
void guard_disarm(void);

#endif
