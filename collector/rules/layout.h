/*
 * layout: base images out of an OCI image layout (image-spec, image-layout.md): a folder with
 * index.json and blobs/sha256, as skopeo, buildah, crane and BuildKit write it.
 *
 * Nothing is believed but by its digest: each blob is read whole, of at most JSON_BYTES_MAX, and
 * hashed. index.json itself has none; it is the operator's own.
 *
 * Threads: pure but for reading files.
 */
#ifndef COLLECTOR_RULES_LAYOUT_H
#define COLLECTOR_RULES_LAYOUT_H

#include "collector/census/catalogue.h"
#include "common/arena.h"
#include "common/error.h"

enum { LAYOUT_IMAGES_MAX = 10000, LAYOUT_DEPTH_MAX = 4 };

struct layout_query {
    const char *folder;
    const char *which;    /* the name or tag of one entry of index.json; NULL: all */
    const char *name;     /* what to call it, normal form; NULL: as the layout does */
    const char *platform; /* only this one; NULL: all */
};

struct layout {
    struct catalogue_base *bases; /* one for each platform of each image */
    size_t count;
    size_t absent; /* images that index.json lists and whose blobs are not there */
    size_t others; /* what is no image: artifacts, attestations */
};

/* Reads it; everything lies in `arena`. ERR_NOT_FOUND, ERR_CORRUPT with the file, ERR_USAGE where
 * an entry has no name or several would get the same one. */
int layout_read(struct layout *out, const struct layout_query *query, struct arena *arena,
                struct err *err);

#endif
