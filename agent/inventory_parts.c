/* inventory_parts: what a whole inventory looks like on its way. */
#include <string.h>

#include "agent/inventory.h"
#include "common/cleanup.h"

#define IMAGE_BYTES 80 /* of an image without its names, encoded; the others alike */
#define NAME_OVERHEAD 4
#define REPO_DIGEST_BYTES 44
#define EXCEPTION_BYTES 76
#define ORIGIN_BYTES 40

static size_t image_bytes(const struct rec_image *image)
{
    size_t bytes = IMAGE_BYTES;

    for (size_t i = 0; i < image->name_count; i++)
        bytes += strlen(image->names[i]) + NAME_OVERHEAD;
    for (size_t i = 0; i < image->repo_digest_count; i++)
        bytes += strlen(image->repo_digests[i].repository) + REPO_DIGEST_BYTES;
    return bytes;
}

/* Takes images while there is room; returns the room left. One image has room in any case. */
static size_t take_images(const struct rec_content *content, struct inventory_cursor *at,
                          size_t room, struct rec_content *part)
{
    part->images = content->image_count > 0 ? content->images + at->image : NULL;
    for (; at->image < content->image_count; at->image++) {
        size_t bytes = image_bytes(&content->images[at->image]);

        if (bytes > room && part->image_count > 0)
            return 0;
        room -= bytes < room ? bytes : room;
        part->image_count++;
    }
    return room;
}

bool inventory_next_part(const struct rec_content *content, struct inventory_cursor *at,
                         size_t bytes, struct rec_content *part)
{
    size_t room = take_images(content, at, bytes, part);
    size_t left = content->exception_count - at->exception;

    if (at->image < content->image_count)
        return true;
    if (left > room / EXCEPTION_BYTES)
        left = room / EXCEPTION_BYTES + (part->image_count == 0);
    if (left > content->exception_count - at->exception)
        left = content->exception_count - at->exception;
    part->exceptions = content->exception_count > 0 ? content->exceptions + at->exception : NULL;
    part->exception_count = left;
    at->exception += left;
    return at->exception < content->exception_count;
}

void inventory_next_origins(const struct rec_origins *all, size_t *at, size_t bytes,
                            struct rec_origins *part)
{
    size_t room = bytes;

    *part = (struct rec_origins){.key = all->key, .continued = *at > 0};
    part->origins = all->origin_count > 0 ? all->origins + *at : NULL;
    for (; *at < all->origin_count; (*at)++) {
        size_t needed = strlen(all->origins[*at].repository) + ORIGIN_BYTES;

        if (needed > room && part->origin_count > 0)
            return;
        room -= needed < room ? needed : room;
        part->origin_count++;
    }
}

int inventory_softened(struct inventory *inv, struct inventory **out, struct err *err)
{
    AUTO(inventory_unref) struct inventory *soft = NULL;
    bool differs = false;

    for (size_t i = 0; i < inv->store_count; i++)
        differs = differs || (inv->stores[i].store.state == REC_STORE_UNREADABLE &&
                              inv->stores[i].shared != NULL);
    if (!differs) {
        *out = inventory_ref(inv);
        return 0;
    }
    if (inventory_open(&soft, inv->store_count, err) != 0)
        return -1;
    for (size_t i = 0; i < inv->store_count; i++) {
        const struct inventory_store *s = &inv->stores[i];
        bool unreadable = s->store.state == REC_STORE_UNREADABLE && s->shared != NULL;
        const struct inventory_standing standing = {
            .root = &s->root,
            .reading = s->shared,
            .key = s->store.key,
            .state = unreadable ? REC_STORE_MOVING : s->store.state,
            .error = s->error,
        };

        if (inventory_add(soft, &standing, err) != 0)
            return -1;
    }
    inventory_finish(soft);
    soft->observed_ms = inv->observed_ms;
    soft->observed_ns = inv->observed_ns;
    *out = steal(&soft);
    return 0;
}
