/* SPDX-License-Identifier: MIT-0 */
/* What the fuzz targets share. Each target is one function that takes any bytes; libFuzzer calls it (tests/fuzz/run),
 * and so does replay.c, for make check. */
#ifndef EINS_FUZZ_H
#define EINS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf.h"

/* The target. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the bytes are: where it does not, that is a finding, and the process aborts. */
#define FUZZ_REQUIRE(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

/* The bytes up to the first NUL as a string, allocated as tightly as ASan needs it; the caller's to free. */
char *fuzz_text(const uint8_t *data, size_t size);

/* A regular file with these bytes, for functions that take a path: the same one each time, removed when the process
 * ends. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* True when no byte of the text is a control character (C0, DEL, and C1 in UTF-8), which could forge lines and colours.
 */
bool fuzz_is_plain(const char *text, size_t length);

/* What must hold for a configuration that was accepted: each value is one that its key takes, and nothing that
 * --check-config prints of it, in words or as JSON, has control characters but for line feeds. */
void fuzz_check_conf(const struct conf_builder *builder);

/* Bytes as a source of choices; zeros follow the last one. */
struct fuzz_bytes {
    const uint8_t *next;
    size_t left;
};

/* A number from 0 to below - 1; below is 256 at most. */
unsigned fuzz_below(struct fuzz_bytes *bytes, unsigned below);

/* True in one of so many cases, and never when the bytes are used up. */
bool fuzz_one_in(struct fuzz_bytes *bytes, unsigned many);

#endif
