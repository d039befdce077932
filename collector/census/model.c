#include "collector/census/model.h"

#include <stdlib.h>

struct model_pass {
    struct model sums;
    const struct fleet *f;
    const struct ledgers *ledgers;
    const struct bases *bases;
    /* Each holds host + 1 where it is true for the host at hand. */
    uint32_t *held, *in_core; /* by layer */
    uint32_t *base_seen;      /* by base */
    uint32_t *image_seen;     /* by image */
    bool *core_anywhere;      /* by layer */
    int64_t *shares;          /* the residuals of the hosts that store something */
    size_t share_count;
};

int model_open(struct model_pass **out, const struct fleet *f, const struct ledgers *ledgers,
               const struct bases *bases, struct arena *arena, struct err *err)
{
    struct model_pass *p = arena_alloc(arena, sizeof(*p), err);

    if (p == NULL)
        return -1;
    *p = (struct model_pass){.f = f, .ledgers = ledgers, .bases = bases};
    p->held = arena_array(arena, f->layer_count, sizeof(uint32_t), err);
    p->in_core = arena_array(arena, f->layer_count, sizeof(uint32_t), err);
    p->base_seen = arena_array(arena, bases->count, sizeof(uint32_t), err);
    p->image_seen = arena_array(arena, f->image_count, sizeof(uint32_t), err);
    p->core_anywhere = arena_array(arena, f->layer_count, sizeof(bool), err);
    p->shares = arena_array(arena, f->host_count, sizeof(int64_t), err);
    if (p->held == NULL || p->in_core == NULL || p->base_seen == NULL || p->image_seen == NULL ||
        p->core_anywhere == NULL || p->shares == NULL)
        return -1;
    *out = p;
    return 0;
}

/* ---- one host -------------------------------------------------------------------------------- */

/* Marks the layers of the host; what is stored beyond each of them once is its residual. */
static void add_residual(struct model_pass *p, const struct fleet *f, uint32_t host,
                         const struct copy *copies, size_t count)
{
    const struct fleet_run *stores = &f->hosts[host].stores;
    int64_t stored = 0, unique = 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t layer = copies[i].layer;
        int64_t nominal = copies[i].nominal;

        stored += copies[i].bytes;
        if (layer == FLEET_NONE || p->held[layer] == host + 1)
            continue;
        p->held[layer] = host + 1;
        unique += nominal == FLEET_UNKNOWN ? 0 : nominal;
    }
    for (uint32_t s = stores->first; s < stores->first + stores->count; s++)
        for (uint32_t i = 0; i < f->stores[s].spaces.count; i++) {
            const struct fleet_space *space = &f->spaces[f->stores[s].spaces.first + i];

            if (space->klass == REC_SPACE_BLOBS || space->klass == REC_SPACE_ORPHANS)
                stored += space->bytes;
        }
    if (stored > 0)
        p->shares[p->share_count++] =
            (int64_t)((double)(stored - unique) * 1000.0 / (double)stored);
}

/* Only layers that the host really holds count, so that core is a part of its unique. */
static int64_t add_core_chain(struct model_pass *p, uint32_t host, uint32_t chain)
{
    int64_t bytes = 0;

    for (uint32_t c = chain; c != FLEET_NONE; c = p->f->chains[c].parent) {
        uint32_t layer = p->f->chains[c].layer;
        int64_t nominal = fleet_nominal(p->f, layer);

        if (layer == FLEET_NONE || p->held[layer] != host + 1 || p->in_core[layer] == host + 1)
            continue;
        p->in_core[layer] = host + 1;
        p->core_anywhere[layer] = true;
        bytes += nominal == FLEET_UNKNOWN ? 0 : nominal;
    }
    return bytes;
}

/* One core build, with all its platforms. */
static void add_core(struct model_pass *p, uint32_t host, uint32_t base)
{
    const struct base *b = &p->bases->list[base];
    int64_t bytes = 0;

    for (uint32_t i = 0; i < b->chain_count; i++)
        bytes += add_core_chain(p, host, b->chains[i]);
    p->sums.core += bytes;
    p->sums.small_base_saves += bytes > MODEL_SMALL_BASE ? bytes - MODEL_SMALL_BASE : 0;
}

static void visit_image(struct model_pass *p, uint32_t host, uint32_t image)
{
    uint32_t base = p->bases->row_of[image];
    const struct fleet_image *i = &p->f->images[image];

    if (base == FLEET_NONE || p->bases->list[base].kind == BASE_SCRATCH)
        return;
    if (p->image_seen[image] != host + 1) {
        p->image_seen[image] = host + 1;
        p->sums.application_places +=
            i->chains[i->chain_count - 1] != p->bases->lineage->images[image].core;
    }
    if (p->base_seen[base] != host + 1) {
        p->base_seen[base] = host + 1;
        add_core(p, host, base);
    }
}

void model_add_host(struct model_pass *p, const struct fleet *f, uint32_t host,
                    const struct copy *copies, size_t count)
{
    const struct fleet_run *stores = &f->hosts[host].stores;

    add_residual(p, f, host, copies, count);
    for (uint32_t s = stores->first; s < stores->first + stores->count; s++)
        for (uint32_t i = 0; i < f->stores[s].presences.count; i++) {
            const struct fleet_presence *at = &f->presences[f->stores[s].presences.first + i];

            if (at->unpacked)
                visit_image(p, host, at->image);
        }
}

/* ---- the fleet ------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Nearest-rank percentiles of the hosts' residuals. */
static void rank_residuals(struct model *out, int64_t *shares, size_t count)
{
    if (count == 0)
        return;
    qsort(shares, count, sizeof(*shares), by_value);
    out->residual_median = shares[(count - 1) / 2];
    out->residual_p90 = shares[(count * 9 + 9) / 10 - 1];
}

void model_close(struct model_pass *p, struct model *out)
{
    const struct ledger *l = &p->ledgers->fleet;
    int64_t base_bytes = 0, software_bytes = 0;

    *out = p->sums;
    for (uint32_t i = 0; i < p->bases->count; i++)
        if (p->bases->list[i].kind != BASE_SCRATCH)
            base_bytes += p->bases->list[i].nominal_bytes;
    for (size_t i = 0; i < p->f->layer_count; i++) {
        if (p->ledgers->layers[i].hosts == 0 || p->core_anywhere[i])
            continue;
        out->software_layers++;
        software_bytes += p->ledgers->layers[i].unique;
    }
    out->core_builds = p->bases->named + p->bases->unnamed;
    out->software = l->unique + l->replicas - out->core;
    out->waste = l->duplicates + l->layout + l->blobs_kept + l->blobs_only + l->orphans;
    out->unsplit = l->unsplit;
    out->residual = out->waste + out->unsplit;
    out->core_build_mean = out->core_builds > 0 ? base_bytes / out->core_builds : 0;
    out->software_layer_mean = out->software_layers > 0 ? software_bytes / out->software_layers : 0;
    rank_residuals(out, p->shares, p->share_count);
}
