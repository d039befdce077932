/*
 * storage_formats: the JSON files of containers/storage (github.com/containers/storage: images.go,
 * layers.go, containers.go; the first two in storage_lists.c), and how it names the files of an
 * image's big data.
 *
 * Entries that are broken are marked, and the others are read. Texts and arrays are the arena's;
 * IDs, 64 hex digits each, are kept as 32 bytes.
 *
 * Threads: pure.
 */
#ifndef AGENT_ENGINES_STORAGE_STORAGE_FORMATS_H
#define AGENT_ENGINES_STORAGE_STORAGE_FORMATS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arena.h"
#include "common/digest.h"

enum {
    STORAGE_LAYERS_MAX = 200000, /* of one store */
    STORAGE_MANIFESTS_MAX = 64,  /* of one image: it has few; more are left out */
    STORAGE_BIG_DATA_NAME = 192, /* a file name made by storage_big_data_name() */
};

/* One entry of images.json. */
struct storage_image {
    const char *broken; /* why nothing but id_text is set; NULL: it is right */
    const char *id_text;
    struct digest id;
    struct digest top; /* layer */
    bool has_top;
    const char **names;
    size_t name_count;
    const char **history; /* names that it has or had, in no order that all versions keep */
    size_t history_count;
    struct digest config; /* big data "sha256:<config>" */
    bool has_config;
    bool has_manifest;     /* big data "manifest": the last that was put here */
    struct digest current; /* of that, as images.json tells */
    bool has_current;
    struct digest *manifests; /* big data "manifest-sha256:<digest>": manifests and indexes */
    size_t manifest_count;
};

struct storage_images {
    struct storage_image *items;
    size_t count;
};

/* One entry of layers.json or volatile-layers.json. */
struct storage_layer {
    const char *broken;
    const char *id_text;
    struct digest id, parent;
    bool has_parent;
    struct digest diff;
    bool has_diff;
    bool incomplete; /* it is being written */
};

struct storage_layers {
    struct storage_layer *items;
    size_t count;
};

/* One entry of containers.json or volatile-containers.json. */
struct storage_container {
    const char *broken;
    const char *id_text; /* the engine's container ID */
    struct digest id, image, layer;
    bool has_image; /* not one that buildah began from scratch */
    const char *name;
    const char *kube_namespace, *kube_pod; /* "" none */
};

struct storage_containers {
    struct storage_container *items;
    size_t count;
};

/* The layers that mountpoints.json counts as mounted, sorted. */
struct storage_mounts {
    struct digest *items;
    size_t count;
};

/* ERR_CORRUPT and ERR_LIMIT of the file as such; an empty file is an empty list. */
int storage_images_parse(struct storage_images *out, const char *data, size_t len,
                         struct arena *arena, struct err *err);
int storage_layers_parse(struct storage_layers *out, const char *data, size_t len,
                         struct arena *arena, struct err *err);
int storage_containers_parse(struct storage_containers *out, const char *data, size_t len,
                             struct arena *arena, struct err *err);
int storage_mounts_parse(struct storage_mounts *out, const char *data, size_t len,
                         struct arena *arena, struct err *err);

/* The file in which an image's directory keeps the big data `key`: the key itself where it has
 * only lower letters, digits and dots, else "=" and its base64. The key has at most 128 bytes.
 * Returns out. */
char *storage_big_data_name(const char *key, char out[STORAGE_BIG_DATA_NAME]);

#endif
