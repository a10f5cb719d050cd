/* SPDX-License-Identifier: MIT-0 */
/* --check-config for people. */
#include "config.h"

#include "conf_print.h"

#include <string.h>

#include "conf_values.h"
#include "terminal.h"
#include "text.h"

#define COMMENT_COLUMN 37

bool conf_print_value(const struct conf_builder *builder, size_t i, char *buffer)
{
    const struct conf_key *key = &conf_keys[i];
    const char *field = (const char *)&builder->conf + key->offset;
    /* An endpoint can have no user; what stands before an @ of it is its host. */
    bool hidden = key->type == CONF_TEXT && key->valid != conf_valid_endpoint && strchr(field, '@') != NULL;

    switch (key->type) {
    case CONF_NUMBER:
        snprintf(buffer, CONF_PRINT_SIZE, "%d", *(const int *)(const void *)field);
        break;
    case CONF_BOOL:
        text_copy(buffer, CONF_PRINT_SIZE, *(const bool *)field ? "yes" : "no");
        break;
    case CONF_CHOICE:
        text_copy(buffer, CONF_PRINT_SIZE, key->choices[*(const int *)(const void *)field]);
        break;
    case CONF_TEXT:
    case CONF_PATH:
        if (hidden)
            conf_show(buffer, CONF_PRINT_SIZE, field);
        else
            text_copy(buffer, CONF_PRINT_SIZE, field);
        break;
    }
    return hidden;
}

const char *conf_print_next_host(const char *list, char *buffer)
{
    static const char between[] = ", \t";
    char host[CONF_LIST_SIZE];
    size_t length;

    list += strspn(list, between);
    length = strcspn(list, between);
    if (length == 0 || length >= sizeof host)
        return NULL;
    memcpy(host, list, length);
    host[length] = '\0';
    if (strchr(host, '@') != NULL)
        conf_show(buffer, CONF_LIST_SIZE, host);
    else
        text_copy(buffer, CONF_LIST_SIZE, host);
    return list + length;
}

const char *conf_print_source(const struct conf_builder *builder, size_t i)
{
    const struct conf_key *key = &conf_keys[i];
    char value[CONF_PRINT_SIZE];

    conf_print_value(builder, i, value);
    /* conf_finish makes connect_timeout no longer than timeout. */
    if (key->type == CONF_NUMBER && builder->origin[i] == CONF_DEFAULT && strcmp(value, key->fallback) != 0)
        return "default, but no more than timeout";
    return builder->source[i];
}

/* Writes value as eins.conf has to have it. Returns false when it cannot be said there: then what is written is only
 * for people. */
static bool quote(const char *value, char *buffer, size_t size)
{
    size_t length = strlen(value);
    char escaped[4 * CONF_PRINT_SIZE];
    char mark = strchr(value, '"') == NULL ? '"' : '\'';
    bool quotes = strpbrk(value, "#;") != NULL || value[0] == '"' || value[0] == '\'' ||
                  (length > 0 && (value[0] == ' ' || value[length - 1] == ' '));
    size_t backslashes = 0;

    for (const char *c = value; *c != '\0'; c++)
        backslashes += *c == '\\';
    text_escape(escaped, sizeof escaped, value);
    if (strlen(escaped) != length + backslashes) {
        text_copy(buffer, size, escaped);
        return false;
    }
    if (quotes)
        snprintf(buffer, size, "%c%s%c", mark, value, mark);
    else
        text_copy(buffer, size, value);
    return !quotes || (backslashes == 0 && strchr(value, mark) == NULL);
}

static void print_comment(const struct terminal *terminal, int indent, const char *text)
{
    fprintf(terminal->stream, "%*s", indent, "");
    terminal_print(terminal, STYLE_FAINT, text);
    fputc('\n', terminal->stream);
}

static void print_key(const struct terminal *terminal, const struct conf_builder *builder, size_t i)
{
    char value[CONF_PRINT_SIZE], quoted[4 * CONF_PRINT_SIZE], line[5 * CONF_PRINT_SIZE], comment[CONF_TEXT_SIZE + 64];
    bool hidden = conf_print_value(builder, i, value);
    bool sayable = quote(value, quoted, sizeof quoted) && !hidden;
    bool set = builder->origin[i] != CONF_DEFAULT && sayable;
    int length = snprintf(line, sizeof line, "%s%s =%s%s", set ? "" : "#", conf_keys[i].key,
                          quoted[0] != '\0' ? " " : "", quoted);
    int padding = length < COMMENT_COLUMN - 2 ? COMMENT_COLUMN - length : 2;
    int width = snprintf(comment, sizeof comment, "# %s%s%s", conf_print_source(builder, i),
                         hidden ? "; its user and password are hidden" : "",
                         !sayable && !hidden ? "; cannot be written in this file" : "");

    if (length + padding + width > TERMINAL_WIDTH) {
        print_comment(terminal, 0, comment);
        padding = -1;
    }
    terminal_print(terminal, set ? STYLE_PLAIN : STYLE_FAINT, line);
    if (padding < 0)
        fputc('\n', terminal->stream);
    else
        print_comment(terminal, padding, comment);
}

static void print_no_proxy(const struct terminal *terminal, const struct conf_builder *builder)
{
    char host[CONF_LIST_SIZE], shown[2 * CONF_LIST_SIZE];
    const char *rest = builder->conf.no_proxy;
    int column = 0;

    if (rest[0] == '\0')
        return;
    print_comment(terminal, 0,
                  builder->no_proxy_origin == CONF_ENVIRONMENT ? "# Hosts without a proxy (the environment's NO_PROXY):"
                                                               : "# Hosts without a proxy (NO_PROXY of ECS's files):");
    while ((rest = conf_print_next_host(rest, host)) != NULL) {
        int length = (int)strlen(text_escape(shown, sizeof shown, host));

        if (column == 0 || column + 1 + length > TERMINAL_WIDTH)
            column = fprintf(terminal->stream, "%s#  ", column == 0 ? "" : "\n") - (column == 0 ? 0 : 1);
        column += fprintf(terminal->stream, " %s", shown);
    }
    if (column > 0)
        fputc('\n', terminal->stream);
}

static void print_head(const struct terminal *terminal, const struct conf_builder *builder)
{
    bool passing = builder->no_proxy_origin == CONF_ENVIRONMENT;

    for (size_t i = 0; conf_keys[i].section != NULL; i++)
        passing |= builder->origin[i] == CONF_ENVIRONMENT || builder->origin[i] == CONF_OPTION;
    print_comment(terminal, 0, "# " PACKAGE_STRING ": the configuration is valid, and this is what is in effect.");
    print_comment(terminal, 0, "# A key behind a # is not set: it has its default, or what its comment says.");
    if (passing)
        print_comment(terminal, 0,
                      "# What comes from an --option or a $VARIABLE holds for this call only: the\n"
                      "# timer's checks, or cron's, have an environment of their own.");
}

void conf_print_words(FILE *stream, const struct conf_builder *builder)
{
    const struct terminal terminal = terminal_of(stream);
    const char *section = "";

    print_head(&terminal, builder);
    for (size_t i = 0; conf_keys[i].section != NULL; i++) {
        if (strcmp(conf_keys[i].section, section) != 0) {
            if (strcmp(section, "region") == 0)
                print_no_proxy(&terminal, builder);
            section = conf_keys[i].section;
            fputc('\n', stream);
            terminal_print(&terminal, STYLE_STRONG, "[");
            terminal_print(&terminal, STYLE_STRONG, section);
            terminal_print(&terminal, STYLE_STRONG, "]");
            fputc('\n', stream);
        }
        print_key(&terminal, builder, i);
    }
    if (builder->looked_count > 0)
        print_comment(&terminal, 0, "\n# Looked at in vain for a region:");
    for (size_t i = 0; i < builder->looked_count; i++)
        fprintf(stream, "#   %s\n", builder->looked[i]); /* escaped already */
}
