#include "tests/fleet/load_job.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "tests/fleet/greeting.h"

#define REPORT_MEMORY ((size_t)32 << 20)
#define MISSING_MEMORY ((size_t)16 << 20)
#define SILENCE_S 100

/* ---- on the writer's thread ------------------------------------------------------------------ */

static int must_be_believed(enum apply_verdict verdict, const struct digest *what, struct err *err)
{
    char text[DIGEST_TEXT];

    if (verdict == APPLY_TAKEN || verdict == APPLY_CONFIRMED || verdict == APPLY_KNOWN)
        return 0;
    return err_set(err, ERR_CORRUPT, "%s is not believed", digest_text(what, text));
}

static int give_document(struct load_job *j, struct store *store, const struct rec_wanted *wanted,
                         size_t *given, struct err *err)
{
    const struct cat_image *image = catalogue_find(j->host->holding.catalogue, &wanted->digest);
    enum apply_verdict verdict;

    if (wanted->kind != REC_DOC_CONFIG || image == NULL)
        return 0;
    ++*given;
    if (apply_document(store, j->host->incarnation_id, wanted->kind, &image->id,
                       (const uint8_t *)image->config, image->config_len, 0, 0, j->at_ms, &verdict,
                       err) != 0)
        return -1;
    return must_be_believed(verdict, &image->id, err);
}

static int give_facts(struct load_job *j, struct store *store, const struct digest *diff,
                      size_t *given, struct err *err)
{
    const struct cat_layer *layer = catalogue_find_layer(j->host->holding.catalogue, diff);
    enum apply_verdict verdict;

    if (layer == NULL)
        return 0;
    ++*given;
    if (apply_layer_facts(store, j->host->incarnation_id, &layer->facts, j->at_ms, &verdict, err) !=
        0)
        return -1;
    return must_be_believed(verdict, diff, err);
}

/* A document names layers that nobody knew of before, so it ends when there was nothing to give. */
static int answer(struct load_job *j, struct store *store, struct err *err)
{
    struct apply_look look = {
        .incarnation_id = j->host->incarnation_id, .now_s = j->at_ms / 1000, .most = REC_BATCH_MAX};
    size_t given;

    do {
        AUTO(arena_close) struct arena *arena = NULL;
        struct apply_missing m;

        given = 0;
        if (arena_open(&arena, MISSING_MEMORY, err) != 0 ||
            apply_missing(store, &look, arena, &m, err) != 0)
            return -1;
        for (size_t i = 0; i < m.document_count; i++)
            if (give_document(j, store, &m.documents[i], &given, err) != 0)
                return -1;
        for (size_t i = 0; i < m.layer_count; i++)
            if (give_facts(j, store, &m.layers[i].diff, &given, err) != 0)
                return -1;
    } while (given > 0);
    return 0;
}

static int run_arrival(struct store_job *job, struct store *store, struct err *err)
{
    struct load_job *j = (struct load_job *)job;
    struct load_host *h = j->host;
    struct apply_caller caller = {
        .host_name = h->name, .address = "127.0.0.1", .now_ms = j->at_ms, .silence_s = SILENCE_S};
    struct apply_identity identity;
    struct apply_inventory in = {.generation = 1,
                                 .now_ms = j->at_ms,
                                 .contents = &j->content,
                                 .content_count = 1,
                                 .sums = &j->sum,
                                 .sum_count = 1};

    if (apply_hello(store, &j->hello, &caller, j->arena, &identity, err) != 0)
        return err_wrap(err, "%s", h->name);
    h->incarnation_id = in.incarnation_id = identity.incarnation_id;
    if (apply_inventory(store, &in, err) != 0 || answer(j, store, err) != 0)
        return err_wrap(err, "%s", h->name);
    return 0;
}

static int run_event(struct store_job *job, struct store *store, struct err *err)
{
    struct load_job *j = (struct load_job *)job;

    if (apply_difference(store, j->host->incarnation_id, &j->difference, j->at_ms, err) != 0 ||
        answer(j, store, err) != 0)
        return err_wrap(err, "%s, generation %lu", j->host->name,
                        (unsigned long)j->difference.generation);
    return 0;
}

static int run_end(struct store_job *job, struct store *store, struct err *err)
{
    struct load_job *j = (struct load_job *)job;
    struct apply_life life = {j->host->incarnation_id, j->at_ms / 1000, j->at_ms / 1000, 0};

    if (apply_use(store, j->host->incarnation_id, &j->use, j->at_ms, err) != 0 ||
        apply_lives(store, &life, 1, err) != 0)
        return err_wrap(err, "%s", j->host->name);
    return 0;
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static int make_arrival(struct load_job *j, struct err *err)
{
    struct load_host *h = j->host;

    j->job.run = run_arrival;
    j->hello = greeting(h->name, "fleet", h->arch);
    j->hello.clock_ms = j->at_ms;
    h->generation = 1;
    if (holding_content(&h->holding, j->arena, &j->content, err) != 0)
        return -1;
    j->sum = (struct rec_store_sum){h->holding.key, rec_content_sum(&j->content)};
    return 0;
}

static int make_event(struct load_job *j, struct err *err)
{
    struct load_host *h = j->host;

    j->job.run = run_event;
    if (holding_play(&h->holding, j->arena, &h->script->events[h->event++], &j->change, err) != 0)
        return err_wrap(err, "%s", h->name);
    j->difference = (struct rec_difference){.base = h->generation,
                                            .generation = h->generation + 1,
                                            .stores = &j->change,
                                            .store_count = 1};
    h->generation++;
    return 0;
}

static int make_end(struct load_job *j, struct err *err)
{
    j->job.run = run_end;
    return holding_use(&j->host->holding, j->arena, &j->use, err);
}

int load_job_open(struct load_job **out, enum load_kind kind, struct load_host *host, int64_t at_ms,
                  struct err *err)
{
    static int (*const make[])(struct load_job *, struct err *) = {
        [LOAD_ARRIVAL] = make_arrival, [LOAD_EVENT] = make_event, [LOAD_END] = make_end};
    AUTO(load_job_close) struct load_job *j = calloc(1, sizeof(*j));

    if (j == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a report");
    j->kind = kind;
    j->host = host;
    j->at_ms = at_ms;
    if (arena_open(&j->arena, REPORT_MEMORY, err) != 0 || make[kind](j, err) != 0)
        return -1;
    j->job.weight = sizeof(*j) + arena_used(j->arena);
    *out = steal(&j);
    return 0;
}

void load_job_close(struct load_job **j)
{
    if (*j == NULL)
        return;
    arena_close(&(*j)->arena);
    free(*j);
    *j = NULL;
}
