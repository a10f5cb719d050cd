/* SPDX-License-Identifier: MIT-0 */
/* LD_PRELOAD: lets one allocation of a program fail, once. Told by the environment:
 *
 *   FAIL_IN=NAME      only those count that code of this object asks for: "program" for the main program, else the beginning of a library's
 *                     file name, "libcurl"; without it all. What an object lets libc allocate (strdup, opendir, fopen) is the object's own.
 *   FAIL_AT=N         the Nth that counts fails, from 1; without it none
 *   FAIL_REPORT=FILE  what happened, a line each: with FAIL_AT "failed NAME CALL" and "crashed NAME CALL", the object whose code met a SIGSEGV
 *                     or SIGABRT, CALL being where in the program it was called, from its beginning; without FAIL_AT "NAME STACK CALL" for each allocation
 *                     that counted, STACK being a number for the calls that led to it
 *
 * Compiled by the test that uses it: cc -O1 -shared -fPIC. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OBJECTS_MAX 64
#define DEPTH 32
#define EARLY 65536

struct object {
    char name[64];
    uintptr_t begin, end;
};

static struct object objects[OBJECTS_MAX];
static int object_count;
static const struct object *myself, *libc, *asan;
static const char *counts_in = "";
static long fail_at, counted;
static int report = -1;
static char early[EARLY]; /* dlsym may allocate before there is a malloc */
static size_t early_used;
static __thread bool inside __attribute__((tls_model("initial-exec"))); /* ASan intercepts the call that other models need */

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void *(*real_memalign)(size_t, size_t);
static int (*real_posix_memalign)(void **, size_t, size_t);
static void (*real_free)(void *);

static int note_object(struct dl_phdr_info *info, size_t size, void *unused)
{
    struct object *object = &objects[object_count];
    const char *slash = strrchr(info->dlpi_name, '/');

    (void)size;
    (void)unused;
    if (object_count == OBJECTS_MAX)
        return 1;
    snprintf(object->name, sizeof object->name, "%s", object_count == 0 ? "program" : slash != NULL ? slash + 1 : info->dlpi_name);
    object->begin = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, end = begin + info->dlpi_phdr[i].p_memsz;

        if (info->dlpi_phdr[i].p_type != PT_LOAD)
            continue;
        object->begin = begin < object->begin ? begin : object->begin;
        object->end = end > object->end ? end : object->end;
    }
    if (strncmp(object->name, "libc.so", 7) == 0)
        libc = object;
    if (strncmp(object->name, "libasan.so", 10) == 0)
        asan = object;
    object_count++;
    return 0;
}

static const struct object *object_of(uintptr_t address)
{
    for (int i = 0; i < object_count; i++) {
        if (address >= objects[i].begin && address < objects[i].end)
            return &objects[i];
    }
    return NULL;
}

static bool works_for_others(const struct object *object)
{
    return object == NULL || object == myself || object == libc || object == asan;
}

/* The first object of a stack that is not only somebody's tool: an abort, or a NULL in strlen, is the caller's doing. */
static const struct object *first_of(void *const *frames, int length)
{
    for (int i = 0; i < length; i++) {
        const struct object *object = object_of((uintptr_t)frames[i]);

        if (!works_for_others(object))
            return object;
    }
    return NULL;
}

/* Where in the program the call was made that led to here: the same number in every run. */
static unsigned long call_of(void *const *frames, int length)
{
    for (int i = 0; i < length; i++) {
        if (object_of((uintptr_t)frames[i]) == objects)
            return (uintptr_t)frames[i] - objects[0].begin;
    }
    return 0;
}

static void tell(const char *what)
{
    void *frames[DEPTH];
    int length = backtrace(frames, DEPTH);
    const struct object *object = first_of(frames, length);

    dprintf(report, "%s %s %lx\n", what, object != NULL ? object->name : "?", call_of(frames, length));
}

static void on_crash(int number)
{
    inside = true;
    tell("crashed");
    raise(number); /* with its default action: SA_RESETHAND */
}

/* Not left to the constructor: those of other libraries run before it. False while it is under way. */
static bool find_real(void)
{
    static bool began;

    if (began)
        return false;
    began = true;
    real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    real_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
    real_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    real_memalign = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "memalign");
    real_posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
    real_free = (void (*)(void *))dlsym(RTLD_NEXT, "free"); /* the last: it says that all are there */
    return true;
}

__attribute__((constructor)) static void begin(void)
{
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_RESETHAND | SA_NODEFER};
    const char *at = getenv("FAIL_AT"), *in = getenv("FAIL_IN"), *file = getenv("FAIL_REPORT");
    void *warm[2];

    inside = true;
    free(malloc(1)); /* finds the real ones */
    backtrace(warm, 2); /* loads libgcc, which allocates */
    dl_iterate_phdr(note_object, NULL);
    myself = object_of((uintptr_t)objects);
    counts_in = in != NULL ? in : "";
    fail_at = at != NULL ? atol(at) : 0;
    if (file != NULL)
        report = fcntl(open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), F_DUPFD_CLOEXEC, 100); /* out of the program's way */
    if (fail_at > 0) {
        sigaction(SIGSEGV, &action, NULL);
        sigaction(SIGABRT, &action, NULL);
    }
    inside = false;
}

/* Whose allocation it is. Fills in the calls that led to it, where they are of interest. */
static const struct object *find_owner(uintptr_t caller, void **frames, int *ret_length)
{
    const struct object *object = object_of(caller);

    *ret_length = 0;
    if (!works_for_others(object) && fail_at > 0)
        return object;
    *ret_length = backtrace(frames, DEPTH);
    return first_of(frames, *ret_length);
}

/* Whether this allocation is the one to fail. */
static bool fails(void *caller)
{
    const struct object *object;
    void *frames[DEPTH];
    int length;

    if (object_count == 0 || inside)
        return false;
    inside = true;
    object = find_owner((uintptr_t)caller, frames, &length);
    if (object == NULL || strncmp(object->name, counts_in, strlen(counts_in)) != 0) {
        inside = false;
        return false;
    }
    counted++;
    if (fail_at == 0 && report >= 0) {
        uint64_t stack = 14695981039346656037u; /* FNV-1a, over addresses */

        for (int i = 0; i < length; i++)
            stack = (stack ^ (uintptr_t)frames[i]) * 1099511628211u;
        dprintf(report, "%s %016lx %lx\n", object->name, (unsigned long)stack, call_of(frames, length));
    } else if (counted == fail_at) {
        tell("failed");
    }
    inside = false;
    errno = counted == fail_at ? ENOMEM : errno;
    return counted == fail_at;
}

static void *from_early(size_t size)
{
    void *block = early + early_used;

    early_used += (size + 15) & ~(size_t)15;
    return early_used <= EARLY ? block : NULL;
}

#define FAILS fails(__builtin_return_address(0))

void *malloc(size_t size)
{
    if (real_free == NULL && !find_real())
        return from_early(size);
    return FAILS ? NULL : real_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    if (real_free == NULL && !find_real())
        return from_early(count * size); /* static memory is zero */
    return FAILS ? NULL : real_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    if (real_free == NULL && !find_real())
        return block == NULL ? from_early(size) : NULL;
    return FAILS ? NULL : real_realloc(block, size);
}

void *memalign(size_t alignment, size_t size)
{
    return FAILS ? NULL : real_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return FAILS ? NULL : real_memalign(alignment, size);
}

int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    return FAILS ? ENOMEM : real_posix_memalign(ret_block, alignment, size);
}

void free(void *block)
{
    if (((char *)block < early || (char *)block >= early + EARLY) && (real_free != NULL || find_real()))
        real_free(block);
}
