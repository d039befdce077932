#include "collector/report/parts.h"

static const struct sheet_column columns[] = {
    {"diff_id", "LAYER", CELL_DIGEST, false},
    {"nominal_bytes", "NOMINAL", CELL_BYTES, false},
    {"content_bytes", "CONTENT", CELL_BYTES, false},
    {"files", "FILES", CELL_COUNT, false},
    {"size_state", "SIZE", CELL_TEXT, false},
    {"images", "IMAGES", CELL_COUNT, false},
    {"hosts", "HOSTS", CELL_COUNT, false},
    {"copies", "COPIES", CELL_COUNT, false},
    {"copies_measured", "MEASURED", CELL_COUNT, true},
    {"stored_bytes", "STORED", CELL_BYTES, false},
    {"replicas_bytes", "REPLICAS", CELL_BYTES, false},
    {"duplicates_bytes", "DUPLICATES", CELL_BYTES, false},
    {"layout_bytes", "LAYOUT", CELL_BYTES, true},
    {"unsplit_bytes", "UNSPLIT", CELL_BYTES, true},
    {"os", "OS", CELL_TEXT, true},
    {NULL, NULL, 0, false},
};

/* How many present images contain each layer; an image that holds it twice counts once. */
static int64_t *count_images(struct census *c, struct err *err)
{
    int64_t *counts = arena_array(c->arena, c->fleet.layer_count, sizeof(*counts), err);
    uint32_t *last = arena_array(c->arena, c->fleet.layer_count, sizeof(*last), err);

    if (counts == NULL || last == NULL)
        return NULL;
    for (uint32_t i = 0; i < c->fleet.image_count; i++) {
        const struct fleet_image *image = &c->fleet.images[i];

        for (uint32_t p = 0; c->images[i].kind != IMAGE_ABSENT && p < image->chain_count; p++) {
            uint32_t layer = c->fleet.chains[image->chains[p]].layer;

            if (layer == FLEET_NONE || last[layer] == i + 1)
                continue;
            last[layer] = i + 1;
            counts[layer]++;
        }
    }
    return counts;
}

static int add_layer(struct census *c, struct answer *a, uint32_t index, int64_t images,
                     struct err *err)
{
    const struct fleet_layer *l = &c->fleet.layers[index];
    const struct ledger_layer *sums = &c->ledgers.layers[index];
    struct sheet_cell *row = sheet_row(a, a->rows, err);
    const char *os;

    if (row == NULL || part_os_name(c, l->os_release, &os, err) != 0)
        return -1;
    row[0] = cell_digest(&l->diff);
    row[1] = cell_size(l->nominal_bytes);
    row[2] = cell_size(l->content_bytes);
    row[3] = cell_size(l->files);
    row[4] = cell_text(part_size_state(l));
    row[5] = cell_number(images);
    row[6] = cell_number(sums->hosts);
    row[7] = cell_number(sums->copies);
    row[8] = cell_number(sums->measured);
    row[9] = cell_number(sums->stored);
    row[10] = cell_number(sums->replicas);
    row[11] = cell_number(sums->duplicates);
    row[12] = cell_number(sums->layout);
    row[13] = cell_number(sums->unsplit);
    row[14] = cell_text(os);
    return 0;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    int64_t *images = count_images(c, err);

    if (images == NULL)
        return -1;
    answer_sheet(a, "rows", NULL, false, columns);
    for (uint32_t i = 0; i < c->fleet.layer_count; i++)
        if (c->layers_present[i] && add_layer(c, a, i, images[i], err) != 0)
            return -1;
    return 0;
}

const struct report report_layers = {.name = "layers",
                                     .needs = NEEDS_PRESENCE | NEEDS_CONTENT | NEEDS_SIZES,
                                     .sort = "stored_bytes:desc",
                                     .fill = fill};
