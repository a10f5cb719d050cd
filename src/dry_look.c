/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "dry_look.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "docker.h"
#include "text.h"

#define DEADLINE 10 /* seconds; who waits for a dry run is at the terminal */

/* Borrowed, NULL where checks are started. An entry for cron does nothing where systemd runs. */
static const char *find_schedule(void)
{
    static const char *const enabled[] = {"/etc/systemd/system/timers.target.wants/ecs-eins.timer",
                                          "/run/systemd/system/timers.target.wants/ecs-eins.timer",
                                          "/usr/lib/systemd/system/timers.target.wants/ecs-eins.timer",
                                          "/lib/systemd/system/timers.target.wants/ecs-eins.timer"};
    struct stat info;

    if (access("/run/systemd/system", F_OK) < 0)
        return access("/etc/cron.d/ecs-eins", F_OK) == 0 ? NULL : "put eins's entry for cron into /etc/cron.d/ecs-eins";
    for (size_t i = 0; i < sizeof enabled / sizeof *enabled; i++) {
        if (lstat(enabled[i], &info) == 0)
            return NULL;
    }
    return "systemctl enable --now ecs-eins.timer";
}

/* Fills in what is in the way of writing the state, and returns it; NULL when nothing is. */
static const char *find_state_trouble(const struct conf *conf, char *buffer, size_t size)
{
    char folder[CONF_TEXT_SIZE];
    char *slash;

    text_copy(folder, sizeof folder, conf->state_file);
    slash = strrchr(folder, '/'); /* there is one: the path is absolute */
    if (slash != NULL)
        slash[slash == folder] = '\0';
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
        return NULL;
    snprintf(buffer, size, "%s: %s", folder, strerror(errno));
    return buffer;
}

static int inspect_all(struct docker *docker, struct snapshot *seen, struct error *error)
{
    cleanup_free bool *marked = calloc(seen->container_count + 1, sizeof *marked);
    struct error one; /* is about a single container, which advice.c has by itself */

    if (marked == NULL)
        return error_set(error, EXIT_DOCKER, "out of memory");
    for (size_t i = 0; i < seen->container_count; i++)
        marked[i] = model_is_up(seen->containers[i].status);
    docker_inspect(docker, seen, marked, &one);
    return docker_images(docker, seen, error);
}

static int ask_docker(const struct conf *conf, struct snapshot *seen, struct error *error)
{
    struct conf hurried = *conf;
    struct docker *docker;
    int result = 0;

    if (hurried.docker_timeout > DEADLINE)
        hurried.docker_timeout = DEADLINE;
    docker = docker_open(&hurried, error);
    if (docker == NULL)
        return -1;
    if (!seen->listed)
        result = docker_list(docker, seen, error);
    if (result == 0)
        result = inspect_all(docker, seen, error);
    docker_close(docker);
    return result;
}

static bool plans_agent(const struct plan *plan)
{
    for (size_t i = 0; plan != NULL && i < plan->op_count; i++) {
        if (plan->ops[i].kind >= OP_KILL_AGENT)
            return true;
    }
    return false;
}

int dry_look(const struct conf *conf, bool reset, enum phase next, const struct plan *plan, struct snapshot *seen,
             struct advice *ret_advice)
{
    struct error error;
    char state_trouble[CONF_TEXT_SIZE + 64];
    struct advice_facts facts = {.reset = reset,
                                 .outage = next == PHASE_DISCONNECTED,
                                 .agent_planned = plans_agent(plan),
                                 .agent = conf->agent,
                                 .schedule = find_schedule(),
                                 .state_trouble = find_state_trouble(conf, state_trouble, sizeof state_trouble)};

    if (!reset && plan != NULL && ask_docker(conf, seen, &error) < 0)
        facts.docker_trouble = error.text;
    return advice_make(seen, &facts, ret_advice);
}
