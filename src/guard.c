/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define DESCRIPTORS 256 /* more than a check ever has */

/* shutdown() may be called in a signal's handler; what is no socket does not mind. */
static void cut_connections(int number)
{
    int saved = errno;

    (void)number;
    for (int fd = STDERR_FILENO + 1; fd < DESCRIPTORS; fd++)
        (void)shutdown(fd, SHUT_RDWR);
    errno = saved;
}

static void set_timer(enum guard_clock clock, int seconds)
{
    const struct itimerval once = {.it_value.tv_sec = seconds}; /* 0 stops it */

    if (clock == GUARD_WALL)
        setitimer(ITIMER_REAL, &once, NULL);
    else
        setitimer(ITIMER_PROF, &once, NULL);
}

/* OpenSSL reads on for as long as handshake messages come that it may ignore, and libcurl (to 7.88) as long as the body
 * of a proxy's refusal does: neither looks at a clock meanwhile. */
void guard_arm(enum guard_clock clock, int seconds)
{
    struct sigaction action = {.sa_handler = cut_connections, .sa_flags = SA_RESTART};
    int number = clock == GUARD_WALL ? SIGALRM : SIGPROF;
    sigset_t alarms;

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
    sigemptyset(&alarms);
    sigaddset(&alarms, number);
    sigprocmask(SIG_UNBLOCK, &alarms, NULL);
    set_timer(clock, seconds);
}

void guard_disarm(void)
{
    set_timer(GUARD_WALL, 0);
    set_timer(GUARD_PROCESSOR, 0);
}
