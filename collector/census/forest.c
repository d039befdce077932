#include "collector/census/forest.h"

#include <string.h>

#include "collector/census/forest_private.h"

static int64_t add_bytes(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

void forest_sum_add(struct forest_sum *to, const struct forest_sum *more)
{
    to->layers += more->layers;
    to->unknown += more->unknown;
    to->bytes = add_bytes(to->bytes, more->bytes);
}

const struct digest *forest_slot_digest(const struct forest_plan *p, uint32_t slot)
{
    return slot < p->chain_count ? &p->f->chains[slot].digest
                                 : &p->f->images[slot - p->chain_count].digest;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static bool has_no_layers(const struct fleet_image *image)
{
    return image->parsed == PARSED_READ && image->chain_count == 0;
}

/* Marks the line of one image from its top down, as far as no other image did. */
static void mark_line(struct forest_plan *p, const struct fleet_image *image)
{
    for (uint32_t i = image->chain_count; i-- > 0;) {
        struct forest_slot *s = &p->slots[image->chains[i]];

        if (s->member)
            return;
        s->member = true;
        s->level = i + 1;
        s->parent = i > 0 ? image->chains[i - 1] : FLEET_NONE;
    }
}

static void mark_members(struct forest_plan *p)
{
    for (uint32_t i = 0; i < p->f->image_count; i++) {
        if (!p->wish->members[i])
            continue;
        mark_line(p, &p->f->images[i]);
        p->slots[p->chain_count + i].member = has_no_layers(&p->f->images[i]);
    }
}

/* Lists the member slots level by level, so that a walk meets parents first, or children first. */
static int order_levels(struct forest_plan *p, struct err *err)
{
    uint32_t levels = 0, *starts;

    for (uint32_t i = 0; i < p->slot_count; i++)
        if (p->slots[i].member && p->slots[i].level >= levels)
            levels = p->slots[i].level + 1;
    starts = arena_array(p->arena, (size_t)levels + 1, sizeof(*starts), err);
    p->order = arena_array(p->arena, p->slot_count, sizeof(*p->order), err);
    if (starts == NULL || p->order == NULL)
        return -1;
    for (uint32_t i = 0; i < p->slot_count; i++)
        if (p->slots[i].member)
            starts[p->slots[i].level + 1]++;
    for (uint32_t i = 0; i < levels; i++)
        starts[i + 1] += starts[i];
    p->order_count = starts[levels];
    for (uint32_t i = 0; i < p->slot_count; i++)
        if (p->slots[i].member)
            p->order[starts[p->slots[i].level]++] = i;
    return 0;
}

static void sum_lines(struct forest_plan *p)
{
    for (uint32_t i = 0; i < p->order_count; i++) {
        struct forest_slot *s = &p->slots[p->order[i]];
        int64_t nominal;

        if (s->parent != FLEET_NONE)
            s->line = p->slots[s->parent].line;
        if (p->order[i] >= p->chain_count)
            continue;
        nominal = fleet_nominal(p->f, p->f->chains[p->order[i]].layer);
        s->line.layers++;
        if (nominal == FLEET_UNKNOWN)
            s->line.unknown++;
        else
            s->line.bytes = add_bytes(s->line.bytes, nominal);
    }
}

/* ---- choice ---------------------------------------------------------------------------------- */

static void mark_subject(struct forest_plan *p)
{
    const struct forest_wish *w = p->wish;

    for (uint32_t i = 0; w->subject_chains != NULL && i < p->chain_count; i++)
        p->slots[i].subject = p->slots[i].member && w->subject_chains[i];
    for (uint32_t i = p->chain_count; w->subject_images != NULL && i < p->slot_count; i++)
        p->slots[i].subject = p->slots[i].member && w->subject_images[i - p->chain_count];
}

/* What stands on the subject begins with it: its own line becomes a part of that root. */
static void choose_above(struct forest_plan *p)
{
    for (uint32_t i = 0; i < p->order_count; i++) {
        struct forest_slot *s = &p->slots[p->order[i]];

        if (s->parent != FLEET_NONE && p->slots[s->parent].inside)
            s->inside = true;
        else if (s->subject)
            s->inside = true;
        if (s->inside && s->parent != FLEET_NONE && !p->slots[s->parent].inside)
            s->parent = FLEET_NONE;
    }
}

static void choose_below(struct forest_plan *p)
{
    for (uint32_t i = p->order_count; i-- > 0;) {
        struct forest_slot *s = &p->slots[p->order[i]];

        s->inside = s->inside || s->subject;
        if (s->inside && s->parent != FLEET_NONE)
            p->slots[s->parent].inside = true;
    }
}

static void choose(struct forest_plan *p)
{
    bool all = p->wish->subject_chains == NULL && p->wish->subject_images == NULL;

    mark_subject(p);
    for (uint32_t i = 0; all && i < p->order_count; i++)
        p->slots[p->order[i]].inside = true;
    if (!all && p->wish->up)
        choose_below(p);
    else if (!all)
        choose_above(p);
}

/* Which slots become nodes; what is not kept is a part of the next kept one above it. */
static void keep(struct forest_plan *p)
{
    for (uint32_t i = 0; i < p->order_count; i++) {
        const struct forest_slot *s = &p->slots[p->order[i]];

        if (s->inside && s->parent != FLEET_NONE)
            p->slots[s->parent].children++;
    }
    for (uint32_t i = 0; i < p->order_count; i++) {
        struct forest_slot *s = &p->slots[p->order[i]];

        s->kept = s->inside && (!p->wish->labelled_only || s->parent == FLEET_NONE || s->subject ||
                                s->names.count > 0 || s->children > 1);
    }
}

/* Hangs kept slots on the next kept one below them; of others too, for those above them. */
static void join_kept(struct forest_plan *p)
{
    for (uint32_t i = 0; i < p->order_count; i++) {
        struct forest_slot *s = &p->slots[p->order[i]];
        const struct forest_slot *below;

        s->own = s->line;
        s->children = 0;
        if (!s->inside || s->parent == FLEET_NONE)
            continue;
        if (!p->slots[s->parent].kept)
            s->parent = p->slots[s->parent].parent;
        below = &p->slots[s->parent];
        s->own.layers -= below->line.layers;
        s->own.unknown -= below->line.unknown;
        s->own.bytes -= below->line.bytes;
    }
}

/* ---- sums ------------------------------------------------------------------------------------ */

static void take_first_name(struct forest_slot *s, const char *name)
{
    if (name != NULL && (s->first_name == NULL || strcmp(name, s->first_name) < 0))
        s->first_name = name;
}

/* Children first. */
static void sum_branches(struct forest_plan *p)
{
    for (uint32_t i = p->order_count; i-- > 0;) {
        struct forest_slot *s = &p->slots[p->order[i]], *parent;

        if (!s->kept)
            continue;
        forest_sum_add(&s->branch, &s->own);
        forest_sum_add(&p->out->all, &s->own);
        s->branch_images += s->images.count;
        if (s->names.count > 0)
            s->first_name = p->out->names[s->names.first];
        if (s->parent == FLEET_NONE)
            continue;
        parent = &p->slots[s->parent];
        parent->children++;
        parent->branch_images += s->branch_images;
        forest_sum_add(&parent->branch, &s->branch);
        take_first_name(parent, s->first_name);
    }
}

/* Layers inside that no kept node has: those above the last labelled one of a line. */
static void count_skipped(struct forest_plan *p)
{
    int64_t inside = 0;

    for (uint32_t i = 0; i < p->order_count; i++) {
        const struct forest_slot *s = &p->slots[p->order[i]];

        if (s->inside)
            inside += s->parent == FLEET_NONE ? s->own.layers : 1;
    }
    p->out->skipped_layers = inside - p->out->all.layers;
}

int forest_build(struct forest *out, const struct fleet *f, const struct standing *images,
                 const struct forest_wish *wish, struct arena *arena, struct err *err)
{
    struct forest_plan p = {.f = f,
                            .standing = images,
                            .wish = wish,
                            .arena = arena,
                            .out = out,
                            .chain_count = (uint32_t)f->chain_count,
                            .slot_count = (uint32_t)(f->chain_count + f->image_count),
                            .first_root = FLEET_NONE};

    *out = (struct forest){0};
    p.slots = arena_array(arena, p.slot_count, sizeof(*p.slots), err);
    if (p.slots == NULL)
        return -1;
    for (uint32_t i = 0; i < p.slot_count; i++)
        p.slots[i].parent = p.slots[i].first_child = p.slots[i].next = FLEET_NONE;
    mark_members(&p);
    if (order_levels(&p, err) != 0 || forest_give_images(&p, err) != 0)
        return -1;
    sum_lines(&p);
    choose(&p);
    keep(&p);
    join_kept(&p);
    sum_branches(&p);
    count_skipped(&p);
    return forest_list(&p, err);
}
