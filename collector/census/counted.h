/*
 * counted: standing and ledgers from the counters that the collector keeps (docs/schema.md), so
 * that an answer over the whole fleet costs what is distinct in it and not what is present. The
 * figures are those of standing_compute() and ledger_compute(), which come from every row; only
 * what tells one host from another is not in the counters.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_COUNTED_H
#define COLLECTOR_CENSUS_COUNTED_H

#include "collector/census/ledger.h"
#include "collector/census/standing.h"

struct counted_chain {
    int64_t copies, measured; /* stores where it lies unpacked; of these, measured ones */
    int64_t allocated_bytes;  /* of the measured ones */
    int64_t missing;          /* stores whose metadata promise it and whose disk lacks it */
};

struct counted_layer {
    int64_t again[LEDGER_CAUSES]; /* copies beyond the first on one host */
};

struct counted_listing { /* an image as hosts list it */
    uint32_t image;
    bool unpacked;
    int64_t stores;
    const uint32_t *names;
    uint32_t name_count;
};

struct counted_image {
    int64_t again;     /* stores beyond the first on one host */
    int64_t parent_in; /* stores where it has no name and another image names it as parent */
    int64_t containers, running, run_unknown;
};

struct counted {
    struct counted_chain *chains; /* these three: parallel to the fleet's */
    struct counted_layer *layers;
    struct counted_image *images;
    struct counted_listing *listings;
    size_t listing_count;
    int64_t blobs_kept, blobs_only, orphans; /* allocated bytes */
    int64_t upper_bounds;                    /* stores where a part of these is an upper bound */
};

/* One for each image of the fleet, in `arena`; NULL on failure. Needs the fleet's images and names.
 */
struct standing *counted_standing(const struct counted *c, const struct fleet *f,
                                  struct arena *arena, struct err *err);

/* The fleet's ledger, its layers and its chains; no host's. Results lie in `arena`. */
int counted_ledgers(struct ledgers *out, const struct counted *c, const struct fleet *f,
                    struct arena *arena, struct err *err);

#endif
