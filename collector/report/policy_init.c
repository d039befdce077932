#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/report/policy_view.h"
#include "common/imageref.h"

#define RULE_NAME_MAX 96 /* bytes: a file allows some more */

/* What is written already. */
struct proposal {
    struct census *c;
    struct answer *a;
    struct policy_view view;
    /* By chain. */
    bool *done;      /* a rule accepts it */
    bool *is_wider;  /* images lie above it whose core build is another one */
    bool *has_named; /* an image with a name is of the core build there */
};

static const struct sheet_column columns[] = {
    {"rule", "RULE", CELL_TEXT, false},      {"base", "NAME", CELL_TEXT, false},
    {"chain", "CHAIN", CELL_DIGEST, false},  {"image_id", "IMAGE ID", CELL_DIGEST, false},
    {"unknown", "UNKNOWN", CELL_TEXT, true}, {NULL, NULL, 0, false},
};

/* A rule, which is called by `name` and, to be the only one of that name, by a digest. */
static struct sheet_cell *add_rule(struct proposal *p, const char *name,
                                   const struct digest *digest, struct err *err)
{
    char text[RULE_NAME_MAX], hex[DIGEST_HEX + 1];
    struct sheet_cell *row = sheet_row(p->a, p->a->rows, err);

    snprintf(text, sizeof(text), "%.*s %.*s", RULE_NAME_MAX - DIGEST_SHORT - 2, name, DIGEST_SHORT,
             digest_hex(digest, hex));
    if (row == NULL)
        return NULL;
    row[0] = cell_text(arena_text(p->c->arena, text, strlen(text), err));
    return row[0].known ? row : NULL;
}

/* Layers of which nobody knows a name that counts are accepted as they are. */
static int accept_chain(struct proposal *p, uint32_t chain, const char *seen_as, struct err *err)
{
    const struct digest *digest = &p->c->fleet.chains[chain].digest;
    char name[RULE_NAME_MAX];
    struct sheet_cell *row;

    if (p->done[chain])
        return 0;
    p->done[chain] = true;
    snprintf(name, sizeof(name), "%s%s", seen_as != NULL ? "seen as " : "unnamed",
             seen_as != NULL ? seen_as : "");
    row = add_rule(p, name, digest, err);
    if (row == NULL)
        return -1;
    row[2] = cell_digest(digest);
    return 0;
}

/* Whether a file that has this name means it, and nothing else. */
static bool is_exact(const char *name)
{
    char normal[IMAGEREF_MAX + 1];
    struct imageref ref;
    struct err ignored;

    return imageref_parse(&ref, name, &ignored) == 0 && (ref.tag[0] != '\0' || ref.has_digest) &&
           strcmp(imageref_text(&ref, normal), name) == 0;
}

/* The name of the chain that counts and can be written into a file; NULL none. */
static const char *counting_name(const struct proposal *p, uint32_t chain)
{
    const struct naming *n = &p->c->naming;
    const struct fleet_run *run = &n->of_chain[chain];

    if (!policy_chain_counts(p->view.judge, chain))
        return NULL;
    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        const struct naming_claim *claim = &n->claims[i];

        if (claim->for_policy && !claim->displaced && is_exact(claim->name))
            return claim->name;
    }
    return NULL;
}

static int accept_name(struct proposal *p, uint32_t chain, const char *name, struct err *err)
{
    struct sheet_cell *row;

    if (p->done[chain])
        return 0;
    p->done[chain] = true;
    for (size_t i = 0; i < p->a->rows->row_count; i++) {
        const struct sheet_cell *base = &p->a->rows->cells[i * p->a->rows->column_count + 1];

        if (base->known && strcmp(base->text, name) == 0)
            return 0; /* another version or platform of that name */
    }
    row = add_rule(p, name, &p->c->fleet.chains[chain].digest, err);
    if (row == NULL)
        return -1;
    if (strlen(name) < RULE_NAME_MAX) /* such a name is the only one as it is */
        row[0] = cell_text(name);
    row[1] = cell_text(name);
    return 0;
}

static int accept_place(struct proposal *p, uint32_t chain, struct err *err)
{
    const char *name = counting_name(p, chain), *title;

    if (name != NULL)
        return accept_name(p, chain, name, err);
    return part_chain_title(p->c, chain, &title, err) == 0 ? accept_chain(p, chain, title, err)
                                                           : -1;
}

static bool is_in_line(const struct fleet_image *image, uint32_t chain)
{
    for (uint32_t p = 0; p < image->chain_count; p++)
        if (image->chains[p] == chain)
            return true;
    return false;
}

/* An image by itself, and nothing that stands on it. */
static int accept_alone(struct proposal *p, const struct fleet_image *image, struct err *err)
{
    struct sheet_cell *row = add_rule(p, "image", &image->digest, err);

    if (row != NULL)
        row[3] = cell_digest(&image->digest);
    return row != NULL ? 0 : -1;
}

/* Its core build as lineage sees it, where no name counts. What is only a step of a core build's
 * making, or what builds left behind, would accept whatever begins with the same layers. */
static int accept_seen(struct proposal *p, uint32_t index, struct err *err)
{
    const struct fleet_image *image = &p->c->fleet.images[index];
    const struct lineage_image *l = &p->c->lineage.images[index];

    if (!l->known || l->core == FLEET_NONE)
        return accept_place(p, image->chains[image->chain_count - 1], err);
    if (!is_in_line(image, l->core) || p->is_wider[l->core] ||
        (l->kind == BASE_UNNAMED && !p->has_named[l->core]))
        return accept_alone(p, image, err);
    return accept_place(p, l->core, err);
}

static int accept_image(struct proposal *p, uint32_t index, struct err *err)
{
    const struct fleet_image *image = &p->c->fleet.images[index];
    uint32_t core;

    if (image->chain_count == 0)
        return accept_alone(p, image, err);
    if (policy_core_of(p->view.judge, index, &core, err) != 0)
        return -1;
    return core != FLEET_NONE ? accept_place(p, core, err) : accept_seen(p, index, err);
}

static bool is_there(const struct proposal *p, uint32_t image)
{
    return p->c->images[image].kind != IMAGE_ABSENT &&
           !policy_is_no_image(&p->c->fleet.images[image]);
}

/* What the chains of core builds would accept. */
static int look_around(struct proposal *p, struct err *err)
{
    const struct fleet *f = &p->c->fleet;

    p->is_wider = arena_array(p->c->arena, f->chain_count, sizeof(bool), err);
    p->has_named = arena_array(p->c->arena, f->chain_count, sizeof(bool), err);
    if (p->is_wider == NULL || p->has_named == NULL)
        return -1;
    for (uint32_t i = 0; i < f->image_count; i++) {
        const struct fleet_image *image = &f->images[i];
        uint32_t core = p->c->lineage.images[i].core;

        if (!p->c->lineage.images[i].known || core == FLEET_NONE || !is_there(p, i))
            continue;
        p->has_named[core] = p->has_named[core] || p->c->images[i].kind == IMAGE_NAMED;
        for (uint32_t n = 0; n < image->chain_count; n++)
            p->is_wider[image->chains[n]] =
                p->is_wider[image->chains[n]] || image->chains[n] != core;
    }
    return 0;
}

static int by_digest(const void *a, const void *b, void *images)
{
    const struct fleet_image *list = images;

    return digest_cmp(&list[*(const uint32_t *)a].digest, &list[*(const uint32_t *)b].digest);
}

/* The rules for all images, by name: a file that is kept in version control differs only where the
 * fleet does. */
static int accept_images(struct proposal *p, struct err *err)
{
    const struct fleet *f = &p->c->fleet;
    uint32_t *order = arena_array(p->c->arena, f->image_count, sizeof(*order), err);

    if (order == NULL)
        return -1;
    for (uint32_t i = 0; i < f->image_count; i++)
        order[i] = i;
    if (f->image_count > 1)
        qsort_r(order, f->image_count, sizeof(*order), by_digest, f->images);
    for (uint32_t i = 0; i < f->image_count; i++)
        if (is_there(p, order[i]) && accept_image(p, order[i], err) != 0)
            return -1;
    return sheet_sort(p->a, p->a->rows, "rule", err);
}

/* Declared bases that nothing verifies are accepted together, by one rule that says so. */
static int accept_declarations(struct proposal *p, struct err *err)
{
    const char *doubt = NULL;
    struct sheet_cell *row;

    for (uint32_t i = 0; i < p->c->fleet.image_count && doubt == NULL; i++)
        if (is_there(p, i) && policy_doubt(p->view.judge, i, &doubt, err) != 0)
            return -1;
    if (doubt == NULL)
        return 0;
    row = sheet_row(p->a, p->a->rows, err);
    if (row == NULL)
        return -1;
    row[0] = cell_text("declared bases that nothing verifies");
    row[4] = cell_text("declaration");
    return sheet_reveal(p->a, p->a->rows, "unknown", err);
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    static const struct policy nothing = {.path = "", .mode = POLICY_WHITE_LIST};
    struct proposal p = {.c = c, .a = a};

    p.done = arena_array(c->arena, c->fleet.chain_count, sizeof(bool), err);
    if (p.done == NULL || policy_view_open(&p.view, c, &nothing, err) != 0 ||
        look_around(&p, err) != 0)
        return -1;
    answer_sheet(a, "rows", NULL, false, columns);
    if (accept_images(&p, err) != 0 || accept_declarations(&p, err) != 0)
        return -1;
    if (a->rows->row_count == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "policy init: no image lies on any host%s: a white list of nothing would "
                       "forbid everything",
                       c->request->label_count > 0 ? " with these labels" : "");
    return policy_view_note_names(&p.view, a, err);
}

const struct report report_policy_init = {
    .name = "policy init", .needs = NEEDS_PRESENCE | NEEDS_CONTENT, .digests = true, .fill = fill};
