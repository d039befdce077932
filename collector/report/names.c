#include "collector/report/names.h"

#include <stdlib.h>
#include <string.h>

#include "collector/report/parts.h"
#include "common/imageref.h"

#define HEX_LEAST 12 /* digits of an image ID without "sha256:" */
#define ALGORITHM "sha256:"

static const struct sheet_column columns[] = {
    [NAMES_NAME] = {"name", "NAME", CELL_TEXT, false},
    [NAMES_IMAGE] = {"image_id", "IMAGE", CELL_DIGEST, false},
    [NAMES_PLATFORM] = {"platform", "PLATFORM", CELL_TEXT, false},
    [NAMES_SAID_BY] = {"named_by", "NAMED BY", CELL_TEXT, false},
    [NAMES_HOSTS] = {"hosts", "HOSTS", CELL_COUNT, false},
    [NAMES_CHAIN] = {"chain_id", "CHAIN", CELL_DIGEST, false},
    [NAMES_DIGEST] = {"digest", "DIGEST", CELL_DIGEST, true},
    [NAMES_CREATED] = {"created", "CREATED", CELL_TIME, false},
    [NAMES_LAYERS] = {"diff_ids", "LAYERS", CELL_TEXTS, true},
    [NAMES_COLUMNS] = {NULL, NULL, 0, false},
};

/* What the subject asks for. */
struct wanted {
    bool by_id; /* `hex` is an image ID, or its beginning */
    char hex[DIGEST_HEX + 1];
    struct imageref name;
};

/* One image under one name. */
struct candidate {
    uint32_t image;
    const char *name, *platform;
    enum name_strength strength;
};

struct search {
    struct census *c;
    struct wanted want;
    struct candidate *list;
    size_t count, cap;
    size_t unread; /* images that would be meant, whose layers nobody knows */
};

static int read_subject(struct wanted *out, const char *text, struct err *err)
{
    const char *hex =
        strncmp(text, ALGORITHM, strlen(ALGORITHM)) == 0 ? text + strlen(ALGORITHM) : text;
    size_t len = strlen(hex);
    struct err why;

    *out = (struct wanted){.by_id = false};
    out->by_id = strspn(hex, "0123456789abcdef") == len && len <= DIGEST_HEX &&
                 len >= (hex != text ? 4 : HEX_LEAST);
    if (out->by_id) {
        memcpy(out->hex, hex, len + 1);
        return 0;
    }
    if (imageref_parse(&out->name, text, &why) != 0)
        return err_set(err, ERR_USAGE, "%s", why.text);
    return 0;
}

/* ---- candidates ------------------------------------------------------------------------------ */

static enum name_strength strength_of(const struct census *c, uint32_t chain, const char *name)
{
    const struct fleet_run *run = &c->naming.of_chain[chain];

    for (uint32_t i = run->first; i < run->first + run->count; i++)
        if (strcmp(c->naming.claims[i].name, name) == 0)
            return c->naming.claims[i].strength;
    return NAME_SEEN; /* nobody has claimed it but a store that its user can write */
}

static int add(struct search *s, uint32_t image, const struct imageref *name, struct err *err)
{
    const struct fleet_image *fi = &s->c->fleet.images[image];
    char text[IMAGEREF_MAX + 1];
    struct candidate *list;
    struct candidate k = {.image = image};

    if (fi->chain_count == 0) {
        s->unread++;
        return 0;
    }
    list = fleet_room(s->c->arena, s->list, s->count, &s->cap, sizeof(*list), err);
    if (list == NULL)
        return -1;
    s->list = list;
    imageref_text(name, text);
    k.name = arena_text(s->c->arena, text, strlen(text), err);
    k.platform = part_platform(s->c, fi, err);
    if (k.name == NULL || k.platform == NULL)
        return -1;
    k.strength = strength_of(s->c, fi->chains[fi->chain_count - 1], k.name);
    list[s->count++] = k;
    return 0;
}

static bool same_repository(const struct imageref *a, const struct imageref *b)
{
    return strcmp(a->registry, b->registry) == 0 && strcmp(a->repository, b->repository) == 0;
}

/* Names that a present image has now. */
static int search_names(struct search *s, uint32_t image, struct err *err)
{
    const struct standing *at = &s->c->images[image];
    const struct imageref *want = &s->want.name;

    for (uint32_t n = 0; n < at->name_count; n++) {
        struct imageref have;

        if (imageref_parse(&have, s->c->fleet.names[at->names[n]].text, NULL) != 0 ||
            have.tag[0] == '\0')
            continue;
        have.has_digest = false;
        if (!s->want.by_id && (!same_repository(&have, want) ||
                               (want->tag[0] != '\0' && strcmp(want->tag, have.tag) != 0)))
            continue;
        if (add(s, image, &have, err) != 0)
            return -1;
    }
    return 0;
}

static bool has_digest(const struct fleet *f, uint32_t image, const struct digest *digest)
{
    if (digest_eq(&f->images[image].digest, digest))
        return true;
    for (size_t i = 0; i < f->repo_digest_count; i++)
        if (f->repo_digests[i].image == image && digest_eq(&f->repo_digests[i].digest, digest))
            return true;
    return false;
}

/* The operator says which: the name becomes the image's whatever the fleet calls it. */
static int search_digest(struct search *s, uint32_t image, struct err *err)
{
    struct imageref name = s->want.name;

    if (!has_digest(&s->c->fleet, image, &name.digest))
        return 0;
    name.has_digest = name.tag[0] == '\0';
    return add(s, image, &name, err);
}

static int search_image(struct search *s, uint32_t image, struct err *err)
{
    char hex[DIGEST_HEX + 1];

    if (s->c->images[image].kind == IMAGE_ABSENT)
        return 0;
    if (!s->want.by_id)
        return s->want.name.has_digest ? search_digest(s, image, err) : search_names(s, image, err);
    digest_hex(&s->c->fleet.images[image].digest, hex);
    return strncmp(hex, s->want.hex, strlen(s->want.hex)) == 0 ? search_names(s, image, err) : 0;
}

/* ---- the strongest --------------------------------------------------------------------------- */

static int by_name_then_strength(const void *a, const void *b, void *arg)
{
    const struct candidate *x = a, *y = b;
    const struct fleet *f = arg;
    int order = strcmp(x->name, y->name);

    if (order == 0)
        order = strcmp(x->platform, y->platform);
    if (order == 0)
        order = (int)y->strength - (int)x->strength;
    return order != 0 ? order
                      : digest_cmp(&f->images[x->image].digest, &f->images[y->image].digest);
}

/* What the operator named by a digest is meant, however weak its name. Beside what the catalogue
 * names already all others stay: which of them is meant now only he can say. */
static void keep_strongest(struct search *s)
{
    size_t kept = 0, first = 0;

    if (s->count > 0)
        qsort_r(s->list, s->count, sizeof(*s->list), by_name_then_strength, &s->c->fleet);
    if (s->want.by_id || s->want.name.has_digest)
        return;
    for (size_t i = 0; i < s->count; i++) {
        struct candidate *k = &s->list[i];

        if (i == 0 || strcmp(k->name, s->list[first].name) != 0 ||
            strcmp(k->platform, s->list[first].platform) != 0) {
            first = kept;
            s->list[kept++] = *k;
        } else if (k->strength == s->list[first].strength ||
                   s->list[first].strength == NAME_CATALOGUE) {
            s->list[kept++] = *k;
        }
    }
    s->count = kept;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Of the index that has the image, else of its manifest, in the name's repository; NULL. */
static const struct digest *digest_in(const struct fleet *f, const struct candidate *k)
{
    const struct digest *found = NULL;
    struct imageref name, repository;

    if (imageref_parse(&name, k->name, NULL) != 0)
        return NULL;
    for (size_t i = 0; i < f->repo_digest_count; i++) {
        const struct fleet_repo_digest *d = &f->repo_digests[i];

        if (d->image != k->image || !d->present ||
            imageref_parse(&repository, f->names[d->repository].text, NULL) != 0 ||
            !same_repository(&name, &repository))
            continue;
        if (found == NULL || d->kind == REC_DOC_INDEX)
            found = &d->digest;
    }
    return found;
}

static int fill_layers(const struct census *c, const struct fleet_image *image,
                       struct sheet_cell *cell, struct err *err)
{
    const char **texts = arena_array(c->arena, image->chain_count, sizeof(*texts), err);
    char text[DIGEST_TEXT];

    if (texts == NULL)
        return -1;
    for (uint32_t i = 0; i < image->chain_count; i++) {
        uint32_t layer = c->fleet.chains[image->chains[i]].layer;

        if (layer == FLEET_NONE)
            return err_set(err, ERR_NOT_FOUND, "the layers of image %s are not all known",
                           digest_text(&image->digest, text));
        digest_text(&c->fleet.layers[layer].diff, text);
        texts[i] = arena_text(c->arena, text, strlen(text), err);
        if (texts[i] == NULL)
            return -1;
    }
    *cell = cell_texts(texts, image->chain_count);
    return 0;
}

static int add_row(struct census *c, struct answer *a, const struct candidate *k, struct err *err)
{
    const struct fleet_image *image = &c->fleet.images[k->image];
    struct sheet_cell *row = sheet_row(a, a->rows, err);

    if (row == NULL || fill_layers(c, image, &row[NAMES_LAYERS], err) != 0)
        return -1;
    row[NAMES_NAME] = cell_text(k->name);
    row[NAMES_IMAGE] = cell_digest(&image->digest);
    row[NAMES_PLATFORM] = cell_text(k->platform);
    row[NAMES_SAID_BY] = cell_text(name_strength_name(k->strength));
    row[NAMES_HOSTS] = cell_number(c->images[k->image].hosts);
    row[NAMES_CHAIN] = cell_digest(&c->fleet.chains[image->chains[image->chain_count - 1]].digest);
    row[NAMES_DIGEST] = cell_digest(digest_in(&c->fleet, k));
    row[NAMES_CREATED] = cell_time(image->created_s);
    return 0;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    struct search s = {.c = c};

    if (read_subject(&s.want, c->request->subject, err) != 0)
        return -1;
    for (uint32_t i = 0; i < c->fleet.image_count; i++)
        if (search_image(&s, i, err) != 0)
            return -1;
    if (s.count == 0 && s.unread > 0)
        return err_set(err, ERR_NOT_FOUND, "%s: no host has sent the image's config yet",
                       c->request->subject);
    if (s.count == 0)
        return err_set(err, ERR_NOT_FOUND, "%s: no image in the fleet has %s now",
                       c->request->subject,
                       s.want.by_id ? "this ID and a name" : "this name or digest");
    keep_strongest(&s);
    answer_sheet(a, "rows", NULL, false, columns);
    for (size_t i = 0; i < s.count; i++)
        if (add_row(c, a, &s.list[i], err) != 0)
            return -1;
    return 0;
}

const struct report report_names = {
    .name = "names", .needs = NEEDS_PRESENCE | NEEDS_CONTENT, .digests = true, .fill = fill};

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

    return strcmp(one[NAMES_NAME].text, two[NAMES_NAME].text) == 0 &&
           strcmp(one[NAMES_PLATFORM].text, two[NAMES_PLATFORM].text) == 0 &&
           !digest_eq(one[NAMES_CHAIN].digest, two[NAMES_CHAIN].digest);
}
