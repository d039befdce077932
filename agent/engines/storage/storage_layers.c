/* storage_layers: layers.json, and which chain each of its layers is.
 *
 * A layer's ID is that of the first layer's diff, and above it sha256("<parent's ID>+<diff>") in
 * plain hex (containers/image, storage: computeID), but for layers that are known by the digest of
 * their table of contents (zstd:chunked), which may even have no diff-digest here. So an image's
 * layers are found by walking down from its top one, and told apart by their position in its
 * config. */
#include <stdlib.h>
#include <string.h>

#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"

/* ---- the lists ------------------------------------------------------------------------------- */

static int compare_nodes(const void *a, const void *b)
{
    const struct storage_node *x = a, *y = b;

    return digest_cmp(&x->layer->id, &y->layer->id);
}

/* Adds the right entries of one list, and names the others as problems (p: of this store). */
static int add_nodes(struct storage_pass *p, const struct storage_layers *layers, bool own,
                     struct storage_node **nodes, size_t *count, struct err *err)
{
    struct storage_node *grown =
        arena_array(p->base.arena, *count + layers->count, sizeof(*grown), err);

    if (grown == NULL)
        return -1;
    if (*count > 0)
        memcpy(grown, *nodes, *count * sizeof(*grown));
    *nodes = grown;
    for (size_t i = 0; i < layers->count; i++) {
        const struct storage_layer *layer = &layers->items[i];
        char subject[DIGEST_TEXT + 16];

        if (layer->broken == NULL) {
            grown[(*count)++].layer = layer;
            continue;
        }
        snprintf(subject, sizeof(subject), "layer %s", layer->id_text);
        if (own && pass_problem(&p->base, err, subject, "%s", layer->broken) != 0)
            return -1;
    }
    return 0;
}

/* Parses a file; no file is an empty list. */
static int parse_list(struct storage_pass *p, int fd, const char *name, struct storage_layers *out,
                      struct err *err)
{
    bool there;

    if (storage_load(p, fd, name, &there, err) != 0)
        return -1;
    return storage_layers_parse(out, buf_str(&p->base.file), p->base.file.len, p->base.arena, err);
}

/* Number `list` of them. What is wrong with layers.json is wrong with the store; the list of layers
 * that do not outlive a reboot can be lost without loss. */
static int read_list(struct storage_pass *p, int fd, const char *name, unsigned list,
                     struct err *err)
{
    struct storage_layers *layers = &p->next->layers[list];
    struct file_stamp stamp = {0};
    struct err why = {0};
    int rc;

    if (fd >= 0)
        stamp = file_stamp_at(fd, name);
    if (p->last != NULL && file_stamp_eq(&p->last->layers_stamps[list], &stamp))
        rc = storage_kept_layers(p, &p->last->layers[list], layers, &why);
    else
        rc = parse_list(p, fd, name, layers, &why);
    if (rc == 0) {
        p->next->layers_stamps[list] = stamp;
        return add_nodes(p, layers, true, &p->nodes, &p->node_count, err);
    }
    if (list == 0)
        return err_set(err, why.kind, "%s: %s", name, why.text);
    return pass_entry_failed(&p->base, name, &why, err);
}

static void sort_nodes(struct storage_node *nodes, size_t *count)
{
    size_t kept = 0;

    if (*count > 0)
        qsort(nodes, *count, sizeof(*nodes), compare_nodes);
    for (size_t i = 0; i < *count; i++) {
        if (kept == 0 || !digest_eq(&nodes[kept - 1].layer->id, &nodes[i].layer->id))
            nodes[kept++] = nodes[i];
    }
    *count = kept;
}

int storage_read_layers(struct storage_pass *p, struct err *err)
{
    AUTO_FD int fd = -1;
    AUTO_FD int run = -1;

    if (storage_open_optional(p->base.root, "-layers", &fd, err) != 0 ||
        storage_open_run(p->base.root, "-layers", &run, err) != 0 ||
        read_list(p, fd, "layers.json", 0, err) != 0 ||
        read_list(p, fd, "volatile-layers.json", 1, err) != 0 ||
        read_list(p, run, "volatile-layers.json", 2, err) != 0)
        return -1;
    sort_nodes(p->nodes, &p->node_count);
    return 0;
}

static struct storage_node *find_node(struct storage_node *nodes, size_t count,
                                      const struct digest *id)
{
    const struct storage_layer layer = {.id = *id};
    const struct storage_node key = {.layer = &layer};

    return count > 0 ? bsearch(&key, nodes, count, sizeof(key), compare_nodes) : NULL;
}

struct storage_node *storage_node_of(const struct storage_pass *p, const struct digest *id)
{
    return find_node(p->nodes, p->node_count, id);
}

/* ---- layers of other stores -------------------------------------------------------------------
 */

/* What is wrong with another store is that one's to report. */
static int read_other(struct storage_pass *p, const char *path, struct err *err)
{
    struct engine_root other = *p->base.root;
    struct storage_layers layers;
    AUTO_FD int fd = -1;

    if (strcmp(path, other.path) == 0 || strlen(path) >= sizeof(other.path))
        return 0;
    memcpy(other.path, path, strlen(path) + 1);
    if (storage_open_optional(&other, "-layers", &fd, NULL) != 0 ||
        parse_list(p, fd, "layers.json", &layers, NULL) != 0)
        return 0;
    return add_nodes(p, &layers, false, &p->others, &p->other_count, err);
}

static const struct storage_user *owner_of(const struct storage_pass *p,
                                           const struct storage_users *users)
{
    for (size_t i = 0; i < users->count; i++) {
        if (users->items[i].uid == p->base.reading->content.store.owner)
            return users->items[i].uid == 0 ? NULL : &users->items[i];
    }
    return NULL;
}

/* Only where a layer is not here: images may stand on layers of an additional, read-only store, or
 * all of them lie in a store apart from the containers'. */
static int read_others(struct storage_pass *p, struct err *err)
{
    struct storage_conf conf = {0};
    struct storage_users users;

    if (p->others_read)
        return 0;
    p->others_read = true;
    if (storage_users_read(&users, p->base.root, p->base.arena, err) != 0 ||
        storage_conf_of(p->base.root, owner_of(p, &users), &conf, p->base.arena, err) != 0)
        return -1;
    for (size_t i = 0; i < conf.store_count; i++) {
        if (read_other(p, conf.stores[i], err) != 0)
            return -1;
    }
    if ((conf.image_store != NULL && read_other(p, conf.image_store, err) != 0) ||
        (conf.graph_root != NULL && read_other(p, conf.graph_root, err) != 0))
        return -1;
    sort_nodes(p->others, &p->other_count);
    return 0;
}

/* ---- images on layers ------------------------------------------------------------------------ */

/* The layer at one position of an image. */
struct slot {
    struct storage_node *node; /* of this store, or NULL */
    bool elsewhere;            /* in another store */
};

static int find_slot(struct storage_pass *p, const struct digest *id, struct slot *out,
                     const struct storage_layer **layer, struct err *err)
{
    struct storage_node *other;

    *layer = NULL;
    *out = (struct slot){.node = storage_node_of(p, id)};
    if (out->node != NULL) {
        *layer = out->node->layer;
        return 0;
    }
    if (read_others(p, err) != 0)
        return -1;
    other = find_node(p->others, p->other_count, id);
    out->elsewhere = other != NULL;
    if (other != NULL)
        *layer = other->layer;
    return 0;
}

/* From the top layer down. *left: how many of the lowest positions were not reached. *fits: the
 * bottom was reached where the config's is, or a layer on the way is not here. */
static int walk_down(struct storage_pass *p, const struct storage_image *entry, struct slot *slots,
                     size_t count, size_t *left, bool *fits, struct err *err)
{
    struct digest id = entry->top;
    bool more = entry->has_top;

    *left = count;
    while (more && *left > 0) {
        const struct storage_layer *layer;

        if (find_slot(p, &id, &slots[*left - 1], &layer, err) != 0)
            return -1;
        if (layer == NULL) {
            *fits = true;
            return 0;
        }
        (*left)--;
        more = layer->has_parent;
        id = layer->parent;
    }
    *fits = !more && *left == 0;
    return 0;
}

static struct digest ordinary_id(const struct digest *parent, const struct digest *diff)
{
    char text[2 * DIGEST_HEX + 2];

    digest_hex(parent, text);
    text[DIGEST_HEX] = '+';
    digest_hex(diff, text + DIGEST_HEX + 1);
    return digest_of(text, strlen(text));
}

/* Below a layer that is not here, its parents are found by the IDs that they ordinarily have. */
static int guess_below(struct storage_pass *p, const struct digest *diffs, struct slot *slots,
                       size_t left, struct err *err)
{
    struct digest id = {{0}};

    for (size_t i = 0; i + 1 < left; i++) {
        const struct storage_layer *layer;

        id = i == 0 ? diffs[0] : ordinary_id(&id, &diffs[i]);
        if (find_slot(p, &id, &slots[i], &layer, err) != 0)
            return -1;
    }
    return 0;
}

/* Whether this layer can be that one of the config. */
static bool agrees(const struct storage_node *node, const struct digest *chain,
                   const struct digest *diff)
{
    const struct storage_layer *layer = node->layer;

    return !layer->incomplete && !node->of_container &&
           (!layer->has_diff || digest_eq(&layer->diff, diff)) &&
           (!node->has_chain || digest_eq(&node->chain, chain));
}

/* The chain at a position; `below`: the layer of this store below it, or NULL. Most layers were
 * settled by an image before: on the same layer below, the chain is the same. */
static struct digest chain_of(const struct storage_node *node, const struct storage_node *below,
                              const struct digest *chain_below, const struct digest *diff)
{
    if (node != NULL && below != NULL && node->below == below && digest_eq(&node->diff, diff))
        return node->chain;
    return digest_chain(chain_below, diff);
}

/* Settles the chains of what was found, and notes what was not. */
static int take_slots(struct storage_pass *p, struct slot *slots, const struct digest *diffs,
                      size_t count, size_t *missing, size_t *elsewhere, struct err *err)
{
    const struct storage_node *below = NULL;
    struct digest chain = {{0}};

    for (size_t i = 0; i < count; i++) {
        struct storage_node *node = slots[i].node;

        chain = i == 0 ? diffs[0] : chain_of(node, below, &chain, &diffs[i]);
        if (node != NULL && agrees(node, &chain, &diffs[i])) {
            node->chain = chain;
            node->diff = diffs[i];
            node->has_chain = node->needed = true;
            node->below = below != NULL ? below : node->below;
            below = node;
            continue;
        }
        below = NULL;
        *(slots[i].elsewhere ? elsewhere : missing) += 1;
        if (pass_exception(&p->base, REC_CHAIN_MISSING, &chain, &diffs[i], err) != 0)
            return -1;
    }
    return 0;
}

/* An image of which no layer is here is not unpacked here, also where all of them lie in another
 * store. Of one that has some, the others are exceptions. */
int storage_place_image(struct storage_pass *p, const char *subject,
                        const struct storage_image *entry, const struct digest *diffs, size_t count,
                        struct rec_image *image, struct err *err)
{
    struct slot *slots = arena_array(p->base.arena, count, sizeof(*slots), err);
    size_t before = p->base.exception_count, missing = 0, elsewhere = 0, left;
    bool fits;

    image->unpacked = false;
    if (slots == NULL || walk_down(p, entry, slots, count, &left, &fits, err) != 0)
        return -1;
    if (!fits)
        return pass_problem(&p->base, err, subject,
                            "its layers here are %s than the %zu of its config",
                            left > 0 ? "fewer" : "more", count);
    if ((left > 1 && guess_below(p, diffs, slots, left, err) != 0) ||
        take_slots(p, slots, diffs, count, &missing, &elsewhere, err) != 0)
        return -1;
    image->unpacked = count == 0 || missing + elsewhere < count;
    if (!image->unpacked)
        p->base.exception_count = before;
    if (missing == 0)
        return 0;
    p->base.vanished++;
    return pass_problem(&p->base, err, subject, "%zu of its %zu layers are not in layers.json",
                        missing, count);
}
