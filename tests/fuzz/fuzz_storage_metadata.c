/* The files of containers/storage; the first byte says which: 'i'mages.json, 'l'ayers.json,
 * 'c'ontainers.json, 'm'ountpoints.json, else storage.conf. */
#include <string.h>

#include "agent/engines/storage/storage_conf.h"
#include "agent/engines/storage/storage_formats.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_images(const char *data, size_t size, struct arena *arena, struct err *err)
{
    struct storage_images images;

    if (storage_images_parse(&images, data, size, arena, err) != 0)
        return;
    for (size_t i = 0; i < images.count; i++) {
        const struct storage_image *image = &images.items[i];

        check(image->id_text != NULL);
        check(image->manifest_count <= STORAGE_MANIFESTS_MAX);
        for (size_t j = 0; j < image->name_count; j++)
            check(strlen(image->names[j]) <= REC_NAME_BYTES + 1);
    }
}

static void read_layers(const char *data, size_t size, struct arena *arena, struct err *err)
{
    struct storage_layers layers;

    if (storage_layers_parse(&layers, data, size, arena, err) != 0)
        return;
    for (size_t i = 0; i < layers.count; i++)
        check(layers.items[i].broken != NULL || strlen(layers.items[i].id_text) == DIGEST_HEX);
}

static void read_containers(const char *data, size_t size, struct arena *arena, struct err *err)
{
    struct storage_containers containers;

    if (storage_containers_parse(&containers, data, size, arena, err) != 0)
        return;
    for (size_t i = 0; i < containers.count; i++) {
        const struct storage_container *c = &containers.items[i];

        check(c->broken != NULL || (strlen(c->id_text) == DIGEST_HEX && c->name != NULL &&
                                    c->kube_pod != NULL && c->kube_namespace != NULL));
    }
}

static void read_mounts(const char *data, size_t size, struct arena *arena, struct err *err)
{
    struct storage_mounts mounts;

    if (storage_mounts_parse(&mounts, data, size, arena, err) != 0)
        return;
    for (size_t i = 1; i < mounts.count; i++)
        check(digest_cmp(&mounts.items[i - 1], &mounts.items[i]) <= 0);
}

static void read_conf(const char *data, size_t size, struct arena *arena, struct err *err)
{
    static const struct storage_user user = {.name = "u", .home = "/home/u", .uid = 1000};
    struct storage_conf conf = {0};

    if (storage_conf_parse(&conf, data, size, arena, err) != 0)
        return;
    check(conf.store_count <= STORAGE_CONF_STORES);
    for (size_t i = 0; i < conf.store_count; i++) {
        const char *path = storage_conf_expand(conf.stores[i], &user, arena);

        check(path == NULL || path[0] == '/');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct err err = {.kind = ERR_NONE};
    const char *rest = (const char *)data + 1;

    if (size == 0)
        return 0;
    check(arena_open(&arena, 64 << 20, NULL) == 0);
    switch (data[0]) {
    case 'i':
        read_images(rest, size - 1, arena, &err);
        break;
    case 'l':
        read_layers(rest, size - 1, arena, &err);
        break;
    case 'c':
        read_containers(rest, size - 1, arena, &err);
        break;
    case 'm':
        read_mounts(rest, size - 1, arena, &err);
        break;
    default:
        read_conf(rest, size - 1, arena, &err);
        break;
    }
    check(err.kind == ERR_NONE || err.kind == ERR_CORRUPT || err.kind == ERR_LIMIT);
    return 0;
}
