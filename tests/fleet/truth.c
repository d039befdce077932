/*
 * The ground truth of what was played, counted by brute force from the hosts' holdings: nothing
 * here shares code or ideas with the collector's counters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/fleet/fleet.h"

/* The terms of the ledger, for one host or for the fleet; bytes. */
struct ledger {
    uint64_t copies, allocated, unique, replicas, duplicates, orphans;
};

struct count {
    const struct fleet *fleet;
    uint8_t *marks;        /* a chain of the host at hand */
    uint32_t *copies;      /* of each layer, on the host at hand */
    uint32_t *hosts;       /* of each layer, that hold it */
    uint32_t *chain_hosts; /* of each chain */
    uint32_t *image_hosts; /* of each image */
    struct ledger all;
    json_t *host_rows, *image_rows, *layer_rows;
};

static uint64_t nominal(const struct fleet *f, size_t layer)
{
    return f->catalogue->layers[layer].facts.nominal_bytes;
}

static json_t *ledger_json(const struct ledger *l)
{
    uint64_t split = l->unique + l->replicas + l->duplicates;

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "copies", (json_int_t)l->copies,
                     "stored", (json_int_t)(l->allocated + l->orphans), "allocated",
                     (json_int_t)l->allocated, "unique", (json_int_t)l->unique, "replicas",
                     (json_int_t)l->replicas, "duplicates", (json_int_t)l->duplicates, "layout",
                     (json_int_t)l->allocated - (json_int_t)split, "orphans",
                     (json_int_t)l->orphans);
}

static void count_copies(struct count *c, const struct speaker *s, struct ledger *l)
{
    const struct cat_images *cat = c->fleet->catalogue;

    memset(c->copies, 0, cat->layer_count * sizeof(*c->copies));
    l->copies = holding_chains(&s->holding, c->marks);
    for (size_t i = 0; i < cat->chain_count; i++) {
        if (!c->marks[i])
            continue;
        c->chain_hosts[i]++;
        c->copies[cat->chains[i].layer]++;
        l->allocated += cat->chains[i].allocated;
    }
    for (size_t i = 0; i < cat->layer_count; i++) {
        if (c->copies[i] == 0)
            continue;
        c->hosts[i]++;
        l->unique += nominal(c->fleet, i);
        l->duplicates += (c->copies[i] - 1) * nominal(c->fleet, i);
    }
    l->orphans = holding_orphans(&s->holding);
}

static json_t *images_of(struct count *c, const struct speaker *s)
{
    json_t *list = json_array();
    char text[DIGEST_TEXT];

    for (size_t i = 0; i < s->holding.count; i++) {
        uint32_t image = s->holding.list[i].image;

        c->image_hosts[image]++;
        json_array_append_new(
            list, json_string(digest_text(&c->fleet->catalogue->images[image].id, text)));
    }
    return list;
}

/* A host counts as far as something of it is acknowledged. */
static void count_host(struct count *c, const struct speaker *s)
{
    struct ledger l = {.copies = 0};
    json_t *row;

    if (s->acknowledged == 0)
        return;
    count_copies(c, s, &l);
    row = json_pack("{s:s, s:I, s:b, s:b, s:o, s:o}", "name", s->name, "generation",
                    (json_int_t)s->acknowledged, "gone", s->state == SPEAKER_GONE, "uncertain",
                    s->generation != s->acknowledged, "ledger", ledger_json(&l), "images",
                    images_of(c, s));
    json_array_append_new(c->host_rows, row);
    c->all.copies += l.copies;
    c->all.allocated += l.allocated;
    c->all.duplicates += l.duplicates;
    c->all.orphans += l.orphans;
}

static const char *name_of(const struct cat_image *image)
{
    return image->name_count > 0 ? image->names[0] : "";
}

static size_t count_images(struct count *c, size_t *presences)
{
    const struct cat_images *cat = c->fleet->catalogue;
    char text[DIGEST_TEXT];
    size_t distinct = 0;

    for (size_t i = 0; i < cat->image_count; i++) {
        if (c->image_hosts[i] == 0)
            continue;
        distinct++;
        *presences += c->image_hosts[i];
        json_array_append_new(c->image_rows,
                              json_pack("{s:s, s:s, s:i, s:i}", "id",
                                        digest_text(&cat->images[i].id, text), "name",
                                        name_of(&cat->images[i]), "hosts", (int)c->image_hosts[i],
                                        "layers", (int)cat->images[i].depth));
    }
    return distinct;
}

static size_t count_layers(struct count *c)
{
    const struct cat_images *cat = c->fleet->catalogue;
    char text[DIGEST_TEXT];
    size_t distinct = 0;

    for (size_t i = 0; i < cat->layer_count; i++) {
        if (c->hosts[i] == 0)
            continue;
        distinct++;
        c->all.unique += nominal(c->fleet, i);
        c->all.replicas += (c->hosts[i] - 1) * nominal(c->fleet, i);
        json_array_append_new(c->layer_rows,
                              json_pack("{s:s, s:i, s:I}", "diff_id",
                                        digest_text(&cat->layers[i].facts.diff, text), "hosts",
                                        (int)c->hosts[i], "nominal_bytes",
                                        (json_int_t)nominal(c->fleet, i)));
    }
    return distinct;
}

static size_t count_chains(const struct count *c)
{
    size_t distinct = 0;

    for (size_t i = 0; i < c->fleet->catalogue->chain_count; i++)
        distinct += c->chain_hosts[i] > 0;
    return distinct;
}

static int write_counted(struct count *c, const char *path, struct err *err)
{
    AUTO_JSON json_t *root = NULL;
    size_t presences = 0, images, layers;

    c->host_rows = json_array();
    c->image_rows = json_array();
    c->layer_rows = json_array();
    for (size_t i = 0; i < c->fleet->count; i++)
        count_host(c, &c->fleet->speakers[i]);
    images = count_images(c, &presences);
    layers = count_layers(c);
    root = json_pack("{s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o}", "hosts",
                     (int)json_array_size(c->host_rows), "images", (int)images, "presences",
                     (int)presences, "layers", (int)layers, "chains", (int)count_chains(c),
                     "ledger", ledger_json(&c->all), "per_host", c->host_rows, "per_image",
                     c->image_rows, "per_layer", c->layer_rows);
    return json_write(root, path, err);
}

int truth_write(const struct fleet *f, const char *path, struct err *err)
{
    const struct cat_images *cat = f->catalogue;
    AUTO_FREE uint8_t *marks = calloc(cat->chain_count, 1);
    AUTO_FREE uint32_t *copies = calloc(cat->layer_count, sizeof(*copies));
    AUTO_FREE uint32_t *hosts = calloc(cat->layer_count, sizeof(*hosts));
    AUTO_FREE uint32_t *chain_hosts = calloc(cat->chain_count, sizeof(*chain_hosts));
    AUTO_FREE uint32_t *image_hosts = calloc(cat->image_count, sizeof(*image_hosts));
    struct count c = {.fleet = f,
                      .marks = marks,
                      .copies = copies,
                      .hosts = hosts,
                      .chain_hosts = chain_hosts,
                      .image_hosts = image_hosts};

    if (marks == NULL || copies == NULL || hosts == NULL || chain_hosts == NULL ||
        image_hosts == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the truth");
    return write_counted(&c, path, err);
}
