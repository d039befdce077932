/*
 * copies: which chains lie unpacked in which store, derived from presence: the distinct chains of a
 * store's unpacked images, plus those that no image explains, minus those that are not there.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_COPIES_H
#define COLLECTOR_CENSUS_COPIES_H

#include "collector/census/fleet.h"

enum copy_size {
    COPY_MEASURED,  /* bytes are the blocks that this copy takes */
    COPY_ESTIMATED, /* not measured yet: bytes are the layer's nominal bytes */
    COPY_UNKNOWN,   /* neither is known: bytes are 0, the copy is only counted */
};

struct copy {
    uint32_t store, chain;
    uint32_t layer; /* FLEET_NONE where only the chain's digest is known */
    enum copy_size size;
    int64_t nominal; /* bytes of the layer, FLEET_UNKNOWN where nobody has told */
    int64_t bytes;
    bool by_image; /* an image of the store needs it */
};

struct copies {
    struct copy *list; /* by store, in the fleet's order: so by host, owner and engine */
    size_t count;
    size_t missing; /* chains that the metadata promises and the disk does not hold */
};

/* Derives copies host by host, each host once. */
struct copies_maker;
int copies_open(struct copies_maker **out, const struct fleet *f, struct arena *arena,
                struct err *err);

/* The copies of one host, in `arena`. `f` has its rows; it may be another one than the maker's with
 * the same chains. */
int copies_of_host(struct copies_maker *d, struct copies *out, const struct fleet *f, uint32_t host,
                   struct arena *arena, struct err *err);

/* Derives all copies of the present stores, into `arena`. */
int copies_derive(struct copies *out, const struct fleet *f, struct arena *arena, struct err *err);

#endif
