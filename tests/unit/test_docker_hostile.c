/* SPDX-License-Identifier: MIT-0 */
/* Answers as nobody should send them: ids that are none, bodies cut or changed anywhere, too deep, too long. */
#include "config.h"

#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "docker_fixture.h"

#define HEX_62 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void an_unusable_id_is_an_error(void **state)
{
    static const char *const ids[] = {
        "\"\"",
        "\"" HEX_62 "a\"",
        "\"" HEX_62 "aaa\"",
        "\"" HEX_62 "aA\"",
        "\"" HEX_62 "ag\"",
        "\"" HEX_62 "a/\"",
        "\"" HEX_62 "..\"",
        "\"../" HEX_62 "\"",
        "\"" HEX_62 "a?\"",
        "\"" HEX_62 "a \"",
        "\" " HEX_62 "a\"",
        "\"" HEX_62 "\\r\\n\"",
        "\"" HEX_62 "a\\u0000\"",
        "\"" HEX_62 "\\u0000a\"",
        "\"" ID_A "\\u0000\"",
        "\"" ID_A "\\u0000/../../images/prune\"",
        "\"\\u0000" HEX_62 "a\"",
        "\"" HEX_62 "\xc3\xa4\"",
        "\"sha256:" ID_A "\"",
        "null",
        "7",
        "1111111111111111111111111111111111111111111111111111111111111111",
        "true",
        "[\"" ID_A "\"]",
        "{\"Id\":\"" ID_A "\"}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(ids); i++) {
        char *managed = replaced("[" MANAGED "]", "\"" ID_A "\"", ids[i]);
        char *agent = replaced("[" THE_AGENT "]", "\"" ID_B "\"", ids[i]);
        char *inspected = replaced(INSPECTED, "\"" ID_A "\"", ids[i]);
        char *killed = replaced(KILLED, "\"" ID_A "\"", ids[i]);

        bad_list(managed, strlen(managed));
        bad_list(agent, strlen(agent));
        bad_inspection(inspected, strlen(inspected));
        bad_events(killed, strlen(killed));
        free(managed);
        free(agent);
        free(inspected);
        free(killed);
    }
}

static void a_recorded_inspection_cut_anywhere_is_an_error(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT(versions); v++) {
        struct body inspected = recorded(versions[v], "inspect-on-failure.json");

        assert_int_equal(inspected.text[inspected.length - 1], '\n'); /* which need not be there */
        for (size_t length = 0; length < inspected.length - 1; length++)
            bad_inspection(inspected.text, length);
        free(inspected.text);
    }
}

static void a_recorded_list_cut_anywhere_is_an_error(void **state)
{
    struct body listed = recorded("28.5", "list.json");

    (void)state;
    assert_int_equal(listed.text[listed.length - 1], '\n');
    for (size_t length = 0; length < listed.length - 1; length++)
        bad_list(listed.text, length);
    free(listed.text);
}

/* Cut between two entries, the log is merely shorter. */
static void a_recorded_event_log_cut_inside_an_entry_is_an_error(void **state)
{
    struct body log = recorded("28.5", "events.json");
    size_t complete = 0;

    (void)state;
    for (size_t length = 0; length < log.length && complete < 8; length++) {
        bool between = length == 0 || log.text[length - 1] == '\n' || log.text[length] == '\n';
        struct event *shorter = NULL;
        struct error error = {0};
        size_t count = 77;

        if (between) {
            assert_int_equal(events(log.text, length, &shorter, &count, &error), 0);
            complete += length > 0 && log.text[length] == '\n';
            assert_int_equal(count, complete);
            free(shorter);
        } else {
            bad_events(log.text, length);
        }
    }
    assert_int_equal(complete, 8);
    free(log.text);
}

/* Whatever comes of it must hold together; that nothing is read or written out of bounds is for the sanitizers to see.
 */
static void read_as_anything(const char *text, size_t length)
{
    struct snapshot snapshot = {0};
    struct container container = {0};
    struct event *log = NULL;
    struct error error = {0};
    struct body body = body_of(text, length);
    size_t count = 0;
    char buffer[64];

    if (list(text, length, &snapshot, &error) == 0) {
        assert_in_range(snapshot.container_count, 0, 2);
        for (size_t i = 0; i < snapshot.container_count; i++) {
            assert_is_id(snapshot.containers[i].id);
            assert_true(snapshot.containers[i].managed);
        }
        if (snapshot.agent.status != STATUS_GONE)
            assert_is_id(snapshot.agent.id);
    }
    model_snapshot_clear(&snapshot);
    if (inspect(text, length, &container, &error) == 0) {
        assert_is_id(container.id);
        assert_int_not_equal(container.status, STATUS_GONE);
        assert_string_not_equal(container.started_at, "");
    }
    if (events(text, length, &log, &count, &error) == 0 && count > 0 && log[0].kind != EVENT_OTHER)
        assert_is_id(log[0].id);
    free(log);
    docker_json_message(body.text, body.length, buffer, sizeof buffer);
    assert_in_range(strlen(buffer), 1, sizeof buffer - 1);
    free(body.text);
}

static void any_byte_may_be_wrong(void **state)
{
    static const char *const texts[] = {"[" MANAGED "," THE_AGENT "]", INSPECTED, KILLED "\n" KILLED,
                                        "{\"message\":\"no \\u00fc\"}"};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        size_t length = strlen(texts[i]);
        struct body body = body_of(texts[i], length);

        for (size_t at = 0; at < length; at++) {
            for (int flip = 1; flip < 0x200; flip <<= 1) {
                body.text[at] = (char)(texts[i][at] ^ (flip == 0x100 ? 0xff : flip));
                read_as_anything(body.text, length);
            }
            body.text[at] = '\0';
            read_as_anything(body.text, length);
            body.text[at] = texts[i][at];
        }
        free(body.text);
    }
}

static void depth_is_bounded(void **state)
{
    enum { DEPTH = 10000 };
    static const struct {
        const char *before, *open, *inside, *close, *after;
    } cases[] = {
        {"", "[", "", "", ""},
        {"", "[", "", "]", ""},
        {"", "{\"a\":", "", "", ""},
        {"", "{\"a\":", "0", "}", ""},
        {"{\"message\":", "[", "", "]", "}"},
        {"[{\"Id\":\"" ID_A "\",\"Ports\":", "[", "", "]", "}]"},
        {"[{\"Id\":\"" ID_A "\",\"Labels\":", "{\"a\":", "0", "}", "}]"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t size = DEPTH * (strlen(cases[i].open) + strlen(cases[i].close)) + 256;
        char *text = malloc(size), *end, buffer[64];

        assert_non_null(text);
        end = stpcpy(text, cases[i].before);
        for (int depth = 0; depth < DEPTH; depth++)
            end = stpcpy(end, cases[i].open);
        end = stpcpy(end, cases[i].inside);
        for (int depth = 0; depth < DEPTH; depth++)
            end = stpcpy(end, cases[i].close);
        end = stpcpy(end, cases[i].after);
        bad_list(text, (size_t)(end - text));
        bad_inspection(text, (size_t)(end - text));
        bad_events(text, (size_t)(end - text));
        docker_json_message(text, (size_t)(end - text), buffer, sizeof buffer);
        assert_int_equal(strlen(buffer), sizeof buffer - 1);
        free(text);
    }
}

/* A body of `count` entries. */
static struct body repeated(const char *before, const char *separator, const char *after, size_t count,
                            int (*print)(char *, size_t, size_t))
{
    size_t size = count * 256 + 16;
    struct body body = {malloc(size), 0};
    char *end;

    assert_non_null(body.text);
    end = stpcpy(body.text, before);
    for (size_t i = 0; i < count; i++) {
        end = stpcpy(end, i == 0 ? "" : separator);
        end += print(end, 256, i);
    }
    end = stpcpy(end, after);
    body.length = (size_t)(end - body.text);
    return body;
}

static int print_minimal(char *text, size_t size, size_t i)
{
    return snprintf(text, size, "{\"Id\":\"%064zx\"}", i);
}

static int print_managed(char *text, size_t size, size_t i)
{
    return snprintf(text, size, "{\"Id\":\"%064zx\"," LABELS ",\"State\":\"running\"}", i);
}

static int print_event(char *text, size_t size, size_t i)
{
    return snprintf(text, size,
                    "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"%064zx\"},\"time\":%zu}", i, i);
}

/* Seconds of this process, which a busy machine does not lengthen. */
static double used(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Takes well under a second, and half a minute under valgrind; were it quadratic, it would be hours. */
static void a_hundred_thousand_entries_take_bounded_time(void **state)
{
    enum { MANY = 100000, BOUND = 120 };
    double start = used();
    struct body minimal = repeated("[", ",", "]", MANY, print_minimal);
    struct body managed = repeated("[", ",", "]", MANY, print_managed);
    struct body long_log = repeated("", "\n", "\n", MANY, print_event);
    struct snapshot snapshot = {0};
    struct event *log = NULL;
    struct error error = {0};
    size_t count = 0;
    char id[65];

    (void)state;
    snprintf(id, sizeof id, "%064x", MANY - 1);
    assert_int_equal(docker_json_list(minimal.text, minimal.length, AGENT, &snapshot, &error), 0);
    assert_int_equal(snapshot.container_count, 0);
    model_snapshot_clear(&snapshot);
    assert_int_equal(docker_json_list(managed.text, managed.length, AGENT, &snapshot, &error), -1);
    assert_string_equal(error.text, "list of containers: more than 10000 are managed by ECS");
    assert_int_equal(snapshot.container_count, 0);
    assert_int_equal(docker_json_events(long_log.text, long_log.length, &log, &count, &error), 0);
    assert_int_equal(count, MANY);
    assert_string_equal(log[MANY - 1].id, id);
    free(log);
    free(minimal.text);
    free(managed.text);
    free(long_log.text);
    assert_true(used() - start < BOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unusable_id_is_an_error),
        cmocka_unit_test(a_recorded_inspection_cut_anywhere_is_an_error),
        cmocka_unit_test(a_recorded_list_cut_anywhere_is_an_error),
        cmocka_unit_test(a_recorded_event_log_cut_inside_an_entry_is_an_error),
        cmocka_unit_test(any_byte_may_be_wrong),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(a_hundred_thousand_entries_take_bounded_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
