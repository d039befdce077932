/*
 * catalogue: the images that a simulated fleet holds: real image configs (OCI image-spec,
 * config.md), whose SHA-256 is the image's ID. Either everything follows from a seed (few bases,
 * with layers that some images share, stand on several parents, or hold twice), or it is read from
 * a file of real images.
 *
 * Threads: read-only after opening.
 */
#ifndef TESTS_FLEET_CATALOGUE_H
#define TESTS_FLEET_CATALOGUE_H

#include "common/json.h"
#include "common/record.h"

enum { CATALOGUE_DEPTH_MAX = 16 }; /* layers of an image that is made up */

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
    char **names; /* unique */
    size_t name_count;
    char *repository;
    struct digest manifest;
    uint32_t *chains; /* from the first layer up */
    size_t depth;

    /* What the collector did with it, over all hosts. */
    uint32_t asked, given, declined;
};

struct cat_images {
    struct cat_layer *layers;
    size_t layer_count;
    struct cat_chain *chains;
    size_t chain_count;
    struct cat_image *images;
    size_t image_count;
    uint32_t *by_id;   /* indices of images, sorted by ID */
    uint32_t *by_diff; /* indices of layers, sorted by diffID */
    json_t *by_name;   /* indices of images by what a fleet's file calls them; NULL: made up */
};

/* Makes up `images` images on `bases` bases; the same seed makes the same ones. */
int catalogue_open(struct cat_images **out, size_t images, size_t bases, uint64_t seed,
                   struct err *err);
/* The same without peculiarities, for fleets of any size: each image has ten layers, the lower five
 * of them those of one of the bases. */
int catalogue_open_power(struct cat_images **out, size_t images, size_t bases, uint64_t seed,
                         struct err *err);
/* Reads a prepared file (catalogue_file.c says which). A layer's bytes are nominal, and a copy
 * takes as many. */
int catalogue_read(struct cat_images **out, const char *path, struct err *err);
void catalogue_close(struct cat_images **c);

/* ---- for those who make one ---- */

/* Makes up the facts of layer `number`; `os`: it holds an os-release. */
void catalogue_make_layer(struct cat_layer *layer, size_t number, bool os, uint64_t *rng);
/* Makes the config, and so the ID, of an image with names and chains; `filling` bytes longer than
 * it needs to be. */
int catalogue_write_config(const struct cat_images *c, struct cat_image *image, size_t filling,
                           struct err *err);
/* Makes the indices once images and layers are there. */
int catalogue_sort(struct cat_images *c, struct err *err);

/* ---- for those who use it ---- */

/* The image of this ID, or NULL. */
struct cat_image *catalogue_find(const struct cat_images *c, const struct digest *id);
/* The layer of this diffID, or NULL. */
struct cat_layer *catalogue_find_layer(const struct cat_images *c, const struct digest *diff);

#endif
