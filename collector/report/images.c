#include "collector/report/parts.h"

static const struct sheet_column columns[] = {
    {"image_id", "IMAGE ID", CELL_DIGEST, false},
    {"names", "NAMES", CELL_NAMES, false},
    {"hosts", "HOSTS", CELL_COUNT, false},
    {"core", "CORE BUILD", CELL_TITLE, false},
    {"core_kind", "CORE KIND", CELL_TEXT, true},
    {"core_chain_id", "CORE CHAIN", CELL_DIGEST, true},
    {"family", "FAMILY", CELL_TEXT, true},
    {"version", "VERSION", CELL_TEXT, true},
    {"base", "NEAREST BASE", CELL_TITLE, false},
    {"base_names", "BASE NAMES", CELL_NAMES, true},
    {"base_chain_id", "BASE CHAIN", CELL_DIGEST, true},
    {"base_layers", "BASE LAYERS", CELL_COUNT, true},
    {"base_method", "BASE BY", CELL_TEXT, true},
    {"base_confidence", "CONFIDENCE", CELL_TEXT, false},
    {"base_ties", "TIES", CELL_COUNT, true},
    {"containers_running", "RUNNING", CELL_COUNT, false},
    {"nominal_bytes", "NOMINAL", CELL_BYTES, false},
    {"layers", "LAYERS", CELL_COUNT, false},
    {"platform", "PLATFORM", CELL_TEXT, false},
    {"kind", "KIND", CELL_TEXT, false},
    {"created", "CREATED", CELL_TEXT, true},
    {"stores", "STORES", CELL_COUNT, true},
    {"containers", "CONTAINERS", CELL_COUNT, true},
    {"containers_unknown", "UNKNOWN", CELL_COUNT, true},
    {"identity", "IDENTITY", CELL_TEXT, true},
    {"config", "CONFIG", CELL_TEXT, true},
    {NULL, NULL, 0, false},
};

/* In tables the last ones go first where a terminal is narrow. */
enum {
    ID,
    NAMES,
    HOSTS,
    LINEAGE,
    RUNNING = LINEAGE + PART_LINEAGE_CELLS,
    NOMINAL,
    LAYERS,
    PLATFORM,
    KIND,
    CREATED,
    STORES,
    CONTAINERS,
    CONTAINERS_UNKNOWN,
    IDENTITY,
    CONFIG
};

static int add_image(struct census *c, struct answer *a, struct part_lines *lines, uint32_t index,
                     struct err *err)
{
    const struct fleet_image *image = &c->fleet.images[index];
    const struct standing *s = &c->images[index];
    struct sheet_cell *row = sheet_row(a, a->rows, err);
    const char *platform = part_platform(c, image, err);
    bool read = image->parsed == PARSED_READ;

    if (row == NULL || platform == NULL ||
        part_names(c, s->names, s->name_count, &row[NAMES], err) != 0 ||
        part_lineage(c, lines, index, &row[LINEAGE], err) != 0)
        return -1;
    row[ID] = cell_digest(&image->digest);
    row[KIND] = cell_text(standing_kind_name(s->kind));
    row[PLATFORM] = cell_text(read ? platform : NULL);
    row[CREATED] = cell_text(read && image->created[0] != '\0' ? image->created : NULL);
    if (read)
        row[LAYERS] = cell_number(image->chain_count);
    row[NOMINAL] = cell_size(part_image_nominal(c, image));
    row[HOSTS] = cell_number(s->hosts);
    row[STORES] = cell_number(s->stores);
    if (c->request->as_of_s == 0) {
        row[RUNNING] = cell_number(s->running);
        row[CONTAINERS] = cell_number(s->containers);
        row[CONTAINERS_UNKNOWN] = cell_number(s->run_unknown);
    }
    row[IDENTITY] = cell_text(image->identity == REC_BY_MANIFEST ? "manifest" : "config");
    row[CONFIG] = cell_text(part_config_state(image));
    return 0;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    struct part_lines lines;

    if (part_lines_open(c, &lines, err) != 0)
        return -1;
    answer_sheet(a, "rows", NULL, false, columns);
    for (uint32_t i = 0; i < c->fleet.image_count; i++)
        if (c->images[i].kind != IMAGE_ABSENT && add_image(c, a, &lines, i, err) != 0)
            return -1;
    return 0;
}

const struct report report_images = {.name = "images",
                                     .needs = NEEDS_PRESENCE | NEEDS_CONTENT,
                                     .takes_as_of = true,
                                     .sort = "hosts:desc",
                                     .fill = fill};
