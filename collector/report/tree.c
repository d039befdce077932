#include "collector/report/tree.h"

#include <inttypes.h>
#include <string.h>

#include "collector/report/tree_private.h"
#include "collector/store/read_steps.h"

static const struct sheet_column columns[] = {
    [TREE_NODE] = {"node", "NODE", CELL_COUNT, false},
    [TREE_PARENT] = {"parent", "PARENT", CELL_COUNT, false},
    [TREE_DEPTH] = {"depth", "DEPTH", CELL_COUNT, false},
    [TREE_CHAIN] = {"chain_id", "CHAIN", CELL_DIGEST, false},
    [TREE_PARENT_CHAIN] = {"parent_chain_id", "PARENT CHAIN", CELL_DIGEST, true},
    [TREE_DIFF] = {"diff_id", "LAYER", CELL_DIGEST, false},
    [TREE_NAMES] = {"names", "NAMES", CELL_TEXTS, false},
    [TREE_KNOWN_AS] = {"known_as", "KNOWN AS", CELL_TEXT, false},
    [TREE_IMAGE_IDS] = {"image_ids", "IMAGE IDS", CELL_TEXTS, true},
    [TREE_LAYERS] = {"layers", "LAYERS", CELL_COUNT, false},
    [TREE_LAYERS_UNKNOWN] = {"layers_unknown", "UNKNOWN", CELL_COUNT, true},
    [TREE_NOMINAL] = {"nominal_bytes", "NOMINAL", CELL_BYTES, false},
    [TREE_LINE_LAYERS] = {"line_layers", "LINE'S LAYERS", CELL_COUNT, true},
    [TREE_LINE_UNKNOWN] = {"line_layers_unknown", "LINE'S UNKNOWN", CELL_COUNT, true},
    [TREE_CUMULATIVE] = {"cumulative_bytes", "CUMULATIVE", CELL_BYTES, false},
    [TREE_BRANCH_LAYERS] = {"branch_layers", "BRANCH'S LAYERS", CELL_COUNT, true},
    [TREE_BRANCH_UNKNOWN] = {"branch_layers_unknown", "BRANCH'S UNKNOWN", CELL_COUNT, true},
    [TREE_BRANCH] = {"branch_bytes", "BRANCH", CELL_BYTES, false},
    [TREE_IMAGES_BELOW] = {"images_below", "IMAGES", CELL_COUNT, false},
    [TREE_CHILDREN] = {"children", "CHILDREN", CELL_COUNT, false},
    [TREE_HOSTS] = {"hosts", "HOSTS", CELL_COUNT, false},
    [TREE_COPIES] = {"copies", "COPIES", CELL_COUNT, false},
    [TREE_STORED] = {"stored_bytes", "STORED", CELL_BYTES, false},
    [TREE_CORE] = {"core", "CORE BUILD", CELL_TEXT, false},
    [TREE_BASE] = {"base", "BASE", CELL_FLAG, false},
    [TREE_POLICY] = {"policy", "POLICY", CELL_TEXT, false},
    [TREE_CREATED_BY] = {"created_by", "CREATED BY", CELL_TEXT, true},
    [TREE_SUBJECT] = {"subject", "SUBJECT", CELL_FLAG, true},
    [TREE_COLLAPSED] = {"collapsed", "COLLAPSED", CELL_FLAG, false},
    [TREE_COLUMNS] = {NULL, NULL, 0, false},
};

/* ---- what lies there ------------------------------------------------------------------------- */

static int mark_members(struct tree *t, struct err *err)
{
    const struct fleet *f = &t->c->fleet;

    t->members = arena_array(t->c->arena, f->image_count, sizeof(*t->members), err);
    if (t->members == NULL)
        return -1;
    for (size_t i = 0; i < f->image_count; i++)
        t->members[i] = t->images[i].kind != IMAGE_ABSENT;
    return 0;
}

/* Which chains are core builds and nearest bases of the images that lie there. */
static int mark_bases(struct tree *t, struct err *err)
{
    const struct fleet *f = &t->c->fleet;

    t->core = arena_array(t->c->arena, f->chain_count, sizeof(*t->core), err);
    t->base = arena_array(t->c->arena, f->chain_count, sizeof(*t->base), err);
    if (t->core == NULL || t->base == NULL)
        return -1;
    for (size_t i = 0; i < f->image_count; i++) {
        const struct lineage_image *l = &t->c->lineage.images[i];

        if (!t->members[i] || !l->known)
            continue;
        if (l->kind != BASE_SCRATCH)
            t->core[l->core] = base_kind_name(l->kind);
        if (l->nearest != FLEET_NONE)
            t->base[l->nearest] = true;
    }
    return 0;
}

static int find_steps(struct tree *t, struct err *err)
{
    t->steps = arena_array(t->c->arena, t->c->fleet.chain_count, sizeof(*t->steps), err);
    if (t->steps == NULL)
        return -1;
    return t->c->request->tree.show_created_by
               ? read_steps(t->c->reading, t->members, t->steps, t->c->arena, err)
               : 0;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Unknown where there are layers and the size of none is known. */
static struct sheet_cell cell_sum(const struct forest_sum *s)
{
    return s->layers > 0 && s->unknown == s->layers ? cell_size(FLEET_UNKNOWN)
                                                    : cell_number(s->bytes);
}

static int list_image_ids(struct tree *t, const struct forest_node *n, struct sheet_cell *cell,
                          struct err *err)
{
    const char **texts = arena_array(t->c->arena, n->images.count, sizeof(*texts), err);
    char text[DIGEST_TEXT];

    if (texts == NULL)
        return -1;
    for (uint32_t i = 0; i < n->images.count; i++) {
        uint32_t image = t->forest.images[n->images.first + i];

        digest_text(&t->c->fleet.images[image].digest, text);
        texts[i] = arena_text(t->c->arena, text, strlen(text), err);
        if (texts[i] == NULL)
            return -1;
    }
    *cell = cell_texts(texts, n->images.count);
    return 0;
}

/* The gravest verdict on the images that end there. */
static const char *verdict_of(const struct tree *t, const struct forest_node *n)
{
    uint8_t gravest = 0;

    for (uint32_t i = 0; i < n->images.count; i++) {
        uint8_t verdict = t->verdicts[t->forest.images[n->images.first + i]];

        if (verdict != 0 && (gravest == 0 || tree_is_graver(verdict, gravest)))
            gravest = verdict;
    }
    return gravest != 0 ? policy_outcome_name((enum policy_outcome)(gravest - 1)) : NULL;
}

static void fill_sums(const struct forest_node *n, struct sheet_cell *row)
{
    row[TREE_LAYERS] = cell_number(n->own.layers);
    row[TREE_LAYERS_UNKNOWN] = cell_number(n->own.unknown);
    row[TREE_NOMINAL] = cell_sum(&n->own);
    row[TREE_BRANCH_LAYERS] = cell_number(n->branch.layers);
    row[TREE_BRANCH_UNKNOWN] = cell_number(n->branch.unknown);
    row[TREE_BRANCH] = cell_sum(&n->branch);
    row[TREE_IMAGES_BELOW] = cell_number(n->branch_images);
    row[TREE_CHILDREN] = cell_number(n->children);
    row[TREE_SUBJECT] = cell_flag(n->subject);
    row[TREE_COLLAPSED] = cell_flag(n->left_out);
    if (n->left_out)
        return;
    row[TREE_LINE_LAYERS] = cell_number(n->line.layers);
    row[TREE_LINE_UNKNOWN] = cell_number(n->line.unknown);
    row[TREE_CUMULATIVE] = cell_sum(&n->line);
}

/* What the chain is called, where nobody has a name for it here, or where its name means several
 * builds: the title is one of the names then, with a day. */
static bool tells_more(const struct tree *t, const struct forest_node *n, const char *title)
{
    bool more = n->names.count == 0;

    for (uint32_t i = 0; title != NULL && i < n->names.count; i++) {
        const char *name = t->forest.names[n->names.first + i];
        size_t len = strlen(name);

        more = more || (strncmp(title, name, len) == 0 && title[len] == ' ');
    }
    return more;
}

/* Of all layers that the node is, so that the rows add up however many layers each is. Sums
 * saturate nowhere: ledger_check() refuses a fleet whose bytes do not fit. */
static void fill_copies(const struct tree *t, const struct forest_node *n, struct sheet_cell *row)
{
    uint32_t chain = n->chain;
    uint64_t stored = 0;
    int64_t copies = 0;

    for (int64_t i = 0; i < n->own.layers && chain != FLEET_NONE; i++) {
        copies += t->ledger[chain].copies;
        stored += (uint64_t)t->ledger[chain].stored;
        chain = t->c->fleet.chains[chain].parent;
    }
    row[TREE_COPIES] = cell_number(copies);
    row[TREE_STORED] = cell_number((int64_t)stored);
}

/* What is known of the chain that the node ends at. */
static int fill_chain(struct tree *t, const struct forest_node *n, struct sheet_cell *row,
                      struct err *err)
{
    const struct fleet *f = &t->c->fleet;
    const struct fleet_chain *chain = &f->chains[n->chain];
    const char *title = NULL;

    if (part_chain_title(t->c, n->chain, &title, err) != 0)
        return -1;
    row[TREE_CHAIN] = cell_digest(&chain->digest);
    row[TREE_DIFF] = cell_digest(chain->layer != FLEET_NONE ? &f->layers[chain->layer].diff : NULL);
    row[TREE_KNOWN_AS] = cell_text(tells_more(t, n, title) ? title : NULL);
    row[TREE_HOSTS] = cell_number(t->chain_hosts[n->chain]);
    fill_copies(t, n, row);
    row[TREE_CORE] = cell_text(t->core[n->chain]);
    row[TREE_BASE] = cell_flag(t->base[n->chain]);
    row[TREE_CREATED_BY] = cell_text(t->steps[n->chain]);
    return 0;
}

static int add_node(struct tree *t, size_t index, struct err *err)
{
    const struct forest_node *n = &t->forest.nodes[index];
    struct sheet_cell *row = sheet_row(t->a, t->a->rows, err);

    if (row == NULL)
        return -1;
    row[TREE_NODE] = cell_number((int64_t)index + 1);
    row[TREE_DEPTH] = cell_number(n->depth);
    fill_sums(n, row);
    if (n->parent != FLEET_NONE) {
        row[TREE_PARENT] = cell_number((int64_t)n->parent + 1);
        row[TREE_PARENT_CHAIN] =
            cell_digest(&t->c->fleet.chains[t->forest.nodes[n->parent].chain].digest);
    }
    if (n->left_out)
        return 0;
    row[TREE_NAMES] = cell_texts(t->forest.names + n->names.first, n->names.count);
    row[TREE_POLICY] = cell_text(verdict_of(t, n));
    if (list_image_ids(t, n, &row[TREE_IMAGE_IDS], err) != 0)
        return -1;
    if (n->chain != FLEET_NONE)
        return fill_chain(t, n, row, err);
    row[TREE_HOSTS] = cell_number(t->images[t->forest.images[n->images.first]].hosts);
    return 0;
}

/* ---- beneath the rows ------------------------------------------------------------------------ */

static int note_limits(struct tree *t, struct err *err)
{
    const struct forest *forest = &t->forest;
    char layers[COUNT_TEXT], places[COUNT_TEXT], size[SIZE_TEXT], bytes[COUNT_TEXT];

    if (forest->skipped_layers > 0 &&
        answer_note(t->a, err,
                    "Not shown: %s above the last name of a line (-l keeps named nodes, roots and "
                    "branch points).",
                    count_text(forest->skipped_layers, "layer", layers)) != 0)
        return -1;
    if (forest->left_out_places == 0)
        return 0;
    count_text(forest->left_out.bytes, "byte", bytes);
    return answer_note(t->a, err,
                       "Left out by --depth, --min-bytes or --limit: %s of %" PRId64
                       ", %s%s, in %s marked \"\xE2\x80\xA6\".",
                       count_text(forest->left_out.layers, "layer", layers), forest->all.layers,
                       forest->left_out.unknown > 0 ? "at least " : "",
                       t->c->request->tree.plain_bytes ? bytes
                                                       : size_text(forest->left_out.bytes, size),
                       count_text(forest->left_out_places, "place", places));
}

static int note_images(struct tree *t, struct err *err)
{
    const struct fleet *f = &t->c->fleet;
    int64_t unknown = 0, gone = 0;
    char images[COUNT_TEXT];

    for (size_t i = 0; i < f->image_count; i++) {
        bool asked = t->subject_images == NULL || t->subject_images[i];

        unknown += t->members[i] && asked && f->images[i].parsed != PARSED_READ;
        gone += t->members[i] && t->images[i].kind == IMAGE_ABSENT;
    }
    if (unknown > 0 && answer_note(t->a, err, "Not in the tree: %s whose layers are not known.",
                                   count_text(unknown, "image", images)) != 0)
        return -1;
    if (gone > 0 && answer_note(t->a, err, "Not there now: %s that \"%s\" means.",
                                count_text(gone, "image", images), t->c->request->subject) != 0)
        return -1;
    if (t->forest.count == 0 && t->subject_chains != NULL && unknown == 0)
        return answer_note(t->a, err, "Nothing that lies there stands on \"%s\".",
                           t->c->request->subject);
    return 0;
}

static int fill_totals(struct tree *t, struct err *err)
{
    static const struct sheet_column total_columns[] = {
        {"roots", "roots", CELL_COUNT, false},
        {"layers", "layers", CELL_COUNT, false},
        {"layers_unknown", "  of unknown size", CELL_COUNT, false},
        {"nominal_bytes", "nominal size", CELL_BYTES, false},
        {"collapsed_layers", "layers left out", CELL_COUNT, false},
        {"collapsed_bytes", "  their nominal size", CELL_BYTES, false},
        {"skipped_layers", "layers above the last name", CELL_COUNT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet_cell *row =
        sheet_row(t->a, answer_sheet(t->a, "forest", NULL, true, total_columns), err);
    int64_t roots = 0;

    if (row == NULL)
        return -1;
    for (size_t i = 0; i < t->forest.count; i++)
        if (t->forest.nodes[i].parent == FLEET_NONE)
            roots += t->forest.nodes[i].left_out ? t->forest.nodes[i].children : 1;
    row[0] = cell_number(roots);
    row[1] = cell_number(t->forest.all.layers);
    row[2] = cell_number(t->forest.all.unknown);
    row[3] = cell_sum(&t->forest.all);
    row[4] = cell_number(t->forest.left_out.layers);
    row[5] = cell_number(t->forest.left_out.bytes);
    row[6] = cell_number(t->forest.skipped_layers);
    return 0;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static int make_forest(struct tree *t, struct err *err)
{
    const struct report_tree *asked = &t->c->request->tree;
    const struct forest_wish wish = {.members = t->members,
                                     .subject_chains = t->subject_chains,
                                     .subject_images = t->subject_images,
                                     .up = asked->up,
                                     .labelled_only = asked->labelled_only,
                                     .count_named = asked->count_named,
                                     .depth = asked->depth,
                                     .min_bytes = asked->min_bytes,
                                     .limit = asked->limit};

    return forest_build(&t->forest, &t->c->fleet, t->images, &wish, t->c->arena, err);
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    struct tree t = {
        .c = c, .a = a, .images = c->images, .ledger = c->ledgers.chains, .host = FLEET_NONE};

    if (c->request->tree.up && c->request->subject == NULL)
        return err_set(err, ERR_USAGE, "--up: of what? It wants an image, layer or chain");
    if (tree_take_host(&t, err) != 0 || mark_members(&t, err) != 0 || mark_bases(&t, err) != 0 ||
        tree_find_subject(&t, err) != 0 || find_steps(&t, err) != 0 || make_forest(&t, err) != 0 ||
        tree_walk_hosts(&t, err) != 0 || fill_totals(&t, err) != 0)
        return -1;
    if (sheet_reserve(a, answer_sheet(a, "rows", NULL, false, columns), t.forest.count, err) != 0)
        return -1;
    for (size_t i = 0; i < t.forest.count; i++)
        if (add_node(&t, i, err) != 0)
            return -1;
    return note_limits(&t, err) == 0 ? note_images(&t, err) : -1;
}

const struct report report_tree = {.name = "tree",
                                   .needs = NEEDS_PRESENCE | NEEDS_CONTENT | NEEDS_SIZES,
                                   .digests = true,
                                   .past = true,
                                   .takes_as_of = true,
                                   .fill = fill};
