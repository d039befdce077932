#include <stdio.h>
#include <string.h>

#include "collector/report/parts.h"
#include "collector/store/read_past.h"
#include "common/clock.h"

#define TEXT_MAX 640
#define SHORT_DIGEST 12
#define DAY_TEXT 10 /* "2026-03-02" */

/* ---- names ----------------------------------------------------------------------------------- */

static bool names_it(const struct naming_claim *claim)
{
    return !claim->displaced && claim->strength >= NAME_TAG;
}

int part_chain_title(const struct census *c, uint32_t chain, const char **out, struct err *err)
{
    const struct naming_claim *claim = naming_title(&c->naming, chain);

    *out = NULL;
    if (claim == NULL)
        return 0;
    *out = naming_text(claim, c->arena, err);
    return *out != NULL ? 0 : -1;
}

static const char *claim_text(const struct census *c, const struct naming_claim *claim,
                              struct err *err)
{
    char text[TEXT_MAX], day[CLOCK_TEXT];

    if (!claim->moved)
        return claim->name;
    snprintf(text, sizeof(text), "%s as of %.*s", claim->name, DAY_TEXT,
             clock_text(claim->first_s * 1000, day));
    return arena_text(c->arena, text, strlen(text), err);
}

/* Adds a text unless it is there already. */
static void add_text(const char **texts, size_t *count, const char *text)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(texts[i], text) == 0)
            return;
    texts[(*count)++] = text;
}

int part_chain_names(const struct census *c, const uint32_t *chains, uint32_t count,
                     struct sheet_cell *cell, struct err *err)
{
    size_t most = 0, found = 0;
    const char **texts;

    for (uint32_t i = 0; i < count; i++)
        most += c->naming.of_chain[chains[i]].count;
    texts = arena_array(c->arena, most, sizeof(*texts), err);
    if (texts == NULL)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        const struct fleet_run *run = &c->naming.of_chain[chains[i]];

        for (uint32_t n = run->first; n < run->first + run->count; n++) {
            const struct naming_claim *claim = &c->naming.claims[n];
            const char *text = names_it(claim) ? claim_text(c, claim, err) : "";

            if (text == NULL)
                return -1;
            if (names_it(claim))
                add_text(texts, &found, text);
        }
    }
    *cell = cell_texts(texts, found);
    return 0;
}

int part_named_by(const struct census *c, uint32_t chain, const char **out, struct err *err)
{
    const struct naming_claim *claim = naming_title(&c->naming, chain);
    char text[TEXT_MAX], stores[COUNT_TEXT];

    *out = NULL;
    if (claim == NULL)
        return 0;
    *out = name_strength_name(claim->strength);
    if (claim->strength != NAME_TAG)
        return 0;
    if (claim->stores > 1)
        snprintf(text, sizeof(text), "tag in %s", count_text(claim->stores, "store", stores));
    else if (claim->store != FLEET_NONE)
        snprintf(text, sizeof(text), "tag on %s",
                 c->fleet.hosts[c->fleet.stores[claim->store].host].name);
    else
        return 0;
    *out = arena_text(c->arena, text, strlen(text), err);
    return *out != NULL ? 0 : -1;
}

int part_unnamed(const struct census *c, uint32_t genesis_layer, const char **out, struct err *err)
{
    char text[TEXT_MAX], hex[DIGEST_HEX + 1];

    *out = "unnamed";
    if (genesis_layer == FLEET_NONE)
        return 0;
    snprintf(text, sizeof(text), "unnamed %.*s", SHORT_DIGEST,
             digest_hex(&c->fleet.layers[genesis_layer].diff, hex));
    *out = arena_text(c->arena, text, strlen(text), err);
    return *out != NULL ? 0 : -1;
}

int part_base_name(const struct census *c, const struct base *b, const char **out, struct err *err)
{
    *out = "scratch";
    if (b->kind == BASE_SCRATCH)
        return 0;
    if (part_chain_title(c, b->chain, out, err) != 0)
        return -1;
    return *out != NULL ? 0 : part_unnamed(c, b->genesis_layer, out, err);
}

/* ---- of one image ---------------------------------------------------------------------------- */

int part_core_name(const struct census *c, uint32_t image, const char **out, struct err *err)
{
    const struct lineage_image *l = &c->lineage.images[image];

    *out = NULL;
    if (!l->known)
        return 0;
    *out = "scratch";
    if (l->kind == BASE_SCRATCH)
        return 0;
    if (l->kind == BASE_NAMED && part_chain_title(c, l->core, out, err) != 0)
        return -1;
    if (l->kind == BASE_NAMED && *out != NULL)
        return 0;
    return part_unnamed(c, c->fleet.chains[l->core].layer, out, err);
}

int part_versions(const struct census *c, struct versions *out, struct err *err)
{
    return versions_compute(out, &c->fleet, c->request->catalogue, &c->lineage, c->bases.release,
                            c->arena, err);
}

int part_lines_open(const struct census *c, struct part_lines *out, struct err *err)
{
    out->titles = arena_array(c->arena, c->fleet.chain_count, sizeof(*out->titles), err);
    out->names = arena_array(c->arena, c->fleet.chain_count, sizeof(*out->names), err);
    if (out->titles == NULL || out->names == NULL)
        return -1;
    return part_versions(c, &out->versions, err);
}

static int fill_core(const struct census *c, struct part_lines *lines, uint32_t image,
                     struct sheet_cell *cells, struct err *err)
{
    const struct lineage_image *l = &c->lineage.images[image];
    const struct version *version;
    const char **title;

    cells[1] = cell_text(base_kind_name(l->kind));
    if (l->core == FLEET_NONE) {
        cells[0] = cell_text("scratch");
        return 0;
    }
    title = &lines->titles[l->core];
    if (*title == NULL && part_core_name(c, image, title, err) != 0)
        return -1;
    version = &lines->versions.list[lines->versions.of_chain[l->core]];
    cells[0] = cell_text(*title);
    cells[2] = cell_digest(&c->fleet.chains[l->core].digest);
    cells[3] = cell_text(lines->versions.families[version->family].name);
    cells[4] = cell_text(version->label);
    return 0;
}

static int fill_nearest(const struct census *c, struct part_lines *lines, uint32_t chain,
                        struct sheet_cell *cells, struct err *err)
{
    const char **title = &lines->titles[chain];
    struct sheet_cell *names = &lines->names[chain];

    if (*title == NULL && part_chain_title(c, chain, title, err) != 0)
        return -1;
    if (!names->known && part_chain_names(c, &chain, 1, names, err) != 0)
        return -1;
    cells[5] = cell_text(*title);
    cells[6] = *names;
    return 0;
}

int part_lineage(const struct census *c, struct part_lines *lines, uint32_t image,
                 struct sheet_cell *cells, struct err *err)
{
    const struct lineage_image *l = &c->lineage.images[image];

    if (!l->known)
        return 0;
    if (fill_core(c, lines, image, cells, err) != 0)
        return -1;
    cells[9] = cell_text(lineage_method_name(l->method));
    cells[10] = cell_text(lineage_confidence_name(l->confidence));
    if (l->nearest == FLEET_NONE)
        return 0;
    cells[5] = cell_text("unnamed");
    if (l->nearest_named && fill_nearest(c, lines, l->nearest, cells, err) != 0)
        return -1;
    cells[7] = cell_digest(&c->fleet.chains[l->nearest].digest);
    cells[8] = cell_number(l->nearest_layers);
    cells[11] = cell_number(l->ties);
    return 0;
}

const char *part_created_by(const struct image_text *text, const struct fleet_image *image,
                            uint32_t position)
{
    uint32_t layers = 0;
    const char *found = NULL;

    for (size_t i = 0; i < text->step_count; i++) {
        if (text->steps[i].empty)
            continue;
        if (layers++ == position)
            found = text->steps[i].created_by;
    }
    return layers == image->chain_count ? found : NULL;
}
