/*
 * charge: what each image costs the fleet. The terms of every layer's ledger are shared out among
 * the images that use it, in proportion to the stores where they lie unpacked (an image that holds
 * the layer twice uses it twice); copies that no image explains are charged to nobody. The charges
 * add up to the ledger's terms exactly.
 *
 * What one image would free if it went is another question: that is computed on sets.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_CHARGE_H
#define COLLECTOR_CENSUS_CHARGE_H

#include "collector/census/ledger.h"
#include "collector/census/standing.h"

struct charge {
    int64_t stored, unique, replicas, duplicates, layout, unsplit;
};

/* Counts the copies that no image explains, by layer; `extras` has one more for those whose layer
 * is not known. */
void charge_count_extras(int64_t *extras, const struct fleet *f, const struct copies *copies);

/* One for each image and, last, one for what no image explains; in `arena`, NULL on failure.
 * `extras` counts the latter's copies. */
struct charge *charge_images(const struct fleet *f, const int64_t *extras,
                             const struct ledgers *ledgers, const struct standing *images,
                             struct arena *arena, struct err *err);

#endif
