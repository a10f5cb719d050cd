/* SPDX-License-Identifier: MIT-0 */
/* The state files of every version that was released are read by this one: an upgrade in an outage loses nothing. */
#include "config.h"

#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "state.h"

static void folder_of_states(char *buffer, size_t size)
{
    const char *srcdir = getenv("srcdir");

    snprintf(buffer, size, "%s/tests/unit/data/state", srcdir != NULL ? srcdir : ".");
}

static void read_state(const char *name, struct state *ret_state)
{
    char folder[512], path[1024];
    cleanup_free char *text = NULL;
    struct error error = {0};
    size_t length;

    folder_of_states(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_read(path, STATE_SIZE_MAX, &text, &length), 0);
    if (state_parse(text, length, name, ret_state, NULL, &error) != 0)
        fail_msg("%s", error.text);
}

static void every_state_that_was_ever_released_is_read(void **unused)
{
    char folder[512];
    const struct dirent *entry;
    size_t count = 0;
    DIR *entries;

    (void)unused;
    folder_of_states(folder, sizeof folder);
    entries = opendir(folder);
    assert_non_null(entries);
    while ((entry = readdir(entries)) != NULL) {
        struct state state;

        if (strstr(entry->d_name, ".ini") == NULL)
            continue;
        read_state(entry->d_name, &state);
        assert_false(state.rebuild);
        state_clear(&state);
        count++;
    }
    closedir(entries);
    assert_true(count >= 2);
}

static void what_was_held_in_an_outage_is_still_known_after_an_upgrade(void **unused)
{
    static const struct {
        const char *name;
        enum takeover takeover;
        struct policy policy;
        bool revived;
    } held[] = {{"always", TAKEOVER_LEFT, {POLICY_ALWAYS, 0}, false},
                {"few", TAKEOVER_SET, {POLICY_ON_FAILURE, 5}, false},
                {"web", TAKEOVER_SET, {POLICY_NO, 0}, true}};
    struct state state;

    (void)unused;
    read_state("0.1.0-outage.ini", &state);
    assert_int_equal(state.phase, PHASE_DISCONNECTED);
    assert_int_equal(state.outages, 1);
    assert_true(state.agent.paused_by_eins && state.agent.paused_at == 1795579034);
    assert_int_equal(state.container_count, COUNT(held));
    for (size_t i = 0; i < COUNT(held); i++) {
        const struct state_container *container = &state.containers[i];

        assert_non_null(strstr(container->name, held[i].name));
        assert_int_equal(container->takeover, held[i].takeover);
        assert_true(model_policy_equal(container->policy, held[i].policy));
        assert_int_equal(container->revived, held[i].revived);
        assert_true(container->running && strncmp(container->started_at, "2026-11-25T03:57:14.29", 22) == 0);
    }
    state_clear(&state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_that_was_ever_released_is_read),
        cmocka_unit_test(what_was_held_in_an_outage_is_still_known_after_an_upgrade),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
