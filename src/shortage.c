/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "shortage.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* A probe with a resolver needs a handful of descriptors. A host with fewer than these left could not look. */
#define DESCRIPTORS_NEEDED 16

/* Bytes. More than a probe ever takes; what was too little for one is too little for this. */
#define MEMORY_NEEDED (8u << 20)

static bool descriptors_short(void)
{
    int fds[DESCRIPTORS_NEEDED];
    int opened = 0;

    while (opened < DESCRIPTORS_NEEDED && (fds[opened] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        opened++;
    for (int i = 0; i < opened; i++)
        close(fds[i]);
    return opened < DESCRIPTORS_NEEDED;
}

static bool memory_short(void)
{
    void *volatile block = malloc(MEMORY_NEEDED); /* volatile: or the compiler leaves both calls out */
    bool result = block == NULL;

    free(block);
    return result;
}

static void *nothing(void *opaque)
{
    return opaque;
}

static bool threads_short(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, nothing, NULL) != 0)
        return true;
    pthread_join(thread, NULL);
    return false;
}

const char *shortage_find(bool resolving)
{
    if (descriptors_short())
        return "too many open files";
    if (memory_short())
        return "out of memory";
    if (resolving && threads_short())
        return "too many processes, the resolver gets no thread";
    return NULL;
}
