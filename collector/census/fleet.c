#include "collector/census/fleet.h"

#include <string.h>

#include "common/imageref.h"

/* The diffIDs of tars that hold nothing: two blocks of zeros, and a GNU tar record of 20 blocks. */
static const uint8_t empty_diffs[][DIGEST_BYTES] = {
    {0x5f, 0x70, 0xbf, 0x18, 0xa0, 0x86, 0x00, 0x70, 0x16, 0xe9, 0x48,
     0xb0, 0x4a, 0xed, 0x3b, 0x82, 0x10, 0x3a, 0x36, 0xbe, 0xa4, 0x17,
     0x55, 0xb6, 0xcd, 0xdf, 0xaf, 0x10, 0xac, 0xe3, 0xc6, 0xef},
    {0x84, 0xff, 0x92, 0x69, 0x1f, 0x90, 0x9a, 0x05, 0xb2, 0x24, 0xe1,
     0xc5, 0x6a, 0xbb, 0x48, 0x64, 0xf0, 0x1b, 0x4f, 0x8e, 0x3c, 0x85,
     0x4e, 0x4b, 0xb4, 0xc7, 0xba, 0xf1, 0xd3, 0xf6, 0xd6, 0x52},
};

void *fleet_room(struct arena *a, void *list, size_t count, size_t *cap, size_t size,
                 struct err *err)
{
    size_t more = *cap == 0 ? FLEET_FIRST_ROOM : *cap * 2;
    void *grown;

    if (count < *cap)
        return list;
    grown = arena_array(a, more, size, err);
    if (grown == NULL)
        return NULL;
    if (count > 0)
        memcpy(grown, list, count * size);
    *cap = more;
    return grown;
}

int fleet_name_set(struct fleet_name *n, const char *text, struct arena *arena, struct err *err)
{
    char normal[IMAGEREF_MAX + 1];
    struct imageref ref;

    n->text = n->normal = text;
    if (imageref_parse(&ref, text, NULL) != 0 || strcmp(imageref_text(&ref, normal), text) == 0)
        return 0;
    n->normal = arena_text(arena, normal, strlen(normal), err);
    return n->normal != NULL ? 0 : -1;
}

const char *fleet_label(const struct fleet_host *host, const char *key)
{
    for (size_t i = 0; i < host->label_count; i++)
        if (strcmp(host->labels[i].key, key) == 0)
            return host->labels[i].value;
    return NULL;
}

bool fleet_layer_empty_tar(const struct fleet *f, uint32_t layer)
{
    if (layer == FLEET_NONE)
        return false;
    for (size_t i = 0; i < sizeof(empty_diffs) / sizeof(empty_diffs[0]); i++)
        if (memcmp(f->layers[layer].diff.bytes, empty_diffs[i], DIGEST_BYTES) == 0)
            return true;
    return false;
}

bool fleet_layer_empty(const struct fleet *f, uint32_t layer)
{
    const struct fleet_layer *l;

    if (layer == FLEET_NONE)
        return false;
    l = &f->layers[layer];
    return (l->files == 0 && l->directories >= 0 && l->directories <= 1) ||
           fleet_layer_empty_tar(f, layer);
}

struct fleet_presence *fleet_presence_in(const struct fleet *f, const struct fleet_store *s,
                                         uint32_t image)
{
    struct fleet_presence *list = f->presences + s->presences.first;
    size_t low = 0, high = s->presences.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (list[middle].image < image)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->presences.count && list[low].image == image ? &list[low] : NULL;
}

bool fleet_store_unsure(enum rec_store_state state)
{
    return state != REC_STORE_OK && state != REC_STORE_DAEMON_DOWN && state != REC_STORE_ORPHANED;
}
