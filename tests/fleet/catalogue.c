#include "tests/fleet/catalogue.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "tests/fleet/random.h"

enum {
    PAGE = 4096,
    BASE_LAYERS = 2,         /* layers of a base image */
    SOFTWARE_MOST = 5,       /* software layers on top of one */
    LONG_CONFIG = 300 << 10, /* one config needs more than one piece */
    LONG_CONFIG_IMAGE = 1,
};

/* ---- layers -------------------------------------------------------------------------------- */

void catalogue_make_layer(struct cat_layer *layer, size_t number, bool os, uint64_t *rng)
{
    char name[64];
    struct rec_layer_facts *f = &layer->facts;
    size_t len = (size_t)snprintf(name, sizeof(name), "layer %zu of %" PRIu64, number, *rng);

    f->diff = digest_of(name, len);
    f->files = 1 + random_below(rng, 2000);
    f->directories = 1 + random_below(rng, 200);
    f->content_bytes = f->files * (100 + random_below(rng, 60000));
    f->nominal_bytes = (f->content_bytes / PAGE + f->files + f->directories) * PAGE;
    if (os)
        snprintf(layer->os_release, sizeof(layer->os_release),
                 "ID=dist%zu\nVERSION_ID=\"%zu\"\nPRETTY_NAME=\"Dist %zu\"\n", number % 4, number,
                 number);
    f->os_release = layer->os_release;
}

/* The chain of `layer` on `parent` (an index + 1, 0: none), made when it is new. */
static uint32_t need_chain(struct cat_images *c, uint32_t parent, uint32_t layer)
{
    struct cat_chain chain = {.layer = layer};
    uint32_t i = 0;

    chain.id =
        digest_chain(parent > 0 ? &c->chains[parent - 1].id : NULL, &c->layers[layer].facts.diff);
    while (i < c->chain_count && !digest_eq(&c->chains[i].id, &chain.id))
        i++;
    if (i < c->chain_count)
        return i;
    chain.allocated =
        c->layers[layer].facts.nominal_bytes + (uint64_t)(chain.id.bytes[0] % 5) * PAGE;
    c->chains[c->chain_count++] = chain;
    return i;
}

/* ---- images -------------------------------------------------------------------------------- */

static void push(struct cat_images *c, struct cat_image *image, uint32_t layer)
{
    uint32_t parent = image->depth > 0 ? image->chains[image->depth - 1] + 1 : 0;

    image->chains[image->depth++] = need_chain(c, parent, layer);
}

static void choose_layers(struct cat_images *c, size_t number, size_t bases, uint64_t *rng)
{
    struct cat_image *image = &c->images[number];
    uint32_t base = (uint32_t)(number % bases);
    uint32_t pool = (uint32_t)(c->layer_count - BASE_LAYERS * bases);
    uint32_t first = (uint32_t)(BASE_LAYERS * bases);
    uint32_t software = number < bases ? 0 : 1 + random_below(rng, SOFTWARE_MOST);

    push(c, image, base);
    push(c, image, (uint32_t)bases + base);
    for (uint32_t i = 0; i < software; i++)
        push(c, image, first + random_below(rng, pool));
    if (number >= bases && number % 7 == 0)
        push(c, image, c->chains[image->chains[image->depth - 1]].layer); /* the same layer twice */
}

static json_t *history_of(const struct cat_image *image)
{
    json_t *history = json_array();

    for (size_t i = 0; i < image->depth; i++)
        json_array_append_new(history, json_pack("{s:s, s:s}", "created", "2026-01-02T03:04:05Z",
                                                 "created_by", "/bin/sh -c #(nop) ADD file"));
    json_array_append_new(history, json_pack("{s:s, s:s, s:b}", "created", "2026-01-02T03:04:06Z",
                                             "created_by", "CMD [\"run\"]", "empty_layer", 1));
    return history;
}

static json_t *diff_ids_of(const struct cat_images *c, const struct cat_image *image)
{
    json_t *list = json_array();
    char text[DIGEST_TEXT];

    for (size_t i = 0; i < image->depth; i++) {
        const struct cat_layer *layer = &c->layers[c->chains[image->chains[i]].layer];

        json_array_append_new(list, json_string(digest_text(&layer->facts.diff, text)));
    }
    return list;
}

int catalogue_write_config(const struct cat_images *c, struct cat_image *image, size_t filling,
                           struct err *err)
{
    AUTO_FREE char *filler = calloc(1, filling + 1);
    AUTO_JSON json_t *config = NULL;

    if (filler == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a config");
    memset(filler, 'x', filling);
    config = json_pack("{s:s, s:s, s:s, s:{s:{s:s, s:s}}, s:{s:s, s:o}, s:o}", "architecture",
                       "amd64", "os", "linux", "created", "2026-01-02T03:04:06Z", "config",
                       "Labels", "org.example.name", image->names[0], "org.example.filler", filler,
                       "rootfs", "type", "layers", "diff_ids", diff_ids_of(c, image), "history",
                       history_of(image));
    image->config = config != NULL ? json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (image->config == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a config");
    image->config_len = strlen(image->config);
    image->id = digest_of(image->config, image->config_len);
    return 0;
}

static int name_image(struct cat_image *image, size_t number, bool is_base, struct err *err)
{
    AUTO_FREE char *repository = NULL, *name = NULL;
    int made = is_base
                   ? asprintf(&repository, "docker.io/library/dist%zu", number % 4)
                   : asprintf(&repository, "registry.example/team%zu/app%zu", number % 5, number);

    image->names = calloc(1, sizeof(*image->names));
    if (made < 0 || image->names == NULL ||
        asprintf(&name, "%s:%zu", repository, is_base ? number : number % 3) < 0)
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

    image->chains = calloc(CATALOGUE_DEPTH_MAX, sizeof(*image->chains));
    if (image->chains == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for an image");
    if (name_image(image, number, number < bases, err) != 0)
        return -1;
    choose_layers(c, number, bases, rng);
    return catalogue_write_config(c, image, number == LONG_CONFIG_IMAGE ? LONG_CONFIG : number % 50,
                                  err);
}

static int allocate(struct cat_images *c, size_t images, size_t bases, struct err *err)
{
    size_t software = images / 2 + 2;

    c->image_count = images;
    c->layer_count = BASE_LAYERS * bases + software;
    c->images = calloc(images, sizeof(*c->images));
    c->layers = calloc(c->layer_count, sizeof(*c->layers));
    c->chains = calloc(images * CATALOGUE_DEPTH_MAX, sizeof(*c->chains));
    if (c->images == NULL || c->layers == NULL || c->chains == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu images", images);
    return 0;
}

int catalogue_open(struct cat_images **out, size_t images, size_t bases, uint64_t seed,
                   struct err *err)
{
    AUTO(catalogue_close) struct cat_images *c = calloc(1, sizeof(*c));
    uint64_t rng = seed;

    if (c == NULL || allocate(c, images, bases, err) != 0)
        return err_wrap(err, "catalogue");
    for (size_t i = 0; i < c->layer_count; i++)
        catalogue_make_layer(&c->layers[i], i, i < bases, &rng);
    for (size_t i = 0; i < images; i++)
        if (make_image(c, i, bases, &rng, err) != 0)
            return err_wrap(err, "catalogue");
    if (catalogue_sort(c, err) != 0)
        return -1;
    *out = steal(&c);
    return 0;
}

static void close_image(struct cat_image *image)
{
    for (size_t i = 0; i < image->name_count; i++)
        free(image->names[i]);
    free(image->names);
    free(image->repository);
    free(image->config);
    free(image->chains);
}

void catalogue_close(struct cat_images **c)
{
    if (*c == NULL)
        return;
    for (size_t i = 0; (*c)->images != NULL && i < (*c)->image_count; i++)
        close_image(&(*c)->images[i]);
    free((*c)->images);
    free((*c)->by_id);
    free((*c)->by_diff);
    json_decref((*c)->by_name);
    free((*c)->layers);
    free((*c)->chains);
    free(*c);
    *c = NULL;
}

/* ---- finding ------------------------------------------------------------------------------- */

typedef const struct digest *key_fn(const struct cat_images *c, uint32_t number);

static const struct digest *image_id(const struct cat_images *c, uint32_t number)
{
    return &c->images[number].id;
}

static const struct digest *layer_diff(const struct cat_images *c, uint32_t number)
{
    return &c->layers[number].facts.diff;
}

static int cmp_by_id(const void *a, const void *b, void *arg)
{
    return digest_cmp(image_id(arg, *(const uint32_t *)a), image_id(arg, *(const uint32_t *)b));
}

static int cmp_by_diff(const void *a, const void *b, void *arg)
{
    return digest_cmp(layer_diff(arg, *(const uint32_t *)a), layer_diff(arg, *(const uint32_t *)b));
}

/* The numbers below `count` in the order of `cmp`; NULL without memory. */
static uint32_t *sorted(struct cat_images *c, size_t count,
                        int (*cmp)(const void *, const void *, void *))
{
    uint32_t *numbers = calloc(count + 1, sizeof(*numbers));

    for (size_t i = 0; numbers != NULL && i < count; i++)
        numbers[i] = (uint32_t)i;
    if (numbers != NULL)
        qsort_r(numbers, count, sizeof(*numbers), cmp, c);
    return numbers;
}

int catalogue_sort(struct cat_images *c, struct err *err)
{
    c->by_id = sorted(c, c->image_count, cmp_by_id);
    c->by_diff = sorted(c, c->layer_count, cmp_by_diff);
    if (c->by_id == NULL || c->by_diff == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a catalogue's indices");
    return 0;
}

static bool find(const struct cat_images *c, const uint32_t *numbers, size_t count, key_fn *key_of,
                 const struct digest *key, uint32_t *out)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = digest_cmp(key_of(c, numbers[middle]), key);

        *out = numbers[middle];
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

struct cat_image *catalogue_find(const struct cat_images *c, const struct digest *id)
{
    uint32_t number;

    return find(c, c->by_id, c->image_count, image_id, id, &number) ? &c->images[number] : NULL;
}

struct cat_layer *catalogue_find_layer(const struct cat_images *c, const struct digest *diff)
{
    uint32_t number;

    return find(c, c->by_diff, c->layer_count, layer_diff, diff, &number) ? &c->layers[number]
                                                                          : NULL;
}
