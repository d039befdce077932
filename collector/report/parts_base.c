#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/report/parts.h"
#include "collector/store/read_past.h"
#include "common/clock.h"
#include "common/imageref.h"

#define TEXT_MAX 640
#define DAY_TEXT 10 /* "2026-03-02" */

/* ---- names ----------------------------------------------------------------------------------- */

/* A chain whose name moved on. */
struct moved {
    const struct naming_claim *claim;
    const struct fleet_image *image; /* NULL: of the catalogue alone */
    int64_t first_day;
    int64_t made_day; /* of a name that means several; -1 not known */
};

/* The same order for all that are called the same. */
static int compare_called(const struct moved *x, const struct moved *y)
{
    int order = strcmp(x->claim->name, y->claim->name);

    if (order == 0)
        order = (x->first_day > y->first_day) - (x->first_day < y->first_day);
    if (order != 0 || x->image == NULL || y->image == NULL)
        return order != 0 ? order : (x->image != NULL) - (y->image != NULL);
    order = strcmp(x->image->os, y->image->os);
    if (order == 0)
        order = strcmp(x->image->arch, y->image->arch);
    return order != 0 ? order : strcmp(x->image->variant, y->image->variant);
}

static int by_called(const void *a, const void *b)
{
    const struct moved *x = a, *y = b;
    int order = compare_called(x, y);

    if (order == 0)
        order = (x->made_day > y->made_day) - (x->made_day < y->made_day);
    return order != 0 ? order
                      : (x->claim->chain > y->claim->chain) - (x->claim->chain < y->claim->chain);
}

static int list_moved(const struct census *c, struct moved **out, size_t *count, struct err *err)
{
    const struct fleet *f = &c->fleet;
    size_t most = 0;

    *count = 0;
    for (size_t i = 0; i < c->naming.claim_count; i++)
        most += c->naming.claims[i].moved;
    *out = arena_array(c->arena, most, sizeof(**out), err);
    if (*out == NULL)
        return -1;
    for (uint32_t i = 0; most > 0 && i < f->chain_count; i++) {
        const struct naming_claim *claim = naming_title(&c->naming, i);

        if (claim != NULL && claim->moved)
            (*out)[(*count)++] = (struct moved){
                .claim = claim,
                .image = claim->image != FLEET_NONE ? &f->images[claim->image] : NULL,
                .first_day = claim->first_s / DAY_S,
                .made_day = -1};
    }
    if (*count > 1)
        qsort(*out, *count, sizeof(**out), by_called);
    return 0;
}

/* Fills in when those were made of which the name and its day mean several. */
static int date_moved(const struct census *c, struct moved *list, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        bool repeats = (i > 0 && compare_called(&list[i - 1], &list[i]) == 0) ||
                       (i + 1 < count && compare_called(&list[i], &list[i + 1]) == 0);
        struct lineage_family made;

        if (!repeats)
            continue;
        if (lineage_family_of(&made, &c->lineage, &c->fleet, c->request->catalogue,
                              list[i].claim->chain, c->arena, err) != 0)
            return -1;
        list[i].made_day = made.from_created && made.date_s > 0 ? made.date_s / DAY_S : -1;
    }
    if (count > 1)
        qsort(list, count, sizeof(*list), by_called);
    return 0;
}

static bool is_made_alike(const struct moved *x, const struct moved *y)
{
    return compare_called(x, y) == 0 && x->made_day == y->made_day;
}

static const char *title_of_repeated(const struct census *c, const struct moved *m, bool by_chain,
                                     struct err *err)
{
    struct naming_claim plain = *m->claim;
    char text[TEXT_MAX], day[CLOCK_TEXT], hex[DIGEST_HEX + 1];
    const char *name;

    plain.moved = m->made_day < 0;
    name = naming_text(&plain, c->arena, err);
    if (name == NULL)
        return NULL;
    clock_text(m->made_day * DAY_S * 1000, day);
    snprintf(text, sizeof(text), "%s%s%.*s%s%.*s", name, m->made_day < 0 ? "" : " of ",
             m->made_day < 0 ? 0 : DAY_TEXT, day, by_chain ? ", " : "", by_chain ? DIGEST_SHORT : 0,
             digest_hex(&c->fleet.chains[m->claim->chain].digest, hex));
    return arena_text(c->arena, text, strlen(text), err);
}

int part_titles(struct census *c, struct err *err)
{
    struct moved *list;
    size_t count;

    c->titles = arena_array(c->arena, c->fleet.chain_count, sizeof(*c->titles), err);
    if (c->titles == NULL || list_moved(c, &list, &count, err) != 0 ||
        date_moved(c, list, count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct moved *before = i > 0 ? &list[i - 1] : NULL;
        const struct moved *behind = i + 1 < count ? &list[i + 1] : NULL;
        const char **title = &c->titles[list[i].claim->chain];

        if ((before == NULL || compare_called(before, &list[i]) != 0) &&
            (behind == NULL || compare_called(behind, &list[i]) != 0))
            continue;
        *title = title_of_repeated(c, &list[i],
                                   (before != NULL && is_made_alike(before, &list[i])) ||
                                       (behind != NULL && is_made_alike(behind, &list[i])),
                                   err);
        if (*title == NULL)
            return -1;
    }
    return 0;
}

int part_chain_title(const struct census *c, uint32_t chain, const char **out, struct err *err)
{
    const struct naming_claim *claim = naming_title(&c->naming, chain);

    *out = NULL;
    if (claim == NULL)
        return 0;
    if (c->titles[chain] == NULL)
        c->titles[chain] = naming_text(claim, c->arena, err);
    *out = c->titles[chain];
    return *out != NULL ? 0 : -1;
}

int part_nearest_title(const struct census *c, uint32_t image, const char **out, struct err *err)
{
    const struct naming_claim *title =
        lineage_nearest_title(&c->lineage, &c->fleet, c->request->catalogue, image);

    *out = NULL;
    if (title == NULL)
        return 0;
    if (title == naming_title(&c->naming, title->chain))
        return part_chain_title(c, title->chain, out, err);
    *out = naming_text(title, c->arena, err);
    return *out != NULL ? 0 : -1;
}

const char *part_shown(const struct census *c, const char *name, struct err *err)
{
    char text[IMAGEREF_MAX + 1];
    const char *shown = imageref_shown(name, text);

    return shown == text ? arena_text(c->arena, text, strlen(text), err) : shown;
}

int part_named_by(const struct census *c, const struct naming_claim *title, const char **out,
                  struct err *err)
{
    char text[TEXT_MAX], stores[COUNT_TEXT];

    *out = NULL;
    if (title == NULL)
        return 0;
    *out = name_strength_name(title->strength);
    if (title->strength != NAME_TAG)
        return 0;
    if (title->stores > 1)
        snprintf(text, sizeof(text), "tag in %s", count_text(title->stores, "store", stores));
    else if (title->store != FLEET_NONE)
        snprintf(text, sizeof(text), "tag on %s",
                 c->fleet.hosts[c->fleet.stores[title->store].host].name);
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
    snprintf(text, sizeof(text), "unnamed %.*s", DIGEST_SHORT,
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
    out->names = arena_array(c->arena, c->fleet.chain_count, sizeof(*out->names), err);
    if (out->names == NULL)
        return -1;
    return part_versions(c, &out->versions, err);
}

static int fill_core(const struct census *c, struct part_lines *lines, uint32_t image,
                     struct sheet_cell *cells, struct err *err)
{
    const struct lineage_image *l = &c->lineage.images[image];
    const struct version *version;
    const char *name;

    cells[PART_CORE_KIND] = cell_text(base_kind_name(l->kind));
    if (part_core_name(c, image, &name, err) != 0)
        return -1;
    cells[PART_CORE] = cell_text(name);
    if (l->core == FLEET_NONE)
        return 0;
    version = &lines->versions.list[lines->versions.of_chain[l->core]];
    cells[PART_CORE_CHAIN] = cell_digest(&c->fleet.chains[l->core].digest);
    cells[PART_FAMILY] = cell_text(lines->versions.families[version->family].name);
    cells[PART_VERSION] = cell_text(version->label);
    return 0;
}

static int fill_nearest(const struct census *c, struct part_lines *lines, uint32_t image,
                        struct sheet_cell *cells, struct err *err)
{
    const uint32_t chain = c->lineage.images[image].nearest;
    struct sheet_cell *names = &lines->names[chain];
    const char *title;

    if (part_nearest_title(c, image, &title, err) != 0)
        return -1;
    if (!names->known && part_chain_names(c, &chain, 1, names, err) != 0)
        return -1;
    cells[PART_BASE] = cell_text(title);
    cells[PART_BASE_NAMES] = *names;
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
    cells[PART_BASE_METHOD] = cell_text(lineage_method_name(l->method));
    cells[PART_BASE_CONFIDENCE] = cell_text(lineage_confidence_name(l->confidence));
    if (l->nearest == FLEET_NONE)
        return 0;
    cells[PART_BASE] = cell_text("unnamed");
    if (l->nearest_named && fill_nearest(c, lines, image, cells, err) != 0)
        return -1;
    cells[PART_BASE_CHAIN] = cell_digest(&c->fleet.chains[l->nearest].digest);
    cells[PART_BASE_LAYERS] = cell_number(l->nearest_layers);
    cells[PART_BASE_TIES] = cell_number(l->ties);
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
