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

static const struct {
    int timer;
    int signal;
} clocks[] = {
    [GUARD_WALL] = {ITIMER_REAL, SIGALRM},
    [GUARD_PROCESSOR] = {ITIMER_PROF, SIGPROF},
};

/* shutdown() may be called in a signal's handler; what is no socket does not mind. */
static void cut_connections(int number)
{
    int saved = errno;

    (void)number;
    for (int fd = STDERR_FILENO + 1; fd < DESCRIPTORS; fd++)
        (void)shutdown(fd, SHUT_RDWR);
    errno = saved;
}

/* OpenSSL reads on for as long as handshake messages come that it may ignore, and libcurl (to 7.88) as long as the body
 * of a proxy's refusal does: neither looks at a clock meanwhile. */
void guard_arm(enum guard_clock clock, int seconds)
{
    struct sigaction action = {.sa_handler = cut_connections, .sa_flags = SA_RESTART};
    const struct itimerval once = {.it_value.tv_sec = seconds};
    sigset_t alarms;

    sigemptyset(&action.sa_mask);
    sigaction(clocks[clock].signal, &action, NULL);
    sigemptyset(&alarms);
    sigaddset(&alarms, clocks[clock].signal);
    sigprocmask(SIG_UNBLOCK, &alarms, NULL);
    setitimer(clocks[clock].timer, &once, NULL);
}

void guard_disarm(void)
{
    const struct itimerval never = {.it_value.tv_sec = 0};

    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++)
        setitimer(clocks[i].timer, &never, NULL);
}
