#include <stdio.h>
#include <string.h>

#include "collector/report/parts.h"
#include "collector/store/read_blobs.h"
#include "collector/store/read_past.h"

#define REFERENCE_MAX 640 /* repository@digest */

static int list_repo_digests(const struct census *c, uint32_t image, struct sheet_cell *cell,
                             struct err *err)
{
    const struct fleet *f = &c->fleet;
    const char **texts = arena_array(c->arena, f->repo_digest_count, sizeof(*texts), err);
    size_t count = 0;

    if (texts == NULL)
        return -1;
    for (size_t i = 0; i < f->repo_digest_count; i++) {
        const struct fleet_repo_digest *d = &f->repo_digests[i];
        char text[REFERENCE_MAX], digest[DIGEST_TEXT];

        if (d->image != image || !d->present)
            continue;
        snprintf(text, sizeof(text), "%s@%s", f->names[d->repository].text,
                 digest_text(&d->digest, digest));
        texts[count] = arena_text(c->arena, text, strlen(text), err);
        if (texts[count++] == NULL)
            return -1;
    }
    *cell = cell_texts(texts, count);
    return 0;
}

/* Names that other images with exactly these layers have. */
static int list_same_layers(const struct census *c, uint32_t index, struct sheet_cell *cell,
                            struct err *err)
{
    const struct fleet_image *image = &c->fleet.images[index];
    const struct standing *own = &c->images[index];
    uint32_t *others, count = 0, kept = 0;
    const uint32_t *names;

    if (image->chain_count == 0)
        return part_names(c, NULL, 0, cell, err);
    names = bases_names_at(&c->lineage, &c->fleet, c->images, image->chains[image->chain_count - 1],
                           &count, c->arena, err);
    others = arena_array(c->arena, count, sizeof(*others), err);
    if (names == NULL || others == NULL)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        bool is_own = false;

        for (uint32_t n = 0; n < own->name_count; n++)
            is_own = is_own || own->names[n] == names[i];
        if (!is_own)
            others[kept++] = names[i];
    }
    return part_names(c, others, kept, cell, err);
}

static int64_t content_bytes(const struct census *c, const struct fleet_image *image)
{
    int64_t total = 0;

    for (uint32_t p = 0; p < image->chain_count; p++) {
        uint32_t layer = c->fleet.chains[image->chains[p]].layer;

        if (layer == FLEET_NONE || c->fleet.layers[layer].content_bytes == FLEET_UNKNOWN)
            return FLEET_UNKNOWN;
        total += c->fleet.layers[layer].content_bytes;
    }
    return image->parsed == PARSED_READ ? total : FLEET_UNKNOWN;
}

static const struct sheet_column image_columns[] = {
    {"image_id", "image ID", CELL_DIGEST, false},
    {"names", "names", CELL_NAMES, false},
    {"repo_digests", "repo digests", CELL_TEXTS, false},
    {"kind", "kind", CELL_TEXT, false},
    {"platform", "platform", CELL_TEXT, false},
    {"created", "created", CELL_TEXT, false},
    {"author", "author", CELL_TEXT, false},
    {"labels", "labels", CELL_TEXTS, false},
    {"identity", "identity", CELL_TEXT, false},
    {"config", "config", CELL_TEXT, false},
    {"layers", "layers", CELL_COUNT, false},
    {"nominal_bytes", "nominal size", CELL_BYTES, false},
    {"content_bytes", "content size", CELL_BYTES, false},
    {"hosts", "hosts", CELL_COUNT, false},
    {"stores", "stores", CELL_COUNT, false},
    {"containers", "containers", CELL_COUNT, false},
    {"containers_running", "  running", CELL_COUNT, false},
    {"core", "core build", CELL_TEXT, false},
    {"core_kind", "  kind", CELL_TEXT, false},
    {"core_chain_id", "  chain", CELL_DIGEST, true},
    {"family", "  family", CELL_TEXT, false},
    {"version", "  version", CELL_TEXT, false},
    {"base", "nearest base", CELL_TEXT, false},
    {"base_names", "  its names", CELL_NAMES, true},
    {"base_chain_id", "  its chain", CELL_DIGEST, true},
    {"base_layers", "  its layers", CELL_COUNT, false},
    {"base_method", "  known by", CELL_TEXT, false},
    {"base_confidence", "  confidence", CELL_TEXT, false},
    {"base_ties", "  images with these layers", CELL_COUNT, true},
    {"same_layers", "same layers as", CELL_TEXTS, false},
    {NULL, NULL, 0, false},
};

enum { LINEAGE = 17, SAME_LAYERS = LINEAGE + PART_LINEAGE_CELLS };

static int fill_texts(struct census *c, uint32_t index, const struct image_text *text,
                      struct sheet_cell *row, struct err *err)
{
    const struct fleet_image *image = &c->fleet.images[index];
    const struct standing *s = &c->images[index];
    struct part_lines lines;
    const char *platform = part_platform(c, image, err);

    if (platform == NULL || part_lines_open(c, &lines, err) != 0 ||
        part_names(c, s->names, s->name_count, &row[1], err) != 0 ||
        list_repo_digests(c, index, &row[2], err) != 0 ||
        part_labels(c->arena, text->labels, text->label_count, &row[7], err) != 0 ||
        part_lineage(c, &lines, index, &row[LINEAGE], err) != 0 ||
        list_same_layers(c, index, &row[SAME_LAYERS], err) != 0)
        return -1;
    row[4] = cell_text(platform[0] != '\0' ? platform : NULL);
    row[5] = cell_text(image->created[0] != '\0' ? image->created : NULL);
    row[6] = cell_text(image->author[0] != '\0' ? image->author : NULL);
    return 0;
}

static int fill_image(struct census *c, struct answer *a, uint32_t index,
                      const struct image_text *text, struct err *err)
{
    const struct fleet_image *image = &c->fleet.images[index];
    const struct standing *s = &c->images[index];
    struct sheet *sheet = answer_sheet(a, "image", NULL, true, image_columns);
    struct sheet_cell *row = sheet_row(a, sheet, err);

    if (row == NULL || fill_texts(c, index, text, row, err) != 0)
        return -1;
    row[0] = cell_digest(&image->digest);
    row[3] = cell_text(standing_kind_name(s->kind));
    row[8] = cell_text(image->identity == REC_BY_MANIFEST ? "manifest" : "config");
    row[9] = cell_text(part_config_state(image));
    if (image->parsed == PARSED_READ)
        row[10] = cell_number(image->chain_count);
    row[11] = cell_size(part_image_nominal(c, image));
    row[12] = cell_size(content_bytes(c, image));
    row[13] = cell_number(s->hosts);
    row[14] = cell_number(s->stores);
    row[15] = cell_number(s->containers);
    row[16] = cell_number(s->running);
    return 0;
}

static int fill_layers(struct census *c, struct answer *a, const struct fleet_image *image,
                       const struct image_text *text, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"position", "#", CELL_COUNT, false},
        {"diff_id", "LAYER", CELL_DIGEST, false},
        {"chain_id", "CHAIN", CELL_DIGEST, false},
        {"nominal_bytes", "NOMINAL", CELL_BYTES, false},
        {"content_bytes", "CONTENT", CELL_BYTES, false},
        {"files", "FILES", CELL_COUNT, false},
        {"empty", "EMPTY", CELL_FLAG, true},
        {"hosts", "HOSTS", CELL_COUNT, false},
        {"copies", "COPIES", CELL_COUNT, false},
        {"created_by", "CREATED BY", CELL_TEXT, false},
        {NULL, NULL, 0, false},
    };

    answer_sheet(a, "rows", "Layers", false, columns);
    for (uint32_t p = 0; p < image->chain_count; p++) {
        const struct fleet_chain *chain = &c->fleet.chains[image->chains[p]];
        struct sheet_cell *row = sheet_row(a, a->rows, err);

        if (row == NULL)
            return -1;
        row[0] = cell_number(p);
        row[2] = cell_digest(&chain->digest);
        row[6] = cell_flag(fleet_layer_empty(&c->fleet, chain->layer));
        row[9] = cell_text(part_created_by(text, image, p));
        if (chain->layer == FLEET_NONE)
            continue;
        row[1] = cell_digest(&c->fleet.layers[chain->layer].diff);
        row[3] = cell_size(c->fleet.layers[chain->layer].nominal_bytes);
        row[4] = cell_size(c->fleet.layers[chain->layer].content_bytes);
        row[5] = cell_size(c->fleet.layers[chain->layer].files);
        row[7] = cell_number(c->ledgers.layers[chain->layer].hosts);
        row[8] = cell_number(c->ledgers.layers[chain->layer].copies);
    }
    return 0;
}

static int fill_manifests(struct census *c, struct answer *a, uint32_t index, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"digest", "MANIFEST", CELL_DIGEST, false},
        {"layers", "LAYERS", CELL_COUNT, false},
        {"blob_bytes", "AS TRANSFERRED", CELL_BYTES, false},
        {"state", "STATE", CELL_TEXT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "manifests", "Manifests", false, columns);
    struct image_manifest *list;
    size_t count;

    if (read_image_manifests(c->reading, index, &list, &count, c->arena, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct sheet_cell *row = sheet_row(a, s, err);

        if (row == NULL)
            return -1;
        row[0] = cell_digest(&list[i].digest);
        row[1] = cell_number(list[i].layers);
        row[2] = cell_number(list[i].bytes);
        row[3] = cell_text(list[i].confirmed ? "proven" : "unconfirmed");
    }
    return 0;
}

static int fill_history(struct answer *a, const struct image_text *text, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"created", "CREATED", CELL_TEXT, false},
        {"created_by", "CREATED BY", CELL_TEXT, false},
        {"comment", "COMMENT", CELL_TEXT, false},
        {"empty_layer", "EMPTY", CELL_FLAG, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "history", "History", false, columns);

    for (size_t i = 0; i < text->step_count; i++) {
        const struct image_step *step = &text->steps[i];
        struct sheet_cell *row = sheet_row(a, s, err);

        if (row == NULL)
            return -1;
        row[0] = cell_text(step->created[0] != '\0' ? step->created : NULL);
        row[1] = cell_text(step->created_by);
        row[2] = cell_text(step->comment);
        row[3] = cell_flag(step->empty);
    }
    return 0;
}

static int fill_places(struct census *c, struct answer *a, uint32_t index, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"host", "HOST", CELL_TEXT, false},           {"engine", "ENGINE", CELL_TEXT, false},
        {"root", "ROOT", CELL_TEXT, false},           {"names", "NAMES", CELL_NAMES, false},
        {"unpacked", "UNPACKED", CELL_FLAG, true},    {"since", "SINCE", CELL_TIME, false},
        {"last_look", "LAST LOOK", CELL_TIME, false}, {NULL, NULL, 0, false},
    };
    const struct fleet *f = &c->fleet;
    struct sheet *s = answer_sheet(a, "places", "Places", false, columns);
    bool *marks = arena_array(c->arena, f->image_count, sizeof(*marks), err);
    struct past past;

    if (marks == NULL)
        return -1;
    marks[index] = true;
    if (read_stays(c->reading, &c->fleet, &past, marks, c->arena, err) != 0)
        return -1;
    for (size_t i = 0; i < f->presence_count; i++) {
        const struct fleet_presence *p = &f->presences[i];
        const struct fleet_store *store = &f->stores[p->store];
        struct sheet_cell *row = sheet_row(a, s, err);

        if (row == NULL ||
            part_names(c, f->place_names + p->names.first, p->names.count, &row[3], err) != 0)
            return -1;
        row[0] = cell_text(f->hosts[store->host].name);
        row[1] = cell_text(store->engine);
        row[2] = cell_text(store->root);
        row[4] = cell_flag(p->unpacked);
        row[5] = cell_time(p->from_s);
        row[6] = cell_time(store->look_s);
    }
    return 0;
}

/* Of the stores that hold it, which fill_places() read. */
static int fill_containers(struct census *c, struct answer *a, uint32_t index, struct err *err)
{
    struct sheet *s = part_begin_containers(a, true);

    for (uint32_t i = 0; i < c->fleet.store_count; i++)
        if (part_add_containers(c, a, s, i, index, err) != 0)
            return -1;
    return part_end_containers(a, s, err);
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    struct image_text text;
    uint32_t index = 0;

    if (part_find_image(c, a, &index, err) != 0 ||
        read_image_text(c->store, &text, c->fleet.images[index].id, c->arena, err) != 0)
        return -1;
    if (fill_image(c, a, index, &text, err) != 0 ||
        fill_layers(c, a, &c->fleet.images[index], &text, err) != 0 ||
        fill_manifests(c, a, index, err) != 0 || fill_history(a, &text, err) != 0 ||
        fill_places(c, a, index, err) != 0 || fill_containers(c, a, index, err) != 0)
        return -1;
    return 0;
}

const struct report report_image = {.name = "image",
                                    .needs = NEEDS_PRESENCE | NEEDS_CONTENT,
                                    .digests = true,
                                    .past = true,
                                    .sort = "position",
                                    .fill = fill};
