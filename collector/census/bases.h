/*
 * bases: the core build and the nearest base of each image that is present, from layers and names
 * alone.
 *
 * The genesis layer of an image is its first layer that is not empty. An image's line passes a
 * named image where that image's whole chain is a prefix of it that holds the genesis layer.
 *
 *  - The core build is the shortest named chain in the line; the image's own chain counts where
 *    another image stands on it.
 *  - Without one: a named image of a single layer that carries an os-release is its own core build.
 *    Any other image whose genesis layer carries an os-release, or is shared with an image of
 *    another chain, has an unnamed core build: that genesis layer.
 *  - An image without a name whose chain a named core build goes on from (a step of its making)
 *    belongs to that core build.
 *  - Without that too, the image is standalone: its core is scratch, 0 bytes.
 *
 * The nearest base is the longest named chain that is a proper prefix. Images without a name
 * (dangling, intermediate) are no base.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_BASES_H
#define COLLECTOR_CENSUS_BASES_H

#include "collector/census/ledger.h"
#include "collector/census/standing.h"

enum base_kind { BASE_NAMED, BASE_UNNAMED, BASE_SCRATCH };

struct base {
    enum base_kind kind;
    uint32_t chain;         /* where it ends; FLEET_NONE for scratch */
    uint32_t genesis_layer; /* FLEET_NONE for scratch */
    const uint32_t *names;  /* of all images that end here, sorted by text */
    uint32_t name_count;
    const char *platforms;  /* "linux/amd64", several joined by ", " */
    const char *os_release; /* of its layers, the uppermost that has one; "" none known */
    int64_t images;         /* present images with this core, without those that end there */
    int64_t hosts;          /* as far as bases_add_host() was told */
    int64_t containers, running;
    int64_t layers;               /* distinct */
    int64_t nominal_bytes;        /* of its distinct layers, once; what is known of it */
    int64_t unknown_layers;       /* whose size is not known */
    int64_t copies, stored_bytes; /* of its chains, in the whole fleet */
};

struct bases {
    struct base *list; /* those with at least one present image */
    uint32_t count;
    uint32_t *core_of;      /* by image: index into list; FLEET_NONE: absent, or no config known */
    uint32_t *nearest;      /* by image: chain of the nearest base; FLEET_NONE none */
    uint32_t *first_ending; /* by chain: a present image that ends there; FLEET_NONE none */
    uint32_t *next_ending;  /* by image: the next one that ends at the same chain */
    uint32_t *last_host;    /* by base: the last one that was added, + 1 */
    int64_t named, unnamed, scratch_images; /* the three counts */
    int64_t undecided_images;               /* present, but their layers are not known */
};

/* Decides all of it but the hosts, without presence; results lie in `arena`. Fails only for memory.
 */
int bases_compute(struct bases *out, const struct fleet *f, const struct ledgers *ledgers,
                  const struct standing *images, struct arena *arena, struct err *err);

/* One more host, whose presence `f` has: it is one of the hosts of its bases. Each host once. */
void bases_add_host(struct bases *b, const struct fleet *f, uint32_t host);

/* The names of the present images that end at `chain`, sorted, in `arena`; `count` gets how many.
 * NULL on failure. */
const uint32_t *bases_names_at(const struct bases *b, const struct fleet *f,
                               const struct standing *images, uint32_t chain, uint32_t *count,
                               struct arena *arena, struct err *err);

/* Stable name of a kind ("named", "unnamed", "scratch"). */
const char *bases_kind_name(enum base_kind kind);

#endif
