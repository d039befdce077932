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

struct model_host {
    int64_t core_builds;     /* N: scratch is none */
    int64_t software_layers; /* M: distinct layers outside of them */
    int64_t core, software, waste, unsplit;
    int64_t shrunk; /* core, were each of its core builds at most MODEL_SMALL_BASE bytes */
};

#define MODEL_SMALL_BASE 5000000 /* bytes: "all bases shrunk to 5 MB" */

struct model {
    int64_t core_builds, software_layers; /* distinct in the fleet */
    int64_t core, software, waste, unsplit;
    int64_t core_build_mean, software_layer_mean; /* nominal bytes; 0 where there is none */
    int64_t residual;                             /* stored less core and software */
    /* The residual as thousandths of stored, over the hosts that store something. */
    int64_t residual_median, residual_p90;
    int64_t small_base_saves;   /* core less the shrunk core */
    int64_t application_places; /* images on hosts that stand on a core build */
    struct model_host *hosts;   /* parallel to the fleet's hosts */
};

/* Computes it from the ledgers and core builds of the same fleet; hosts lie in `arena`. Fails only
 * for memory. */
int model_compute(struct model *out, const struct fleet *f, const struct copies *copies,
                  const struct ledgers *ledgers, const struct bases *bases, struct arena *arena,
                  struct err *err);

#endif
