/* SPDX-License-Identifier: MIT-0 */
/* A deadline for libcurl where its own do not reach. */
#ifndef EINS_GUARD_H
#define EINS_GUARD_H

/* From now on libcurl has that many seconds to come back. Then every connection of this process is cut, by SIGALRM, and
 * what libcurl was about ends with whatever error it makes of that. Arming again begins anew. */
void guard_arm(unsigned int seconds);

/* It has come back. */
void guard_disarm(void);

#endif
