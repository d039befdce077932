#include "collector/report/parts.h"

static const struct sheet_column columns[] = {
    {"image_id", "IMAGE ID", CELL_DIGEST, false},
    {"names", "NAMES", CELL_TEXTS, false},
    {"kind", "KIND", CELL_TEXT, false},
    {"platform", "PLATFORM", CELL_TEXT, false},
    {"created", "CREATED", CELL_TEXT, true},
    {"layers", "LAYERS", CELL_COUNT, false},
    {"nominal_bytes", "NOMINAL", CELL_BYTES, false},
    {"hosts", "HOSTS", CELL_COUNT, false},
    {"stores", "STORES", CELL_COUNT, true},
    {"containers_running", "RUNNING", CELL_COUNT, false},
    {"containers", "CONTAINERS", CELL_COUNT, true},
    {"containers_unknown", "UNKNOWN", CELL_COUNT, true},
    {"core", "CORE BUILD", CELL_TEXT, false},
    {"core_kind", "CORE KIND", CELL_TEXT, true},
    {"base_names", "NEAREST BASE", CELL_TEXTS, true},
    {"identity", "IDENTITY", CELL_TEXT, true},
    {"config", "CONFIG", CELL_TEXT, true},
    {NULL, NULL, 0, false},
};

static int add_image(struct census *c, struct answer *a, uint32_t index, struct err *err)
{
    const struct fleet_image *image = &c->fleet.images[index];
    const struct standing *s = &c->images[index];
    struct sheet_cell *row = sheet_row(a, a->rows, err);
    uint32_t core = c->bases.core_of[index];
    const char *platform = part_platform(c, image, err), *core_name;
    bool read = image->parsed == PARSED_READ;

    if (row == NULL || platform == NULL || part_core_name(c, index, &core_name, err) != 0 ||
        part_names(c, s->names, s->name_count, &row[1], err) != 0 ||
        part_base_names(c, index, &row[14], err) != 0)
        return -1;
    row[0] = cell_digest(&image->digest);
    row[2] = cell_text(standing_kind_name(s->kind));
    row[3] = cell_text(read ? platform : NULL);
    row[4] = cell_text(read && image->created[0] != '\0' ? image->created : NULL);
    if (read)
        row[5] = cell_number(image->chain_count);
    row[6] = cell_size(part_image_nominal(c, image));
    row[7] = cell_number(s->hosts);
    row[8] = cell_number(s->stores);
    row[9] = cell_number(s->running);
    row[10] = cell_number(s->containers);
    row[11] = cell_number(s->run_unknown);
    row[12] = cell_text(core_name);
    row[13] = cell_text(core == FLEET_NONE ? NULL : bases_kind_name(c->bases.list[core].kind));
    row[15] = cell_text(image->identity == REC_BY_MANIFEST ? "manifest" : "config");
    row[16] = cell_text(part_config_state(image));
    return 0;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    answer_sheet(a, "rows", NULL, false, columns);
    for (uint32_t i = 0; i < c->fleet.image_count; i++)
        if (c->images[i].kind != IMAGE_ABSENT && add_image(c, a, i, err) != 0)
            return -1;
    return 0;
}

const struct report report_images = {
    .name = "images", .needs = NEEDS_PRESENCE | NEEDS_CONTENT, .sort = "hosts:desc", .fill = fill};
