/*
 * The catalogue of large fleets that are made up: DEPTH layers for each image, of which those of
 * the lower half are a base's. Layers and chains are numbered alike, a base's before all others,
 * since no layer stands on two parents here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/fleet/catalogue.h"

enum { DEPTH = 10, BASE = 5 };

static void make_chain(struct cat_images *c, size_t number, bool first, size_t parent,
                       uint64_t *rng)
{
    struct cat_layer *layer = &c->layers[number];

    catalogue_make_layer(layer, number, first, rng);
    c->chains[number] =
        (struct cat_chain){digest_chain(first ? NULL : &c->chains[parent].id, &layer->facts.diff),
                           (uint32_t)number, layer->facts.nominal_bytes};
}

static int name_image(struct cat_image *image, size_t number, struct err *err)
{
    AUTO_FREE char *repository = NULL, *name = NULL;

    image->names = calloc(1, sizeof(*image->names));
    image->chains = calloc(DEPTH, sizeof(*image->chains));
    if (image->names == NULL || image->chains == NULL ||
        asprintf(&repository, "registry.example/app%zu", number) < 0 ||
        asprintf(&name, "%s:%zu", repository, number % 7) < 0)
        return err_set(err, ERR_NO_MEMORY, "no memory for an image");
    image->manifest = digest_of(name, strlen(name));
    image->repository = steal(&repository);
    image->names[image->name_count++] = steal(&name);
    return 0;
}

static int make_image(struct cat_images *c, size_t number, size_t bases, uint64_t *rng,
                      struct err *err)
{
    struct cat_image *image = &c->images[number];
    size_t base = number % bases * BASE, own = bases * BASE + number * (DEPTH - BASE);

    if (name_image(image, number, err) != 0)
        return -1;
    for (; image->depth < BASE; image->depth++)
        image->chains[image->depth] = (uint32_t)(base + image->depth);
    for (; image->depth < DEPTH; image->depth++, own++) {
        make_chain(c, own, false, image->chains[image->depth - 1], rng);
        image->chains[image->depth] = (uint32_t)own;
    }
    return catalogue_write_config(c, image, 0, err);
}

int catalogue_open_power(struct cat_images **out, size_t images, size_t bases, uint64_t seed,
                         struct err *err)
{
    AUTO(catalogue_close) struct cat_images *c = calloc(1, sizeof(*c));
    size_t layers = bases * BASE + images * (DEPTH - BASE);
    uint64_t rng = seed;

    if (c == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a catalogue");
    *c = (struct cat_images){.layers = calloc(layers, sizeof(*c->layers)),
                             .layer_count = layers,
                             .chains = calloc(layers, sizeof(*c->chains)),
                             .chain_count = layers,
                             .images = calloc(images, sizeof(*c->images)),
                             .image_count = images};
    if (c->layers == NULL || c->chains == NULL || c->images == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu images", images);
    for (size_t i = 0; i < bases * BASE; i++)
        make_chain(c, i, i % BASE == 0, i - 1, &rng);
    for (size_t i = 0; i < images; i++)
        if (make_image(c, i, bases, &rng, err) != 0)
            return -1;
    if (catalogue_sort(c, err) != 0)
        return -1;
    *out = steal(&c);
    return 0;
}
