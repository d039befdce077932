/*
 * catalogue: the images that a simulated fleet holds. Everything follows from the seed: real image
 * configs (OCI image-spec, config.md), whose SHA-256 is the image's ID, on few bases, with layers
 * that some images share, stand on several parents, or hold twice.
 *
 * Threads: read-only after opening.
 */
#ifndef TESTS_FLEET_CATALOGUE_H
#define TESTS_FLEET_CATALOGUE_H

#include "common/record.h"

enum { CATALOGUE_DEPTH_MAX = 16 };

struct cat_layer {
    struct rec_layer_facts facts;
    char os_release[128];
    uint32_t asked, given; /* by the collector, by hosts */
};

/* One chain; the parent lies before it in the list. */
struct cat_chain {
    struct digest id;
    uint32_t layer;
    uint64_t allocated; /* a(k): what one copy takes, the same on every host */
};

struct cat_image {
    struct digest id;
    char *config; /* the document */
    size_t config_len;
    char name[128];
    char repository[96];
    struct digest manifest;
    uint32_t chains[CATALOGUE_DEPTH_MAX]; /* from the first layer up */
    size_t depth;

    /* What the collector did with it, over all hosts. */
    uint32_t asked, given, declined;
};

struct catalogue {
    struct cat_layer *layers;
    size_t layer_count;
    struct cat_chain *chains;
    size_t chain_count;
    struct cat_image *images;
    size_t image_count;
    uint32_t *by_id; /* indices of images, sorted by ID */
};

/* Makes up `images` images on `bases` bases; the same seed makes the same ones. */
int catalogue_open(struct catalogue **out, size_t images, size_t bases, uint64_t seed,
                   struct err *err);
void catalogue_close(struct catalogue **c);

/* The image of this ID, or NULL. */
struct cat_image *catalogue_find(const struct catalogue *c, const struct digest *id);

#endif
