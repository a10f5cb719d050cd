/* SPDX-License-Identifier: MIT-0 */
#include "config.h"

#include "record.h"

#include <string.h>

#include "text.h"

void record_probe(struct record *record, enum reach reach, const char *why)
{
    record->checked = true;
    record->reach = reach;
    text_copy(record->why, sizeof record->why, why);
    record->failures.count = 0;
    record->failures.more = 0;
}

static void begin(struct record *record, int64_t number, int64_t since, int64_t restarted, int64_t removed)
{
    struct record_outage *outage;

    record->warnings.count = 0;
    record->warnings.more = 0;
    if (record->outage_count == RECORD_OUTAGES)
        memmove(&record->outages[0], &record->outages[1], --record->outage_count * sizeof *record->outages);
    outage = &record->outages[record->outage_count++];
    *outage = (struct record_outage){
        .number = number, .began = since, .restarted_before = restarted, .removed_before = removed};
    text_copy(outage->cause, sizeof outage->cause, record->why);
}

static void end(struct record *record, struct record_outage *outage, int64_t since)
{
    record->warnings.count = 0;
    record->warnings.more = 0;
    /* A clock that was set back in the outage must not make it end before it began. */
    outage->ended = since > outage->began ? since : outage->began + 1;
    record->outage_seconds += outage->ended - outage->began;
}

void record_follow(struct record *record, enum phase phase, int64_t since, int64_t outages, int64_t restarted,
                   int64_t removed)
{
    struct record_outage *last = record->outage_count > 0 ? &record->outages[record->outage_count - 1] : NULL;
    bool running = last != NULL && last->ended == 0;

    if (phase == PHASE_DISCONNECTED && outages > 0 && (last == NULL || last->number != outages)) {
        begin(record, outages, since, restarted, removed);
    } else if (last != NULL) {
        if (phase == PHASE_CONNECTED && running)
            end(record, last, since);
        last->restarted = restarted - last->restarted_before;
        last->removed = removed - last->removed_before;
    }
}

void record_text(struct record_texts *texts, const char *text)
{
    char cut[RECORD_TEXT_SIZE];

    text_copy(cut, sizeof cut, text);
    for (size_t i = 0; i < texts->count; i++) {
        if (strcmp(texts->texts[i], cut) == 0)
            return;
    }
    if (texts->count < RECORD_TEXTS)
        text_copy(texts->texts[texts->count++], RECORD_TEXT_SIZE, cut);
    else
        texts->more++;
}

void record_code(struct record *record, enum exit_code code)
{
    static const struct {
        enum exit_code code;
        enum record_error kind;
    } kinds[] = {
        {EXIT_INCOMPLETE, RECORD_INCOMPLETE},
        {EXIT_DOCKER, RECORD_DOCKER},
        {EXIT_PROBE, RECORD_PROBE},
        {EXIT_STATE, RECORD_STATE},
    };

    record->code = (int)code;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        record->errors[kinds[i].kind] += kinds[i].code == code;
}

const char *record_error_name(enum record_error kind)
{
    static const char *const names[] = {
        [RECORD_INCOMPLETE] = "incomplete",
        [RECORD_DOCKER] = "docker",
        [RECORD_PROBE] = "probe",
        [RECORD_STATE] = "state",
    };

    return names[kind];
}
