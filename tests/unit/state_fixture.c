/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "state_fixture.h"

#include <string.h>

#include "unit.h"

#define ID_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

void make_state(struct state *ret_state)
{
    struct state empty;
    struct state_container *container;

    state_init(&empty, 1795560000);
    assert_int_equal(state_copy(&empty, 2, ret_state), 0);
    ret_state->rebuild = false;
    ret_state->phase = PHASE_DISCONNECTED;
    ret_state->fall_count = 1;
    ret_state->rise_count = 2;
    ret_state->outages = 3;
    strcpy(ret_state->generation, "4f0c9b2e-7d1a-4b1e-9c52-0e6f3c1d2a3b 713@1795550000.123456789");
    strcpy(ret_state->agent.id, ID_B);
    ret_state->agent.paused_by_eins = true;
    ret_state->agent.paused_at = 1795560001;
    strcpy(ret_state->agent.renewing, ID_A);
    ret_state->agent.renew_since = 1795560002;
    container = state_add(ret_state, ID_B, "ecs-web-1-nginx-c0ffee");
    container->running = true;
    container->takeover = TAKEOVER_SET;
    container->policy = (struct policy){POLICY_ON_FAILURE, 7};
    strcpy(container->started_at, "2026-11-24T07:39:43.880123456Z");
    container->revived = container->starting = container->guessed = true;
    container->fate = FATE_REPLACE;
    container = state_add(ret_state, ID_A, "ecs-db-1-pg_15.2");
    container->running = true;
}

void assert_same(const struct state *a, const struct state *b)
{
    assert_int_equal(a->rebuild, b->rebuild);
    assert_int_equal(a->phase, b->phase);
    assert_int_equal(a->since, b->since);
    assert_int_equal(a->fall_count, b->fall_count);
    assert_int_equal(a->rise_count, b->rise_count);
    assert_int_equal(a->outages, b->outages);
    assert_string_equal(a->generation, b->generation);
    assert_string_equal(a->agent.id, b->agent.id);
    assert_int_equal(a->agent.paused_by_eins, b->agent.paused_by_eins);
    assert_int_equal(a->agent.paused_at, b->agent.paused_at);
    assert_string_equal(a->agent.renewing, b->agent.renewing);
    assert_int_equal(a->agent.renew_since, b->agent.renew_since);
    assert_int_equal(a->container_count, b->container_count);
    for (size_t i = 0; i < a->container_count; i++) {
        const struct state_container *left = &a->containers[i], *right = &b->containers[i];

        assert_string_equal(left->id, right->id);
        assert_string_equal(left->name, right->name);
        assert_int_equal(left->running, right->running);
        assert_int_equal(left->takeover, right->takeover);
        assert_true(model_policy_equal(left->policy, right->policy));
        assert_string_equal(left->started_at, right->started_at);
        assert_int_equal(left->revived, right->revived);
        assert_int_equal(left->starting, right->starting);
        assert_int_equal(left->guessed, right->guessed);
        assert_int_equal(left->fate, right->fate);
    }
}
