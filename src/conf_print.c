/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "conf_print.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "json_out.h"

static const char *origin_text(enum conf_origin origin)
{
    static const char *const texts[] = {
        [CONF_DEFAULT] = "default", [CONF_ECS_FILE] = "ecs",  [CONF_ENVIRONMENT] = "environment",
        [CONF_FILE] = "file",       [CONF_OPTION] = "option",
    };

    return texts[origin];
}

static void add_value(struct json_out *out, struct json_object *list, const struct conf_builder *builder, size_t i)
{
    const struct conf_key *key = &conf_keys[i];
    const char *field = (const char *)&builder->conf + key->offset;
    struct json_object *object = json_out_item(out, list);
    char text[CONF_PRINT_SIZE];
    bool hidden = conf_print_value(builder, i, text);

    json_out_text(out, object, "section", key->section);
    json_out_text(out, object, "key", key->key);
    switch (key->type) {
    case CONF_NUMBER:
        json_out_int(out, object, "value", *(const int *)(const void *)field);
        break;
    case CONF_BOOL:
        json_out_bool(out, object, "value", *(const bool *)field);
        break;
    case CONF_TEXT:
    case CONF_PATH:
    case CONF_CHOICE:
        json_out_text(out, object, "value", text);
        break;
    }
    json_out_text(out, object, "origin", origin_text(builder->origin[i]));
    json_out_text(out, object, "source", conf_print_source(builder, i));
    json_out_bool(out, object, "hidden", hidden);
}

static int print_json(FILE *stream, const struct conf_builder *builder)
{
    struct json_out out;
    struct json_object *list;
    char host[CONF_LIST_SIZE];

    json_out_begin(&out, "config");
    list = json_out_list(&out, out.root, "values");
    for (size_t i = 0; conf_keys[i].section != NULL; i++)
        add_value(&out, list, builder, i);
    list = json_out_list(&out, out.root, "no_proxy");
    for (const char *rest = builder->conf.no_proxy; (rest = conf_print_next_host(rest, host)) != NULL;)
        json_out_item_text(&out, list, host);
    json_out_text(&out, out.root, "no_proxy_origin",
                  builder->conf.no_proxy[0] == '\0' ? NULL : origin_text(builder->no_proxy_origin));
    list = json_out_list(&out, out.root, "looked");
    for (size_t i = 0; i < builder->looked_count; i++)
        json_out_item_text(&out, list, builder->looked[i]);
    return json_out_end(&out, stream);
}

int conf_print(FILE *stream, const struct conf_builder *builder, bool json)
{
    int result = 0;

    if (json)
        result = print_json(stream, builder);
    else
        conf_print_words(stream, builder);
    if (result == 0 && (fflush(stream) != 0 || ferror(stream)))
        result = -1;
    if (result < 0)
        fprintf(stderr, "eins-check: the configuration cannot be printed: %s\n", strerror(errno));
    return result;
}
