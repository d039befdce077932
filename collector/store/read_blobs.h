/*
 * read_blobs: what images and their layers are transferred as, by the manifests that are known.
 *
 * Threads: a reader's own.
 */
#ifndef COLLECTOR_STORE_READ_BLOBS_H
#define COLLECTOR_STORE_READ_BLOBS_H

#include "collector/store/read_fleet.h"

struct layer_blob { /* of one digest there are several where manifests differ in what they say */
    struct digest digest;
    int64_t bytes;
    const char *media_type;
    uint32_t manifests; /* that say so */
    bool confirmed;     /* one of them, and its image's config, is not only one host's word */
};

/* The blobs of the layer at this index, sorted by digest. The list lies in `arena`. */
int read_layer_blobs(const struct reading *reading, uint32_t layer, struct layer_blob **out,
                     size_t *count, struct arena *arena, struct err *err);

struct image_manifest {
    struct digest digest;
    int64_t layers, bytes; /* of its layers' blobs, each blob once */
    bool confirmed;
};

/* The manifests of the image at this index, sorted by digest. The list lies in `arena`. */
int read_image_manifests(const struct reading *reading, uint32_t image, struct image_manifest **out,
                         size_t *count, struct arena *arena, struct err *err);

#endif
