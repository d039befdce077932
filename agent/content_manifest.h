/*
 * content_manifest: what Red Hat's builds leave in a layer about the image below it: files
 * root/buildinfo/content_manifests/<name>.json with the member image_layer_index, how many layers
 * the parent image has (atomic-reactor, in `metadata`; taken from the top level as well). Newer
 * builds put bills of materials there, which have no such member and say nothing.
 *
 * Threads: any; blocks on disk.
 */
#ifndef AGENT_CONTENT_MANIFEST_H
#define AGENT_CONTENT_MANIFEST_H

#include <stdint.h>

enum {
    CONTENT_MANIFEST_FILES_MAX = 16, /* of more, the first ones by name are read */
    CONTENT_MANIFEST_BYTES_MAX = 1 << 20,
};

/* The number that the layer whose directory is open at `layer` (O_PATH will do) tells, 1 to
 * REC_BASE_LAYERS_MAX. 0: none, an unreadable one, or two that differ. No symlink is followed. */
uint32_t content_manifest_layers(int layer);

#endif
