/* storage_kept: what stands unchanged since the last pass, and is not read again. */
#include <stdlib.h>
#include <string.h>

#include "agent/engines/storage/storage.h"

int storage_kept_open(struct storage_pass *p, struct err *err)
{
    const struct engine_reading *last = p->base.last;

    if (last != NULL && rec_key_eq(&last->content.store.key, &p->base.reading->content.store.key))
        p->last = last->kept;
    p->next = arena_alloc(p->base.arena, sizeof(*p->next), err);
    p->base.reading->kept = p->next;
    return p->next != NULL ? 0 : -1;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static int copy_text(struct storage_pass *p, const char **text, struct err *err)
{
    *text = arena_text(p->base.arena, *text, strlen(*text), err);
    return *text != NULL ? 0 : -1;
}

static int copy_texts(struct storage_pass *p, const char ***texts, size_t count, struct err *err)
{
    const char *const *from = *texts;
    const char **to = arena_array(p->base.arena, count, sizeof(*to), err);

    if (to == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i];
        if (copy_text(p, &to[i], err) != 0)
            return -1;
    }
    *texts = to;
    return 0;
}

static int copy_digests(struct storage_pass *p, struct digest **digests, size_t count,
                        struct err *err)
{
    struct digest *to = arena_array(p->base.arena, count, sizeof(*to), err);

    if (to == NULL)
        return -1;
    if (count > 0)
        memcpy(to, *digests, count * sizeof(*to));
    *digests = to;
    return 0;
}

int storage_kept_images(struct storage_pass *p, const struct storage_images *from,
                        struct storage_images *to, struct err *err)
{
    to->items = arena_array(p->base.arena, from->count, sizeof(*to->items), err);
    if (to->items == NULL)
        return -1;
    for (to->count = 0; to->count < from->count; to->count++) {
        struct storage_image *image = &to->items[to->count];

        *image = from->items[to->count];
        if (copy_text(p, &image->id_text, err) != 0 ||
            copy_texts(p, &image->names, image->name_count, err) != 0 ||
            copy_texts(p, &image->history, image->history_count, err) != 0 ||
            copy_digests(p, &image->manifests, image->manifest_count, err) != 0)
            return -1;
    }
    return 0;
}

int storage_kept_layers(struct storage_pass *p, const struct storage_layers *from,
                        struct storage_layers *to, struct err *err)
{
    to->items = arena_array(p->base.arena, from->count, sizeof(*to->items), err);
    if (to->items == NULL)
        return -1;
    for (to->count = 0; to->count < from->count; to->count++) {
        to->items[to->count] = from->items[to->count];
        if (copy_text(p, &to->items[to->count].id_text, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- images ---------------------------------------------------------------------------------- */

static int compare_kept(const void *a, const void *b)
{
    return digest_cmp(&((const struct storage_kept_image *)a)->entry,
                      &((const struct storage_kept_image *)b)->entry);
}

/* Whether images.json still names the same config and manifests. */
static bool names_the_same(const struct storage_image *entry, const struct storage_kept_image *kept)
{
    size_t more = entry->has_manifest ? 1 : 0; /* "manifest", where it is none of the others */

    if (kept->by_config != entry->has_config ||
        (entry->has_config && !digest_eq(&kept->id, &entry->config)))
        return false;
    if (kept->manifest_count < entry->manifest_count ||
        kept->manifest_count > entry->manifest_count + more)
        return false;
    for (size_t i = 0; i < entry->manifest_count; i++) {
        if (!digest_eq(&kept->manifests[i].digest, &entry->manifests[i]))
            return false;
    }
    return true;
}

const struct storage_kept_image *storage_kept_find(const struct storage_pass *p, int images,
                                                   const struct storage_image *entry,
                                                   struct file_stamp *stamp)
{
    const struct storage_kept_image key = {.entry = entry->id};
    const struct storage_kept_image *found;

    *stamp = file_stamp_at(images, entry->id_text);
    if (p->last == NULL || p->last->count == 0)
        return NULL;
    found = bsearch(&key, p->last->images, p->last->count, sizeof(key), compare_kept);
    if (found == NULL || !file_stamp_eq(&found->stamp, stamp) || !names_the_same(entry, found))
        return NULL;
    return found;
}

int storage_kept_copy(struct storage_pass *p, const struct storage_kept_image *from,
                      struct storage_kept_image *to, struct err *err)
{
    struct arena *arena = p->base.arena;

    to->diffs = arena_array(arena, from->diff_count, sizeof(*to->diffs), err);
    to->manifests = arena_array(arena, from->manifest_count, sizeof(*to->manifests), err);
    if (to->diffs == NULL || to->manifests == NULL)
        return -1;
    if (from->diff_count > 0)
        memcpy(to->diffs, from->diffs, from->diff_count * sizeof(*to->diffs));
    to->diff_count = from->diff_count;
    for (size_t i = 0; i < from->manifest_count; i++) {
        to->manifests[i].digest = from->manifests[i].digest;
        if (image_manifest_copy(&to->manifests[i].parsed, &from->manifests[i].parsed, arena, err) !=
            0)
            return -1;
    }
    to->manifest_count = from->manifest_count;
    to->by_config = from->by_config;
    return 0;
}
