/*
 * platforms: which chains are the platforms of one release, because one index lists them all.
 *
 * Images that a store of root's lists with the same repo digest, and that end at different chains,
 * were taken from the same index: a manifest has only one config. Of a release no two chains have
 * the same platform: where two indexes name one arm64 beside an old and a new amd64, the arm64
 * belongs to one of the two releases, and they stay two. Nor is one of two distributions:
 * anybody who is root on a host can have it list any two images with a digest that he invents, so
 * chains whose os-releases have different IDs stay apart.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_PLATFORMS_H
#define COLLECTOR_CENSUS_PLATFORMS_H

#include "collector/census/fleet.h"
#include "collector/census/standing.h"

#define PLATFORMS_MOST 64 /* of one release; what an index has beyond stays apart */

/* By chain, the chain that stands for its release: the first by platform, then by digest; itself
 * where it is alone. In `arena`; NULL on failure. */
uint32_t *platforms_join(const struct fleet *f, struct arena *arena, struct err *err);

/* Orders images by os, architecture and variant. */
int platforms_cmp(const struct fleet_image *a, const struct fleet_image *b);

/* The platforms that images have, by order. */
struct platforms_list {
    const struct fleet_image **likes; /* of each the first image that has it */
    uint32_t count;
    uint32_t *of_image; /* by image */
};

/* Of those images that are in a row (FLEET_NONE: in none), at most `most` (over 0) platforms: those
 * of which an image is on most hosts, then those with most images, so that one host that invents
 * many drives nothing out that is more widespread. Images of the others are counted to the last of
 * these. In `arena`. */
int platforms_list(struct platforms_list *out, const struct fleet *f, const struct standing *images,
                   const uint32_t *row_of, uint32_t most, struct arena *arena, struct err *err);

#endif
