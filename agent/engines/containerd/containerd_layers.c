/* containerd_layers: which snapshots hold which layers, who needs them, and the copies. */
#include <stdlib.h>
#include <string.h>

#include "agent/engines/containerd/containerd_pass.h"
#include "common/cleanup.h"

#define LABEL_UNCOMPRESSED "containerd.io/uncompressed"
#define TRIES_MAX 2000000 /* chainIDs computed in one pass, about a second's work */

/* The diffID that a blob's label tells. */
static bool blob_diff(const struct containerd_blob *blob, struct digest *out)
{
    const char *text = containerd_label_of(&blob->labels, LABEL_UNCOMPRESSED);

    return text != NULL && digest_parse(out, text, strlen(text), false, NULL) == 0;
}

/* ---- who needs what -------------------------------------------------------------------------- */

static void keep_blob(struct containerd_pass *p, const struct digest *digest)
{
    const struct containerd_blob *blob = containerd_blob_of(p->ns, digest);

    if (blob != NULL)
        p->kept[blob - p->ns->blobs] = true;
}

/* All layers lie here: their snapshots are needed, and their blobs are there besides. */
static void need_image(struct containerd_pass *p, const struct content_image *image)
{
    for (size_t i = 0; i < image->diff_count; i++) {
        struct containerd_layer *layer = containerd_layer_of(p, &image->chains[i]);

        layer->diff = image->diffs[i];
        layer->has_diff = true;
        layer->needed = true;
        if (image->layer_count == image->diff_count)
            keep_blob(p, &image->layers[i].digest);
    }
}

static void need_images(struct containerd_pass *p)
{
    for (size_t i = 0; i < p->ns->image_count; i++) {
        const struct content_found *found = &p->targets[i].found;

        for (size_t j = 0; j < found->image_count; j++) {
            if (found->images[j].identity == REC_BY_CONFIG &&
                containerd_is_unpacked(p, &found->images[j]))
                need_image(p, &found->images[j]);
        }
    }
}

/* ---- layers that no image explains ----------------------------------------------------------- */

struct diffs {
    struct digest *items; /* sorted, unique */
    size_t count;
    size_t tries; /* left */
};

static int compare_digests(const void *a, const void *b)
{
    return digest_cmp(a, b);
}

static size_t diffs_of_images(const struct containerd_pass *p, struct digest *out)
{
    size_t count = 0;

    for (size_t i = 0; i < p->ns->image_count; i++) {
        const struct content_found *found = &p->targets[i].found;

        for (size_t j = 0; j < found->image_count; j++) {
            const struct content_image *image = &found->images[j];

            if (out != NULL && image->diff_count > 0)
                memcpy(out + count, image->diffs, image->diff_count * sizeof(*out));
            count += image->diff_count;
        }
    }
    return count;
}

static size_t unique(struct digest *items, size_t count)
{
    size_t kept = 0;

    if (count > 0)
        qsort(items, count, sizeof(*items), compare_digests);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !digest_eq(&items[kept - 1], &items[i]))
            items[kept++] = items[i];
    }
    return kept;
}

/* Every diffID that anything here names: images' configs (unpacked or not) and blobs' labels. */
static int known_diffs(struct containerd_pass *p, struct diffs *out, struct err *err)
{
    size_t room = p->ns->blob_count + diffs_of_images(p, NULL);

    *out = (struct diffs){.tries = TRIES_MAX};
    out->items = arena_array(p->base.arena, room, sizeof(*out->items), err);
    if (out->items == NULL)
        return -1;
    out->count = diffs_of_images(p, out->items);
    for (size_t i = 0; i < p->ns->blob_count; i++)
        out->count += blob_diff(&p->ns->blobs[i], &out->items[out->count]);
    out->count = unique(out->items, out->count);
    return 0;
}

/* The diffID on top of `parent` that makes this chainID. A first layer's is the chainID itself. */
static void explain(struct containerd_layer *layer, const char *parent_key, struct diffs *diffs)
{
    struct digest parent;

    if (parent_key[0] == '\0') {
        layer->diff = layer->chain;
        layer->has_diff = true;
        return;
    }
    if (digest_parse(&parent, parent_key, strlen(parent_key), false, NULL) != 0)
        return;
    for (size_t i = 0; i < diffs->count && diffs->tries > 0 && !layer->has_diff; i++) {
        struct digest chain = digest_chain(&parent, &diffs->items[i]);

        diffs->tries--;
        layer->diff = diffs->items[i];
        layer->has_diff = digest_eq(&chain, &layer->chain);
    }
}

static bool any_unexplained(const struct containerd_pass *p)
{
    for (size_t i = 0; i < p->snapshotter->count; i++) {
        if (p->layers[i].is_layer && !p->layers[i].has_diff)
            return true;
    }
    return false;
}

static int explain_others(struct containerd_pass *p, struct err *err)
{
    struct diffs diffs;

    if (!any_unexplained(p))
        return 0;
    if (known_diffs(p, &diffs, err) != 0)
        return -1;
    for (size_t i = 0; i < p->snapshotter->count; i++) {
        struct containerd_layer *layer = &p->layers[i];

        if (!layer->is_layer || layer->has_diff)
            continue;
        explain(layer, p->snapshotter->snapshots[i].parent, &diffs);
        if (layer->has_diff &&
            pass_exception(&p->base, REC_CHAIN_EXTRA, &layer->chain, &layer->diff, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- copies ---------------------------------------------------------------------------------- */

static int make_copy(struct containerd_pass *p, size_t index, struct engine_copy *out,
                     struct err *err)
{
    const struct containerd_snapshot *snapshot = &p->snapshotter->snapshots[index];
    const struct containerd_layer *layer = &p->layers[index];

    *out =
        (struct engine_copy){.chain = layer->chain, .diff = layer->diff, .needed = layer->needed};
    if (p->layout == NULL || snapshot->id == 0)
        return 0;
    out->whole_tree = p->layout->whole_tree && snapshot->parent[0] != '\0';
    out->entry =
        pass_text(&p->base, err, "%s/" CONTAINERD_SNAPSHOTTER "%s/snapshots/%llu",
                  p->base.root->path, p->base.root->storage, (unsigned long long)snapshot->id);
    out->directory = out->entry;
    if (out->entry != NULL && p->layout->files[0] != '\0')
        out->directory = pass_text(&p->base, err, "%s/%s", out->entry, p->layout->files);
    return out->directory != NULL ? 0 : -1;
}

static int compare_copies(const void *a, const void *b)
{
    const struct engine_copy *x = a, *y = b;

    return digest_cmp(&x->chain, &y->chain);
}

static int make_copies(struct containerd_pass *p, struct err *err)
{
    struct engine_reading *r = p->base.reading;

    r->copies = arena_array(p->base.arena, p->snapshotter->count, sizeof(*r->copies), err);
    if (r->copies == NULL)
        return -1;
    for (size_t i = 0; i < p->snapshotter->count; i++) {
        if (!p->layers[i].has_diff)
            continue;
        if (make_copy(p, i, &r->copies[r->copy_count], err) != 0)
            return -1;
        r->copy_count++;
    }
    if (r->copy_count > 0)
        qsort(r->copies, r->copy_count, sizeof(*r->copies), compare_copies);
    return 0;
}

/* The blob that was unpacked has its diffID on a label, also where no image is left. */
static int keep_labelled(struct containerd_pass *p, struct err *err)
{
    const struct engine_reading *r = p->base.reading;
    struct digest *diffs = arena_array(p->base.arena, r->copy_count, sizeof(*diffs), err);
    struct digest diff;

    if (diffs == NULL)
        return -1;
    for (size_t i = 0; i < r->copy_count; i++)
        diffs[i] = r->copies[i].diff;
    if (r->copy_count > 0)
        qsort(diffs, r->copy_count, sizeof(*diffs), compare_digests);
    for (size_t i = 0; i < p->ns->blob_count && r->copy_count > 0; i++) {
        if (blob_diff(&p->ns->blobs[i], &diff) &&
            bsearch(&diff, diffs, r->copy_count, sizeof(*diffs), compare_digests) != NULL)
            p->kept[i] = true;
    }
    return 0;
}

int containerd_read_layers(struct containerd_pass *p, struct err *err)
{
    p->kept = arena_array(p->base.arena, p->ns->blob_count, sizeof(*p->kept), err);
    if (p->kept == NULL)
        return -1;
    need_images(p);
    if (explain_others(p, err) != 0 || make_copies(p, err) != 0)
        return -1;
    return keep_labelled(p, err);
}
