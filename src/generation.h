/* SPDX-License-Identifier: MIT-0 */
/* Which run of the host and of the Docker Engine this is: when it changes, containers may be down without having ended
 * by themselves. */
#ifndef EINS_GENERATION_H
#define EINS_GENERATION_H

#include "conf.h"
#include "model.h"

/* Writes "BOOT ENGINE": the kernel's boot id, and process id and start of the engine from its pid file ("PID@MTIME"),
 * which works under socket activation too (FACTS.md, Daemon restart and reboot). What cannot be read is "-". Empty when
 * Docker is on another host. */
void generation_read(const struct conf *conf, char generation[MODEL_GENERATION_SIZE]);

#endif
