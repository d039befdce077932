/*
 * image_manifest: what the agent needs of an image's manifest or index, in the OCI form (image
 * spec, manifest.md and image-index.md) and in Docker's (distribution, manifest v2 schema 2 and
 * manifest list). Schema 1, which has no config, is only recognised.
 *
 * Threads: pure.
 */
#ifndef AGENT_ENGINES_IMAGE_MANIFEST_H
#define AGENT_ENGINES_IMAGE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/digest.h"

enum {
    IMAGE_MANIFEST_LAYERS_MAX = 4096,   /* as image_config.h */
    IMAGE_MANIFEST_ENTRIES_MAX = 50000, /* of an index; a layout's may name every image in it */
};

enum image_manifest_kind {
    IMAGE_MANIFEST = 1, /* a config and layers: an image, or an artifact */
    IMAGE_INDEX = 2,    /* manifests, each for a platform, or other indexes */
    IMAGE_SCHEMA1 = 3,  /* nothing of it is read */
};

/* Texts are "" where the document has none. */
struct image_descriptor {
    struct digest digest;
    uint64_t size; /* as claimed, bytes */
    const char *media_type;
};

/* One entry of an index. */
struct image_index_entry {
    struct image_descriptor to;
    const char *broken;              /* why nothing else here is set, or NULL */
    const char *os, *arch, *variant; /* its platform */
    bool attestation;                /* about another entry; no image */
    const char *ref_name;            /* org.opencontainers.image.ref.name */
    const char *image_name;          /* io.containerd.image.name */
};

struct image_manifest {
    enum image_manifest_kind kind;

    /* IMAGE_MANIFEST */
    bool has_config; /* the OCI artifact manifest of old, which is read as a manifest, has none */
    struct image_descriptor config;
    struct image_descriptor *layers; /* bottom first */
    size_t layer_count;
    bool is_image; /* its config and layers are an image's by their media types; else an artifact:
                      a chart, a signature, a statement about an image */

    /* IMAGE_INDEX */
    struct image_index_entry *entries;
    size_t entry_count;
};

/* What a document of this media type is; 0 where it is none of these. */
enum image_manifest_kind image_manifest_kind_of(const char *media_type);

/* Whether a layer of this media type may be left out of a store: it is fetched from elsewhere. */
bool image_layer_is_foreign(const char *media_type);

/* Reads a whole document; all memory is the arena's. ERR_CORRUPT: no JSON, no such document, or one
 * that says it is something else than what it holds (a reader that believed the one would see other
 * images than one that believed the other). ERR_LIMIT past json.h's limits or those above. Errors
 * quote nothing of the document but a broken digest. An entry of an index that is broken is marked;
 * a broken layer breaks the manifest. */
int image_manifest_parse(struct image_manifest *out, const char *data, size_t len,
                         struct arena *arena, struct err *err);

/* A copy in another arena. */
int image_manifest_copy(struct image_manifest *out, const struct image_manifest *from,
                        struct arena *arena, struct err *err);

#endif
