/* storage_kept: what stands unchanged since the last pass, and is not read again. */
#include <stdlib.h>
#include <string.h>

#include "agent/engines/storage/storage.h"

static int compare_kept(const void *a, const void *b)
{
    return digest_cmp(&((const struct storage_kept_image *)a)->entry,
                      &((const struct storage_kept_image *)b)->entry);
}

/* Whether images.json still names the same config and manifests. */
static bool names_the_same(const struct storage_image *entry, const struct storage_kept_image *kept)
{
    if (kept->by_config != entry->has_config ||
        (entry->has_config && !digest_eq(&kept->id, &entry->config)))
        return false;
    if (entry->manifest_count == 0)
        return kept->manifest_count == (entry->has_manifest ? 1 : 0);
    if (kept->manifest_count != entry->manifest_count)
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
    const struct engine_reading *last = p->base.last;
    const struct storage_kept_image key = {.entry = entry->id};
    const struct storage_kept_image *found;
    const struct storage_kept *kept;

    *stamp = file_stamp_at(images, entry->id_text);
    if (last == NULL || last->kept == NULL ||
        !rec_key_eq(&last->content.store.key, &p->base.reading->content.store.key))
        return NULL;
    kept = last->kept;
    if (kept->count == 0)
        return NULL;
    found = bsearch(&key, kept->images, kept->count, sizeof(key), compare_kept);
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
