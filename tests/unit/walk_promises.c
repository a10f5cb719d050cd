/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "walk_promises.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

__attribute__((format(printf, 2, 3))) static void broken(struct story *story, const char *format, ...)
{
    va_list arguments;

    if (story->broken[0] != '\0')
        return; /* the first one counts */
    va_start(arguments, format);
    vsnprintf(story->broken, sizeof story->broken, format, arguments);
    va_end(arguments);
}

void story_follow(struct story *story)
{
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        const struct box *box = &story->world.boxes[i];
        struct track *track = &story->tracks[i];

        track->missed = box->unheard && (track->missed || (track->seen == SEEN_UP && box->shown.managed));
        track->marked = strcmp(track->id, box->shown.id) == 0 && (track->marked || box->shown.oom_killed);
        if (box->shown.status == STATUS_GONE || strcmp(track->id, box->shown.id) == 0)
            continue;
        *track = (struct track){.seen = SEEN_DOWN};
        memcpy(track->id, box->shown.id, sizeof track->id);
        memcpy(track->mark, box->shown.started_at, sizeof track->mark);
        memcpy(track->started_before, box->shown.started_at, sizeof track->started_before);
    }
    if (story->world.agent.status != STATUS_PAUSED) {
        story->pause_owner = PAUSE_OF_EINS;
        story->paused_by_person = false;
    }
}

void story_note_pause(struct story *story, bool sure)
{
    enum phase phase = story->eins.disk.phase;

    story->paused_by_person = true;
    if (!sure || story->others_paused_at_look || !story->phase_looked_at || story->eins.disk.agent.renewing[0] != '\0')
        story->pause_owner = PAUSE_UNCLEAR; /* eins cannot see that it was thawed in between, or which came first */
    else if (phase == PHASE_DISCONNECTED)
        story->pause_owner = PAUSE_OF_EINS; /* paused in the outage, by whomever: ECS gets it back */
    else
        story->pause_owner = story->clean ? PAUSE_OF_OTHERS : PAUSE_UNCLEAR;
}

void story_lose_state(struct story *story)
{
    story_follow(story);
    eins_lose_state(&story->eins);
    story->calm = 0;
    story->clean = false;
    if (story->pause_owner == PAUSE_OF_OTHERS)
        story->pause_owner = PAUSE_UNCLEAR;
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        story->tracks[i].policy_lost = true;
        story->tracks[i].missed = false;
        story->tracks[i].seen = SEEN_PERHAPS;
    }
}

static struct track *track_of(struct story *story, const struct box *box)
{
    return &story->tracks[box - story->world.boxes];
}

static bool used_up(const struct box *box)
{
    return box->shown.policy.kind == POLICY_ON_FAILURE && box->shown.policy.retries > 0 &&
           box->shown.restart_count >= box->shown.policy.retries;
}

/* ---- while it runs ---- */

static void watch_start(struct story *story, const struct op *op, const struct box *box)
{
    const struct track *track = track_of(story, box);

    if (model_is_up(box->shown.status))
        return;
    if (track->seen == SEEN_DOWN)
        broken(story, "%s is started, but was not up at the last look", box->shown.name);
    if (!world_remembers_end(&story->world, box))
        return; /* Docker's events do not tell any more, so eins cannot know */
    /* It outlived a restart of dockerd, or its start is no longer in the log, and it ended before the next check:
     * dockerd's own stops would look the same. */
    if (op->reason != REASON_DIED_BEFORE_HOLD &&
        (box->began != story->world.boots || story->world.event_count - box->started > WORLD_RING))
        return;
    if (box->cause == CAUSE_GAVE_UP)
        broken(story, "%s is started, but had used up its retries", box->shown.name);
    if (box->cause == CAUSE_PERSON)
        broken(story, "%s is started, but a person had stopped it", box->shown.name);
    if (box->cause == CAUSE_FINISHED)
        broken(story, "%s is started, but had finished with 0", box->shown.name);
}

static void watch_box(struct story *story, const struct op *op, const struct box *box)
{
    const struct track *track = track_of(story, box);
    bool undisturbed_so_far = strstr(story->trial.ops, "pause-agent!") == NULL && story->trial.interrupt == NULL;

    if (!box->shown.managed)
        broken(story, "%s is touched, which is not managed", box->shown.name);
    if (op->kind <= OP_HOLD_STARTED && story->world.agent.status == STATUS_RUNNING && undisturbed_so_far)
        broken(story, "%s is touched while the agent is awake", box->shown.name);
    if ((op->kind == OP_STOP || op->kind == OP_REMOVE) && !track->restarted)
        broken(story, "promise 1: %s goes, but was not restarted in the outage", box->shown.name);
    if ((op->kind == OP_STOP || op->kind == OP_REMOVE) && track->guessed)
        broken(story, "promise 5: %s goes, on guessed state", box->shown.name);
    if (op->kind == OP_RESTORE && !track->policy_lost && !model_policy_equal(op->to, box->original))
        broken(story, "promise 2: %s gets a policy that it never had", box->shown.name);
    if (op->kind == OP_START)
        watch_start(story, op, box);
    if (op->kind == OP_START && op->reason != REASON_ENGINE_RESTARTED)
        track_of(story, box)->revived = true;
    if (story->eins.conf.recovery == RECOVERY_ADOPT && (op->kind == OP_STOP || op->kind == OP_REMOVE) &&
        model_is_up(box->shown.status) && !track->revived && !track->marked)
        broken(story, "adopt: %s goes, which ran well", box->shown.name);
    if (op->kind == OP_RESTART && !track->marked)
        broken(story, "%s is restarted, which ran well", box->shown.name);
}

/* A service whose container the agent takes for running is gone for good. */
static void watch_thaw(struct story *story)
{
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        const struct box *box = &story->world.boxes[i];

        if (story->tracks[i].missed && !model_is_up(box->shown.status))
            broken(story, "%s ended, which the agent never hears of: it is thawed, not renewed", box->shown.name);
    }
}

static void before_op(void *context, const struct op *op)
{
    struct story *story = context;
    const struct box *box = world_find(&story->world, op->id);

    story_follow(story);
    if (box != NULL)
        watch_box(story, op, box);
    if ((op->kind == OP_KILL_AGENT || op->kind == OP_UNPAUSE_AGENT) && strcmp(op->id, story->world.agent.id) == 0 &&
        story->pause_owner == PAUSE_OF_OTHERS)
        broken(story, "promise 3: the agent is taken from those who paused it");
    if (op->kind == OP_UNPAUSE_AGENT && op->when == WHEN_ALWAYS && story->eins.conf.recovery != RECOVERY_KEEP &&
        story->trial.interrupt == NULL)
        watch_thaw(story);
}

static bool is_held(const struct story *story, const struct box *box)
{
    return box->shown.policy.kind == POLICY_ON_FAILURE && box->shown.policy.retries == story->eins.conf.retries;
}

/* An outage begins and ends for us when it does on the disk: what a killed check did not write has not happened. */
static void after_write(void *context, const struct state *before, const struct state *after)
{
    struct story *story = context;

    story_follow(story);
    /* There and back without a look: eins cannot tell in which phase it was paused. */
    if (before->phase != after->phase && !story->phase_looked_at && story->paused_by_person)
        story->pause_owner = PAUSE_UNCLEAR;
    if (before->phase != after->phase)
        story->phase_looked_at = false;
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        const struct box *box = &story->world.boxes[i];
        struct track *track = &story->tracks[i];
        bool forgotten = before->rebuild && !after->rebuild;

        if (forgotten) {
            track->guessed = story->agent_was_paused && story->trial.interrupt == NULL && is_held(story, box) &&
                             !id_set_has(&story->trial.unseen, box->shown.id);
            track->policy_lost = (story->agent_was_paused && is_held(story, box)) ||
                                 !model_policy_equal(box->shown.policy, box->original);
            track->restarted = false;
        } else if (before->phase == PHASE_CONNECTED && after->phase == PHASE_DISCONNECTED) {
            track->guessed = false;
        }
        if (forgotten || (before->phase == PHASE_CONNECTED && after->phase == PHASE_DISCONNECTED && !track->restarted &&
                          !track->unjudged))
            memcpy(track->mark, track->started_before, sizeof track->mark);
        if (before->phase == PHASE_DISCONNECTED && after->phase == PHASE_CONNECTED)
            track->unjudged = true;
        if (track->unjudged && after->phase == PHASE_CONNECTED && story->trial.looked)
            track->restarted = strcmp(track->mark, box->shown.started_at) != 0;
        if (story->trial.looked && !id_set_has(&story->trial.unseen, box->shown.id))
            track->unjudged = false;
    }
}

/* ---- when it is over ---- */

static void look_before(struct story *story)
{
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        const struct box *box = &story->world.boxes[i];
        bool crashed = box->cause == CAUSE_CRASHED && world_remembers_end(&story->world, box);

        memcpy(story->tracks[i].started_before, box->shown.started_at, sizeof story->tracks[i].started_before);
        story->tracks[i].must_come_back = box->shown.status == STATUS_EXITED && box->shown.managed && !used_up(box) &&
                                          story->tracks[i].seen == SEEN_UP && (crashed || box->cause == CAUSE_ENGINE);
    }
}

static void judge_outage(struct story *story)
{
    if (story->world.agent.status == STATUS_RUNNING)
        broken(story, "the agent runs on in the outage");
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        if (story->tracks[i].must_come_back && !model_is_up(story->world.boxes[i].shown.status))
            broken(story, "%s ran, crashed or went down with the engine, and is left down",
                   story->world.boxes[i].shown.name);
    }
}

static void judge_recovery(struct story *story)
{
    if (story->eins.disk.phase != PHASE_CONNECTED || state_owes(&story->eins.disk))
        broken(story, "the outage is not over, although the region has been back long enough");
    if (story->world.agent.status == STATUS_PAUSED && story->pause_owner == PAUSE_OF_EINS)
        broken(story, "promise 3: the agent is left paused");
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        const struct box *box = &story->world.boxes[i];

        if (box->shown.status != STATUS_GONE && !story->tracks[i].policy_lost &&
            !model_policy_equal(box->shown.policy, box->original))
            broken(story, "promise 2: %s has not got its policy back", box->shown.name);
        story->tracks[i].guessed = story->tracks[i].restarted = false;
    }
}

/* What eins knows of each container by now, if anybody can tell. */
static void update_seen(struct story *story, bool disturbed)
{
    const struct trial *trial = &story->trial;
    bool connected = story->eins.disk.phase == PHASE_CONNECTED;

    for (size_t i = 0; i < WORLD_BOXES; i++) {
        const struct box *box = &story->world.boxes[i];
        struct track *track = &story->tracks[i];
        bool up = model_is_up(box->shown.status);
        bool steady = up && track->seen == SEEN_UP && strcmp(track->started_before, box->shown.started_at) == 0;
        bool differs = up != (track->seen == SEEN_UP);

        if (trial->interrupt != NULL || (connected && trial->reach != REACH_REACHABLE)) {
            /* Before or after the interruption? And while the region is failing no baseline is taken. */
            track->seen = steady ? SEEN_UP : SEEN_PERHAPS;
        } else if (trial->killed || (disturbed && connected)) {
            if (differs && (connected || !track->must_come_back))
                track->seen = SEEN_PERHAPS;
        } else if (id_set_has(&trial->unseen, box->shown.id)) {
            track->seen = up && track->seen == SEEN_DOWN ? SEEN_PERHAPS : track->seen;
        } else if (!id_set_has(&trial->failed_starts, box->shown.id)) {
            track->seen = up ? SEEN_UP : SEEN_DOWN;
        }
    }
}

void story_check(struct story *story, const struct trial *how)
{
    struct trial *trial = &story->trial;
    bool disturbed = how->kill_at >= 0 || how->chaos != 0 || how->interrupt != NULL || how->docker_down;

    story_follow(story);
    look_before(story);
    story->agent_was_paused = story->world.agent.status == STATUS_PAUSED;
    *trial = *how;
    trial->before_op = before_op;
    trial->after_write = after_write;
    trial->context = story;
    trial_run(trial, &story->eins, &story->world);
    story_follow(story);
    story->calm = !disturbed && trial->reach == REACH_REACHABLE ? story->calm + 1 : 0;
    if (!disturbed && trial->looked && story->eins.disk.phase == PHASE_DISCONNECTED)
        judge_outage(story);
    if (story->calm >= story->eins.conf.rise)
        judge_recovery(story);
    if (trial->looked)
        update_seen(story, disturbed);
    if (trial->looked && !trial->killed && trial->interrupt == NULL)
        story->phase_looked_at = true;
    if (trial->looked)
        story->others_paused_at_look =
            (trial->killed && story->others_paused_at_look) ||
            (story->world.agent.status == STATUS_PAUSED && story->pause_owner != PAUSE_OF_EINS);
    story->clean = !disturbed && !story->eins.disk.rebuild && !state_owes(&story->eins.disk);
}

static bool same_place(const struct story *a, const struct story *b)
{
    if (model_is_up(a->world.agent.status) != model_is_up(b->world.agent.status) ||
        (a->world.agent.status == STATUS_PAUSED) != (b->world.agent.status == STATUS_PAUSED) ||
        a->eins.disk.container_count != b->eins.disk.container_count ||
        state_owes(&a->eins.disk) != state_owes(&b->eins.disk))
        return false;
    for (size_t i = 0; i < WORLD_BOXES; i++) {
        const struct container *box = &a->world.boxes[i].shown, *twin = &b->world.boxes[i].shown;
        const struct state_container *kept = state_find(&a->eins.disk, box->id),
                                     *twin_kept = state_find(&b->eins.disk, box->id);

        if (box->status != twin->status || !model_policy_equal(box->policy, twin->policy) ||
            (kept == NULL) != (twin_kept == NULL))
            return false;
        if (kept != NULL && (kept->running != twin_kept->running || kept->takeover != twin_kept->takeover ||
                             !model_policy_equal(kept->policy, twin_kept->policy) || kept->fate != twin_kept->fate))
            return false;
    }
    return true;
}

void story_check_killed_or_not(struct story *story, const struct trial *how)
{
    struct trial calmly = trial_init(how->reach);
    struct story twin = *story;
    enum phase phase;

    eins_copy(&story->eins, &twin.eins);
    story_check(&twin, &calmly);
    phase = twin.eins.disk.phase;
    story_check(&twin, &calmly);
    story_check(story, how);
    story_check(story, &calmly);
    /* With `fall` or `rise` above 1 a probe more is a step on: then the two have not seen the same. */
    if (twin.eins.disk.phase == phase && story->eins.disk.phase == phase && !same_place(story, &twin))
        broken(story, "promise 4: killed at instruction %d, it ends elsewhere", how->kill_at);
    eins_clear(&twin.eins);
}
