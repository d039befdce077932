/* storage_settle: the chains of layers that no image needs, and which of several layers with one
 * chain counts as its copy. */
#include <stdlib.h>

#include "agent/engines/image_config.h"
#include "agent/engines/storage/storage.h"

/* The chain of a layer with a diff-digest whose parent's chain is known. */
static bool derive(struct storage_pass *p, struct storage_node *node)
{
    const struct storage_layer *layer = node->layer;
    const struct storage_node *parent;

    if (!layer->has_diff || layer->incomplete || node->of_container)
        return false;
    parent = layer->has_parent ? storage_node_of(p, &layer->parent) : NULL;
    if (layer->has_parent && (parent == NULL || !parent->has_chain))
        return false;
    node->diff = layer->diff;
    node->chain = digest_chain(parent != NULL ? &parent->chain : NULL, &layer->diff);
    node->has_chain = true;
    return true;
}

/* Goes down from a layer to the first one whose chain is known or that has no parent, and settles
 * them all on the way back up. Each layer is gone over once, whatever comes of it: parents may form
 * a ring, and a file of a user's may be made to have many long ways. */
static void settle(struct storage_pass *p, struct storage_node *node)
{
    struct storage_node *way[IMAGE_CONFIG_LAYERS_MAX];
    size_t depth = 0;

    while (node != NULL && !node->has_chain && !node->gone_over &&
           depth < IMAGE_CONFIG_LAYERS_MAX) {
        node->gone_over = true;
        way[depth++] = node;
        node = node->layer->has_parent ? storage_node_of(p, &node->layer->parent) : NULL;
    }
    while (depth > 0 && derive(p, way[depth - 1]))
        depth--;
}

static int compare_by_chain(const void *a, const void *b)
{
    const struct storage_node *x = *(struct storage_node *const *)a;
    const struct storage_node *y = *(struct storage_node *const *)b;
    int order = digest_cmp(&x->chain, &y->chain);

    if (order == 0)
        order = (int)y->needed - (int)x->needed;
    return order != 0 ? order : digest_cmp(&x->layer->id, &y->layer->id);
}

/* One chain may lie here twice, under two IDs: mapped for a user namespace, or come once whole and
 * once in chunks. The first counts as the copy. */
int storage_settle_layers(struct storage_pass *p, struct err *err)
{
    struct storage_node **sorted = arena_array(p->base.arena, p->node_count, sizeof(*sorted), err);
    size_t count = 0;

    if (sorted == NULL)
        return -1;
    for (size_t i = 0; i < p->node_count; i++) {
        settle(p, &p->nodes[i]);
        if (p->nodes[i].has_chain)
            sorted[count++] = &p->nodes[i];
    }
    if (count > 0)
        qsort(sorted, count, sizeof(struct storage_node *), compare_by_chain);
    for (size_t i = 0; i < count; i++) {
        struct storage_node *node = sorted[i];

        node->is_copy = i == 0 || !digest_eq(&sorted[i - 1]->chain, &node->chain);
        if (node->is_copy && !node->needed &&
            pass_exception(&p->base, REC_CHAIN_EXTRA, &node->chain, &node->diff, err) != 0)
            return -1;
    }
    return 0;
}
