/* containerd_kept: what a pass over a store leaves for the next one, and takes from the last. */
#include <string.h>

#include "agent/engines/containerd/containerd_pass.h"
#include "common/cleanup.h"

/* ---- whether it stands ----------------------------------------------------------------------- */

static bool same_versions(const struct containerd_pass *p)
{
    const struct engine_root *root = p->base.root;
    struct containerd_versions now;

    return containerd_state_versions(&now, root, root->storage, NULL) == 0 &&
           memcmp(&now, &p->last->versions, sizeof(now)) == 0;
}

static bool same_files(const struct content_blobs *a, const struct content_blobs *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!digest_eq(&a->items[i].digest, &b->items[i].digest) ||
            !file_stamp_eq(&a->items[i].stamp, &b->items[i].stamp))
            return false;
    }
    return true;
}

int containerd_recall(struct containerd_pass *p, struct err *err)
{
    const struct engine_reading *last = p->base.last;

    p->last = last != NULL ? last->kept : NULL;
    if (p->base.root->by_api || p->last == NULL || !p->last->whole || !same_versions(p))
        return 0;
    if (containerd_list_blobs(p, err) != 0)
        return -1;
    p->stands = same_files(&p->all, &p->last->files);
    return 0;
}

/* ---- keeping --------------------------------------------------------------------------------- */

const struct containerd_kept *containerd_keep(struct containerd_pass *p, struct err *err)
{
    const struct engine_reading *r = p->base.reading;
    struct containerd_kept *kept = arena_alloc(p->base.arena, sizeof(*kept), err);

    if (kept == NULL)
        return NULL;
    *kept = (struct containerd_kept){
        .content = content_look_keep(&p->look),
        .versions = p->versions,
        .files = p->all,
        .whole = !p->base.root->by_api && pass_remarks(&p->base) == 0,
        .state = p->state,
        .keys = p->keys,
        .targets = p->targets,
        .layers = p->layers,
        .tops = p->tops,
        .top_count = p->top_count,
        .kept = p->kept,
        .exceptions = p->base.exceptions,
        .exception_count = p->base.exception_count,
        .images = r->content.images,
        .image_count = r->content.image_count,
        .copies = r->copies,
        .copy_count = r->copy_count,
        .origins = r->origins.origins,
        .origin_count = r->origins.origin_count,
    };
    return kept;
}

/* ---- taking ---------------------------------------------------------------------------------- */

static void *copy_of(struct arena *arena, const void *items, size_t count, size_t size,
                     struct err *err)
{
    void *copy = arena_array(arena, count, size, err);

    if (copy != NULL && count > 0)
        memcpy(copy, items, count * size);
    return copy;
}

/* The images with arrays of their own. */
static int take_images(struct containerd_pass *p, const struct containerd_kept *kept,
                       struct err *err)
{
    struct rec_content *content = &p->base.reading->content;
    struct arena *arena = p->base.arena;

    content->images = copy_of(arena, kept->images, kept->image_count, sizeof(*kept->images), err);
    content->image_count = kept->image_count;
    for (size_t i = 0; content->images != NULL && i < kept->image_count; i++) {
        struct rec_image *image = &content->images[i];

        image->names = copy_of(arena, image->names, image->name_count, sizeof(*image->names), err);
        image->repo_digests = copy_of(arena, image->repo_digests, image->repo_digest_count,
                                      sizeof(*image->repo_digests), err);
        if (image->names == NULL || image->repo_digests == NULL)
            return -1;
    }
    return content->images != NULL ? 0 : -1;
}

int containerd_take(struct containerd_pass *p, const struct containerd_kept *kept, struct err *err)
{
    struct engine_reading *r = p->base.reading;
    struct arena *arena = p->base.arena;

    p->targets = kept->targets;
    p->layers = kept->layers;
    p->tops = kept->tops;
    p->top_count = kept->top_count;
    p->kept = kept->kept;
    p->base.exceptions =
        copy_of(arena, kept->exceptions, kept->exception_count, sizeof(*kept->exceptions), err);
    p->base.exception_count = p->base.exception_room = kept->exception_count;
    r->copies = copy_of(arena, kept->copies, kept->copy_count, sizeof(*kept->copies), err);
    r->copy_count = kept->copy_count;
    r->origins.origins =
        copy_of(arena, kept->origins, kept->origin_count, sizeof(*kept->origins), err);
    r->origins.origin_count = kept->origin_count;
    if (p->base.exceptions == NULL || r->copies == NULL || r->origins.origins == NULL)
        return -1;
    return take_images(p, kept, err);
}
