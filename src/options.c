/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "options.h"

#include <getopt.h>
#include <string.h>

#include "conf_values.h"
#include "text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define FIRST_CODE 256 /* what getopt_long returns for entries without a letter: 256 and on */
#define HINT "; try 'eins-check --help'"
#define HELP_COLUMN 27
#define HELP_WIDTH 79

enum option_kind {
    OPTION_KEY,
    OPTION_CONFIG,
    OPTION_ACTION,
    OPTION_DRY_RUN,
    OPTION_JSON,
    OPTION_VERBOSE,
    OPTION_INTERVAL
};

struct option_entry {
    enum option_kind kind;
    const char *name;
    char letter;          /* or 0 */
    const char *argument; /* what it is called, or NULL when there is none */
    const char *help;     /* NULL keeps it out of --help; a key's default is added to it */
    const char *section;  /* of an OPTION_KEY */
    const char *key;
    enum options_action action; /* of an OPTION_ACTION */
};

static const struct option_entry entries[] = {
    {OPTION_KEY, "region", 'r', "REGION", "region of the ECS cluster (default: from ECS's own files)", "region", "name",
     0},
    {OPTION_KEY, "retries", 'n', "N", "restarts Docker may try per container in an outage; 0 = no limit", "docker",
     "retries", 0},
    {OPTION_KEY, "logfile", 'l', "FILE", "log file, rotated at 5 MiB, five kept", "log", "file", 0},
    {OPTION_KEY, "loglevel", 'k', "LEVEL", "DEBUG INFO WARNING ERROR CRITICAL", "log", "level", 0},
    {OPTION_CONFIG, "config", 'c', "FILE", "configuration (default: " CONF_PATH_DEFAULT ")", NULL, NULL, 0},
    {OPTION_KEY, "state", 0, "FILE", "what one check leaves for the next", "state", "file", 0},
    {OPTION_KEY, "docker", 0, "HOST", "unix:///path or tcp://host:port; before the default comes $DOCKER_HOST",
     "docker", "host", 0},
    {OPTION_KEY, "endpoint", 0, "URL", "probe this instead of the region's own endpoint", "region", "endpoint", 0},
    {OPTION_DRY_RUN, "dry-run", 0, NULL, "probe, look, say what would be done; change nothing", NULL, NULL, 0},
    {OPTION_ACTION, "status", 0, NULL,
     "say what the last check left: phase, since when, what is kept; touches neither network nor Docker", NULL, NULL,
     ACTION_STATUS},
    {OPTION_ACTION, "check-config", 0, NULL,
     "validate the configuration, print what is in effect and where each value came from", NULL, NULL,
     ACTION_CHECK_CONFIG},
    {OPTION_ACTION, "reset", 0, NULL,
     "before removing eins: give policies back, unpause the agent if eins paused it, forget the state; removes nothing",
     NULL, NULL, ACTION_RESET},
    {OPTION_JSON, "json", 0, NULL, "machine-readable output of --dry-run, --status, --check-config", NULL, NULL, 0},
    {OPTION_VERBOSE, "verbose", 'v', NULL, "also log to standard error", NULL, NULL, 0},
    {OPTION_ACTION, "help", 'h', NULL, "this text", NULL, NULL, ACTION_HELP},
    {OPTION_ACTION, "version", 'V', NULL, "name and version", NULL, NULL, ACTION_VERSION},
    {OPTION_INTERVAL, "interval", 'i', "SECONDS", NULL, NULL, NULL, 0},
};

static const struct {
    const char *path;
    const char *meaning;
} files[] = {
    {CONF_PATH_DEFAULT, "configuration, see eins.conf(5)"},
    {"/etc/ecs/ecs.config, /var/lib/ecs/ecs.config",
     "ECS's own: region, backend host and proxy, where eins.conf does not say"},
    {"/var/lib/eins/state.ini", "what one check leaves for the next"},
    {"/var/log/eins/eins.log", "log"},
};

static int code_of(size_t i)
{
    return entries[i].letter != 0 ? entries[i].letter : FIRST_CODE + (int)i;
}

/* The entry with that code, or NULL. */
static const struct option_entry *find_code(int code)
{
    for (size_t i = 0; i < COUNT(entries); i++) {
        if (code_of(i) == code)
            return &entries[i];
    }
    return NULL;
}

/* Translates the table for getopt_long. The leading "-" makes it report words that are no options as they come, so that
 * an error is about the first thing that is wrong; ":" makes it tell a missing argument from an unknown option. */
static void build_getopt(struct option *longs, char *shorts)
{
    *shorts++ = '-';
    *shorts++ = ':';
    for (size_t i = 0; i < COUNT(entries); i++) {
        /* --interval may come without its argument: it is refused for what it is, not for what it lacks. */
        int has_argument = entries[i].argument == NULL          ? no_argument
                           : entries[i].kind == OPTION_INTERVAL ? optional_argument
                                                                : required_argument;

        longs[i] = (struct option){entries[i].name, has_argument, NULL, code_of(i)};
        if (entries[i].letter == 0)
            continue;
        *shorts++ = entries[i].letter;
        for (int colons = 0; colons < has_argument; colons++) /* getopt(3): one colon for required, two for optional */
            *shorts++ = ':';
    }
    longs[COUNT(entries)] = (struct option){0};
    *shorts = '\0';
}

/* Says what getopt_long did not like. In a cluster of letters word, the last one it finished, can be one too early:
 * then only optopt tells. What follows a = is not shown: it may hold a password. */
static int refuse_option(const char *word, struct error *error)
{
    const struct option_entry *entry = find_code(optopt);
    size_t length = strcspn(word, "=");
    char name[64], shown[80];
    size_t matches = 0;

    if (optopt != 0 && entry == NULL) {
        snprintf(name, sizeof name, "-%c", optopt);
        return error_set(error, EXIT_USAGE, "%s: unknown option" HINT, text_escape(shown, sizeof shown, name));
    }
    if (entry != NULL)
        return error_set(error, EXIT_USAGE, "--%s takes no value" HINT, entry->name);
    for (size_t i = 0; i < COUNT(entries); i++)
        matches += strncmp(entries[i].name, word + 2, length - 2) == 0;
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    return error_set(error, EXIT_USAGE,
                     matches > 1 ? "%s: short for more than one option" HINT : "%s: unknown option" HINT,
                     text_escape(shown, sizeof shown, name));
}

static int refuse_word(const char *word, struct error *error)
{
    char shown[120];

    return error_set(error, EXIT_USAGE, "%s: expected an option" HINT, conf_show(shown, sizeof shown, word));
}

static int take_key(const struct option_entry *entry, struct conf_builder *builder, struct error *error)
{
    char source[32];

    snprintf(source, sizeof source, "--%s", entry->name);
    if (conf_set(builder, entry->section, entry->key, optarg, CONF_OPTION, source, error) == 0)
        return 0;
    strncat(error->text, HINT, sizeof error->text - strlen(error->text) - 1);
    return -1;
}

static int take_option(const struct option_entry *entry, struct conf_builder *builder, struct options *options,
                       struct error *error)
{
    switch (entry->kind) {
    case OPTION_KEY:
        return take_key(entry, builder, error);
    case OPTION_CONFIG:
        options->config = optarg;
        options->config_given = true;
        return 0;
    case OPTION_ACTION:
        if (options->action != ACTION_CHECK && options->action != entry->action && entry->action < ACTION_HELP)
            return error_set(error, EXIT_USAGE, "--%s: only one of --status, --check-config and --reset at a time" HINT,
                             entry->name);
        options->action = entry->action;
        return 0;
    case OPTION_DRY_RUN:
        options->dry_run = true;
        return 0;
    case OPTION_JSON:
        options->json = true;
        return 0;
    case OPTION_VERBOSE:
        options->verbose = true;
        return 0;
    case OPTION_INTERVAL:
        return error_set(
            error, EXIT_USAGE,
            "--interval: one run is one check; the interval is the timer's: use `systemctl edit ecs-eins.timer`");
    }
    return 0;
}

int options_parse(int argc, char **argv, struct conf_builder *builder, struct options *ret_options, struct error *error)
{
    struct options options = {.action = ACTION_CHECK, .config = CONF_PATH_DEFAULT};
    struct option longs[COUNT(entries) + 1];
    char shorts[3 * COUNT(entries) + 3];
    const struct option_entry *entry;
    int code = 0;

    build_getopt(longs, shorts);
    opterr = 0;
    optind = 0; /* glibc: start afresh, whatever an earlier call left */
    while (options.action != ACTION_HELP && options.action != ACTION_VERSION) {
        optopt = 0;
        code = getopt_long(argc, argv, shorts, longs, NULL);
        if (code == -1)
            break;
        if (code == 1)
            return refuse_word(optarg, error);
        entry = find_code(code == ':' ? optopt : code);
        if (entry == NULL) /* code is '?' */
            return refuse_option(argv[optind - 1], error);
        if (code == ':')
            return error_set(error, EXIT_USAGE, "--%s: expected a value, %s" HINT, entry->name, entry->argument);
        if (take_option(entry, builder, &options, error) < 0)
            return -1;
    }
    if (code == -1 && optind < argc)
        return refuse_word(argv[optind], error);
    if (options.dry_run && (options.action == ACTION_STATUS || options.action == ACTION_CHECK_CONFIG))
        return error_set(error, EXIT_USAGE, "--dry-run: --status and --check-config change nothing as it is" HINT);
    if (options.json && !options.dry_run && (options.action == ACTION_RESET || options.action == ACTION_CHECK))
        return error_set(error, EXIT_USAGE, "--json: expected --dry-run, --status or --check-config beside it" HINT);
    *ret_options = options;
    return 0;
}

/* Prints text from HELP_COLUMN on, wrapped at HELP_WIDTH; column is where the line stands now. */
static void print_wrapped(FILE *stream, int column, const char *text)
{
    if (column >= HELP_COLUMN) {
        fputc('\n', stream);
        column = 0;
    }
    fprintf(stream, "%*s", HELP_COLUMN - column, "");
    column = HELP_COLUMN;
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");

        if (column > HELP_COLUMN && column + 1 + length > HELP_WIDTH) {
            fprintf(stream, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            fputc(' ', stream);
            column++;
        }
        fprintf(stream, "%.*s", length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', stream);
}

static void print_option(FILE *stream, const struct option_entry *entry)
{
    const char *fallback = "";
    char help[200];
    int column;

    for (size_t i = 0; entry->section != NULL && conf_keys[i].section != NULL; i++) {
        if (strcmp(conf_keys[i].section, entry->section) == 0 && strcmp(conf_keys[i].key, entry->key) == 0)
            fallback = conf_keys[i].fallback;
    }
    column = entry->letter != 0 ? fprintf(stream, "  -%c, ", entry->letter) : fprintf(stream, "      ");
    column += fprintf(stream, "--%s%s%s", entry->name, entry->argument != NULL ? "=" : "",
                      entry->argument != NULL ? entry->argument : "");
    snprintf(help, sizeof help, fallback[0] != '\0' ? "%s (default: %s)" : "%s", entry->help, fallback);
    print_wrapped(stream, column, help);
}

void options_print_help(FILE *stream)
{
    fputs("Usage: eins-check [OPTION]...\n"
          "Keeps the containers of an ECS Anywhere host alive while their region cannot be\n"
          "reached. One run is one check; a timer calls it again and again.\n\n",
          stream);
    for (size_t i = 0; i < COUNT(entries); i++) {
        if (entries[i].help != NULL)
            print_option(stream, &entries[i]);
    }
    fputs("\nExit codes:\n", stream);
    for (size_t i = 0; error_exits[i].text != NULL; i++)
        fprintf(stream, "  %2d  %s\n", (int)error_exits[i].code, error_exits[i].text);
    fputs("\nFiles:\n", stream);
    for (size_t i = 0; i < COUNT(files); i++)
        print_wrapped(stream, fprintf(stream, "  %s", files[i].path), files[i].meaning);
}
