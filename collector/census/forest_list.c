#include <stdlib.h>
#include <string.h>

#include "collector/census/forest_private.h"

/* ---- order ----------------------------------------------------------------------------------- */

static int by_branch(const void *a, const void *b, void *arg)
{
    const struct forest_plan *p = arg;
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    const struct forest_slot *x = &p->slots[i], *y = &p->slots[k];
    int order;

    if (x->first_name == NULL || y->first_name == NULL)
        order = (x->first_name == NULL) - (y->first_name == NULL);
    else
        order = strcmp(x->first_name, y->first_name);
    if (order == 0 && x->branch.bytes != y->branch.bytes)
        order = x->branch.bytes > y->branch.bytes ? -1 : 1;
    return order != 0 ? order : digest_cmp(forest_slot_digest(p, i), forest_slot_digest(p, k));
}

/* The largest branches first; of equal ones a parent before its children. */
static int by_bytes(const void *a, const void *b, void *arg)
{
    const struct forest_plan *p = arg;
    const struct forest_slot *x = &p->slots[*(const uint32_t *)a];
    const struct forest_slot *y = &p->slots[*(const uint32_t *)b];

    if (x->branch.bytes != y->branch.bytes)
        return x->branch.bytes > y->branch.bytes ? -1 : 1;
    if (x->level != y->level)
        return x->level < y->level ? -1 : 1;
    return by_branch(a, b, arg);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static bool counts(const struct forest_plan *p, const struct forest_slot *s)
{
    return !p->wish->count_named || s->names.count > 0;
}

/* How deep each node lies in what is shown: levels that count, from 0 again. Parents first. */
static void set_depths(struct forest_plan *p, uint32_t *depths)
{
    for (uint32_t i = 0; i < p->order_count; i++) {
        const struct forest_slot *s = &p->slots[p->order[i]];

        if (s->kept && s->parent != FLEET_NONE)
            depths[p->order[i]] = depths[s->parent] + counts(p, &p->slots[s->parent]);
    }
}

/* A branch that is cut takes all above it along. */
static void cut(struct forest_plan *p, const uint32_t *depths)
{
    const struct forest_wish *w = p->wish;

    for (uint32_t i = 0; i < p->order_count; i++) {
        struct forest_slot *s = &p->slots[p->order[i]];

        s->cut = s->kept && (s->cut || (w->depth > 0 && depths[p->order[i]] >= w->depth) ||
                             s->branch.bytes < w->min_bytes ||
                             (s->parent != FLEET_NONE && p->slots[s->parent].cut));
    }
}

/* `list` has the kept slots; all that is not cut and beyond the limit is cut. */
static void cut_many(struct forest_plan *p, uint32_t *list, uint32_t count)
{
    int64_t room = p->wish->limit;

    if (room == 0)
        return;
    qsort_r(list, count, sizeof(*list), by_bytes, p);
    for (uint32_t i = 0; i < count; i++)
        if (!p->slots[list[i]].cut && counts(p, &p->slots[list[i]]) && room-- <= 0)
            p->slots[list[i]].cut = true;
}

/* Adds a branch that is cut to what its parent leaves out, where that one is shown. */
static void leave_out(struct forest_plan *p, const struct forest_slot *s)
{
    struct forest_slot *parent = s->parent != FLEET_NONE ? &p->slots[s->parent] : NULL;
    struct forest_sum *out = parent != NULL ? &parent->out : &p->roots_out;
    int64_t *images = parent != NULL ? &parent->out_images : &p->roots_out_images;

    if (parent != NULL && parent->cut)
        return;
    forest_sum_add(out, &s->branch);
    forest_sum_add(&p->out->left_out, &s->branch);
    *images += s->branch_images;
    if (parent != NULL)
        parent->cut_children++;
    else
        p->roots_cut++;
}

/* ---- list ------------------------------------------------------------------------------------ */

/* Hangs up the nodes that are shown, and returns how many there are; `list` has the kept slots in
 * order. */
static size_t hang(struct forest_plan *p, const uint32_t *list, uint32_t count)
{
    size_t shown = 0;

    for (uint32_t i = count; i-- > 0;) {
        struct forest_slot *s = &p->slots[list[i]];
        uint32_t *first =
            s->parent != FLEET_NONE ? &p->slots[s->parent].first_child : &p->first_root;

        if (s->cut) {
            leave_out(p, s);
            continue;
        }
        s->next = *first;
        *first = list[i];
        shown++;
    }
    return shown;
}

static void add_node(struct forest_plan *p, uint32_t slot, uint32_t depth, uint32_t *indices)
{
    const struct forest_slot *s = &p->slots[slot];
    struct forest *out = p->out;

    out->nodes[out->count] = (struct forest_node){
        .chain = slot < p->chain_count ? slot : FLEET_NONE,
        .parent = s->parent != FLEET_NONE ? indices[s->parent] : FLEET_NONE,
        .depth = depth,
        .children = s->children,
        .subject = s->subject,
        .images = s->images,
        .names = s->names,
        .own = s->own,
        .line = s->line,
        .branch = s->branch,
        .branch_images = s->branch_images,
    };
    indices[slot] = (uint32_t)out->count++;
}

/* The node for what `parent` (a slot; FLEET_NONE: the forest) leaves out. */
static void add_left_out(struct forest_plan *p, uint32_t parent, uint32_t depth,
                         const uint32_t *indices)
{
    const struct forest_slot *s = parent != FLEET_NONE ? &p->slots[parent] : NULL;
    const struct forest_sum *sum = s != NULL ? &s->out : &p->roots_out;
    uint32_t branches = s != NULL ? s->cut_children : p->roots_cut;

    if (branches == 0)
        return;
    p->out->left_out_places++;
    p->out->nodes[p->out->count++] = (struct forest_node){
        .chain = FLEET_NONE,
        .parent = s != NULL ? indices[parent] : FLEET_NONE,
        .depth = depth,
        .children = branches,
        .left_out = true,
        .own = *sum,
        .branch = *sum,
        .branch_images = s != NULL ? s->out_images : p->roots_out_images,
    };
}

/* Goes through the trees along the slots' own links: up again, and on, after the last child. */
static void list_nodes(struct forest_plan *p, uint32_t *indices)
{
    uint32_t at = p->first_root, depth = 0;

    while (at != FLEET_NONE) {
        add_node(p, at, depth, indices);
        if (p->slots[at].first_child != FLEET_NONE) {
            at = p->slots[at].first_child;
            depth++;
            continue;
        }
        add_left_out(p, at, depth + 1, indices);
        while (p->slots[at].next == FLEET_NONE && p->slots[at].parent != FLEET_NONE) {
            at = p->slots[at].parent;
            add_left_out(p, at, depth--, indices);
        }
        at = p->slots[at].next;
    }
    add_left_out(p, FLEET_NONE, 0, indices);
}

int forest_list(struct forest_plan *p, struct err *err)
{
    uint32_t *list = arena_array(p->arena, p->order_count, sizeof(*list), err);
    uint32_t *numbers = arena_array(p->arena, p->slot_count, sizeof(*numbers), err), count = 0;
    size_t shown;

    if (list == NULL || numbers == NULL)
        return -1;
    for (uint32_t i = 0; i < p->order_count; i++)
        if (p->slots[p->order[i]].kept)
            list[count++] = p->order[i];
    set_depths(p, numbers);
    cut(p, numbers);
    if (count > 0) {
        cut_many(p, list, count);
        qsort_r(list, count, sizeof(*list), by_branch, p);
    }
    cut(p, numbers);
    shown = hang(p, list, count);
    p->out->nodes = arena_array(p->arena, shown * 2 + 1, sizeof(*p->out->nodes), err);
    if (p->out->nodes == NULL)
        return -1;
    list_nodes(p, numbers);
    return 0;
}
