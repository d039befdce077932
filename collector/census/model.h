/*
 * model: "core build x N + software layers x M" beside what really lies there.
 *
 * core     = nominal bytes of the distinct layers of each host's core builds, added over hosts
 * software = unique + replicas - core
 * waste    = duplicates + layout + blobs + orphans;  unsplit stands beside them
 *
 * so that stored = core + software + waste + unsplit, exactly.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_MODEL_H
#define COLLECTOR_CENSUS_MODEL_H

#include "collector/census/bases.h"
#include "collector/census/ledger.h"

#define MODEL_SMALL_BASE 5000000 /* bytes: "all bases shrunk to 5 MB" */

struct model {
    int64_t core_builds, software_layers; /* N and M, distinct in the fleet: scratch is none */
    int64_t core, software, waste, unsplit;
    int64_t core_build_mean, software_layer_mean; /* nominal bytes; 0 where there is none */
    int64_t residual;                             /* stored less core and software */
    /* The residual as thousandths of stored, over the hosts that store something. */
    int64_t residual_median, residual_p90;
    int64_t small_base_saves;   /* core less the shrunk core */
    int64_t application_places; /* images on hosts that stand on a core build */
};

/* The model while hosts are added. */
struct model_pass;

/* Begins with no host; `f` is the fleet that `ledgers` and `bases` are of. In `arena`. */
int model_open(struct model_pass **out, const struct fleet *f, const struct ledgers *ledgers,
               const struct bases *bases, struct arena *arena, struct err *err);

/* One more host, whose presence and spaces `f` has, and its copies. Each host once. */
void model_add_host(struct model_pass *p, const struct fleet *f, uint32_t host,
                    const struct copy *copies, size_t count);

/* What follows once all hosts are added. */
void model_close(struct model_pass *p, struct model *out);

#endif
