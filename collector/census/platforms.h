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

#define PLATFORMS_MOST 64 /* of one release; what an index has beyond stays apart */

/* By chain, the chain that stands for its release: the first by platform, then by digest; itself
 * where it is alone. In `arena`; NULL on failure. */
uint32_t *platforms_join(const struct fleet *f, struct arena *arena, struct err *err);

/* Orders images by os, architecture and variant. */
int platforms_cmp(const struct fleet_image *a, const struct fleet_image *b);

#endif
