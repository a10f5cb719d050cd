/* SPDX-License-Identifier: MIT-0 */
/* What is no answer: Docker's own errors with their reasons, and what is not JSON or not only that. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "docker_fixture.h"

/* The recorded bodies are for 20.10, 26.1 and 28.5 in turn; of a long one only the beginning. */
static void a_recorded_error_gives_its_reason(void **state)
{
    static const struct {
        const char *name, *reason[COUNT(versions)];
    } expected[] = {
        {"404-page-not-found.json", {"page not found", "page not found", "page not found"}},
        {"404-no-such-container.json", {"No such container: ", "No such container: ", "No such container: "}},
        {"400-client-too-new.json",
         {"client version 1.99 is too new. Maximum supported API version is 1.41",
          "client version 1.99 is too new. Maximum supported API version is 1.45",
          "client version 1.99 is too new. Maximum supported API version is 1.51"}},
        {"400-client-too-old.txt", /* plain text, JSON, plain text */
         {"client version 1.10 is too old. Minimum supported API version is 1.12, please upgrade your client to a "
          "newer version",
          "client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade your client to a "
          "newer version",
          "client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade your client to a "
          "newer version"}},
        {"400-no-content-type.json",
         {"Content-Type specified () must be 'application/json'",
          "malformed Content-Type header (): mime: no media type",
          "malformed Content-Type header (): mime: no media type"}},
        {"400-retries-with-always.json",
         {"maximum retry count cannot be used with restart policy 'always'",
          "invalid restart policy: maximum retry count can only be used with 'on-failure'",
          "invalid restart policy: maximum retry count can only be used with 'on-failure'"}},
        {"400-start-failed.json",
         {"failed to create shim task: OCI runtime create failed: runc create failed: unable to start container "
          "process: exec: "
          "\"/nonesuch\": stat /nonesuch: no such file or directory: unknown",
          "failed to create task for container: failed to create shim task: ",
          "failed to create task for container: failed to create shim task: "}},
        {"409-start-paused.json",
         {"cannot start a paused container, try unpause instead",
          "cannot start a paused container, try unpause instead",
          "cannot start a paused container, try unpause instead"}},
        {"409-delete-running.json",
         {"You cannot remove a running container ", "cannot remove container \"/ecs-web-3-tmp-",
          "cannot remove container \""}},
        {"409-kill-exited.json", {"Cannot kill container: ", "cannot kill container: ", "cannot kill container: "}},
        {"409-pause-exited.json", {"Container ", "container ", "container "}},
        {"409-pause-paused.json", {"Container ", "Container ", "Container "}},
        {"409-update-auto-remove.json",
         {"Cannot update container ", "Cannot update container ", "Cannot update container "}},
        {"500-unpause-running.json", {"Container ", "Container ", "Container "}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(expected); i++) {
        for (size_t v = 0; v < COUNT(versions); v++) {
            const char *reason = expected[i].reason[v];
            char name[64], buffer[400];
            struct body body;

            snprintf(name, sizeof name, "error-%s", expected[i].name);
            body = recorded(versions[v], name);
            assert_ptr_equal(docker_json_message(body.text, body.length, buffer, sizeof buffer), buffer);
            assert_null(strpbrk(buffer, "{}\r\n"));
            if (strchr(" \"-", reason[strlen(reason) - 1]) != NULL)
                assert_int_equal(strncmp(buffer, reason, strlen(reason)), 0);
            else
                assert_string_equal(buffer, reason);
            /* An error that comes with 200 all the same is no answer to anything. */
            bad_list(body.text, body.length);
            bad_inspection(body.text, body.length);
            bad_events(body.text, body.length);
            free(body.text);
        }
    }
}

static void what_is_not_json_is_an_error(void **state)
{
    static const char *const texts[] = {
        "",        " ",        "null",      "nul",      "true",
        "7",       "7 ",       "\"text\"",  "NaN",      "Infinity",
        "-",       "{",        "[",         "]",        "}",
        "[1,]",    "{\"a\":}", "{\"a\"}",   "{a:1}",    "{'a':1}",
        "['a']",   "[01]",     "[\"\\x\"]", "[\"\n",    "\xef\xbb\xbf[]",
        "/* */[]", "<html>",   "OK",        "[\"\\ud8", "\xff\xfe",
    };
    struct error error = {0};
    struct snapshot snapshot = {0};
    struct container container = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        bad_list(texts[i], strlen(texts[i]));
        bad_inspection(texts[i], strlen(texts[i]));
    }
    bad_list("{}", 2);
    bad_inspection("[]", 2);
    bad_inspection("{}", 2);
    bad_list("\0", 1);
    /* The body of a reply without any. */
    expect_refusal(docker_json_list(NULL, 0, AGENT, &snapshot, &error), &error, "nothing");
    expect_refusal(docker_json_inspect(NULL, 0, &container, &error), &error, "nothing");
}

static void an_error_says_what_is_wrong_with_the_answer(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[" MANAGED, "list of containers: the answer is not JSON: it ends too early"},
        {"null\n", "list of containers: the answer is not JSON: it is null"},
        {"[]x", "list of containers: the answer is not JSON: something follows its end"},
        {"{}", "the list of containers is not an array"},
        {"[{}]", "the list of containers has an entry without a usable Id"},
        {"[{\"Id\":\"" ID_B "\",\"Names\":[\"/ecs-agent\"]}]",
         "the agent ecs-agent is in a state that is not known: none"},
        {"[{\"Id\":\"" ID_B "\",\"Names\":[\"/ecs-agent\"],\"State\":\"odd\"}]",
         "the agent ecs-agent is in a state that is not known: odd"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct snapshot snapshot = {0};
        struct error error = {0};

        assert_int_equal(list(cases[i].text, strlen(cases[i].text), &snapshot, &error), -1);
        assert_string_equal(error.text, cases[i].message);
    }
}

static void only_white_space_may_follow_the_end(void **state)
{
    static const char *const rest[] = {
        "x", "]", "}", "[]", "{}", ",", "\"", "\v", "\f", " \n x", "HTTP/1.1 200 OK\r\n", "\xc2\xa0"};
    static const char list_with_nul[] = "[" MANAGED "]\0", inspected_with_nul[] = INSPECTED "\0";
    struct snapshot snapshot = good_list("[" MANAGED "] \t\r\n\n");

    (void)state;
    model_snapshot_clear(&snapshot);
    good_inspection(INSPECTED " \t\r\n\n");
    for (size_t i = 0; i < COUNT(rest); i++) {
        char text[1024];

        snprintf(text, sizeof text, "[" MANAGED "]%s", rest[i]);
        bad_list(text, strlen(text));
        snprintf(text, sizeof text, INSPECTED "%s", rest[i]);
        bad_inspection(text, strlen(text));
    }
    bad_list(list_with_nul, sizeof list_with_nul - 1);
    bad_inspection(inspected_with_nul, sizeof inspected_with_nul - 1);
}

static void the_reason_of_an_error_is_one_line(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"message\":\"no such container\"}\n", "no such container"},
        {"{\"message\":\"one\\ntwo\"}", "one"},
        {"{\"message\":\"one\\r\\ntwo\"}", "one"},
        {"{\"message\":\"\\n one\\ntwo\"}", "one"},
        {"{\"message\":\"\"}", "no reason given"},
        {"{\"message\":\"\\n\"}", "no reason given"},
        {"{\"message\":\"\\u0000x\"}", "no reason given"},
        {"{\"message\":null}", "no reason given"},
        {"{\"message\":7}", "no reason given"},
        {"{\"message\":{\"message\":\"x\"}}", "no reason given"},
        {"{\"error\":\"x\"}", "no reason given"},
        {"{}", "no reason given"},
        {"plain text", "plain text"},
        {"plain text\n", "plain text"},
        {"plain\r\ntext", "plain"},
        {"\nplain text", "plain text"},
        {" \r\n\t plain text", "plain text"},
        {"", "no reason given"},
        {"\n", "no reason given"},
        {" \r\n\t", "no reason given"},
        {"{\"message\":\"cut", "{\"message\":\"cut"},
        {"{\"message\":\"x\"} behind", "{\"message\":\"x\"} behind"},
        {"[\"message\"]", "[\"message\"]"},
        {"<html>\n<h1>502</h1>", "<html>"},
        {"100%s%n of it", "100%s%n of it"},
    };
    char buffer[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct body body = body_of(cases[i].text, strlen(cases[i].text));

        assert_string_equal(docker_json_message(body.text, body.length, buffer, sizeof buffer), cases[i].message);
        free(body.text);
    }
    assert_string_equal(docker_json_message(NULL, 0, buffer, sizeof buffer), "no reason given");
    /* The length counts, not a NUL. */
    assert_string_equal(docker_json_message("plain text", 5, buffer, sizeof buffer), "plain");
    assert_string_equal(docker_json_message("\0x", 2, buffer, sizeof buffer), "no reason given");
}

static void a_long_reason_is_cut(void **state)
{
    enum { LONG = 10000 };
    static const char *const frames[][2] = {{"", ""}, {"{\"message\":\"", "\"}"}};

    (void)state;
    for (size_t i = 0; i < COUNT(frames); i++) {
        for (size_t size = 1; size < 40; size++) {
            char reason[LONG + 1], expected[40] = "", *text = NULL, *buffer = malloc(size);
            struct body body;
            int length;

            assert_non_null(buffer);
            memset(reason, 'r', LONG);
            reason[LONG] = '\0';
            length = asprintf(&text, "%s%s%s", frames[i][0], reason, frames[i][1]);
            assert_true(length > LONG - 1);
            body = body_of(text, (size_t)length);
            memset(expected, 'r', size - 1);
            assert_string_equal(docker_json_message(body.text, body.length, buffer, size), expected);
            free(body.text);
            free(text);
            free(buffer);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_error_gives_its_reason),
        cmocka_unit_test(what_is_not_json_is_an_error),
        cmocka_unit_test(an_error_says_what_is_wrong_with_the_answer),
        cmocka_unit_test(only_white_space_may_follow_the_end),
        cmocka_unit_test(the_reason_of_an_error_is_one_line),
        cmocka_unit_test(a_long_reason_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
