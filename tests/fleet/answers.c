#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/fleet/fleet.h"

/* ---- documents ----------------------------------------------------------------------------- */

/* The hosts that are asked first play the special roles, so that each role is surely played. */
static void take_role(struct speaker *s)
{
    struct fleet *f = s->fleet;

    if (s->asked)
        return;
    s->asked = true;
    if (f->deaths_left > 0 && f->deaths_left--)
        s->role = ROLE_DIES;
    else if (f->mutes_left > 0 && f->mutes_left--)
        s->role = ROLE_MUTE;
    else if (f->liars_left > 0 && f->liars_left--)
        s->role = ROLE_LIAR;
}

static int give_document(struct speaker *s, struct cat_image *image, struct err *err)
{
    AUTO_FREE uint8_t *bytes = malloc(image->config_len);

    if (bytes == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a document");
    memcpy(bytes, image->config, image->config_len);
    if (s->role == ROLE_LIAR)
        bytes[image->config_len / 2] ^= 1;
    for (size_t at = 0; at < image->config_len; at += REC_CHUNK_BYTES) {
        size_t left = image->config_len - at;
        struct wire_agent_msg m = {.kind = WIRE_DOCUMENT};

        m.document =
            (struct rec_document){.kind = REC_DOC_CONFIG,
                                  .digest = image->id,
                                  .total = (uint32_t)image->config_len,
                                  .offset = (uint32_t)at,
                                  .data = bytes + at,
                                  .len = left < REC_CHUNK_BYTES ? (uint32_t)left : REC_CHUNK_BYTES};
        if (speaker_send(s, &m, err) != 0)
            return -1;
    }
    if (s->role == ROLE_HONEST)
        image->given++;
    return 0;
}

static int send_declined(struct speaker *s, struct rec_declined *items, size_t count,
                         struct err *err)
{
    struct wire_agent_msg m = {.kind = WIRE_DECLINED, .declined = {items, count}};

    return count > 0 ? speaker_send(s, &m, err) : 0;
}

/* The graph drivers of docker keep configs only: manifests and indexes are declined. */
int answer_want(struct speaker *s, const struct wire_collector_msg *m, struct err *err)
{
    AUTO_FREE struct rec_declined *declined = calloc(m->want.count + 1, sizeof(*declined));
    size_t count = 0;

    if (declined == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for an answer");
    take_role(s);
    for (size_t i = 0; i < m->want.count; i++) {
        const struct rec_wanted *item = &m->want.items[i];
        struct cat_image *image = catalogue_find(s->fleet->catalogue, &item->digest);

        if (image != NULL)
            image->asked++;
        if (s->role == ROLE_MUTE || s->role == ROLE_DIES)
            continue;
        if (item->kind == REC_DOC_CONFIG && image != NULL &&
            holding_has(&s->holding, &item->digest)) {
            if (give_document(s, image, err) != 0)
                return -1;
            continue;
        }
        if (image != NULL)
            image->declined++;
        declined[count++] = (struct rec_declined){item->kind, item->digest, "not on this host"};
    }
    if (s->role != ROLE_DIES)
        return send_declined(s, declined, count, err);
    /* What is under way is acknowledged first, so that the truth is known. */
    s->dying = true;
    if (s->state == SPEAKER_SETTLED)
        speaker_die(s);
    return 0;
}

/* ---- measurements -------------------------------------------------------------------------- */

int answer_measure(struct speaker *s, const struct wire_collector_msg *m, struct err *err)
{
    AUTO_FREE struct rec_declined *declined = calloc(m->measure.count + 1, sizeof(*declined));
    AUTO_FREE struct rec_layer_facts *facts = calloc(m->measure.count + 1, sizeof(*facts));
    struct wire_agent_msg answer = {.kind = WIRE_LAYER_FACTS, .layer_facts = {facts, 0}};
    size_t count = 0;

    if (declined == NULL || facts == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for an answer");
    if (s->fleet->mismatches_left > 0 && !s->mismatch && s->fleet->mismatches_left--)
        s->mismatch = true;
    for (size_t i = 0; i < m->measure.count; i++) {
        const struct digest *diff = &m->measure.items[i].diff;
        struct cat_layer *layer = catalogue_find_layer(s->fleet->catalogue, diff);

        if (layer != NULL)
            layer->asked++;
        if (layer == NULL || !holding_has_layer(&s->holding, diff)) {
            declined[count++] = (struct rec_declined){0, *diff, "not on this host"};
            continue;
        }
        facts[answer.layer_facts.count] = layer->facts;
        facts[answer.layer_facts.count++].content_bytes += s->mismatch;
        layer->given++;
    }
    if (s->role == ROLE_MUTE)
        return 0;
    if (answer.layer_facts.count > 0 && speaker_send(s, &answer, err) != 0)
        return -1;
    return send_declined(s, declined, count, err);
}

/* ---- unasked ------------------------------------------------------------------------------- */

static int send_use(struct speaker *s, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct wire_agent_msg m = {.kind = WIRE_USE};

    if (arena_open(&arena, SPEAKER_MEMORY, err) != 0 ||
        holding_use(&s->holding, arena, &m.use, err) != 0)
        return -1;
    return speaker_send(s, &m, err);
}

/* Sends the copies in batches; their number and bytes together. */
static int send_copies(struct speaker *s, uint64_t *total, uint64_t *bytes, struct err *err)
{
    const struct cat_images *c = s->fleet->catalogue;
    AUTO_FREE struct rec_copy_facts *copies = calloc(REC_BATCH_MAX, sizeof(*copies));
    AUTO_FREE uint8_t *marks = calloc(c->chain_count, 1);
    struct wire_agent_msg m = {.kind = WIRE_COPIES, .copies = {s->holding.key, copies, 0}};

    if (copies == NULL || marks == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for copies");
    *total = holding_chains(&s->holding, marks);
    *bytes = 0;
    for (size_t i = 0; i < c->chain_count; i++) {
        if (!marks[i])
            continue;
        copies[m.copies.copy_count++] =
            (struct rec_copy_facts){c->chains[i].id, c->chains[i].allocated, false};
        *bytes += c->chains[i].allocated;
        if (m.copies.copy_count < REC_BATCH_MAX)
            continue;
        if (speaker_send(s, &m, err) != 0)
            return -1;
        m.copies.copy_count = 0;
    }
    return m.copies.copy_count > 0 ? speaker_send(s, &m, err) : 0;
}

static int send_spaces(struct speaker *s, uint64_t copies, uint64_t bytes, struct err *err)
{
    uint64_t orphans = holding_orphans(&s->holding);
    struct rec_space spaces[] = {
        {REC_SPACE_COPIES, "", bytes, copies, false},
        {REC_SPACE_ORPHANS, "leftover", orphans, orphans > 0, false},
        {REC_SPACE_OUTSIDE, "engine-metadata", 65536, 16, false},
        {REC_SPACE_TOTAL, "roots", bytes + orphans + 65536, 1, false},
    };
    struct wire_agent_msg m = {.kind = WIRE_SPACES,
                               .spaces = {.key = s->holding.key,
                                          .age_ms = 1,
                                          .copies_total = copies,
                                          .copies_measured = copies,
                                          .spaces = spaces,
                                          .space_count = 4}};

    return speaker_send(s, &m, err);
}

int answer_unasked(struct speaker *s, struct err *err)
{
    uint64_t copies = 0, bytes = 0;

    if (send_use(s, err) != 0)
        return -1;
    if (s->fleet->options->no_measure)
        return 0;
    if (send_copies(s, &copies, &bytes, err) != 0)
        return -1;
    return send_spaces(s, copies, bytes, err);
}
