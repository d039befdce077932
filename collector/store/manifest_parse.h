/*
 * manifest_parse: reads what a repo digest names: the manifest of an image, or an index (OCI image
 * spec, manifest.md and image-index.md; docker's distribution spec, manifest v2 schema 2 and
 * manifest list, are the same for what is read here). Of an index only the attestations that it
 * lists, as BuildKit writes them (docs/attestations/attestation-storage.md there): an entry with
 * annotations vnd.docker.reference.type "attestation-manifest" and vnd.docker.reference.digest. An
 * attestation's own manifest has one layer for each statement, of media type
 * application/vnd.in-toto+json and annotated with the type of its predicate. An entry or layer
 * without all of that is as any other.
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
    MANIFEST_LAYERS_MAX = 1024,     /* as CONFIG_LAYERS_MAX */
    MANIFEST_WORD_BYTES = 256,      /* a media type */
    MANIFEST_LINE_BYTES = 1024,     /* an annotation */
    MANIFEST_ATTESTATIONS_MAX = 64, /* of an index; of more, the first ones count */
    MANIFEST_PROVENANCES_MAX = 4,   /* statements of one attestation; likewise */
    MANIFEST_ARENA_BYTES = 1 << 20  /* enough for all that one manifest can hold */
};

/* Of its annotations only these are read (OCI image spec, annotations.md). */
#define MANIFEST_BASE_NAME "org.opencontainers.image.base.name"
#define MANIFEST_BASE_DIGEST "org.opencontainers.image.base.digest"

struct manifest_blob {
    struct digest digest;
    uint64_t bytes;         /* as transferred; at most REC_BYTES_MAX */
    const char *media_type; /* "" where it has none */
};

struct manifest_attestation {
    struct digest manifest; /* its own */
    struct digest subject;  /* the manifest of the image that it is about */
};

struct manifest {
    enum rec_document_kind kind; /* REC_DOC_MANIFEST or REC_DOC_INDEX */

    /* of an index; unique */
    struct manifest_attestation *attestations;
    size_t attestation_count;

    /* of a manifest */
    struct digest config;
    struct manifest_blob *blobs; /* of the layers, the lowest first */
    size_t blob_count;
    const char *base_name, *base_digest; /* NULL: not said */
    struct digest
        provenances[MANIFEST_PROVENANCES_MAX]; /* SLSA statements among the blobs; unique */
    size_t provenance_count;
};

/* ERR_CORRUPT: neither a manifest nor an index, and why. ERR_LIMIT: more than is taken. */
int manifest_parse(struct manifest *out, const uint8_t *data, size_t len, struct arena *arena,
                   struct err *err);

#endif
