#include "collector/report/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/report/names_private.h"

#define TEXT_MAX 512 /* bytes of whose word a name is */

static const struct sheet_column columns[] = {
    [NAMES_ASKED] = {"subject", "SUBJECT", CELL_COUNT, true},
    [NAMES_NAME] = {"name", "NAME", CELL_TITLE, false},
    [NAMES_IMAGE] = {"image_id", "IMAGE", CELL_DIGEST, false},
    [NAMES_PLATFORM] = {"platform", "PLATFORM", CELL_TEXT, false},
    [NAMES_SAID_BY] = {"named_by", "NAMED BY", CELL_TEXT, false},
    [NAMES_WEAK] = {"weak", "WEAK", CELL_FLAG, true},
    [NAMES_CLASHES] = {"clashes", "CLASHES", CELL_FLAG, true},
    [NAMES_HOSTS] = {"hosts", "HOSTS", CELL_COUNT, false},
    [NAMES_CHAIN] = {"chain_id", "CHAIN", CELL_DIGEST, false},
    [NAMES_DIGEST] = {"digest", "DIGEST", CELL_DIGEST, true},
    [NAMES_CREATED] = {"created", "CREATED", CELL_TIME, false},
    [NAMES_LAYERS] = {"diff_ids", "LAYERS", CELL_TEXTS, true},
    [NAMES_COLUMNS] = {NULL, NULL, 0, false},
};

/* A base whose layers do not make its chain would be found nowhere, and its file not be read again.
 */
static int fill_layers(const struct census *c, const struct fleet_image *image,
                       struct sheet_cell *cell, struct err *err)
{
    const char **texts = arena_array(c->arena, image->chain_count, sizeof(*texts), err);
    struct digest chain = {0};
    char text[DIGEST_TEXT];

    if (texts == NULL)
        return -1;
    for (uint32_t i = 0; i < image->chain_count; i++) {
        uint32_t layer = c->fleet.chains[image->chains[i]].layer;

        if (layer == FLEET_NONE)
            return err_set(err, ERR_NOT_FOUND, "the layers of image %s are not all known",
                           digest_text(&image->digest, text));
        chain = i == 0 ? c->fleet.layers[layer].diff
                       : digest_chain(&chain, &c->fleet.layers[layer].diff);
        digest_text(&c->fleet.layers[layer].diff, text);
        texts[i] = arena_text(c->arena, text, strlen(text), err);
        if (texts[i] == NULL)
            return -1;
    }
    if (!digest_eq(&chain, &c->fleet.chains[image->chains[image->chain_count - 1]].digest))
        return err_set(err, ERR_CORRUPT,
                       "the layers that the database has of image %s are not those of its chain: "
                       "it cannot be a base",
                       digest_text(&image->digest, text));
    *cell = cell_texts(texts, image->chain_count);
    return 0;
}

/* ---- whose word a name is -------------------------------------------------------------------- */

/* What goes before the host that said it. */
static const char *said_how(const struct naming_claim *claim)
{
    switch (claim->strength) {
    case NAME_PULLED:
        return "pulled by";
    case NAME_TRUSTED:
        return "trusted, said on";
    case NAME_TAG:
        return claim->displaced ? "tag, which a stronger word displaces, on" : "tag on";
    default:
        return "only seen in a store that its own user can write, on";
    }
}

static const char *said_by(const struct census *c, const struct naming_claim *claim,
                           struct err *err)
{
    char text[TEXT_MAX];

    if (claim == NULL)
        return "your own word";
    if (claim->strength == NAME_CATALOGUE || claim->store == FLEET_NONE)
        return name_strength_name(claim->strength);
    snprintf(text, sizeof(text), "%s %s", said_how(claim),
             c->fleet.hosts[c->fleet.stores[claim->store].host].name);
    return arena_text(c->arena, text, strlen(text), err);
}

static bool is_weak(const struct names_found *k)
{
    return !k->given && (k->claim == NULL || k->claim->displaced || k->strength <= NAME_SEEN);
}

/* ---- beside the catalogue -------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const struct catalogue_base *x = *(const struct catalogue_base *const *)a;
    const struct catalogue_base *y = *(const struct catalogue_base *const *)b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : strcmp(x->platform, y->platform);
}

/* The catalogue's bases by name and platform; NULL without memory. */
static const struct catalogue_base **sorted_bases(const struct census *c, struct err *err)
{
    const struct catalogue *k = c->request->catalogue;
    const struct catalogue_base **out = arena_array(c->arena, k->base_count, sizeof(*out), err);

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < k->base_count; i++)
        out[i] = &k->bases[i];
    qsort(out, k->base_count, sizeof(*out), by_name);
    return out;
}

/* Whether the catalogue has name and platform, and not for this chain. */
static bool clashes(const struct census *c, const struct catalogue_base **sorted,
                    const struct names_found *k, const struct digest *chain)
{
    const struct catalogue_base asked = {.name = k->name, .platform = k->platform}, *key = &asked;
    size_t low = 0, high = c->request->catalogue->base_count;
    size_t at, count = high;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (by_name(&sorted[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (at = low; at < count && by_name(&sorted[at], &key) == 0; at++)
        if (digest_eq(&sorted[at]->chain, chain))
            return false;
    return !k->given && at > low;
}

/* ---- the rows -------------------------------------------------------------------------------- */

static int add_row(struct census *c, struct answer *a, const struct names_found *k,
                   const struct catalogue_base **sorted, struct err *err)
{
    const char *by = said_by(c, k->claim, err);
    const struct fleet_image *image = &c->fleet.images[k->image];
    const struct digest *chain = &c->fleet.chains[image->chains[image->chain_count - 1]].digest;
    struct sheet_cell *row = sheet_row(a, a->rows, err);

    if (by == NULL || row == NULL || fill_layers(c, image, &row[NAMES_LAYERS], err) != 0)
        return -1;
    row[NAMES_ASKED] = cell_number((int64_t)k->asked);
    row[NAMES_NAME] = cell_text(k->name);
    row[NAMES_IMAGE] = cell_digest(&image->digest);
    row[NAMES_PLATFORM] = cell_text(k->platform);
    row[NAMES_SAID_BY] = cell_text(by);
    row[NAMES_WEAK] = cell_flag(is_weak(k));
    row[NAMES_CLASHES] = cell_flag(clashes(c, sorted, k, chain));
    row[NAMES_HOSTS] = cell_number(c->images[k->image].hosts);
    row[NAMES_CHAIN] = cell_digest(chain);
    row[NAMES_DIGEST] = cell_digest(k->digest);
    row[NAMES_CREATED] = cell_time(image->created_s);
    return 0;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    const struct catalogue_base **sorted = sorted_bases(c, err);
    struct names_found *list;
    size_t count;

    if (sorted == NULL || names_search(&list, &count, c, err) != 0)
        return -1;
    answer_sheet(a, "rows", NULL, false, columns);
    for (size_t i = 0; i < count; i++)
        if (add_row(c, a, &list[i], sorted, err) != 0)
            return -1;
    return 0;
}

const struct report report_names = {.name = "catalogue add",
                                    .needs = NEEDS_PRESENCE | NEEDS_CONTENT,
                                    .digests = true,
                                    .fill = fill};

/* ---- for whoever reads the rows -------------------------------------------------------------- */

static const struct sheet_cell *cells_of(const struct answer *a, size_t row)
{
    return &a->rows->cells[row * NAMES_COLUMNS];
}

int names_base(const struct answer *a, size_t row, struct catalogue_base *out, struct err *err)
{
    const struct sheet_cell *cells = cells_of(a, row);
    const struct sheet_cell *layers = &cells[NAMES_LAYERS];

    *out = (struct catalogue_base){.name = cells[NAMES_NAME].text,
                                   .chain = *cells[NAMES_CHAIN].digest,
                                   .layers = layers->texts.count,
                                   .platform = cells[NAMES_PLATFORM].text,
                                   .family = "",
                                   .version = "",
                                   .source = "fleet"};
    out->created_s = cells[NAMES_CREATED].known ? cells[NAMES_CREATED].number : 0;
    if (cells[NAMES_DIGEST].known)
        out->digest = *cells[NAMES_DIGEST].digest;
    out->diffs = arena_array(a->arena, out->layers, sizeof(*out->diffs), err);
    for (size_t i = 0; out->diffs != NULL && i < out->layers; i++)
        if (digest_parse(&out->diffs[i], layers->texts.items[i], DIGEST_TEXT - 1, false, err) != 0)
            return -1;
    return out->diffs != NULL ? 0 : -1;
}

bool names_differ(const struct answer *a, size_t row)
{
    const struct sheet_cell *one = cells_of(a, row - 1), *two = cells_of(a, row);

    return one[NAMES_ASKED].number == two[NAMES_ASKED].number &&
           strcmp(one[NAMES_NAME].text, two[NAMES_NAME].text) == 0 &&
           strcmp(one[NAMES_PLATFORM].text, two[NAMES_PLATFORM].text) == 0 &&
           !digest_eq(one[NAMES_CHAIN].digest, two[NAMES_CHAIN].digest);
}
