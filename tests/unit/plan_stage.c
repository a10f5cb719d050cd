/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "plan_stage.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "unit.h"

#define WORDS_MAX 32

void stage_set(struct stage *s)
{
    static const struct policy no = {POLICY_NO, 0}, on_failure = {POLICY_ON_FAILURE, 5};

    *s = (struct stage){.how = trial_init(REACH_REACHABLE)};
    world_init(&s->world);
    eins_init(&s->eins);
    s->web = world_create(&s->world, "web", no, true);
    s->db = world_create(&s->world, "db", on_failure, true);
    check(s, REACH_REACHABLE, "");
}

void stage_in_outage(struct stage *s)
{
    stage_set(s);
    check(s, REACH_UNREACHABLE, "pause-agent hold:web hold:db");
}

void stage_crash_web(struct stage *s)
{
    world_exit(&s->world, s->web, 1);
    world_wait(&s->world, 1);
    assert_int_equal(s->web->shown.status, STATUS_RUNNING);
}

void stage_clear(struct stage *s)
{
    eins_clear(&s->eins);
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t split(char *text, char *words[WORDS_MAX])
{
    size_t count = 0;
    char *rest = NULL;

    for (char *word = strtok_r(text, " ", &rest); word != NULL && count < WORDS_MAX; word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    qsort(words, count, sizeof *words, compare_words);
    return count;
}

static bool same_words(const char *a, const char *b)
{
    char texts[2][2048];
    char *words[2][WORDS_MAX];
    size_t counts[2];

    text_copy(texts[0], sizeof texts[0], a);
    text_copy(texts[1], sizeof texts[1], b);
    for (int i = 0; i < 2; i++)
        counts[i] = split(texts[i], words[i]);
    for (size_t i = 0; i < counts[0] && counts[0] == counts[1]; i++) {
        if (strcmp(words[0][i], words[1][i]) != 0)
            return false;
    }
    return counts[0] == counts[1];
}

void check_at(struct stage *s, enum reach reach, const char *ops, const char *file, int line)
{
    s->trial = s->how;
    s->trial.reach = reach;
    s->how = trial_init(reach);
    s->world.now++;
    trial_run(&s->trial, &s->eins, &s->world);
    if (ops != NULL && !same_words(s->trial.ops, ops)) {
        print_error("expected \"%s\", got \"%s\"\n", ops, s->trial.ops);
        _fail(file, line);
    }
}

const struct state_container *kept(const struct stage *s, const struct box *box)
{
    const struct state_container *container = state_find(&s->eins.disk, box->shown.id);

    assert_non_null(container);
    return container;
}

bool noted(const struct stage *s, enum note_kind kind)
{
    return (s->trial.notes & 1u << kind) != 0;
}

void assert_same_state(const struct state *a, const struct state *b)
{
    size_t lengths[2];
    cleanup_free char *text_a = state_render(a, NULL, &lengths[0]);
    cleanup_free char *text_b = state_render(b, NULL, &lengths[1]);

    assert_non_null(text_a);
    assert_non_null(text_b);
    assert_string_equal(text_a, text_b);
}

static void forget_times(struct state *state)
{
    state->since = state->agent.paused_at = 0;
    for (size_t i = 0; i < state->container_count; i++)
        state->containers[i].last_start[0] = '\0'; /* of what was started since the last look */
}

void assert_same_place(const struct stage *a, const struct stage *b)
{
    struct eins states[2];

    assert_int_equal(a->world.agent.status, b->world.agent.status);
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        const struct container *x = &a->world.boxes[i].shown, *y = &b->world.boxes[i].shown;

        assert_int_equal(x->status, y->status);
        assert_true(model_policy_equal(x->policy, y->policy));
        assert_string_equal(x->started_at, y->started_at);
    }
    eins_copy(&a->eins, &states[0]);
    eins_copy(&b->eins, &states[1]);
    forget_times(&states[0].disk);
    forget_times(&states[1].disk);
    assert_same_state(&states[0].disk, &states[1].disk);
    eins_clear(&states[0]);
    eins_clear(&states[1]);
}
