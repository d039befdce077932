#include <stdio.h>
#include <string.h>

#include "collector/census/diversity.h"
#include "collector/census/os_release.h"
#include "collector/report/origins.h"
#include "collector/report/parts.h"
#include "collector/report/walk.h"

#define TEXT_MAX 256
#define NAMED_BY_SEVERAL "mixed"

/* In tables the last ones go first where a terminal is narrow. */
enum {
    BASE,
    IMAGES,
    HOSTS,
    RUNNING,
    BEHIND_VERSIONS,
    AGE,
    STORED,
    NOMINAL,
    NAMED_BY,
    PLATFORMS,
    KIND,
    NAMES,
    CHAIN,
    CHAINS,
    GENESIS,
    OS,
    OS_ID,
    OS_VERSION,
    LAYERS,
    STANDING,
    CONTAINERS,
    COPIES,
    LAYERS_UNKNOWN,
    FAMILY,
    VERSION,
    CREATED,
    ORIGINS,
    NEWEST,
    BEHIND_DAYS,
    CELLS,
};

static const struct sheet_column columns[] = {
    [BASE] = {"base", "BASE", CELL_TITLE, false},
    [IMAGES] = {"images", "IMAGES", CELL_COUNT, false},
    [HOSTS] = {"hosts", "HOSTS", CELL_COUNT, false},
    [RUNNING] = {"containers_running", "RUNNING", CELL_COUNT, false},
    [BEHIND_VERSIONS] = {"behind_versions", "BEHIND", CELL_COUNT, false},
    [AGE] = {"age_days", "AGE (DAYS)", CELL_COUNT, false},
    [STORED] = {"stored_bytes", "STORED", CELL_BYTES, false},
    [NOMINAL] = {"nominal_bytes", "NOMINAL ONCE", CELL_BYTES, false},
    [NAMED_BY] = {"named_by", "NAMED BY", CELL_TEXT, false},
    [PLATFORMS] = {"platforms", "PLATFORMS", CELL_TEXTS, false},
    [KIND] = {"kind", "KIND", CELL_TEXT, false},
    [NAMES] = {"names", "NAMES", CELL_NAMES, true},
    [CHAIN] = {"chain_id", "CHAIN", CELL_DIGEST, true},
    [CHAINS] = {"chain_ids", "CHAINS", CELL_TEXTS, true},
    [GENESIS] = {"genesis_diff_id", "GENESIS LAYER", CELL_DIGEST, true},
    [OS] = {"os", "OS", CELL_TEXT, true},
    [OS_ID] = {"os_id", "OS ID", CELL_TEXT, true},
    [OS_VERSION] = {"os_version", "OS VERSION", CELL_TEXT, true},
    [LAYERS] = {"layers", "LAYERS", CELL_COUNT, true},
    [STANDING] = {"images_on_it", "ON IT", CELL_COUNT, true},
    [CONTAINERS] = {"containers", "CONTAINERS", CELL_COUNT, true},
    [COPIES] = {"copies", "COPIES", CELL_COUNT, true},
    [LAYERS_UNKNOWN] = {"layers_unknown", "UNKNOWN", CELL_COUNT, true},
    [FAMILY] = {"family", "FAMILY", CELL_TEXT, true},
    [VERSION] = {"version", "VERSION", CELL_TEXT, true},
    [CREATED] = {"created", "CREATED", CELL_TIME, true},
    [ORIGINS] = {"origins", "ORIGINS", CELL_TEXTS, false},
    [NEWEST] = {"newest", "NEWEST KNOWN", CELL_TITLE, true},
    [BEHIND_DAYS] = {"behind_days", "BEHIND (DAYS)", CELL_COUNT, true},
    [CELLS] = {NULL, NULL, 0, false},
};

struct filling {
    struct census *c;
    struct answer *a;
    struct versions versions;
    struct origins origins;
    struct bases rows; /* at the level that was asked for */
};

/* ---- one row --------------------------------------------------------------------------------- */

/* The version of a row's core builds: all of them are one version, or at least of one family. NULL
 * for scratch, and where the row's images have no more in common than that nothing is known. */
static const struct version *version_of(const struct filling *x, const struct base *b)
{
    uint32_t core = x->c->lineage.images[b->like].core;

    return b->chain == FLEET_NONE || core == FLEET_NONE
               ? NULL
               : &x->versions.list[x->versions.of_chain[core]];
}

/* Images without a nearest base may well have a core build: they are not on scratch. */
static bool has_no_parent(const struct filling *x, const struct base *b)
{
    return x->c->request->level == LEVEL_PARENT && b->kind == BASE_SCRATCH;
}

static int fill_os(const struct filling *x, const struct base *b, struct sheet_cell *row,
                   struct err *err)
{
    struct os_release os;
    char *id, *version;
    const char *name;

    if (x->c->request->level == LEVEL_FAMILY)
        return 0;
    os_release_parse(&os, b->os_release);
    id = arena_text(x->c->arena, os.id, strlen(os.id), err);
    version = arena_text(x->c->arena, os.version_id, strlen(os.version_id), err);
    if (id == NULL || version == NULL || part_os_name(x->c, b->os_release, &name, err) != 0)
        return -1;
    row[OS] = cell_text(name);
    row[OS_ID] = cell_text(id[0] != '\0' ? id : NULL);
    row[OS_VERSION] = cell_text(version[0] != '\0' ? version : NULL);
    return 0;
}

/* Several unnamed bases may begin with one genesis layer: "unnamed 5f70bf18a086, 4 layers". */
static int name_part(const struct filling *x, const struct base *b, const char **name,
                     struct err *err)
{
    char text[TEXT_MAX], layers[COUNT_TEXT];

    snprintf(text, sizeof(text), "%s, %s", *name,
             count_text(x->c->fleet.chains[b->chain].depth, "layer", layers));
    *name = arena_text(x->c->arena, text, strlen(text), err);
    return *name != NULL ? 0 : -1;
}

/* Whose word the names of all its chains are; "mixed" where it is not one and the same. */
static int fill_named_by(const struct filling *x, const struct base *b, struct sheet_cell *cell,
                         struct err *err)
{
    const char *common = NULL;

    for (uint32_t i = 0; i < b->chain_count; i++) {
        const struct naming_claim *title = naming_title(&x->c->naming, b->chains[i]);
        const char *name;

        if (title == NULL)
            continue;
        if (part_named_by(x->c, title, &name, err) != 0)
            return -1;
        common = common == NULL || strcmp(common, name) == 0 ? name : NAMED_BY_SEVERAL;
        if (common != name)
            break;
    }
    *cell = cell_text(common);
    return 0;
}

static int fill_name(const struct filling *x, const struct base *b, struct sheet_cell *row,
                     struct err *err)
{
    const struct version *version = version_of(x, b);
    enum report_level level = x->c->request->level;
    const char *name;

    if (part_base_name(x->c, b, &name, err) != 0)
        return -1;
    if (level == LEVEL_PARENT && b->kind == BASE_UNNAMED && name_part(x, b, &name, err) != 0)
        return -1;
    if (level == LEVEL_VERSION && version != NULL)
        name = version->label;
    if (level == LEVEL_FAMILY && version != NULL)
        name = x->versions.families[version->family].name;
    row[BASE] = cell_text(has_no_parent(x, b) ? "(none known)" : name);
    if (b->chain == FLEET_NONE)
        return 0;
    if (b->chain_count == 1)
        row[CHAIN] = cell_digest(&x->c->fleet.chains[b->chain].digest);
    if (b->chain_count == 1 && b->genesis_layer != FLEET_NONE)
        row[GENESIS] = cell_digest(&x->c->fleet.layers[b->genesis_layer].diff);
    if (b->kind != BASE_NAMED)
        return 0;
    return fill_named_by(x, b, &row[NAMED_BY], err) == 0
               ? part_chain_names(x->c, b->chains, b->chain_count, &row[NAMES], err)
               : -1;
}

static int fill_lists(const struct filling *x, const struct base *b, struct sheet_cell *row,
                      struct err *err)
{
    const struct bases *rows = &x->rows;
    const bool *on = &rows->on_platform[(size_t)(b - rows->list) * rows->platform_count];
    const char **chains = arena_array(x->c->arena, b->chain_count, sizeof(*chains), err);
    const char **platforms =
        arena_array(x->c->arena, rows->platform_count, sizeof(*platforms), err);
    char text[DIGEST_TEXT];
    size_t count = 0;

    if (chains == NULL || platforms == NULL)
        return -1;
    for (uint32_t i = 0; i < b->chain_count; i++) {
        chains[i] =
            arena_text(x->c->arena, digest_text(&x->c->fleet.chains[b->chains[i]].digest, text),
                       DIGEST_TEXT - 1, err);
        if (chains[i] == NULL)
            return -1;
    }
    for (uint32_t i = 0; i < rows->platform_count; i++) {
        if (!on[i])
            continue;
        platforms[count] = part_platform(x->c, rows->platforms[i].like, err);
        if (platforms[count++] == NULL)
            return -1;
    }
    row[CHAINS] = cell_texts(chains, b->chain_count);
    row[PLATFORMS] = cell_texts(platforms, count);
    return origins_of(&x->origins, b, &row[ORIGINS], err);
}

/* When the base was made. Of an unnamed one nobody holds more than what stands on it, which is at
 * most as old; when the fleet heard of that says nothing of its age. */
static int fill_age(const struct filling *x, const struct base *b, struct sheet_cell *row,
                    struct err *err)
{
    struct lineage_family made;
    int64_t date_s;

    if (lineage_family_of(&made, &x->c->lineage, &x->c->fleet, x->c->request->catalogue, b->chain,
                          x->c->arena, err) != 0)
        return -1;
    if (made.from_created)
        row[CREATED] = cell_time(made.date_s);
    date_s = made.from_created || b->kind == BASE_NAMED ? made.date_s : b->oldest_s;
    if (date_s > 0 && date_s <= x->c->fleet.now_s)
        row[AGE] = cell_number((x->c->fleet.now_s - date_s) / DAY_S);
    return 0;
}

/* Its family and version, and what is newer: newest is of one family and number. */
static int fill_version(const struct filling *x, const struct base *b, struct sheet_cell *row,
                        struct err *err)
{
    const struct version *version = version_of(x, b);
    enum report_level level = x->c->request->level;

    if (version == NULL)
        return 0;
    row[FAMILY] = cell_text(x->versions.families[version->family].name);
    if (level == LEVEL_FAMILY)
        return 0;
    row[VERSION] = cell_text(version->label);
    if (fill_age(x, b, row, err) != 0)
        return -1;
    if (level == LEVEL_PARENT || version->newest == FLEET_NONE)
        return 0;
    row[NEWEST] = cell_text(x->versions.list[version->newest].label);
    row[BEHIND_VERSIONS] = cell_size(version->newer);
    row[BEHIND_DAYS] = cell_size(versions_days_behind(&x->versions, version));
    return 0;
}

static int add_base(const struct filling *x, const struct base *b, struct err *err)
{
    struct sheet_cell *row = sheet_row(x->a, x->a->rows, err);

    if (row == NULL || fill_name(x, b, row, err) != 0 || fill_os(x, b, row, err) != 0 ||
        fill_lists(x, b, row, err) != 0 || fill_version(x, b, row, err) != 0)
        return -1;
    row[KIND] = cell_text(has_no_parent(x, b) ? "none" : base_kind_name(b->kind));
    row[LAYERS] = cell_number(b->layers);
    row[IMAGES] = cell_number(b->images);
    row[STANDING] = cell_number(b->standing);
    row[HOSTS] = cell_number(b->hosts);
    row[COPIES] = cell_number(b->copies);
    row[NOMINAL] = cell_number(b->nominal_bytes);
    row[LAYERS_UNKNOWN] = cell_number(b->unknown_layers);
    row[STORED] = cell_number(b->stored_bytes);
    if (x->c->request->as_of_s != 0)
        return 0; /* nobody knows what ran then */
    row[RUNNING] = cell_number(b->running);
    row[CONTAINERS] = cell_number(b->containers);
    return 0;
}

/* ---- the totals ------------------------------------------------------------------------------ */

int part_core_counts(struct census *c, const struct versions *versions, struct answer *a,
                     struct err *err)
{
    static const struct sheet_column count_columns[] = {
        {"named", "core builds, named", CELL_COUNT, false},
        {"unnamed", "core builds, unnamed", CELL_COUNT, false},
        {"scratch_images", "images on scratch", CELL_COUNT, false},
        {"undecided_images", "images whose layers are unknown", CELL_COUNT, false},
        {"families", "families of core builds", CELL_COUNT, false},
        {"versions", "versions of core builds", CELL_COUNT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "core_builds", NULL, true, count_columns);
    struct sheet_cell *row = sheet_row(a, s, err);
    struct versions_count count;

    if (row == NULL || versions_count_present(&count, versions, &c->bases, c->arena, err) != 0)
        return -1;
    row[0] = cell_number(c->bases.named);
    row[1] = cell_number(c->bases.unnamed);
    row[2] = cell_number(c->bases.scratch_images);
    row[3] = cell_number(c->bases.undecided_images);
    row[4] = cell_number(count.families);
    row[5] = cell_number(count.versions);
    return 0;
}

static int fill_platforms(const struct census *c, struct answer *a, struct err *err)
{
    static const struct sheet_column platform_columns[] = {
        {"platform", "PLATFORM", CELL_TEXT, false},
        {"named", "NAMED", CELL_COUNT, false},
        {"unnamed", "UNNAMED", CELL_COUNT, false},
        {"scratch_images", "IMAGES ON SCRATCH", CELL_COUNT, false},
        {"images", "IMAGES", CELL_COUNT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s =
        answer_sheet(a, "platforms", "Core builds by platform", false, platform_columns);

    for (uint32_t i = 0; i < c->bases.platform_count; i++) {
        const struct bases_platform *p = &c->bases.platforms[i];
        struct sheet_cell *row = sheet_row(a, s, err);
        const char *name = part_platform(c, p->like, err);

        if (row == NULL || name == NULL)
            return -1;
        row[0] = cell_text(name);
        row[1] = cell_number(p->named);
        row[2] = cell_number(p->unnamed);
        row[3] = cell_number(p->scratch_images);
        row[4] = cell_number(p->images);
    }
    return 0;
}

static int64_t weight(const struct base *b, int measure)
{
    const int64_t weights[] = {b->images, b->hosts, b->containers, b->stored_bytes};

    return weights[measure];
}

static int fill_diversity(const struct filling *x, struct err *err)
{
    static const struct sheet_column diversity_columns[] = {
        {"images_effective", "effective number by images", CELL_DECIMAL, false},
        {"images_simpson", "  inverse Simpson", CELL_DECIMAL, false},
        {"images_largest_share", "  the largest holds", CELL_SHARE, true},
        {"hosts_effective", "effective number by hosts", CELL_DECIMAL, false},
        {"hosts_simpson", "  inverse Simpson", CELL_DECIMAL, false},
        {"hosts_largest_share", "  the largest holds", CELL_SHARE, true},
        {"containers_effective", "effective number by all containers", CELL_DECIMAL, false},
        {"containers_simpson", "  inverse Simpson", CELL_DECIMAL, false},
        {"containers_largest_share", "  the largest holds", CELL_SHARE, true},
        {"stored_effective", "effective number by stored bytes", CELL_DECIMAL, false},
        {"stored_simpson", "  inverse Simpson", CELL_DECIMAL, false},
        {"stored_largest_share", "  the largest holds", CELL_SHARE, true},
        {NULL, NULL, 0, false},
    };
    enum { MEASURES = 4, CONTAINER_MEASURE = 2, CELLS_EACH = 3 };
    struct sheet *s = answer_sheet(x->a, "diversity", "Diversity", true, diversity_columns);
    struct sheet_cell *row = sheet_row(x->a, s, err);
    int64_t *weights = arena_array(x->c->arena, x->rows.count, sizeof(*weights), err);

    if (row == NULL || weights == NULL)
        return -1;
    for (int measure = 0; measure < MEASURES; measure++) {
        struct sheet_cell *cells = &row[measure * CELLS_EACH];
        struct diversity d;

        if (measure == CONTAINER_MEASURE && x->c->request->as_of_s != 0)
            continue;
        for (uint32_t i = 0; i < x->rows.count; i++)
            weights[i] = weight(&x->rows.list[i], measure);
        diversity_of(&d, weights, x->rows.count);
        cells[0] = cell_number(d.shannon);
        cells[1] = cell_number(d.simpson);
        cells[2] = cell_number(d.largest);
    }
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int add_hosts(const struct walk *w, const struct fleet *f, uint32_t host,
                     const struct copies *copies, struct err *err)
{
    (void)copies;
    (void)err;
    bases_add_host(w->data, f, host);
    return 0;
}

static int group(struct filling *x, struct err *err)
{
    static const enum bases_by by[] = {
        [LEVEL_CORE] = BASES_BY_CORE,
        [LEVEL_PARENT] = BASES_BY_PARENT,
        [LEVEL_VERSION] = BASES_BY_VERSION,
        [LEVEL_FAMILY] = BASES_BY_FAMILY,
    };
    struct census *c = x->c;
    const struct walk w = {.visit = add_hosts, .data = &x->rows};

    if (c->request->level == LEVEL_CORE)
        x->rows = c->bases;
    else if (bases_group(&x->rows, by[c->request->level], &x->versions, c->bases.release, &c->fleet,
                         &c->lineage, &c->ledgers, c->images, c->arena, err) != 0)
        return -1;
    return walk_hosts(c, &w, err);
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    struct filling x = {.c = c, .a = a};

    if (part_versions(c, &x.versions, err) != 0 || origins_open(&x.origins, c, err) != 0 ||
        group(&x, err) != 0)
        return -1;
    if (part_core_counts(c, &x.versions, a, err) != 0 || fill_diversity(&x, err) != 0 ||
        fill_platforms(c, a, err) != 0)
        return -1;
    answer_sheet(a, "rows", NULL, false, columns);
    for (uint32_t i = 0; i < x.rows.count; i++)
        if (add_base(&x, &x.rows.list[i], err) != 0)
            return -1;
    return sheet_reveal(a, a->rows, columns[NEWEST].key, err);
}

const struct report report_bases = {.name = "bases",
                                    .needs = NEEDS_PRESENCE | NEEDS_CONTENT | NEEDS_SIZES,
                                    .takes_as_of = true,
                                    .sort = "images:desc",
                                    .fill = fill};
