/* SPDX-License-Identifier: MIT-0 */
/* A word to systemd, for `systemctl status`. */
#ifndef EINS_NOTIFY_H
#define EINS_NOTIFY_H

/* Sends `STATUS=text` to the socket that NOTIFY_SOCKET names, as sd_notify(3) describes it: a path, or an abstract name
 * behind a @. Does nothing where there is none, and never waits: nothing depends on it. */
void notify_status(const char *text);

#endif
