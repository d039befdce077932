/*
 * manifest_parse: reads what a repo digest names: the manifest of an image, or an index (OCI image
 * spec, manifest.md and image-index.md; docker's distribution spec, manifest v2 schema 2 and
 * manifest list, are the same for what is read here). Of an index only that it is one.
 *
 * An artifact's manifest is read like an image's: whether its config is that of an image is for
 * the caller to know.
 *
 * Ownership: everything points into the arena. Threads: pure.
 */
#ifndef COLLECTOR_STORE_MANIFEST_PARSE_H
#define COLLECTOR_STORE_MANIFEST_PARSE_H

#include "common/arena.h"
#include "common/record.h"

enum {
    MANIFEST_LAYERS_MAX = 1024,    /* as CONFIG_LAYERS_MAX */
    MANIFEST_WORD_BYTES = 256,     /* a media type */
    MANIFEST_ARENA_BYTES = 1 << 20 /* enough for all that one manifest can hold */
};

struct manifest_blob {
    struct digest digest;
    uint64_t bytes;         /* as transferred; at most REC_BYTES_MAX */
    const char *media_type; /* "" where it has none */
};

struct manifest {
    enum rec_document_kind kind; /* REC_DOC_MANIFEST or, with nothing else set, REC_DOC_INDEX */
    struct digest config;
    struct manifest_blob *blobs; /* of the layers, the lowest first */
    size_t blob_count;
};

/* ERR_CORRUPT: neither a manifest nor an index, and why. ERR_LIMIT: more than is taken. */
int manifest_parse(struct manifest *out, const uint8_t *data, size_t len, struct arena *arena,
                   struct err *err);

#endif
