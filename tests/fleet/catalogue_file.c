/*
 * A catalogue of real images from a file that tests/fleet/real_fleet.py prepared: one image a line,
 *
 *     {"name": what a fleet's file calls it, "config": the document's text, "repository": text,
 *      "manifest": digest, "names": [text...],
 *      "layers": [[diff digest, bytes, files, os-release]...]}
 *
 * A layer is the same on every line. Its bytes become its nominal bytes, and those of a copy. One
 * without files is empty. Files and os-release may be left out: one file, and none.
 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/fleet/catalogue.h"
#include "tests/fleet/jsonl.h"

/* Indices by the text of a digest, while reading. */
struct reader {
    struct cat_images *c;
    json_t *layers, *chains;
};

/* The number that stands for `key`; `fresh` says that it is the next one, put there now. */
static int number_of(json_t *numbers, const char *key, uint32_t *out, bool *fresh, struct err *err)
{
    const json_t *known = json_object_get(numbers, key);

    *fresh = known == NULL;
    *out =
        (uint32_t)(known != NULL ? (size_t)json_integer_value(known) : json_object_size(numbers));
    if (*fresh && json_object_set_new(numbers, key, json_integer(*out)) != 0)
        return err_set(err, ERR_NO_MEMORY, "no memory for a catalogue");
    return 0;
}

static int need_layer(struct reader *r, const json_t *entry, uint32_t *out, struct err *err)
{
    const char *diff = json_string_value(json_array_get(entry, 0));
    json_int_t bytes = json_integer_value(json_array_get(entry, 1));
    const json_t *files = json_array_get(entry, 2), *os = json_array_get(entry, 3);
    const char *os_release = os != NULL ? json_string_value(os) : "";
    struct cat_layer *layer;
    bool fresh;

    if (diff == NULL || bytes < 0 || json_integer_value(files) < 0 || os_release == NULL ||
        strlen(os_release) >= sizeof(layer->os_release))
        return err_set(err, ERR_CORRUPT, "a layer that is not digest, bytes, files, os-release");
    if (number_of(r->layers, diff, out, &fresh, err) != 0)
        return -1;
    layer = &r->c->layers[*out];
    if (!fresh)
        return layer->facts.nominal_bytes == (uint64_t)bytes
                   ? 0
                   : err_set(err, ERR_CORRUPT, "%s has two sizes", diff);
    r->c->layer_count++;
    memcpy(layer->os_release, os_release, strlen(os_release));
    layer->facts =
        (struct rec_layer_facts){.content_bytes = (uint64_t)bytes,
                                 .nominal_bytes = (uint64_t)bytes,
                                 .files = files != NULL ? (uint64_t)json_integer_value(files) : 1,
                                 .directories = 1,
                                 .os_release = layer->os_release};
    return digest_parse(&layer->facts.diff, diff, strlen(diff), false, err);
}

/* `parent` is NULL for the first layer. */
static int need_chain(struct reader *r, const uint32_t *parent, uint32_t layer, uint32_t *out,
                      struct err *err)
{
    struct cat_images *c = r->c;
    struct digest id =
        digest_chain(parent != NULL ? &c->chains[*parent].id : NULL, &c->layers[layer].facts.diff);
    char text[DIGEST_TEXT];
    bool fresh;

    if (number_of(r->chains, digest_text(&id, text), out, &fresh, err) != 0)
        return -1;
    if (!fresh)
        return 0;
    c->chain_count++;
    c->chains[*out] = (struct cat_chain){id, layer, c->layers[layer].facts.nominal_bytes};
    return 0;
}

static int take_chains(struct reader *r, struct cat_image *image, const json_t *layers,
                       struct err *err)
{
    image->chains = calloc(json_array_size(layers) + 1, sizeof(*image->chains));
    if (image->chains == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for an image");
    for (; image->depth < json_array_size(layers); image->depth++) {
        uint32_t *chain = &image->chains[image->depth];
        uint32_t layer = 0;

        if (need_layer(r, json_array_get(layers, image->depth), &layer, err) != 0 ||
            need_chain(r, image->depth > 0 ? chain - 1 : NULL, layer, chain, err) != 0)
            return -1;
    }
    return 0;
}

static int take_names(struct cat_image *image, const json_t *names, struct err *err)
{
    image->names = calloc(json_array_size(names) + 1, sizeof(*image->names));
    for (size_t i = 0; image->names != NULL && i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (name == NULL)
            return err_set(err, ERR_CORRUPT, "a name that is no text");
        image->names[i] = strdup(name);
        if (image->names[i] == NULL)
            break;
        image->name_count++;
    }
    if (image->name_count < json_array_size(names))
        return err_set(err, ERR_NO_MEMORY, "no memory for names");
    return 0;
}

static int take_image(struct reader *r, struct cat_image *image, const json_t *line,
                      struct err *err)
{
    const char *config = json_str(line, "config"), *repository = json_str(line, "repository");
    const char *manifest = json_str(line, "manifest"), *name = json_str(line, "name");
    uint32_t number;
    bool fresh;

    if (config == NULL || repository == NULL || manifest == NULL || name == NULL)
        return err_set(err, ERR_CORRUPT, "config, repository, manifest or name is missing");
    if (number_of(r->c->by_name, name, &number, &fresh, err) != 0)
        return -1;
    if (!fresh)
        return err_set(err, ERR_CORRUPT, "%s is there twice", name);
    image->config = strdup(config);
    image->repository = strdup(repository);
    if (image->config == NULL || image->repository == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for an image");
    image->config_len = strlen(config);
    image->id = digest_of(config, image->config_len);
    if (digest_parse(&image->manifest, manifest, strlen(manifest), false, err) != 0 ||
        take_names(image, json_arr(line, "names"), err) != 0)
        return -1;
    return take_chains(r, image, json_arr(line, "layers"), err);
}

static int take_lines(struct reader *r, const json_t *lines, const char *path, struct err *err)
{
    struct cat_images *c = r->c;

    for (; c->image_count < json_array_size(lines); c->image_count++)
        if (take_image(r, &c->images[c->image_count], json_array_get(lines, c->image_count), err) !=
            0) {
            c->image_count++; /* closed with the others */
            return err_wrap(err, "%s, line %zu", path, c->image_count);
        }
    return 0;
}

static size_t count_layers(const json_t *lines)
{
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(lines); i++)
        count += json_array_size(json_arr(json_array_get(lines, i), "layers"));
    return count;
}

int catalogue_read(struct cat_images **out, const char *path, struct err *err)
{
    AUTO_JSON json_t *lines = jsonl_load(path, err);
    AUTO_JSON json_t *layers = json_object(), *chains = json_object();
    AUTO(catalogue_close) struct cat_images *c = calloc(1, sizeof(*c));
    struct reader r = {c, layers, chains};
    size_t most = count_layers(lines) + 1;

    if (lines == NULL)
        return -1;
    if (c == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a catalogue");
    c->images = calloc(json_array_size(lines) + 1, sizeof(*c->images));
    c->layers = calloc(most, sizeof(*c->layers));
    c->chains = calloc(most, sizeof(*c->chains));
    c->by_name = json_object();
    if (layers == NULL || chains == NULL || c->images == NULL || c->layers == NULL ||
        c->chains == NULL || c->by_name == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a catalogue");
    if (take_lines(&r, lines, path, err) != 0 || catalogue_sort(c, err) != 0)
        return -1;
    *out = steal(&c);
    return 0;
}
