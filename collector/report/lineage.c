#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collector/report/parts.h"
#include "collector/store/read_past.h"

#define SENTENCE_MAX 1024

struct telling {
    struct census *c;
    struct answer *a;
    uint32_t index;
    const struct fleet_image *image;
    struct lineage_story story;
    struct part_lines lines;
    struct image_text text;
};

/* ---- the answer in one sentence -------------------------------------------------------------- */

/* What the image is called now; else what it was called; else its ID. As people type it. */
static int image_title(const struct telling *t, const char **out, struct err *err)
{
    const struct standing *s = &t->c->images[t->index];
    uint32_t top =
        t->image->chain_count > 0 ? t->image->chains[t->image->chain_count - 1] : FLEET_NONE;
    const struct fleet_run none = {0};
    const struct fleet_run *run = top != FLEET_NONE ? &t->c->naming.of_chain[top] : &none;
    char text[DIGEST_TEXT];

    if (s->name_count > 0) {
        *out = part_shown(t->c, t->c->fleet.names[s->names[0]].text, err);
        return *out != NULL ? 0 : -1;
    }
    for (uint32_t i = run->first; i < run->first + run->count; i++)
        if (t->c->naming.claims[i].image == t->index) {
            *out = naming_text(&t->c->naming.claims[i], t->c->arena, err);
            return *out != NULL ? 0 : -1;
        }
    *out = arena_text(t->c->arena, digest_text(&t->image->digest, text), DIGEST_TEXT - 1, err);
    return *out != NULL ? 0 : -1;
}

static const char *source_words(enum fleet_evidence_source source)
{
    static const char *const words[] = {
        [EVIDENCE_ANNOTATION] = "an OCI annotation",
        [EVIDENCE_LABEL] = "an OCI label",
        [EVIDENCE_FROM] = "a FROM in its history",
        [EVIDENCE_S2I] = "source-to-image's labels",
        [EVIDENCE_BUILDPACKS] = "buildpacks' labels",
        [EVIDENCE_BUILDINFO] = "BuildKit's build info",
        [EVIDENCE_PROVENANCE] = "its provenance",
        [EVIDENCE_CONTENT_MANIFEST] = "a content manifest",
        [EVIDENCE_HISTORY] = "a step of its history",
    };

    return words[source];
}

static const char *method_words(enum lineage_method method)
{
    static const char *const words[] = {
        [LINEAGE_NONE] = "by nothing that is known",
        [LINEAGE_DECLARED] = "by layers and declarations",
        [LINEAGE_CONTAINS] = "by layers alone",
        [LINEAGE_BRANCH] = "because lines part there",
        [LINEAGE_CLAIMED] = "by its word alone",
        [LINEAGE_HISTORY] = "by its history",
        [LINEAGE_OS] = "by its os-release",
        [LINEAGE_SELF] = "by itself",
    };

    return words[method];
}

/* "by layers and an OCI annotation": the confirmed declarations of the nearest base. */
static void say_method(const struct telling *t, char *out, size_t size)
{
    const struct lineage_image *l = &t->c->lineage.images[t->index];
    size_t len = 0;

    out[0] = '\0';
    if (l->method != LINEAGE_DECLARED) {
        snprintf(out, size, "%s", method_words(l->method));
        return;
    }
    len = (size_t)snprintf(out, size, "by layers");
    for (size_t i = 0; i < t->story.declaration_count && len < size; i++) {
        const struct lineage_declaration *d = &t->story.declarations[i];

        if (d->outcome == OUTCOME_CONFIRMED && !d->is_one_of_several && d->chain == l->nearest)
            len += (size_t)snprintf(out + len, size - len, " and %s",
                                    source_words(d->evidence->source));
    }
}

static int say(struct telling *t, struct err *err)
{
    const struct lineage_image *l = &t->c->lineage.images[t->index];
    char text[SENTENCE_MAX], method[SENTENCE_MAX / 4];
    const char *name, *base = NULL;

    if (image_title(t, &name, err) != 0)
        return -1;
    if (l->known && l->nearest != FLEET_NONE && l->nearest_named &&
        part_nearest_title(t->c, t->index, &base, err) != 0)
        return -1;
    say_method(t, method, sizeof(method));
    if (!l->known)
        snprintf(text, sizeof(text), "The layers of %s are not known: no host has told its config.",
                 name);
    else if (l->nearest == FLEET_NONE && l->kind == BASE_SCRATCH)
        snprintf(text, sizeof(text), "%s stands on scratch: nothing that is known lies below it.",
                 name);
    else if (l->nearest == FLEET_NONE)
        snprintf(text, sizeof(text), "%s is a core build itself.", name);
    else
        snprintf(text, sizeof(text),
                 "%s stands on %s (%" PRIu32 " of %" PRIu32 " layers), %s; "
                 "confidence %s.",
                 name, base != NULL ? base : "an unnamed base", l->nearest_layers,
                 t->image->chain_count, method, lineage_confidence_name(l->confidence));
    t->a->sentence = arena_text(t->c->arena, text, strlen(text), err);
    return t->a->sentence != NULL ? 0 : -1;
}

/* ---- the sheets ------------------------------------------------------------------------------ */

enum {
    IMAGE_ID,
    NAMES,
    KIND,
    LAYERS,
    LINEAGE,
    CORE_METHOD = LINEAGE + PART_LINEAGE_CELLS,
    CORE_CONFIDENCE,
    STEP,
    LINES_PART_AT,
    CONFIRMED,
    CONTRADICTED,
    UNVERIFIABLE,
    INHERITED,
    CELLS
};

static const struct sheet_column image_columns[] = {
    [IMAGE_ID] = {"image_id", "image ID", CELL_DIGEST, false},
    [NAMES] = {"names", "names", CELL_NAMES, false},
    [KIND] = {"kind", "kind", CELL_TEXT, false},
    [LAYERS] = {"layers", "layers", CELL_COUNT, false},
    [LINEAGE + PART_CORE] = {"core", "core build", CELL_TEXT, false},
    [LINEAGE + PART_CORE_KIND] = {"core_kind", "  kind", CELL_TEXT, false},
    [LINEAGE + PART_CORE_CHAIN] = {"core_chain_id", "  chain", CELL_DIGEST, true},
    [LINEAGE + PART_FAMILY] = {"family", "  family", CELL_TEXT, false},
    [LINEAGE + PART_VERSION] = {"version", "  version", CELL_TEXT, false},
    [LINEAGE + PART_BASE] = {"base", "nearest base", CELL_TEXT, false},
    [LINEAGE + PART_BASE_NAMES] = {"base_names", "  its names", CELL_NAMES, false},
    [LINEAGE + PART_BASE_CHAIN] = {"base_chain_id", "  its chain", CELL_DIGEST, true},
    [LINEAGE + PART_BASE_LAYERS] = {"base_layers", "  its layers", CELL_COUNT, false},
    [LINEAGE + PART_BASE_METHOD] = {"base_method", "  known by", CELL_TEXT, false},
    [LINEAGE + PART_BASE_CONFIDENCE] = {"base_confidence", "  confidence", CELL_TEXT, false},
    [LINEAGE + PART_BASE_TIES] = {"base_ties", "  images with these layers", CELL_COUNT, false},
    [CORE_METHOD] = {"core_method", "core build known by", CELL_TEXT, false},
    [CORE_CONFIDENCE] = {"core_confidence", "  confidence", CELL_TEXT, false},
    [STEP] = {"step", "a step of its core build's making", CELL_FLAG, true},
    [LINES_PART_AT] = {"lines_part_at", "lines part above the base at layer", CELL_COUNT, true},
    [CONFIRMED] = {"confirmed", "declarations confirmed", CELL_COUNT, true},
    [CONTRADICTED] = {"contradicted", "declarations contradicted", CELL_COUNT, true},
    [UNVERIFIABLE] = {"unverifiable", "declarations unverifiable", CELL_COUNT, true},
    [INHERITED] = {"inherited", "declarations inherited", CELL_COUNT, true},
    [CELLS] = {NULL, NULL, 0, false},
};

/* Tables show what there is. */
static int reveal_image(struct telling *t, struct sheet *s, struct err *err)
{
    static const char *const keys[] = {"step",         "lines_part_at", "confirmed",
                                       "contradicted", "unverifiable",  "inherited"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (sheet_reveal(t->a, s, keys[i], err) != 0)
            return -1;
    return 0;
}

static int fill_image(struct telling *t, struct err *err)
{
    const struct lineage_image *l = &t->c->lineage.images[t->index];
    const struct standing *standing = &t->c->images[t->index];
    struct sheet *s = answer_sheet(t->a, "image", NULL, true, image_columns);
    struct sheet_cell *row = sheet_row(t->a, s, err);

    if (row == NULL ||
        part_names(t->c, standing->names, standing->name_count, &row[NAMES], err) != 0 ||
        part_lineage(t->c, &t->lines, t->index, &row[LINEAGE], err) != 0)
        return -1;
    row[IMAGE_ID] = cell_digest(&t->image->digest);
    row[KIND] = cell_text(standing_kind_name(standing->kind));
    if (!l->known)
        return 0;
    row[LAYERS] = cell_number(t->image->chain_count);
    row[CORE_METHOD] = cell_text(lineage_method_name(l->core_method));
    row[CORE_CONFIDENCE] = cell_text(lineage_confidence_name(l->core_confidence));
    row[STEP] = cell_flag(l->is_step);
    if (l->above != FLEET_NONE)
        row[LINES_PART_AT] = cell_number(t->c->fleet.chains[l->above].depth);
    row[CONFIRMED] = cell_number(l->confirmed);
    row[CONTRADICTED] = cell_number(l->contradicted);
    row[UNVERIFIABLE] = cell_number(l->unverifiable);
    row[INHERITED] = cell_number(l->inherited);
    return reveal_image(t, s, err);
}

/* What a boundary is called; NULL where nothing names it. */
static int boundary_title(const struct telling *t, const struct lineage_boundary *b,
                          const char **out, struct err *err)
{
    *out = NULL;
    if (!b->named)
        return 0;
    return b->is_nearest ? part_nearest_title(t->c, t->index, out, err)
                         : part_chain_title(t->c, b->chain, out, err);
}

static int fill_boundary(const struct telling *t, const struct lineage_boundary *b,
                         struct sheet_cell *row, struct err *err)
{
    const struct naming_claim *claim =
        b->is_nearest ? lineage_nearest_title(&t->c->lineage, &t->c->fleet,
                                              t->c->request->catalogue, t->index)
                      : naming_title(&t->c->naming, b->chain);
    const char *title, *named_by = NULL;

    if (boundary_title(t, b, &title, err) != 0)
        return -1;
    if (b->named && (part_named_by(t->c, claim, &named_by, err) != 0 ||
                     part_chain_names(t->c, &b->chain, 1, &row[6], err) != 0))
        return -1;
    row[0] = cell_number(b->layers);
    row[1] = cell_text(title != NULL ? title : "unnamed");
    row[2] = cell_text(b->is_core ? (b->is_nearest ? "core build, nearest base" : "core build")
                                  : (b->is_nearest ? "nearest base" : "base"));
    row[3] = cell_text(lineage_method_name(b->method));
    row[4] = cell_text(lineage_confidence_name(b->confidence));
    row[5] = cell_text(named_by);
    row[7] = cell_digest(&t->c->fleet.chains[b->chain].digest);
    return 0;
}

static int fill_boundaries(struct telling *t, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"layers", "LAYERS", CELL_COUNT, false},
        {"base", "BASE", CELL_TITLE, false},
        {"part", "PART", CELL_TEXT, false},
        {"method", "KNOWN BY", CELL_TEXT, false},
        {"confidence", "CONFIDENCE", CELL_TEXT, false},
        {"named_by", "NAMED BY", CELL_TEXT, false},
        {"names", "NAMES", CELL_NAMES, true},
        {"chain_id", "CHAIN", CELL_DIGEST, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s =
        answer_sheet(t->a, "boundaries", "Line, the lowest base first", false, columns);

    for (size_t i = 0; i < t->story.boundary_count; i++) {
        struct sheet_cell *row = sheet_row(t->a, s, err);

        if (row == NULL || fill_boundary(t, &t->story.boundaries[i], row, err) != 0)
            return -1;
    }
    return 0;
}

/* The base that a layer belongs to: that of the lowest boundary above it. */
static int part_of(const struct telling *t, uint32_t position, const char **out, struct err *err)
{
    for (size_t i = 0; i < t->story.boundary_count; i++) {
        const struct lineage_boundary *b = &t->story.boundaries[i];

        if (position >= b->layers)
            continue;
        if (boundary_title(t, b, out, err) != 0)
            return -1;
        *out = *out != NULL ? *out : "unnamed";
        return 0;
    }
    *out = "the image itself";
    return 0;
}

static int fill_layers(struct telling *t, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"position", "#", CELL_COUNT, false},
        {"diff_id", "LAYER", CELL_DIGEST, false},
        {"part", "PART OF", CELL_TITLE, false},
        {"nominal_bytes", "NOMINAL", CELL_BYTES, false},
        {"empty", "EMPTY", CELL_FLAG, true},
        {"chain_id", "CHAIN", CELL_DIGEST, true},
        {"created_by", "CREATED BY", CELL_TEXT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(t->a, "layers", "Layers", false, columns);

    for (uint32_t p = 0; p < t->image->chain_count; p++) {
        const struct fleet_chain *chain = &t->c->fleet.chains[t->image->chains[p]];
        struct sheet_cell *row = sheet_row(t->a, s, err);
        const char *part;

        if (row == NULL || part_of(t, p, &part, err) != 0)
            return -1;
        row[0] = cell_number(p);
        if (chain->layer != FLEET_NONE)
            row[1] = cell_digest(&t->c->fleet.layers[chain->layer].diff);
        row[2] = cell_text(part);
        row[3] = cell_size(fleet_nominal(&t->c->fleet, chain->layer));
        row[4] = cell_flag(fleet_layer_empty(&t->c->fleet, chain->layer));
        row[5] = cell_digest(&chain->digest);
        row[6] = cell_text(part_created_by(&t->text, t->image, p));
    }
    return 0;
}

static const struct digest *if_given(const struct digest *digest)
{
    static const struct digest none;

    return digest_eq(digest, &none) ? NULL : digest;
}

static int fill_declarations(struct telling *t, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"source", "SOURCE", CELL_TEXT, false},   {"reference", "SAYS", CELL_NAME, false},
        {"digest", "DIGEST", CELL_DIGEST, false}, {"top_diff_id", "TOP LAYER", CELL_DIGEST, true},
        {"layers", "LAYERS", CELL_COUNT, true},   {"outcome", "OUTCOME", CELL_TEXT, false},
        {"why", "WHY", CELL_SENTENCE, false},     {"inherited_from", "FROM", CELL_DIGEST, true},
        {"chain_id", "CHAIN", CELL_DIGEST, true}, {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(t->a, "declarations", "Declared", false, columns);

    for (size_t i = 0; i < t->story.declaration_count; i++) {
        const struct lineage_declaration *d = &t->story.declarations[i];
        struct sheet_cell *row = sheet_row(t->a, s, err);

        if (row == NULL)
            return -1;
        row[0] = cell_text(evidence_source_name(d->evidence->source));
        row[1] = cell_text(d->evidence->reference[0] != '\0' ? d->evidence->reference : NULL);
        row[2] = cell_digest(if_given(&d->evidence->digest));
        row[3] = cell_digest(if_given(&d->evidence->top));
        row[4] = cell_size(d->evidence->layers);
        row[5] = cell_text(lineage_outcome_name(d->outcome));
        row[6] = cell_text(d->why);
        if (d->from != FLEET_NONE)
            row[7] = cell_digest(&t->c->fleet.images[d->from].digest);
        if (d->chain != FLEET_NONE)
            row[8] = cell_digest(&t->c->fleet.chains[d->chain].digest);
    }
    return 0;
}

static int fill_against(struct telling *t, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"sentence", "WHAT SPEAKS AGAINST IT", CELL_TEXT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(t->a, "against", NULL, false, columns);

    for (size_t i = 0; i < t->story.against_count; i++) {
        struct sheet_cell *row = sheet_row(t->a, s, err);

        if (row == NULL)
            return -1;
        row[0] = cell_text(t->story.against[i]);
    }
    return 0;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    struct telling t = {.c = c, .a = a};

    if (part_find_image(c, a, &t.index, err) != 0)
        return -1;
    t.image = &c->fleet.images[t.index];
    if (read_image_text(c->store, &t.text, t.image->id, c->arena, err) != 0 ||
        lineage_explain(&t.story, &c->lineage, &c->fleet, c->request->catalogue, t.index, c->arena,
                        err) != 0 ||
        part_lines_open(c, &t.lines, err) != 0)
        return -1;
    if (say(&t, err) != 0 || fill_image(&t, err) != 0 || fill_boundaries(&t, err) != 0 ||
        fill_declarations(&t, err) != 0 || fill_against(&t, err) != 0)
        return -1;
    return fill_layers(&t, err);
}

const struct report report_lineage = {
    .name = "lineage", .needs = NEEDS_CONTENT, .digests = true, .past = true, .fill = fill};
