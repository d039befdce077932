#include <string.h>

#include "collector/census/os_release.h"
#include "collector/report/parts.h"
#include "collector/report/walk.h"

static const struct sheet_column columns[] = {
    {"base", "CORE BUILD", CELL_TEXT, false},
    {"kind", "KIND", CELL_TEXT, false},
    {"names", "NAMES", CELL_TEXTS, true},
    {"chain_id", "CHAIN", CELL_DIGEST, true},
    {"genesis_diff_id", "GENESIS LAYER", CELL_DIGEST, true},
    {"os", "OS", CELL_TEXT, true},
    {"os_id", "OS ID", CELL_TEXT, false},
    {"os_version", "VERSION", CELL_TEXT, false},
    {"platforms", "PLATFORMS", CELL_TEXT, false},
    {"layers", "LAYERS", CELL_COUNT, true},
    {"images", "IMAGES ON IT", CELL_COUNT, false},
    {"hosts", "HOSTS", CELL_COUNT, false},
    {"containers_running", "RUNNING", CELL_COUNT, false},
    {"containers", "CONTAINERS", CELL_COUNT, true},
    {"copies", "COPIES", CELL_COUNT, true},
    {"nominal_bytes", "NOMINAL ONCE", CELL_BYTES, false},
    {"layers_unknown", "UNKNOWN", CELL_COUNT, true},
    {"stored_bytes", "STORED", CELL_BYTES, false},
    {NULL, NULL, 0, false},
};

static int fill_os(struct census *c, const struct base *b, struct sheet_cell *row, struct err *err)
{
    struct os_release os;
    char *id, *version;
    const char *name;

    os_release_parse(&os, b->os_release);
    id = arena_text(c->arena, os.id, strlen(os.id), err);
    version = arena_text(c->arena, os.version_id, strlen(os.version_id), err);
    if (id == NULL || version == NULL || part_os_name(c, b->os_release, &name, err) != 0)
        return -1;
    row[5] = cell_text(name);
    row[6] = cell_text(id[0] != '\0' ? id : NULL);
    row[7] = cell_text(version[0] != '\0' ? version : NULL);
    return 0;
}

static int add_base(struct census *c, struct answer *a, const struct base *b, struct err *err)
{
    struct sheet_cell *row = sheet_row(a, a->rows, err);
    const char *name;

    if (row == NULL || part_base_name(c, b, &name, err) != 0 ||
        part_names(c, b->names, b->name_count, &row[2], err) != 0 || fill_os(c, b, row, err) != 0)
        return -1;
    row[0] = cell_text(name);
    row[1] = cell_text(bases_kind_name(b->kind));
    row[3] = cell_digest(b->chain == FLEET_NONE ? NULL : &c->fleet.chains[b->chain].digest);
    row[4] = cell_digest(b->genesis_layer == FLEET_NONE ? NULL
                                                        : &c->fleet.layers[b->genesis_layer].diff);
    row[8] = cell_text(b->platforms);
    row[9] = cell_number(b->layers);
    row[10] = cell_number(b->images);
    row[11] = cell_number(b->hosts);
    row[12] = cell_number(b->running);
    row[13] = cell_number(b->containers);
    row[14] = cell_number(b->copies);
    row[15] = cell_number(b->nominal_bytes);
    row[16] = cell_number(b->unknown_layers);
    row[17] = cell_number(b->stored_bytes);
    return 0;
}

int part_core_counts(struct census *c, struct answer *a, struct err *err)
{
    static const struct sheet_column count_columns[] = {
        {"named", "core builds, named", CELL_COUNT, false},
        {"unnamed", "core builds, unnamed", CELL_COUNT, false},
        {"scratch_images", "images on scratch", CELL_COUNT, false},
        {"undecided_images", "images whose layers are unknown", CELL_COUNT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "core_builds", NULL, true, count_columns);
    struct sheet_cell *row = sheet_row(a, s, err);

    if (row == NULL)
        return -1;
    row[0] = cell_number(c->bases.named);
    row[1] = cell_number(c->bases.unnamed);
    row[2] = cell_number(c->bases.scratch_images);
    row[3] = cell_number(c->bases.undecided_images);
    return 0;
}

static int add_hosts(const struct walk *w, const struct fleet *f, uint32_t host,
                     const struct copies *copies, struct err *err)
{
    (void)copies;
    (void)err;
    bases_add_host(w->data, f, host);
    return 0;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    const struct walk w = {.visit = add_hosts, .data = &c->bases};

    if (walk_hosts(c, &w, err) != 0 || part_core_counts(c, a, err) != 0)
        return -1;
    answer_sheet(a, "rows", NULL, false, columns);
    for (uint32_t i = 0; i < c->bases.count; i++)
        if (add_base(c, a, &c->bases.list[i], err) != 0)
            return -1;
    return 0;
}

const struct report report_bases = {.name = "bases",
                                    .needs = NEEDS_PRESENCE | NEEDS_CONTENT | NEEDS_SIZES,
                                    .sort = "images:desc",
                                    .fill = fill};
