#include "collector/census/model.h"

#include <stdlib.h>

struct work {
    struct model *out;
    const struct fleet *f;
    const struct copies *copies;
    const struct bases *bases;
    /* Each holds host + 1 where it is true for the host at hand. */
    uint32_t *held, *in_core; /* by layer */
    uint32_t *base_seen;      /* by base */
    uint32_t *image_seen;     /* by image */
    bool *core_anywhere;      /* by layer */
    size_t next_copy;
};

/* Copies come host by host, as the stores do. */
static void mark_held(struct work *w, uint32_t host)
{
    for (; w->next_copy < w->copies->count; w->next_copy++) {
        const struct copy *c = &w->copies->list[w->next_copy];

        if (w->f->stores[c->store].host != host)
            return;
        if (c->layer != FLEET_NONE)
            w->held[c->layer] = host + 1;
    }
}

/* Only layers that the host really holds count, so that core is a part of its unique. */
static void add_core(struct work *w, uint32_t host, uint32_t base)
{
    struct model_host *h = &w->out->hosts[host];
    int64_t bytes = 0;

    for (uint32_t c = w->bases->list[base].chain; c != FLEET_NONE; c = w->f->chains[c].parent) {
        uint32_t layer = w->f->chains[c].layer;
        int64_t nominal = fleet_nominal(w->f, layer);

        if (layer == FLEET_NONE || w->held[layer] != host + 1 || w->in_core[layer] == host + 1)
            continue;
        w->in_core[layer] = host + 1;
        w->core_anywhere[layer] = true;
        bytes += nominal == FLEET_UNKNOWN ? 0 : nominal;
    }
    h->core_builds++;
    h->core += bytes;
    h->shrunk += bytes < MODEL_SMALL_BASE ? bytes : MODEL_SMALL_BASE;
}

static void visit_image(struct work *w, uint32_t host, uint32_t image)
{
    uint32_t base = w->bases->core_of[image];
    const struct fleet_image *i = &w->f->images[image];

    if (base == FLEET_NONE || w->bases->list[base].kind == BASE_SCRATCH)
        return;
    if (w->image_seen[image] != host + 1) {
        w->image_seen[image] = host + 1;
        w->out->application_places += i->chains[i->chain_count - 1] != w->bases->list[base].chain;
    }
    if (w->base_seen[base] != host + 1) {
        w->base_seen[base] = host + 1;
        add_core(w, host, base);
    }
}

static void visit_host(struct work *w, uint32_t host)
{
    const struct fleet_host *h = &w->f->hosts[host];

    mark_held(w, host);
    for (uint32_t s = 0; s < h->stores.count; s++) {
        const struct fleet_store *store = &w->f->stores[h->stores.first + s];

        for (uint32_t i = 0; i < store->presences.count; i++) {
            const struct fleet_presence *p = &w->f->presences[store->presences.first + i];

            if (p->unpacked)
                visit_image(w, host, p->image);
        }
    }
}

static int64_t waste_of(const struct ledger *l)
{
    return l->duplicates + l->layout + l->blobs_kept + l->blobs_only + l->orphans;
}

static void sum_host(struct work *w, uint32_t host, const struct ledger *l)
{
    struct model_host *h = &w->out->hosts[host];
    int64_t core_layers = 0;

    for (size_t i = 0; i < w->f->layer_count; i++)
        core_layers += w->in_core[i] == host + 1;
    h->software_layers = l->layers - core_layers;
    h->software = l->unique - h->core;
    h->waste = waste_of(l);
    h->unsplit = l->unsplit;
    w->out->core += h->core;
    w->out->small_base_saves += h->core - h->shrunk;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Nearest-rank percentiles of the hosts' residuals. */
static int rank_residuals(struct model *out, const struct fleet *f, const struct ledgers *ledgers,
                          struct arena *arena, struct err *err)
{
    int64_t *shares = arena_array(arena, f->host_count, sizeof(*shares), err);
    size_t count = 0;

    if (shares == NULL)
        return -1;
    for (size_t i = 0; i < f->host_count; i++) {
        int64_t stored = ledgers->hosts[i].stored;
        const struct model_host *h = &out->hosts[i];

        if (stored > 0)
            shares[count++] = (int64_t)((double)(h->waste + h->unsplit) * 1000.0 / (double)stored);
    }
    if (count == 0)
        return 0;
    qsort(shares, count, sizeof(*shares), by_value);
    out->residual_median = shares[(count - 1) / 2];
    out->residual_p90 = shares[(count * 9 + 9) / 10 - 1];
    return 0;
}

static void sum_fleet(struct work *w, const struct ledgers *ledgers)
{
    struct model *out = w->out;
    const struct ledger *l = &ledgers->fleet;
    int64_t base_bytes = 0, software_bytes = 0;

    for (uint32_t i = 0; i < w->bases->count; i++)
        if (w->bases->list[i].kind != BASE_SCRATCH)
            base_bytes += w->bases->list[i].nominal_bytes;
    for (size_t i = 0; i < w->f->layer_count; i++) {
        if (ledgers->layers[i].hosts == 0 || w->core_anywhere[i])
            continue;
        out->software_layers++;
        software_bytes += ledgers->layers[i].unique;
    }
    out->core_builds = w->bases->named + w->bases->unnamed;
    out->software = l->unique + l->replicas - out->core;
    out->waste = waste_of(l);
    out->unsplit = l->unsplit;
    out->residual = out->waste + out->unsplit;
    out->core_build_mean = out->core_builds > 0 ? base_bytes / out->core_builds : 0;
    out->software_layer_mean = out->software_layers > 0 ? software_bytes / out->software_layers : 0;
}

static int prepare(struct work *w, struct arena *arena, struct err *err)
{
    const struct fleet *f = w->f;

    w->out->hosts = arena_array(arena, f->host_count, sizeof(*w->out->hosts), err);
    w->held = arena_array(arena, f->layer_count, sizeof(uint32_t), err);
    w->in_core = arena_array(arena, f->layer_count, sizeof(uint32_t), err);
    w->base_seen = arena_array(arena, w->bases->count, sizeof(uint32_t), err);
    w->image_seen = arena_array(arena, f->image_count, sizeof(uint32_t), err);
    w->core_anywhere = arena_array(arena, f->layer_count, sizeof(bool), err);
    return w->out->hosts != NULL && w->held != NULL && w->in_core != NULL && w->base_seen != NULL &&
                   w->image_seen != NULL && w->core_anywhere != NULL
               ? 0
               : -1;
}

int model_compute(struct model *out, const struct fleet *f, const struct copies *copies,
                  const struct ledgers *ledgers, const struct bases *bases, struct arena *arena,
                  struct err *err)
{
    struct work w = {.out = out, .f = f, .copies = copies, .bases = bases};

    *out = (struct model){0};
    if (prepare(&w, arena, err) != 0)
        return -1;
    for (uint32_t i = 0; i < f->host_count; i++) {
        visit_host(&w, i);
        sum_host(&w, i, &ledgers->hosts[i]);
    }
    sum_fleet(&w, ledgers);
    return rank_residuals(out, f, ledgers, arena, err);
}
