/* A manifest or an index as it may lie on any disk; index.json of a layout is one too. */
#include <string.h>

#include "agent/engines/image_manifest.h"
#include "agent/engines/oci_layout/oci_layout.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/imageref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_index(const struct image_manifest *m)
{
    char repository[IMAGEREF_MAX + 1];

    check(m->entry_count <= IMAGE_MANIFEST_ENTRIES_MAX);
    for (size_t i = 0; i < m->entry_count; i++) {
        const struct image_index_entry *entry = &m->entries[i];

        if (entry->broken != NULL)
            continue;
        check(entry->to.media_type != NULL && entry->os != NULL && entry->arch != NULL &&
              entry->variant != NULL && entry->image_name != NULL);
        if (oci_layout_repository(entry->ref_name, repository) == 0)
            check(strlen(repository) <= IMAGEREF_MAX);
    }
}

static void check_same(const struct image_manifest *a, const struct image_manifest *b)
{
    check(a->kind == b->kind && a->is_image == b->is_image && a->entry_count == b->entry_count &&
          a->layer_count == b->layer_count);
    for (size_t i = 0; i < a->layer_count; i++)
        check(strcmp(a->layers[i].media_type, b->layers[i].media_type) == 0 &&
              digest_eq(&a->layers[i].digest, &b->layers[i].digest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct image_manifest m = {0}, copy = {0};
    struct err err = {.kind = ERR_NONE};

    check(arena_open(&arena, 256 << 20, &err) == 0);
    if (image_manifest_parse(&m, (const char *)data, size, arena, &err) != 0) {
        check(err.kind == ERR_CORRUPT || err.kind == ERR_LIMIT);
        return 0;
    }
    check(m.kind == IMAGE_MANIFEST || m.kind == IMAGE_INDEX || m.kind == IMAGE_SCHEMA1);
    check(m.kind == IMAGE_MANIFEST || (m.layer_count == 0 && !m.has_config && !m.is_image));
    check(m.kind == IMAGE_INDEX || m.entry_count == 0);
    check(m.layer_count <= IMAGE_MANIFEST_LAYERS_MAX);
    check_index(&m);
    check(image_manifest_copy(&copy, &m, arena, &err) == 0);
    check_same(&m, &copy);
    return 0;
}
