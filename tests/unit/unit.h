/* SPDX-License-Identifier: MIT-0 */
/* cmocka and what it wants included before it. */
#ifndef EINS_UNIT_H
#define EINS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

#endif
