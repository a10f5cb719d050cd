/* SPDX-License-Identifier: MIT-0 */
/* What this host may have had too little of when a probe failed. The libraries make other things of it: without
 * descriptors or threads the resolver says "no such name" and connect "refused", and in the middle of a handshake
 * OpenSSL makes anything of a want of memory, an invalid certificate too. */
#ifndef EINS_SHORTAGE_H
#define EINS_SHORTAGE_H

#include <stdbool.h>

/* Tries to get what a probe needs. resolving: it failed at its name, for which libcurl starts a thread. Returns in
 * words what there is too little of, or NULL. */
const char *shortage_find(bool resolving);

#endif
