#include "agent/engines/content_images.h"

#include <stdlib.h>
#include <string.h>

#include "agent/engines/content_documents.h"

/* One target being followed. */
struct walk {
    struct content_look *look;
    struct content_found *found;
    struct content_image *images; /* grows */
    size_t room;
    bool in_index; /* the target is an index, and is what its descriptor says */
    struct err *err;
};

/* Counts what is looked up: documents are bounded, but the same ones may be named again and again.
 * False past the limit, and then nothing more is followed. */
static bool afford(struct content_look *look, size_t lookups)
{
    look->followed += lookups;
    return look->followed <= CONTENT_FOLLOWED_MAX;
}

/* ---- images ---------------------------------------------------------------------------------- */

static struct content_image *add_image(struct walk *w, const struct digest *manifest)
{
    struct content_image *image;

    if (w->found->image_count == w->room) {
        size_t room = w->room == 0 ? 4 : w->room * 2;
        struct content_image *grown =
            arena_array(w->look->pass->arena, room, sizeof(*grown), w->err);

        if (grown == NULL)
            return NULL;
        if (w->room > 0)
            memcpy(grown, w->images, w->room * sizeof(*grown));
        w->images = grown;
        w->room = room;
    }
    image = &w->images[w->found->image_count++];
    *image =
        (struct content_image){.id = *manifest, .identity = REC_BY_MANIFEST, .manifest = *manifest};
    return image;
}

/* The blob that a descriptor names, marked; NULL where it is not here. */
static struct content_blob *name_blob(struct content_look *look, const struct digest *digest)
{
    struct content_blob *blob = content_blobs_find(&look->blobs, digest);

    if (blob != NULL)
        blob->named = true;
    return blob;
}

/* Marks the layers; how many are not here and ought to be. */
static size_t name_layers(struct content_look *look, const struct image_manifest *m)
{
    size_t absent = 0;

    for (size_t i = 0; i < m->layer_count; i++) {
        if (name_blob(look, &m->layers[i].digest) == NULL &&
            !image_layer_is_foreign(m->layers[i].media_type))
            absent++;
    }
    return absent;
}

/* What is wrong with an image as a whole. */
static int judge(struct walk *w, const struct content_blob *blob, const struct content_image *image)
{
    if (w->look->complete && image->config_absent)
        return content_remark(w->look, blob, w->err, "its config is not here");
    if (image->diffs != NULL && image->diff_count != image->layer_count)
        return content_remark(w->look, blob, w->err,
                              "it has %zu layers, and its config tells of %zu", image->layer_count,
                              image->diff_count);
    if (w->look->complete && image->layers_absent > 0)
        return content_remark(w->look, blob, w->err, "%zu of its %zu layers are not here",
                              image->layers_absent, image->layer_count);
    return 0;
}

static int take_image(struct walk *w, const struct content_blob *blob,
                      const struct image_manifest *m, bool in_index)
{
    struct content_blob *config_blob = m->has_config ? name_blob(w->look, &m->config.digest) : NULL;
    size_t layers_absent = name_layers(w->look, m);
    const struct content_config *config = NULL;
    struct content_image *image;

    if (m->is_image && config_blob != NULL &&
        content_config_in(w->look, config_blob, &config, w->err) != 0)
        return -1;
    if (m->is_image && config == NULL && in_index) {
        w->found->absent++;
        return 0;
    }
    image = add_image(w, &blob->digest);
    if (image == NULL)
        return -1;
    image->in_index = in_index;
    image->artifact = !m->is_image;
    image->config_absent = m->has_config && config_blob == NULL;
    image->layers = m->layers;
    image->layer_count = m->layer_count;
    image->layers_absent = layers_absent;
    if (config == NULL)
        return judge(w, blob, image);
    image->id = m->config.digest;
    image->identity = REC_BY_CONFIG;
    image->diffs = config->diffs;
    image->chains = config->chains;
    image->diff_count = config->count;
    return judge(w, blob, image);
}

/* ---- following ------------------------------------------------------------------------------- */

static int follow(struct walk *w, const struct image_descriptor *to, size_t depth);

/* A statement about an image, with its parts. */
static int name_attestation(struct walk *w, const struct image_descriptor *to)
{
    struct content_blob *blob = name_blob(w->look, &to->digest);
    const struct image_manifest *m;

    w->found->attestations++;
    if (blob == NULL || blob->visit == w->look->visits)
        return 0;
    blob->visit = w->look->visits;
    if (content_manifest_in(w->look, blob, &m, w->err) != 0)
        return -1;
    if (m == NULL || m->kind != IMAGE_MANIFEST || !afford(w->look, m->layer_count))
        return 0;
    if (m->has_config)
        name_blob(w->look, &m->config.digest);
    name_layers(w->look, m);
    return 0;
}

static int follow_index(struct walk *w, const struct content_blob *blob,
                        const struct image_manifest *m, size_t depth)
{
    if (depth >= CONTENT_DEPTH_MAX)
        return content_remark(w->look, blob, w->err, "more than %d indexes within each other",
                              CONTENT_DEPTH_MAX);
    w->in_index = true;
    for (size_t i = 0; i < m->entry_count; i++) {
        const struct image_index_entry *entry = &m->entries[i];
        int rc;

        if (entry->broken != NULL)
            rc = content_remark(w->look, blob, w->err, "its entry %zu %s", i, entry->broken);
        else if (entry->attestation)
            rc = name_attestation(w, &entry->to);
        else
            rc = follow(w, &entry->to, depth + 1);
        if (rc != 0)
            return -1;
    }
    return 0;
}

static int follow_manifest(struct walk *w, struct content_blob *blob,
                           const struct image_descriptor *to, size_t depth)
{
    const struct image_manifest *m;

    if (content_manifest_in(w->look, blob, &m, w->err) != 0)
        return -1;
    if (m == NULL) {
        w->found->absent += depth > 0;
        return 0;
    }
    if (to->media_type[0] != '\0' && image_manifest_kind_of(to->media_type) != m->kind)
        return content_remark(w->look, blob, w->err,
                              "a descriptor gives it another media type than what it holds");
    switch (m->kind) {
    case IMAGE_INDEX:
        return follow_index(w, blob, m, depth);
    case IMAGE_SCHEMA1:
        return add_image(w, &blob->digest) != NULL
                   ? content_remark(w->look, blob, w->err,
                                    "it is of schema 1, of which nothing is read")
                   : -1;
    case IMAGE_MANIFEST:
        break;
    }
    return afford(w->look, m->layer_count) ? take_image(w, blob, m, depth > 0) : 0;
}

/* A blob that is no manifest is only marked: descriptors may lead to anything. */
static int follow(struct walk *w, const struct image_descriptor *to, size_t depth)
{
    struct content_look *look = w->look;
    struct content_blob *blob = name_blob(look, &to->digest);

    if (!afford(look, 1))
        return 0;
    if (blob == NULL) {
        w->found->absent += depth > 0;
        return 0;
    }
    w->found->here = true;
    if (blob->visit == look->visits ||
        (to->media_type[0] != '\0' && image_manifest_kind_of(to->media_type) == 0))
        return 0;
    blob->visit = look->visits;
    return follow_manifest(w, blob, to, depth);
}

/* An index of which nothing else is here is listed as such. */
static int take_bare_index(struct walk *w, const struct image_descriptor *target)
{
    if (!w->in_index || w->found->image_count > 0)
        return 0;
    return add_image(w, &target->digest) != NULL ? 0 : -1;
}

static int compare_images(const void *a, const void *b)
{
    const struct content_image *x = a, *y = b;
    int order = digest_cmp(&x->id, &y->id);

    return order != 0 ? order : digest_cmp(&x->manifest, &y->manifest);
}

int content_look_at(struct content_look *look, const struct image_descriptor *target,
                    struct content_found *out, struct err *err)
{
    struct content_found found = {0};
    struct walk w = {.look = look, .found = &found, .err = err};
    bool afforded = look->followed <= CONTENT_FOLLOWED_MAX;

    look->visits++;
    if (follow(&w, target, 0) != 0 || take_bare_index(&w, target) != 0)
        return -1;
    if (afforded && look->followed > CONTENT_FOLLOWED_MAX &&
        pass_problem(look->pass, err, "content",
                     "it names blobs more than %d times: what comes later is left out",
                     CONTENT_FOLLOWED_MAX) != 0)
        return -1;
    if (found.image_count > 0)
        qsort(w.images, found.image_count, sizeof(*w.images), compare_images);
    found.images = w.images;
    *out = found;
    return 0;
}

struct content_kept content_look_keep(const struct content_look *look)
{
    return (struct content_kept){.blobs = look->blobs};
}
