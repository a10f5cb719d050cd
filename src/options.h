/* SPDX-License-Identifier: MIT-0 */
/* The command line, as a table: --help is printed from it, and the man page is tested against it. */
#ifndef EINS_OPTIONS_H
#define EINS_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "conf.h"

enum options_action {
    ACTION_CHECK,
    ACTION_RESET,
    ACTION_STATUS,
    ACTION_CHECK_CONFIG,
    ACTION_HELP,
    ACTION_VERSION,
};

struct options {
    enum options_action action;
    bool dry_run; /* of the action: look, say, change nothing */
    bool json;    /* of --dry-run, --status, --check-config */
    bool verbose;
    const char *config; /* borrowed from argv, or CONF_PATH_DEFAULT */
    bool config_given;
};

/* Parses the command line; options that stand for a key of the configuration are set in builder with CONF_OPTION.
 * Prints nothing. --help and --version end it: what follows them is not looked at. Returns 0, or -1 with code
 * EXIT_USAGE (EXIT_CONFIG for a value that the configuration does not take either) and a message that says what was
 * expected. */
int options_parse(int argc, char **argv, struct conf_builder *builder, struct options *ret_options,
                  struct error *error);

/* Prints what --help says. */
void options_print_help(FILE *stream);

#endif
